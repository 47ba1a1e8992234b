//! `peegel report`: the PDF of a branch, also beside a running server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use uuid::Uuid;

use crate::app::App;
use crate::chains;
use crate::cli::{bad_usage, choose_firm, open_existing};
use crate::config::DataSettings;
use crate::entity::{branch, chain, firm};
use crate::failure::{Failure, Kind};
use crate::fieldwork::store::waves_of_branch;
use crate::people::store::list_firms;
use crate::reports::Lang;
use crate::reports::assemble::branch_pdf;

/// Codes named when one is not known.
const MOST_NAMED: usize = 20;

/// Arguments of `peegel report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    #[command(flatten)]
    data: DataSettings,
    /// The firm's code; needed only while the branch's code is used in several
    #[arg(long)]
    firm: Option<String>,
    /// The chain's code; needed only while the branch's code is used in several
    #[arg(long)]
    chain: Option<String>,
    /// The branch's code
    #[arg(long)]
    branch: String,
    /// The wave's name
    #[arg(long)]
    wave: String,
    /// en, et or hu; the chain's language if absent
    #[arg(long)]
    lang: Option<Lang>,
    /// Where to write the PDF
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// A branch with what it belongs to.
struct Candidate {
    firm: firm::Model,
    chain: chain::Model,
    branch: branch::Model,
}

/// Writes the PDF.
///
/// # Errors
///
/// [`Failure`] when the data cannot be used or the file not written. Codes that are unknown or ambiguous are exit 2.
pub async fn run(args: ReportArgs) -> Result<ExitCode, Failure> {
    let app = match open_existing(&args.data).await? {
        Ok(app) => app,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let firms = match &args.firm {
        None => list_firms(app.db.reader()).await?,
        Some(code) => match choose_firm(&app, Some(code)).await? {
            Ok(firm) => vec![firm],
            Err(message) => return Ok(bad_usage(&message)),
        },
    };
    let mut candidates = Vec::new();
    for firm in &firms {
        candidates.extend(candidates_in(&app, firm, args.chain.as_deref(), &args.branch).await?);
    }
    if candidates.len() > 1 {
        let lines = candidates.iter().map(|c| {
            format!(
                "\n  --firm {} --chain {} --branch {} ({})",
                c.firm.code, c.chain.code, c.branch.code, c.branch.name
            )
        });
        let message = format!("several branches have the code {}; name one:{}", args.branch, lines.collect::<String>());
        return Ok(bad_usage(&message));
    }
    let Some(found) = candidates.pop() else {
        let known = known_branches(&app, &firms, args.chain.as_deref()).await?;
        let place = args.chain.map(|chain| format!(" in a chain {chain}")).unwrap_or_default();
        return Ok(bad_usage(&format!("there is no branch {}{place}; {}", args.branch, named(known))));
    };
    let waves = waves_of_branch(app.db.reader(), found.firm.id, &found.branch).await?;
    let Some(wave) = waves.iter().find(|wave| wave.name == args.wave) else {
        let known = waves.into_iter().map(|wave| wave.name).collect();
        let message = format!("the branch {} has no wave {}; {}", found.branch.code, args.wave, named(known));
        return Ok(bad_usage(&message));
    };
    let lang = args.lang.or_else(|| found.chain.locale.parse().ok()).unwrap_or(Lang::En);
    let pdf = branch_pdf(&app, found.firm.id, found.branch.id, wave.id, lang).await?;
    write(&args.output, &pdf).await?;
    Ok(ExitCode::SUCCESS)
}

async fn candidates_in(
    app: &App,
    firm: &firm::Model,
    chain_code: Option<&str>,
    code: &str,
) -> Result<Vec<Candidate>, Failure> {
    let db = app.db.reader();
    let branches = chains::store::branches_by_code(db, firm.id, code).await?;
    let ids: Vec<Uuid> = branches.iter().map(|branch| branch.chain_id).collect();
    let chains = chains::store::chains_by_ids(db, firm.id, &ids).await?;
    let candidate = |branch: branch::Model| {
        let chain = chains.iter().find(|chain| chain.id == branch.chain_id)?;
        let is_meant = chain_code.is_none_or(|code| chain.code == code);
        is_meant.then(|| Candidate { firm: firm.clone(), chain: chain.clone(), branch })
    };
    Ok(branches.into_iter().filter_map(candidate).collect())
}

async fn known_branches(app: &App, firms: &[firm::Model], chain_code: Option<&str>) -> Result<Vec<String>, Failure> {
    let db = app.db.reader();
    let mut codes = Vec::new();
    for firm in firms {
        let chain_id = match chain_code {
            None => None,
            Some(code) => match chains::store::chains_by_code(db, firm.id, code).await?.pop() {
                Some(chain) => Some(chain.id),
                None => continue,
            },
        };
        let filter = chains::store::BranchFilter { chain_id, ..Default::default() };
        let rows = chains::store::list_branches(db, firm.id, filter, None, MOST_NAMED as u64 + 1).await?;
        codes.extend(rows.into_iter().map(|row| row.code));
    }
    Ok(codes)
}

/// The first of the names to choose from.
fn named(mut names: Vec<String>) -> String {
    let more = if names.len() > MOST_NAMED { " and more" } else { "" };
    names.truncate(MOST_NAMED);
    if names.is_empty() { "there are none".to_owned() } else { format!("there are: {}{more}", names.join(", ")) }
}

async fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    tokio::fs::write(path, content).await.map_err(|error| {
        let detail = format!("{} cannot be written: {error}", path.display());
        Failure::new(Kind::Unavailable, "cannot_write", detail)
    })
}

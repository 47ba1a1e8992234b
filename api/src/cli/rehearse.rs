//! `peegel rehearse`: all published history under a candidate standard.

use std::io::Write;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use poem_openapi::types::ToJSON;
use tokio::sync::watch;

use crate::chains::store::chains_by_code;
use crate::cli::standard::{print_problems, read};
use crate::cli::{bad_usage, choose_firm, open_existing};
use crate::config::DataSettings;
use crate::failure::Failure;
use crate::rehearsals::run::{self, Plan, Progress};
use crate::rehearsals::service::{DEFAULT_SEED, MAX_SEED};
use crate::rehearsals::store::standards_with_history;
use crate::standards::check::check;

/// How often the progress is shown.
const PAUSE: Duration = Duration::from_millis(250);

/// Arguments of `peegel rehearse`.
#[derive(Args, Debug)]
pub struct RehearseArgs {
    /// The candidate standard as JSON; it need not be stored
    #[arg(long, value_name = "FILE")]
    standard: PathBuf,
    /// Code of the firm; not needed when there is only one
    #[arg(long, value_name = "CODE")]
    firm: Option<String>,
    /// Only the history of the chain with this code
    #[arg(long, value_name = "CODE")]
    chain: Option<String>,
    /// Score the history of this standard again; the candidate's own id if absent
    #[arg(long, value_name = "ID")]
    history_of: Option<String>,
    /// Starts the draws of weights; the same seed gives the same report
    #[arg(long, default_value_t = DEFAULT_SEED, value_parser = clap::value_parser!(i64).range(0..=MAX_SEED), value_name = "N")]
    seed: i64,
    #[command(flatten)]
    data: DataSettings,
}

/// Prints the report as JSON on standard output, and the progress on standard error.
///
/// # Errors
///
/// [`Failure`] when the data cannot be read.
pub async fn run(args: RehearseArgs) -> Result<ExitCode, Failure> {
    let standard = match read(&args.standard) {
        Ok(standard) => standard,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let checked = match check(&standard) {
        Ok(checked) => checked,
        Err(failure) => return Ok(print_problems(&failure)),
    };
    let app = match open_existing(&args.data).await? {
        Ok(app) => app,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let firm = match choose_firm(&app, args.firm.as_deref()).await? {
        Ok(firm) => firm,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let chain_id = match &args.chain {
        None => None,
        Some(code) => match chains_by_code(app.db.reader(), firm.id, code).await?.first() {
            Some(chain) => Some(chain.id),
            None => return Ok(bad_usage(&format!("the firm has no chain {code}"))),
        },
    };
    let history_of = args.history_of.unwrap_or(checked.id);
    let plan = Plan { firm_id: firm.id, standard, history_of, chain_id, seed: args.seed };
    let (told, progress) = watch::channel(Progress::default());
    let mut work = pin!(run::rehearse(&app, &plan, &told));
    let report = loop {
        tokio::select! {
            report = &mut work => break report?,
            () = tokio::time::sleep(PAUSE) => {
                let Progress { done, total } = *progress.borrow();
                eprint!("\r{done} of {total} visits");
            }
        }
    };
    eprintln!("\r{} of {} visits", report.visits, report.visits);
    if report.visits == 0 {
        let known = standards_with_history(app.db.reader(), firm.id).await?.join(", ");
        eprintln!(
            "peegel: {} has no published visits here; name a standard with --history-of: {known}",
            plan.history_of
        );
    }
    // A reader that has seen enough and gone away is no failure.
    let _ = writeln!(std::io::stdout(), "{}", report.to_json_string());
    Ok(ExitCode::SUCCESS)
}

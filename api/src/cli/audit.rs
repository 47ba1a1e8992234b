//! `peegel audit`: is the history whole, and the history as a file.

use std::io::{BufReader, BufWriter};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::{bad_usage, choose_firm, open_existing};
use crate::config::DataSettings;
use crate::events::export;
use crate::events::verify::{Flaw, Head, walk};
use crate::failure::Failure;
use crate::people::store::list_firms;

/// Arguments of `peegel audit`.
#[derive(Args, Debug)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Subcommand, Debug)]
enum AuditCommand {
    /// Check that no event was changed, removed or moved; exit 1 names the first that was
    Verify(VerifyArgs),
    /// Write the history of a firm as JSON lines, which `peegel audit verify FILE` checks anywhere
    Export(ExportArgs),
}

#[derive(Args, Debug)]
struct VerifyArgs {
    #[command(flatten)]
    data: DataSettings,
    /// The firm's code; all firms if absent
    #[arg(long, conflicts_with = "file")]
    firm: Option<String>,
    /// A file of `peegel audit export`, instead of the database
    file: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct ExportArgs {
    #[command(flatten)]
    data: DataSettings,
    /// The firm's code; not needed while there is one firm
    #[arg(long)]
    firm: Option<String>,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Runs `peegel audit`.
///
/// # Errors
///
/// [`Failure`] when the database or a file fails. Without data, or with a file that cannot be read, it is exit 2.
pub async fn run(args: AuditArgs) -> Result<ExitCode, Failure> {
    match args.command {
        AuditCommand::Verify(VerifyArgs { file: Some(file), .. }) => Ok(verify_file(&file)),
        AuditCommand::Verify(args) => verify(args).await,
        AuditCommand::Export(args) => export(args).await,
    }
}

async fn verify(args: VerifyArgs) -> Result<ExitCode, Failure> {
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
    let mut is_whole = true;
    for firm in firms {
        let (reached, flaw) = walk(&app, firm.id, |_| Ok(())).await?;
        is_whole &= tell(&firm.code, &reached, flaw.as_ref());
    }
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn verify_file(file: &PathBuf) -> ExitCode {
    let opened = std::fs::File::open(file).map_err(|error| error.to_string());
    match opened.and_then(|opened| export::verify(&mut BufReader::new(opened))) {
        Ok(read) if tell(&read.firm, &read.reached, read.flaw.as_ref()) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(message) => bad_usage(&format!("{} cannot be read: {message}", file.display())),
    }
}

async fn export(args: ExportArgs) -> Result<ExitCode, Failure> {
    let app = match open_existing(&args.data).await? {
        Ok(app) => app,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let firm = match choose_firm(&app, args.firm.as_deref()).await? {
        Ok(firm) => firm,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let mut out = match std::fs::File::create(&args.output) {
        Ok(file) => BufWriter::new(file),
        Err(error) => return Ok(bad_usage(&format!("{} cannot be written: {error}", args.output.display()))),
    };
    let (reached, flaw) = export::export(&app, &firm, &mut out).await?;
    Ok(if tell(&firm.code, &reached, flaw.as_ref()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints how it stands; true when all is well.
fn tell(firm: &str, reached: &Head, flaw: Option<&Flaw>) -> bool {
    match flaw {
        None => println!("{firm}: {} events, the chain is whole, head {}", reached.seq, reached.hash),
        Some(flaw) => println!("{firm}: event {} is wrong: {}", flaw.seq, flaw.why),
    }
    flaw.is_none()
}

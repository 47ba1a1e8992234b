//! `peegel blobs`: are the stored files what they were.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::{bad_usage, choose_firm, open_existing};
use crate::config::DataSettings;
use crate::evidence::verify::{Flaw, verify_firm};
use crate::failure::Failure;
use crate::people::store::list_firms;

/// Arguments of `peegel blobs`.
#[derive(Args, Debug)]
pub struct BlobsArgs {
    #[command(subcommand)]
    command: BlobsCommand,
}

#[derive(Subcommand, Debug)]
enum BlobsCommand {
    /// Hash every stored file again; exit 1 names those that are missing, differ or cannot be read
    Verify(VerifyArgs),
}

#[derive(Args, Debug)]
struct VerifyArgs {
    #[command(flatten)]
    data: DataSettings,
    /// The firm's code; all firms if absent
    #[arg(long)]
    firm: Option<String>,
}

/// Runs `peegel blobs`.
///
/// # Errors
///
/// [`Failure`] when the database or the disk fails. Without data it is exit 2.
pub async fn run(args: BlobsArgs) -> Result<ExitCode, Failure> {
    let BlobsCommand::Verify(args) = args.command;
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
        let told = verify_firm(&app, firm.id, |flaw| match flaw {
            Flaw::Missing(what) => println!("{}: missing: {what}", firm.code),
            Flaw::Differs(what) => println!("{}: differs: {what}", firm.code),
            Flaw::Unreadable(what) => println!("{}: cannot be read: {what}", firm.code),
        });
        let told = told.await?;
        println!(
            "{}: {} files of {} bytes, {} missing, {} differ, {} unreadable",
            firm.code, told.files, told.bytes, told.missing, told.differ, told.unreadable
        );
        is_whole &= told.is_whole();
    }
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

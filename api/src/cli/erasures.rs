//! `peegel erasures`: people who were erased, after a backup from before was restored.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::{bad_usage, open_existing};
use crate::config::DataSettings;
use crate::erasure::tombstones::replay;
use crate::failure::Failure;

/// Arguments of `peegel erasures`.
#[derive(Args, Debug)]
pub struct ErasuresArgs {
    #[command(subcommand)]
    command: ErasuresCommand,
}

#[derive(Subcommand, Debug)]
enum ErasuresCommand {
    /// Erase everybody once more who was erased and is there again, because a backup from before was restored; `serve` and
    /// `worker` do the same when they start. Names go at once, a server or worker takes the rest
    Replay {
        #[command(flatten)]
        data: DataSettings,
    },
}

/// Runs `peegel erasures`.
///
/// # Errors
///
/// [`Failure`] when the database, the keys or their folder fail. Without data it is exit 2.
pub async fn run(args: ErasuresArgs) -> Result<ExitCode, Failure> {
    let ErasuresCommand::Replay { data } = args.command;
    let app = match open_existing(&data).await? {
        Ok(app) => app,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let done = replay(&app).await?;
    println!(
        "{} erasures are known, {} were done once more, {} lines were refused",
        done.known, done.again, done.refused
    );
    Ok(if done.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

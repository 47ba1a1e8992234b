//! `peegel scorecards rebuild`: the totals again from the published visits.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::{bad_usage, open_existing};
use crate::config::DataSettings;
use crate::failure::Failure;
use crate::people::store::list_firms;
use crate::scorecards::totals;

/// Arguments of `peegel scorecards`.
#[derive(Args, Debug)]
pub struct ScorecardsArgs {
    #[command(subcommand)]
    command: ScorecardsCommand,
}

#[derive(Subcommand, Debug)]
enum ScorecardsCommand {
    /// Make the totals of every firm anew from its published visits; a running server goes on beside it
    Rebuild {
        #[command(flatten)]
        data: DataSettings,
    },
}

/// `peegel scorecards rebuild`.
///
/// # Errors
///
/// [`Failure`] when the data cannot be used.
pub async fn run(args: ScorecardsArgs) -> Result<ExitCode, Failure> {
    let ScorecardsCommand::Rebuild { data } = args.command;
    let app = match open_existing(&data).await? {
        Ok(app) => app,
        Err(message) => return Ok(bad_usage(&message)),
    };
    for firm in list_firms(app.db.reader()).await? {
        let visits = totals::rebuild(&app, firm.id).await?;
        println!("{}: {visits} published visits", firm.code);
    }
    Ok(ExitCode::SUCCESS)
}

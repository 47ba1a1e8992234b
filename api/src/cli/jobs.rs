//! `peegel jobs`: work that waits or was given up.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use uuid::Uuid;

use crate::cli::{bad_usage, choose_firm, open_existing};
use crate::config::DataSettings;
use crate::failure::{Failure, Kind};
use crate::jobs::types::JobView;
use crate::jobs::{service, store};
use crate::words::JobState;

/// Rows read at once.
const PAGE: u64 = 200;

/// Arguments of `peegel jobs`.
#[derive(Args, Debug)]
pub struct JobsArgs {
    #[command(subcommand)]
    command: JobsCommand,
}

#[derive(Subcommand, Debug)]
enum JobsCommand {
    /// Print jobs as JSON lines: those given up, or in another state
    List(ListArgs),
    /// Run jobs that were given up once more
    Retry(RetryArgs),
}

#[derive(Args, Debug)]
struct ListArgs {
    #[command(flatten)]
    data: DataSettings,
    /// Only jobs of the firm with this code; all, and those of the installation, if absent
    #[arg(long)]
    firm: Option<String>,
    /// ready, running or dead
    #[arg(long, default_value = "dead")]
    state: JobState,
}

#[derive(Args, Debug)]
struct RetryArgs {
    #[command(flatten)]
    data: DataSettings,
    /// The job
    #[arg(required_unless_present = "all")]
    id: Option<Uuid>,
    /// All jobs that were given up
    #[arg(long, conflicts_with = "id")]
    all: bool,
}

/// Runs `peegel jobs`.
///
/// # Errors
///
/// [`Failure`] when the database fails. Without data it is exit 2.
pub async fn run(args: JobsArgs) -> Result<ExitCode, Failure> {
    match args.command {
        JobsCommand::List(args) => list(args).await,
        JobsCommand::Retry(args) => retry(args).await,
    }
}

async fn list(args: ListArgs) -> Result<ExitCode, Failure> {
    let app = match open_existing(&args.data).await? {
        Ok(app) => app,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let firm_id = match &args.firm {
        None => None,
        Some(code) => match choose_firm(&app, Some(code)).await? {
            Ok(firm) => Some(firm.id),
            Err(message) => return Ok(bad_usage(&message)),
        },
    };
    let filter = store::JobFilter { firm_id, state: Some(args.state) };
    let mut after = None;
    loop {
        let rows = store::list(app.db.reader(), filter, after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(ExitCode::SUCCESS) };
        after = Some(last.id);
        for row in rows {
            println!("{}", serde_json::to_string(&JobView::from(row)).map_err(Failure::internal)?);
        }
    }
}

async fn retry(args: RetryArgs) -> Result<ExitCode, Failure> {
    let app = match open_existing(&args.data).await? {
        Ok(app) => app,
        Err(message) => return Ok(bad_usage(&message)),
    };
    if let Some(id) = args.id {
        return match service::retry(&app, None, id).await {
            Ok(row) => {
                println!("{} {} runs again", row.id, row.kind);
                Ok(ExitCode::SUCCESS)
            }
            Err(failure) if matches!(failure.kind, Kind::NotFound | Kind::Conflict) => Ok(bad_usage(&failure.detail)),
            Err(failure) => Err(failure),
        };
    }
    let filter = store::JobFilter { firm_id: None, state: Some(JobState::Dead) };
    let (mut after, mut count) = (None, 0);
    loop {
        let rows = store::list(app.db.reader(), filter, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.id);
        for row in rows {
            // Somebody else may have retried it meanwhile.
            match service::retry(&app, None, row.id).await {
                Ok(_) => count += 1,
                Err(failure) if failure.kind == Kind::Conflict => {}
                Err(failure) => return Err(failure),
            }
        }
    }
    println!("{count} jobs run again");
    Ok(ExitCode::SUCCESS)
}

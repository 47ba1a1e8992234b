//! The command line: one file a command. Exit 0 is done, 1 failed, 2 bad usage or unreadable input.

mod openapi;
mod people;
mod report;
mod score;
mod scorecards;
pub mod serve;
mod standard;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::app::App;
use crate::clock::Clock;
use crate::config::{DataSettings, LogFormat, LogSettings};
use crate::db::Db;
use crate::entity::firm;
use crate::failure::Failure;
use crate::ids::Ids;
use crate::people::store::list_firms;

/// Mystery-shopper audits: visits, evidence, exact scores, scorecards and action plans
#[derive(Parser, Debug)]
#[command(name = "peegel", version, about)]
struct Arguments {
    #[command(flatten)]
    log: LogSettings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Bring the tables up to date, serve HTTP and run jobs
    Serve(serve::ServeArgs),
    /// Run jobs only
    Worker(serve::WorkerArgs),
    /// Make a data folder with two demo firms, filed through the public HTTP API, and serve it
    Demo(crate::demo::DemoArgs),
    /// Bring the tables up to date and end
    Migrate(serve::MigrateArgs),
    /// Score answers against a standard and print the result as JSON
    Score(score::ScoreArgs),
    /// Totals of published visits
    Scorecards(scorecards::ScorecardsArgs),
    /// Check, import or publish a standard
    Standard(standard::StandardArgs),
    /// Write the PDF of a branch
    Report(report::ReportArgs),
    /// Firms of this installation
    Firm(people::FirmArgs),
    /// People of a firm
    User(people::UserArgs),
    /// Print the OpenAPI document, or the list of operations
    Openapi(openapi::OpenapiArgs),
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    start_log(&arguments.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("peegel: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match arguments.command {
            Command::Serve(args) => serve::serve(args).await,
            Command::Worker(args) => serve::worker(args).await,
            Command::Demo(args) => crate::demo::run(args).await,
            Command::Migrate(args) => serve::migrate(args).await,
            Command::Score(args) => Ok(score::run(&args)),
            Command::Scorecards(args) => scorecards::run(args).await,
            Command::Standard(args) => standard::run(args).await,
            Command::Report(args) => report::run(args).await,
            Command::Firm(args) => people::firm(args).await,
            Command::User(args) => people::user(args).await,
            Command::Openapi(args) => Ok(openapi::run(&args)),
        }
    });
    outcome.unwrap_or_else(|failure| {
        eprintln!("peegel: {failure}");
        ExitCode::FAILURE
    })
}

fn start_log(settings: &LogSettings) {
    let filter = EnvFilter::try_new(&settings.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// Opens the data folder: its database, brought up to date, and its files.
///
/// # Errors
///
/// [`Failure`] when the folder cannot be made or the database cannot be opened.
pub async fn open(data: &DataSettings, clock: Clock, ids: Ids) -> Result<Arc<App>, Failure> {
    tokio::fs::create_dir_all(&data.data).await.map_err(|error| unusable(data, &error))?;
    let db = Db::open(&data.database_url()).await.map_err(|error| unusable(data, &error))?;
    Ok(App::new(db, clock, ids, data.blobs()))
}

/// Opens the data folder with the machine's clock.
///
/// # Errors
///
/// As [`open`].
pub async fn open_now(data: &DataSettings) -> Result<Arc<App>, Failure> {
    open(data, Clock::System, Ids::system(Clock::System)).await
}

fn unusable(data: &DataSettings, error: &dyn std::fmt::Display) -> Failure {
    let detail = format!("The data in {} cannot be opened: {error}", data.data.display());
    Failure::new(crate::failure::Kind::Unavailable, "unusable_data", detail)
}

/// The firm meant: the one with this code, or the only one there is.
///
/// # Errors
///
/// The message for exit 2, with the codes to choose from, when it is not clear.
pub async fn choose_firm(app: &App, code: Option<&str>) -> Result<Result<firm::Model, String>, Failure> {
    let firms = list_firms(app.db.reader()).await?;
    let codes = || firms.iter().map(|firm| firm.code.as_str()).collect::<Vec<_>>().join(", ");
    Ok(match (code, firms.as_slice()) {
        (None, [only]) => Ok(only.clone()),
        (_, []) => Err("there is no firm yet; make one with `peegel firm add`".to_owned()),
        (None, _) => Err(format!("there are several firms; name one with --firm: {}", codes())),
        (Some(code), _) => {
            let found = firms.iter().find(|firm| firm.code == code).cloned();
            found.ok_or_else(|| format!("there is no firm {code}; there are: {}", codes()))
        }
    })
}

/// Prints why the usage is wrong; exit 2.
pub fn bad_usage(message: &str) -> ExitCode {
    eprintln!("peegel: {message}");
    ExitCode::from(2)
}

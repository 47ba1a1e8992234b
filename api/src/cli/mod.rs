//! The command line: one file a command. Exit 0 is done, 1 failed, 2 bad usage or unreadable input.

mod audit;
mod blobs;
mod doctor;
mod erasures;
mod jobs;
mod log;
mod openapi;
mod people;
mod purge;
mod receipt;
mod rehearse;
mod report;
mod score;
mod scorecards;
pub mod serve;
mod standard;
mod stats;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::app::{App, Outside};
use crate::clock::Clock;
use crate::config::file::{Loaded, Unusable, load};
use crate::config::{DataSettings, FileSetting, Hidden, LogSettings, OutsideSettings, Place};
use crate::db::Db;
use crate::entity::firm;
use crate::evidence::blobs::Blobs;
use crate::evidence::blobs::bucket::Bucket;
use crate::evidence::blobs::folder::Folder;
use crate::failure::{Failure, Kind};
use crate::http::tls::choose_cryptography;
use crate::ids::Ids;
use crate::mail::transport::Mailer;
use crate::ops::process;
use crate::people::store::list_firms;
use crate::transcripts::transcriber::Transcriber;
use crate::vault::Vault;

/// Mystery-shopper audits: visits, evidence, exact scores, scorecards and action plans
#[derive(Parser, Debug)]
#[command(name = "peegel", version, about)]
struct Arguments {
    #[command(flatten)]
    log: LogSettings,
    #[command(flatten)]
    _file: FileSetting,
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
    /// Verify a score receipt, or make a new key to sign with
    Receipt(receipt::ReceiptArgs),
    /// Check, import or publish a standard
    Standard(standard::StandardArgs),
    /// Compute a statistic of scores and print the result as JSON
    Stats(stats::StatsArgs),
    /// Score all published history under a candidate standard, and change nothing
    Rehearse(rehearse::RehearseArgs),
    /// Write the PDF of a branch
    Report(report::ReportArgs),
    /// Firms of this installation
    Firm(people::FirmArgs),
    /// People of a firm
    User(people::UserArgs),
    /// Verify or export the history of firms
    Audit(audit::AuditArgs),
    /// Delete what has been kept long enough, or say what would go
    Purge(purge::PurgeArgs),
    /// Erase people once more after a backup was restored
    Erasures(erasures::ErasuresArgs),
    /// List jobs that were given up, and run them again
    Jobs(jobs::JobsArgs),
    /// Hash stored files again
    Blobs(blobs::BlobsArgs),
    /// Say what is wrong with this installation, and what to do
    Doctor(doctor::DoctorArgs),
    /// Print the OpenAPI document, the list of operations, or who may do what
    Openapi(openapi::OpenapiArgs),
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let Loaded { arguments, settings, file } = match load::<Arguments>() {
        Ok(loaded) => loaded,
        Err(Unusable::Usage(error)) => error.exit(),
        Err(Unusable::File(message)) => return bad_usage(&message),
    };
    if let Err(message) = log::start(&arguments.log) {
        return bad_usage(&message);
    }
    choose_cryptography();
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
            Command::Receipt(args) => receipt::run(args).await,
            Command::Standard(args) => standard::run(args).await,
            Command::Stats(args) => Ok(stats::run(&args)),
            Command::Rehearse(args) => rehearse::run(args).await,
            Command::Report(args) => report::run(args).await,
            Command::Firm(args) => people::firm(args).await,
            Command::User(args) => people::user(args).await,
            Command::Purge(args) => purge::run(args).await,
            Command::Erasures(args) => erasures::run(args).await,
            Command::Audit(args) => audit::run(args).await,
            Command::Jobs(args) => jobs::run(args).await,
            Command::Blobs(args) => blobs::run(args).await,
            Command::Doctor(args) => doctor::run(args, &settings, file.as_deref()).await,
            Command::Openapi(args) => Ok(openapi::run(&args)),
        }
    });
    outcome.unwrap_or_else(|failure| {
        eprintln!("peegel: {failure}");
        ExitCode::FAILURE
    })
}

/// Opens the data folder, made if it is not there: its database, brought up to date, and its files.
///
/// # Errors
///
/// [`Failure`] when the folder cannot be made or the database cannot be opened.
pub async fn open(data: &DataSettings, clock: Clock, ids: Ids) -> Result<Arc<App>, Failure> {
    open_to_serve(data, &OutsideSettings::default(), clock, ids).await
}

/// Opens the data folder as [`open`] does, for a process that sends mail and has recordings transcribed.
///
/// # Errors
///
/// As [`open`], and when the settings of these are not usable.
pub async fn open_to_serve(
    data: &DataSettings,
    outside: &OutsideSettings,
    clock: Clock,
    ids: Ids,
) -> Result<Arc<App>, Failure> {
    make_folder(&data.data).await?;
    connect(data, outside, clock, ids).await
}

async fn connect(data: &DataSettings, outside: &OutsideSettings, clock: Clock, ids: Ids) -> Result<Arc<App>, Failure> {
    let mailer = Mailer::new(&outside.mail, data.outbox()).map_err(unusable)?;
    let outside = Outside { mailer, transcriber: Transcriber::new(&outside.transcription).map_err(unusable)? };
    let vault = Vault::new(data.signing_keys(), data.vault_key.as_ref().map(Hidden::reveal).map(str::to_owned));
    let blobs = open_blobs(data).map_err(unusable)?;
    let unusable = |error| unusable(format!("The data in {} cannot be opened: {error}", data.data.display()));
    let db = Db::open(&data.database_url()).await.map_err(unusable)?;
    Ok(App::new(db, clock, ids, blobs, data.signing_keys(), outside, vault))
}

/// Where stored files are, without a look whether it can be reached.
///
/// # Errors
///
/// What is wrong with the settings of the bucket.
pub fn open_blobs(data: &DataSettings) -> Result<Blobs, String> {
    match data.blobs() {
        Place::Folder(folder) => Ok(Blobs::Folder(Folder::new(folder))),
        Place::Bucket { name, prefix } => match Bucket::new(&name, &prefix, data.data.join("scratch")) {
            Ok(bucket) => Ok(Blobs::Bucket(bucket)),
            Err(error) => Err(format!("The bucket {name} cannot be used: {error}")),
        },
    }
}

/// Opens the data folder with the machine's clock.
///
/// # Errors
///
/// As [`open`].
pub async fn open_now(data: &DataSettings) -> Result<Arc<App>, Failure> {
    open(data, Clock::System, Ids::system(Clock::System)).await
}

/// Opens data that is there already, with the machine's clock, for commands that make none.
///
/// # Errors
///
/// * The message for exit 2 when there is no data.
/// * [`Failure`] when the database cannot be opened.
pub async fn open_existing(data: &DataSettings) -> Result<Result<Arc<App>, String>, Failure> {
    if let Some(file) = data.sqlite_file()
        && !tokio::fs::try_exists(&file).await.unwrap_or(false)
    {
        let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        return Ok(Err(format!("there is no Peegel data in {}", folder.display())));
    }
    connect(data, &OutsideSettings::default(), Clock::System, Ids::system(Clock::System)).await.map(Ok)
}

/// Makes a data folder unless it is there. It is for the account that runs this alone, and so is all that this process
/// makes from then on: the database, the files, the letters.
///
/// # Errors
///
/// [`Failure`] with the reason why it cannot be made.
pub async fn make_folder(folder: &Path) -> Result<(), Failure> {
    process::keep_files_private();
    let made = tokio::fs::create_dir_all(folder).await;
    made.map_err(|error| unusable(format!("The folder {} cannot be made: {error}", folder.display())))
}

/// Data that cannot be used, and why.
pub fn unusable(detail: String) -> Failure {
    Failure::new(Kind::Unavailable, "unusable_data", detail)
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

//! `peegel standard`: checks, imports and publishes standard files.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::cli::{bad_usage, choose_firm, open_existing};
use crate::config::DataSettings;
use crate::failure::{Failure, Kind};
use crate::http::problem::ProblemField;
use crate::standards::service;
use crate::standards::types::StandardVersionView;
use crate::words::VersionState;

/// Arguments of `peegel standard`.
#[derive(Args, Debug)]
pub struct StandardArgs {
    #[command(subcommand)]
    command: StandardCommand,
}

#[derive(Subcommand, Debug)]
enum StandardCommand {
    /// Print all problems and warnings of a standard file, with JSON pointers
    Check {
        /// The standard as JSON
        file: PathBuf,
    },
    /// Store a standard file as a draft of its version
    Import(StoreArgs),
    /// Store a standard file, if it is not there yet, and publish its version
    Publish(StoreArgs),
}

#[derive(Args, Debug)]
struct StoreArgs {
    /// The standard as JSON
    file: PathBuf,
    /// Code of the firm; not needed when there is only one
    #[arg(long, value_name = "CODE")]
    firm: Option<String>,
    #[command(flatten)]
    data: DataSettings,
}

/// Runs the command.
///
/// # Errors
///
/// [`Failure`] when the data cannot be opened or the standard cannot be stored.
pub async fn run(args: StandardArgs) -> Result<ExitCode, Failure> {
    match args.command {
        StandardCommand::Check { file } => Ok(match read(&file) {
            Ok(standard) => check(&standard),
            Err(message) => bad_usage(&message),
        }),
        StandardCommand::Import(args) => store(args, false).await,
        StandardCommand::Publish(args) => store(args, true).await,
    }
}

pub(super) fn read(file: &Path) -> Result<Value, String> {
    let bytes = std::fs::read(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("{} is not JSON: {error}", file.display()))
}

fn check(standard: &Value) -> ExitCode {
    match service::check_file(standard) {
        Ok(view) => {
            print(&format!(
                "{} version {}: {} items, sha256 {}",
                view.standard_id, view.version, view.items, view.sha256
            ));
            print_warnings(&view.warnings);
            ExitCode::SUCCESS
        }
        Err(failure) => print_problems(&failure),
    }
}

async fn store(args: StoreArgs, publish: bool) -> Result<ExitCode, Failure> {
    let standard = match read(&args.file) {
        Ok(standard) => standard,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let app = match open_existing(&args.data).await? {
        Ok(app) => app,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let firm = match choose_firm(&app, args.firm.as_deref()).await? {
        Ok(firm) => firm,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let stored = match service::import(&app, firm.id, None, &standard).await {
        Ok(view) if publish && view.state == VersionState::Draft => {
            service::publish(&app, firm.id, None, &view.standard_id, view.version).await
        }
        // Publishing what is published already is done.
        other => other,
    };
    match stored {
        Ok(view) if publish && view.state != VersionState::Published => {
            let StandardVersionView { standard_id, version, state, .. } = view;
            eprintln!("peegel: version {version} of {standard_id} is {state} and cannot be published");
            Ok(ExitCode::FAILURE)
        }
        Ok(view) => {
            print(&format!("{} version {}: {}, sha256 {}", view.standard_id, view.version, view.state, view.sha256));
            print_warnings(&view.warnings);
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) if failure.kind == Kind::Invalid => Ok(print_problems(&failure)),
        Err(failure) => Err(failure),
    }
}

fn print_warnings(warnings: &[ProblemField]) {
    for warning in warnings {
        print(&format!("warning {}", line(&warning.pointer, &warning.code, &warning.message)));
    }
}

/// Prints every problem to standard output, one a line; exit 1.
pub(super) fn print_problems(failure: &Failure) -> ExitCode {
    for problem in &failure.errors {
        print(&format!("problem {}", line(&problem.pointer, &problem.code, &problem.message)));
    }
    match failure.errors.len() {
        0 => eprintln!("peegel: {}", failure.detail),
        1 => eprintln!("peegel: 1 problem"),
        n => eprintln!("peegel: {n} problems"),
    }
    ExitCode::FAILURE
}

/// Prints a line. A reader that has seen enough and gone away is no failure.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A JSON pointer, a code and what to do about it. The pointer to the whole document is empty, so it is quoted.
fn line(pointer: &str, code: &str, message: &str) -> String {
    let pointer = if pointer.is_empty() { "\"\"" } else { pointer };
    format!("{pointer} {code}: {message}")
}

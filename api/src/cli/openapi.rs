//! `peegel openapi`: the document without a server or a database.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;

use crate::access;
use crate::ops::document;

/// Arguments of `peegel openapi`.
#[derive(Args, Debug)]
pub struct OpenapiArgs {
    /// Print one line an operation instead of the document
    #[arg(long)]
    operations: bool,
    /// Print who may do what instead of the document
    #[arg(long, conflicts_with = "operations")]
    rights: bool,
}

/// Prints the document.
pub fn run(args: &OpenapiArgs) -> ExitCode {
    let text = match args {
        OpenapiArgs { operations: true, .. } => document::operations(),
        OpenapiArgs { rights: true, .. } => access::table(),
        _ => document::json(),
    };
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

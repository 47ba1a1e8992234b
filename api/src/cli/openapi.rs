//! `peegel openapi`: the document without a server or a database.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;

use crate::ops::document;

/// Arguments of `peegel openapi`.
#[derive(Args, Debug)]
pub struct OpenapiArgs {
    /// Print one line an operation instead of the document
    #[arg(long)]
    operations: bool,
}

/// Prints the document.
pub fn run(args: &OpenapiArgs) -> ExitCode {
    let text = if args.operations { document::operations() } else { document::json() };
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

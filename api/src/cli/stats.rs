//! `peegel stats`: statistics of scores from JSON to JSON, without a database.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use peegel_scoring::stats::{Printed, answer, case_output, method_names, unreadable};
use serde_json::Value;

use crate::cli::bad_usage;

/// Arguments of `peegel stats`.
#[derive(Args, Debug)]
pub struct StatsArgs {
    /// The statistic; its input is one JSON object on standard input
    #[arg(required_unless_present_any = ["list", "cases"], value_name = "METHOD")]
    method: Option<String>,
    /// Print the name of every statistic, one a line
    #[arg(long, conflicts_with_all = ["method", "cases"])]
    list: bool,
    /// Many cases in one file: [{id, method, input}]; prints one line a case
    #[arg(long, conflicts_with = "method", value_name = "FILE")]
    cases: Option<PathBuf>,
}

/// Computes and prints.
pub fn run(args: &StatsArgs) -> ExitCode {
    if args.list {
        return print(method_names());
    }
    if let Some(file) = &args.cases {
        return run_cases(file);
    }
    let Some(method) = &args.method else {
        return bad_usage("name a statistic, --list or --cases");
    };
    let mut input = Vec::new();
    // A misspelt name is told at once, and not after waiting for an input.
    if method_names().any(|name| name == method)
        && let Err(error) = std::io::stdin().lock().read_to_end(&mut input)
    {
        return finish(&unreadable(&format!("standard input cannot be read: {error}")));
    }
    finish(&answer(method, &input))
}

fn run_cases(file: &Path) -> ExitCode {
    match read(file) {
        Ok(cases) => print(cases.into_iter().map(case_output)),
        Err(message) => finish(&unreadable(&format!("{}: {message}", file.display()))),
    }
}

fn read(file: &Path) -> Result<Vec<Value>, String> {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| format!("is not a list of cases: {error}"))
}

fn finish(printed: &Printed) -> ExitCode {
    print([&printed.output]);
    ExitCode::from(printed.exit_code)
}

fn print(lines: impl IntoIterator<Item = impl std::fmt::Display>) -> ExitCode {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let written = lines.into_iter().try_for_each(|line| writeln!(out, "{line}"));
    // A reader that has gone away is no reason to panic.
    drop(written.and_then(|()| out.flush()));
    ExitCode::SUCCESS
}

//! `peegel score`: the scoring engine on files, without a database.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use peegel_scoring::{Mode, score_json};
use serde_json::{Value, json};

use crate::cli::bad_usage;

/// Arguments of `peegel score`.
#[derive(Args, Debug)]
pub struct ScoreArgs {
    /// The standard, a JSON file
    #[arg(long, required_unless_present = "cases", requires = "answers", value_name = "FILE")]
    standard: Option<PathBuf>,
    /// The answers by item id, a JSON file
    #[arg(long, requires = "standard", value_name = "FILE")]
    answers: Option<PathBuf>,
    /// `submit` refuses answers with problems; `rescore` never fails
    #[arg(long, default_value = "submit", value_name = "submit|rescore")]
    mode: ModeArg,
    /// Many cases in one file: [{id, mode, standard, answers}]; prints one line a case
    #[arg(long, conflicts_with_all = ["standard", "answers"], value_name = "FILE")]
    cases: Option<PathBuf>,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum ModeArg {
    Submit,
    Rescore,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Submit => Self::Submit,
            ModeArg::Rescore => Self::Rescore,
        }
    }
}

/// Scores and prints.
pub fn run(args: &ScoreArgs) -> ExitCode {
    if let Some(file) = &args.cases {
        return run_cases(file);
    }
    let (Some(standard), Some(answers)) = (&args.standard, &args.answers) else {
        return bad_usage("name --standard and --answers, or --cases");
    };
    let standard = match read(standard) {
        Ok(value) => value,
        Err(message) => {
            print(&json!({"ok": false, "standard_errors": [unreadable(&message)]}));
            return ExitCode::from(2);
        }
    };
    let answers = match read(answers) {
        Ok(value) if value.is_object() => value,
        Ok(_) => return unusable_answers("is not a JSON object"),
        Err(message) => return unusable_answers(&message),
    };
    let (result, code) = score_json(&standard, &answers, args.mode.into());
    print(&result);
    ExitCode::from(code)
}

fn unusable_answers(message: &str) -> ExitCode {
    print(&json!({"ok": false, "answers_errors": [unreadable(message)]}));
    ExitCode::from(2)
}

fn unreadable(message: &str) -> Value {
    json!({"pointer": "", "code": "unreadable", "message": message})
}

fn run_cases(file: &Path) -> ExitCode {
    let cases = match read(file) {
        Ok(Value::Array(cases)) => cases,
        Ok(_) => return bad_usage(&format!("{} is not a list of cases", file.display())),
        Err(message) => return bad_usage(&format!("{}: {message}", file.display())),
    };
    for case in &cases {
        let mode = if case["mode"] == "rescore" { Mode::Rescore } else { Mode::Submit };
        let (result, _) = if case["answers"].is_object() {
            score_json(&case["standard"], &case["answers"], mode)
        } else {
            (json!({"ok": false, "answers_errors": [unreadable("is not a JSON object")]}), 2)
        };
        print(&json!({"id": case["id"], "result": result}));
    }
    ExitCode::SUCCESS
}

fn read(file: &Path) -> Result<Value, String> {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

fn print(value: &Value) {
    // A reader that has gone away is no reason to panic.
    drop(writeln!(std::io::stdout().lock(), "{value}"));
}

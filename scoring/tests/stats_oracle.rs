//! The ready cases of statistics: published figures, generated data and errors.

use peegel_scoring::stats::{case_output, method_names};
use serde_json::{Value, json};

const CASES: &str = include_str!("../../fixtures/scoring/stats_cases.json");

const METHODS: [&str; 19] = [
    "wilson",
    "nps",
    "csi",
    "servqual",
    "bh",
    "ttest",
    "interval",
    "moderated-variance",
    "exact-bootstrap",
    "icc",
    "krippendorff",
    "variance-components",
    "d-study",
    "shrink",
    "crossed",
    "ranks",
    "uplift",
    "drivers",
    "flags",
];

fn cases() -> Vec<Value> {
    serde_json::from_str(CASES).expect("the cases are JSON")
}

/// The message of an error is free text, but there must be one.
fn without_message(mut output: Value) -> Value {
    if let Some(Value::Object(error)) = output.get_mut("error") {
        assert!(error.remove("message").is_some_and(|message| message != ""), "an error has a message");
    }
    output
}

/// Every place where two values differ by more than `tol` allows.
fn differences(pointer: &str, got: &Value, expected: &Value, tol: f64, found: &mut Vec<String>) {
    let absent = json!("(absent)");
    match (got, expected) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<_> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let (a, b) = (a.get(key).unwrap_or(&absent), b.get(key).unwrap_or(&absent));
                differences(&format!("{pointer}/{key}"), a, b, tol, found);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for position in 0..a.len().max(b.len()) {
                let (a, b) = (a.get(position).unwrap_or(&absent), b.get(position).unwrap_or(&absent));
                differences(&format!("{pointer}/{position}"), a, b, tol, found);
            }
        }
        _ if agree(got, expected, tol) => {}
        _ => found.push(format!("{pointer}: got {got}, expected {expected}")),
    }
}

fn agree(got: &Value, expected: &Value, tol: f64) -> bool {
    match (got.as_f64(), expected.as_f64()) {
        // What is counted must be an integer in JSON, too.
        (Some(a), Some(b)) => (a - b).abs() <= tol * b.abs().max(1.0) && (got.is_u64() || !expected.is_u64()),
        _ => got == expected,
    }
}

#[test]
fn every_ready_case_gives_the_expected_output() {
    let cases = cases();
    assert_eq!(cases.len(), 178);
    let mut found = Vec::new();
    for case in cases {
        let (expected, tol) = (case["expected"].clone(), case["tol"].as_f64().expect("a case has a tolerance"));
        let line = case_output(case);
        let id = line["id"].as_str().expect("a case has an id");
        differences(id, &without_message(line["output"].clone()), &expected, tol, &mut found);
    }
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_method_has_its_place_and_its_cases() {
    assert!(method_names().eq(METHODS));
    let cases = cases();
    for method in METHODS {
        let good = cases.iter().any(|case| case["method"] == method && case["expected"].get("error").is_none());
        let bad = cases.iter().any(|case| case["method"] == method && case["expected"].get("error").is_some());
        assert!(good && bad, "{method}");
    }
}

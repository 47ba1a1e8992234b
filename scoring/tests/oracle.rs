//! The ready cases: exact results, faults and problems for known standards and answers.

use peegel_scoring::{Mode, score_json};
use serde_json::{Value, json};

const CASES: &str = include_str!("../../fixtures/scoring/scoring_cases.json");

/// The `message` of a problem is free text: compared are pointer and code.
fn without_messages(mut result: Value) -> Value {
    for list in ["standard_errors", "answers_errors"] {
        for problem in result.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Value::Object(members) = problem {
                assert!(members.remove("message").is_some_and(|message| message != ""), "a problem has a message");
            }
        }
    }
    result
}

/// Every place where two values differ.
fn differences(pointer: &str, got: &Value, expected: &Value, found: &mut Vec<String>) {
    let null = json!("(absent)");
    match (got, expected) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<_> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let (a, b) = (a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null));
                differences(&format!("{pointer}/{key}"), a, b, found);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for position in 0..a.len().max(b.len()) {
                let (a, b) = (a.get(position).unwrap_or(&null), b.get(position).unwrap_or(&null));
                differences(&format!("{pointer}/{position}"), a, b, found);
            }
        }
        _ if got == expected => {}
        _ => found.push(format!("{pointer}: got {got}, expected {expected}")),
    }
}

#[test]
fn every_ready_case_gives_exactly_the_expected_result() {
    let cases: Vec<Value> = serde_json::from_str(CASES).expect("the cases are JSON");
    assert_eq!(cases.len(), 225);
    let mut found = Vec::new();
    for case in &cases {
        let mode = match case["mode"].as_str() {
            Some("submit") => Mode::Submit,
            Some("rescore") => Mode::Rescore,
            other => panic!("unknown mode {other:?}"),
        };
        let (result, exit_code) = score_json(&case["standard"], &case["answers"], mode);
        let expected = &case["expected"];
        let expected_code = match (expected["ok"] == true, expected.get("standard_errors")) {
            (true, _) => 0,
            (false, None) => 1,
            (false, Some(_)) => 2,
        };
        let id = case["id"].as_str().unwrap_or("?");
        if exit_code != expected_code {
            found.push(format!("{id}: exit code {exit_code}, expected {expected_code}"));
        }
        differences(id, &without_messages(result), expected, &mut found);
    }
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

#[test]
fn values_computed_by_hand_agree() {
    let cases: Vec<Value> = serde_json::from_str(CASES).expect("the cases are JSON");
    let mut compared = 0;
    for case in &cases {
        let Some(hand) = case.get("hand").and_then(Value::as_object) else { continue };
        let mode = if case["mode"] == "rescore" { Mode::Rescore } else { Mode::Submit };
        let (result, _) = score_json(&case["standard"], &case["answers"], mode);
        for (path, expected) in hand {
            let pointer = format!("/{}", path.replace('.', "/"));
            assert_eq!(result.pointer(&pointer), Some(expected), "{}: {path}", case["id"]);
            compared += 1;
        }
    }
    assert!(compared > 50, "only {compared} values");
}

//! What `peegel stats` prints: JSON in, JSON and an exit code out.

use serde_json::{Value, json};

use super::stats_json;

/// One JSON object to print, with the exit code that goes with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Printed {
    /// The result, or `{"error": {"code", "message"}}`.
    pub output: Value,
    /// 0 for a result; 1 when the data do not give it; 2 for an unknown method or an unreadable input.
    pub exit_code: u8,
}

/// Answers the bytes of one JSON object by the method's name.
///
/// Nothing fails: every error is an output with its exit code.
///
/// ```
/// use peegel_scoring::stats::answer;
///
/// let share = answer("wilson", br#"{"k": 3, "n": 3}"#);
/// assert_eq!((&share.output["upper"], share.exit_code), (&1.0.into(), 0));
///
/// let nothing = answer("wilson", br#"{"k": 0, "n": 0}"#);
/// assert_eq!((&nothing.output["error"]["code"], nothing.exit_code), (&"too_few".into(), 1));
///
/// assert_eq!(answer("median", b"{}").output["error"]["code"], "unknown_method");
/// assert_eq!(answer("wilson", b"{k: 3}").output["error"]["code"], "unreadable");
/// ```
pub fn answer(method: &str, input: &[u8]) -> Printed {
    match serde_json::from_slice(input) {
        Ok(input) => answer_value(method, input),
        Err(_) if !super::method_names().any(|name| name == method) => unknown_method(method),
        Err(fault) => unreadable(&format!("the input is not JSON: {fault}")),
    }
}

/// What is printed for an input that cannot be read, and why it cannot.
pub fn unreadable(message: &str) -> Printed {
    error("unreadable", message)
}

/// The line that `peegel stats --cases` prints for a case `{id, method, input}`: `{"id", "output"}`.
///
/// A case that lacks an id has id null; errors are outputs too.
///
/// ```
/// use peegel_scoring::stats::case_output;
/// use serde_json::json;
///
/// let line = case_output(json!({"id": 7, "method": "wilson", "input": {"k": 0, "n": 0}, "source": "made"}));
/// assert_eq!((&line["id"], &line["output"]["error"]["code"]), (&json!(7), &json!("too_few")));
/// ```
pub fn case_output(mut case: Value) -> Value {
    let mut member = |name| case.get_mut(name).map(Value::take).unwrap_or_default();
    let (id, method, input) = (member("id"), member("method"), member("input"));
    let printed = match method {
        Value::String(method) => answer_value(&method, input),
        other => unknown_method(&other.to_string()),
    };
    json!({"id": id, "output": printed.output})
}

fn answer_value(method: &str, input: Value) -> Printed {
    match stats_json(method, input) {
        Some(Ok(output)) => Printed { output, exit_code: 0 },
        Some(Err(failure)) => Printed { output: json!({"error": failure}), exit_code: 1 },
        None => unknown_method(method),
    }
}

fn unknown_method(method: &str) -> Printed {
    error("unknown_method", &format!("there is no method {method}; `peegel stats --list` names them all"))
}

fn error(code: &str, message: &str) -> Printed {
    Printed { output: json!({"error": {"code": code, "message": message}}), exit_code: 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_method_is_told_whatever_the_input() {
        for input in ["", "{}", "nonsense"] {
            let printed = answer("median", input.as_bytes());
            assert_eq!((&printed.output["error"]["code"], printed.exit_code), (&json!("unknown_method"), 2));
        }
    }

    #[test]
    fn what_is_no_object_is_bad_and_what_is_no_json_unreadable() {
        for (input, code, exit_code) in [
            ("[1, 2]", "bad_input", 1),
            ("null", "bad_input", 1),
            ("", "unreadable", 2),
            (r#"{"k": 1, "n": 2} trailing"#, "unreadable", 2),
            (r#"{"k": 1, "n": 1e999}"#, "unreadable", 2),
            ("\u{feff}{}", "unreadable", 2),
        ] {
            let printed = answer("wilson", input.as_bytes());
            assert_eq!((&printed.output["error"]["code"], printed.exit_code), (&json!(code), exit_code), "{input}");
        }
        assert_eq!(answer("wilson", b"\xff").exit_code, 2);
    }

    #[test]
    fn a_case_that_is_no_case_still_gets_a_line() {
        assert_eq!(case_output(json!(5))["output"]["error"]["code"], "unknown_method");
        assert_eq!(case_output(json!({"id": "a", "method": "bh"}))["output"]["error"]["code"], "bad_input");
        assert_eq!(case_output(json!({"id": "a", "method": 5}))["id"], "a");
    }
}

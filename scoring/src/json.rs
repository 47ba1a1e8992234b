//! From JSON to JSON: what `peegel score` prints.

use serde_json::{Value, json};

use crate::problem::{Problem, ProblemCode};
use crate::result::Outcome;
use crate::score::{Mode, score};
use crate::standard::Standard;

/// Scores a visit from JSON and gives the JSON that `peegel score` prints, with its exit code.
///
/// Exit code 0: `{"ok": true, ..}`. 1: `{"ok": false, "errors": [..]}`, the answers have faults.
/// 2: `standard_errors`, the standard is invalid, or `answers_errors`, the answers are no object.
///
/// ```
/// use peegel_scoring::{Mode, score_json};
/// use serde_json::json;
///
/// let standard = json!({
///     "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}],
///     "items": [{"id": "greeted", "section": "s", "type": "yes_no", "weight": 3}],
/// });
/// let (printed, exit_code) = score_json(&standard, &json!({"greeted": {"v": true}}), Mode::Submit);
/// assert_eq!((&printed["visit"]["score"], exit_code), (&json!("1/1"), 0));
///
/// let (printed, exit_code) = score_json(&standard, &json!({}), Mode::Submit);
/// assert_eq!((&printed["errors"][0]["code"], exit_code), (&json!("missing_required"), 1));
///
/// let (printed, exit_code) = score_json(&json!([]), &json!({}), Mode::Submit);
/// assert_eq!((&printed["standard_errors"][0]["code"], exit_code), (&json!("bad_type"), 2));
/// ```
pub fn score_json(standard: &Value, answers: &Value, mode: Mode) -> (Value, u8) {
    let standard = match Standard::parse(standard) {
        Ok(standard) => standard,
        Err(problems) => return (json!({"ok": false, "standard_errors": problems}), 2),
    };
    let Value::Object(answers) = answers else {
        let message = "write the answers as one object: {\"item id\": {\"v\": value}}";
        let problem = Problem::new("", ProblemCode::Unreadable, message);
        return (json!({"ok": false, "answers_errors": [problem]}), 2);
    };
    let outcome = score(&standard, answers, mode);
    let exit_code = u8::from(matches!(outcome, Outcome::Refused(_)));
    (json!(outcome), exit_code)
}

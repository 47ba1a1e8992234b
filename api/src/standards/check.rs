//! What a standard must fulfil before it is stored: the scoring rules, the limits of an import, and plain text.

use std::collections::BTreeMap;

use peegel_scoring::{Problem, Standard, Version, publish};
use serde_json::Value;

use crate::canonical::{Canonical, canonical};
use crate::failure::{Failure, FieldProblem};
use crate::http::json::escape;
use crate::http::limits::too_large;

/// Largest standard in canonical form, in bytes.
pub const LIMIT_BYTES: usize = 1024 * 1024;

/// Problems of one standard that are named; how many more there are is said at the end.
const PROBLEMS_LIMIT: usize = 1000;

/// The form of the file, for those who name it.
const FORMAT: &str = "peegel.standard/1";

/// A standard that may be stored.
#[derive(Debug)]
pub struct Checked {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: i32,
    /// The bytes to store.
    pub canonical: Canonical,
    /// The title by language.
    pub title: BTreeMap<String, String>,
    /// How many items it has.
    pub items: usize,
    /// What may be intended and should be looked at.
    pub warnings: Vec<FieldProblem>,
}

/// Checks a standard file.
///
/// # Errors
///
/// * 413 `too_large` when it has more than a mebibyte in canonical form.
/// * 422 naming everything wrong, up to a thousand problems, with pointers into the file.
pub fn check(file: &Value) -> Result<Checked, Failure> {
    let canonical = canonical(file)?;
    if canonical.text.len() > LIMIT_BYTES {
        return Err(too_large(LIMIT_BYTES as u64));
    }
    let mut problems = Vec::new();
    plain_text(file, String::new(), &mut problems);
    // Scoring reads neither; the document says what they are.
    if file.get("format").is_some_and(|format| format != FORMAT) {
        problems.push(FieldProblem::new("/format", "bad_value", format!("must be {FORMAT}")));
    }
    if file.get("channel").is_some_and(|channel| !channel.is_string()) {
        problems.push(FieldProblem::new("/channel", "bad_type", "must be a text"));
    }
    let standard = match Standard::parse(file) {
        Ok(standard) => standard,
        Err(found) => {
            problems.extend(found.into_iter().map(field_problem));
            return Err(refused(problems));
        }
    };
    let report = publish::check(file, &standard);
    problems.extend(report.problems.into_iter().map(field_problem));
    let version = match standard.version() {
        Version::Number(n) => i32::try_from(*n).ok().filter(|n| *n >= 1),
        // Already among the problems of the report.
        Version::Text(_) => Some(0),
    };
    if version.is_none() {
        problems.push(FieldProblem::new("/version", "out_of_range", format!("must be from 1 to {}", i32::MAX)));
    }
    match version {
        Some(version) if problems.is_empty() => Ok(Checked {
            id: standard.id().to_owned(),
            version,
            canonical,
            title: title(file),
            items: standard.items().len(),
            warnings: report.warnings.into_iter().map(field_problem).collect(),
        }),
        _ => Err(refused(problems)),
    }
}

/// The title of a standard by language; a title without languages stands under `und`.
pub fn title(file: &Value) -> BTreeMap<String, String> {
    match file.get("title") {
        Some(Value::String(text)) => BTreeMap::from([("und".to_owned(), text.clone())]),
        Some(Value::Object(texts)) => {
            texts.iter().filter_map(|(language, text)| Some((language.clone(), text.as_str()?.to_owned()))).collect()
        }
        _ => BTreeMap::new(),
    }
}

/// Whether a text can be the id of a standard: `[A-Za-z_][A-Za-z0-9._-]{0,63}`.
pub fn is_id(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let starts = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    starts && text.len() <= 64 && text.bytes().all(plain)
}

/// The failure that names these problems, in an answer of bounded size.
fn refused(mut problems: Vec<FieldProblem>) -> Failure {
    let more = problems.len().saturating_sub(PROBLEMS_LIMIT);
    if more > 0 {
        problems.truncate(PROBLEMS_LIMIT);
        let message = format!("{more} more problems are not named; mend these first");
        problems.push(FieldProblem::new("", "more_problems", message));
    }
    Failure::invalid(problems)
}

fn field_problem(problem: Problem) -> FieldProblem {
    FieldProblem::new(problem.pointer, problem.code.as_str(), problem.message)
}

/// Names every text with control characters: the rest of the program may print the others as they are.
fn plain_text(value: &Value, pointer: String, problems: &mut Vec<FieldProblem>) {
    let is_plain = |text: &str| !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    match value {
        Value::String(text) if !is_plain(text) => {
            problems.push(FieldProblem::new(pointer, "bad_character", "must not contain control characters"));
        }
        Value::Array(list) => {
            for (position, entry) in list.iter().enumerate() {
                plain_text(entry, format!("{pointer}/{position}"), problems);
            }
        }
        Value::Object(object) => {
            for (name, member) in object {
                let pointer = format!("{pointer}/{}", escape(name));
                if !is_plain(name) {
                    problems.push(FieldProblem::new(
                        pointer.clone(),
                        "bad_character",
                        "the name of a member must not contain control characters",
                    ));
                }
                plain_text(member, pointer, problems);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tiny() -> Value {
        json!({
            "id": "tiny", "version": 1, "title": {"en": "Tiny"}, "languages": ["en"],
            "sections": [{"id": "door", "weight": 1}],
            "items": [{"id": "greeted", "section": "door", "type": "yes_no", "weight": 3, "text": {"en": "Greeted"}}],
        })
    }

    #[test]
    fn what_scoring_does_not_read_is_what_the_document_says() {
        let mut file = tiny();
        file["format"] = json!("peegel.standard/1");
        file["channel"] = json!("store_visit");
        assert!(check(&file).is_ok());
        file["format"] = json!("peegel.standard/2");
        file["channel"] = json!(["store_visit"]);
        assert_eq!(codes(&check(&file).unwrap_err()), [("/format", "bad_value"), ("/channel", "bad_type")]);
    }

    fn codes(failure: &Failure) -> Vec<(&str, &str)> {
        failure.errors.iter().map(|problem| (problem.pointer.as_str(), problem.code.as_str())).collect()
    }

    #[test]
    fn a_good_standard_is_hashed_in_canonical_form() {
        let checked = check(&tiny()).unwrap();
        assert_eq!((checked.id.as_str(), checked.version, checked.items), ("tiny", 1, 1));
        assert_eq!(checked.title["en"], "Tiny");
        assert!(checked.canonical.text.starts_with(r#"{"id":"tiny","items":[{"#));
    }

    #[test]
    fn problems_of_scoring_and_of_texts_come_together() {
        let mut file = tiny();
        file["items"][0]["section"] = json!("window");
        file["items"][0]["text"]["en"] = json!("bell\u{7}");
        let failure = check(&file).unwrap_err();
        assert_eq!(codes(&failure), [("/items/0/text/en", "bad_character"), ("/items/0/section", "unknown_ref")]);
    }

    #[test]
    fn a_version_is_a_number_from_one() {
        for (version, code) in
            [(json!(0), "out_of_range"), (json!(4_000_000_000_u64), "out_of_range"), (json!("1b"), "bad_type")]
        {
            let mut file = tiny();
            file["version"] = version;
            assert_eq!(codes(&check(&file).unwrap_err()), [("/version", code)]);
        }
    }

    #[test]
    fn a_thousand_problems_are_named_and_the_others_counted() {
        let named = |count| refused(vec![FieldProblem::new("/a", "bad_value", "must be b"); count]).errors;
        assert!(named(1000).iter().all(|problem| problem.code == "bad_value"));
        for (count, more) in [(1001, "1 more "), (60_000, "59000 more ")] {
            let errors = named(count);
            let last = errors.last().unwrap();
            assert_eq!((errors.len(), last.code.as_str()), (1001, "more_problems"));
            assert!(last.message.starts_with(more), "{}", last.message);
        }
        let mut file = tiny();
        file["title"]["en"] = json!(vec!["bell\u{7}"; 5000]);
        assert_eq!(check(&file).unwrap_err().errors.len(), 1001);
    }

    #[test]
    fn more_than_a_mebibyte_is_413() {
        let mut file = tiny();
        file["title"]["en"] = json!("x".repeat(LIMIT_BYTES));
        assert_eq!(check(&file).unwrap_err().code, "too_large");
    }
}

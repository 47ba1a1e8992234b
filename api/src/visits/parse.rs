//! The body of `PUT /v1/visits/{id}`, read with all its problems.
//!
//! Problems of shape (wrong types, unknown members) come from here and keep nothing. Problems of content (missing
//! answers, evidence of the wrong kind) are found by the service, and keep the visit as a draft.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::consent::parse::told;
use crate::failure::FieldProblem;
use crate::http::json::{Reader, escape, is_sha256, text_problem};
use crate::http::limits::FILE_LIMIT_BYTES;
use crate::visits::moments;
use crate::visits::stay;
use crate::visits::types::{ManifestEntry, Stay, WriteState};
use crate::words::{AttemptedBecause, EvidenceKind, Outcome};

/// Most files of one visit.
pub const MAX_FILES: usize = 200;
/// Most characters of a text answer or comment.
pub const MAX_TEXT_CHARS: usize = 5_000;
/// Most answers of one visit: as many as a standard may have items.
const MAX_ANSWERS: usize = 500;
/// Most characters of the id of an item.
const MAX_ITEM_ID_CHARS: usize = 64;
/// Most options chosen in one answer: as many as an item may have.
const MAX_CHOSEN: usize = 200;
/// Most items that one file proves.
const MAX_ITEMS_OF_FILE: usize = 50;

/// A parsed write.
#[derive(Clone, Debug)]
pub struct VisitWrite {
    /// The assignment.
    pub assignment_id: Uuid,
    /// Draft or submit.
    pub state: WriteState,
    /// Whether the visit could be made.
    pub outcome: Outcome,
    /// Why it could not be made.
    pub attempted_because: Option<AttemptedBecause>,
    /// Answers by item id, as they came.
    pub answers: Map<String, Value>,
    /// The evidence manifest.
    pub manifest: Vec<ManifestEntry>,
    /// What the phone says of itself, as it came but for its own id.
    pub device: Value,
    /// The id that the app made for itself.
    pub device_id: Option<String>,
    /// When and where the auditor was.
    pub stay: Option<Stay>,
    /// The visit that it is a copy of.
    pub copy_of: Option<Uuid>,
    /// The phone's clock.
    pub device_at: Option<DateTime<Utc>>,
}

/// Reads the body.
///
/// # Errors
///
/// Every problem of shape, with its pointer.
pub fn parse(body: &Value) -> Result<VisitWrite, Vec<FieldProblem>> {
    let mut reader = Reader::new(body, "");
    let assignment_id = reader.uuid("assignment_id");
    let state = reader.word("state");
    let outcome = reader.optional_word("outcome");
    let attempted_because = reader.optional_word("attempted_because");
    if attempted_because.is_some() && outcome != Some(Outcome::Attempted) {
        reader.problem("attempted_because", "not_allowed", "is only for a visit that could not be made");
    }
    let answers = reader.object("answers").cloned().unwrap_or_default();
    let files = reader.optional_list("evidence", MAX_FILES).unwrap_or_default();
    let copy_of = reader.optional_uuid("copy_of");
    let mut device = reader.optional_value("device").cloned().unwrap_or(Value::Object(Map::new()));
    let stay = reader.optional_value("stay");
    let mut problems = reader.finish();

    problems.extend(answer_problems(&answers));
    let manifest = manifest(files, &mut problems);
    let (device_at, device_id) = of_device(&device, &mut problems);
    if let Some(members) = device.as_object_mut() {
        members.remove("id");
    }
    let stay = stay.map(|stay| stay::parse(stay, &mut problems));
    match (assignment_id, state) {
        (Some(assignment_id), Some(state)) if problems.is_empty() => {
            let outcome = outcome.unwrap_or(Outcome::Completed);
            Ok(VisitWrite {
                assignment_id,
                state,
                outcome,
                attempted_because,
                answers,
                manifest,
                device,
                device_id,
                stay,
                copy_of,
                device_at,
            })
        }
        _ => Err(problems),
    }
}

/// What is wrong with the shape of answers.
pub fn answer_problems(answers: &Map<String, Value>) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if answers.len() > MAX_ANSWERS {
        let message = format!("has {} answers; at most {MAX_ANSWERS} are allowed", answers.len());
        problems.push(FieldProblem::new("/answers", "too_many", message));
        return problems;
    }
    for (item, answer) in answers {
        let pointer = format!("/answers/{}", escape(item));
        // A null answer is an unanswered one.
        if answer.is_null() {
            continue;
        }
        let mut reader = Reader::new(answer, pointer.clone());
        if let Some((code, message)) = reader.optional_value("v").and_then(value_problem) {
            reader.problem("v", code, message);
        }
        if reader.optional_value("na").is_some_and(|na| !na.is_boolean()) {
            reader.problem("na", "bad_type", "must be true or false");
        }
        match reader.optional_value("comment") {
            // An empty box is no comment.
            Some(Value::String(text)) => {
                if let Some((code, message)) = value_text_problem(text) {
                    reader.problem("comment", code, message);
                }
            }
            Some(_) => reader.problem("comment", "bad_type", "must be a text"),
            None => {}
        }
        let moments = moments::read(&mut reader);
        problems.extend(reader.finish());
        problems.extend(moments::shape_problems(moments, &pointer));
    }
    problems
}

/// What is wrong with the value of an answer, whatever its item.
pub fn value_problem(value: &Value) -> Option<(&'static str, String)> {
    match value {
        Value::String(text) => value_text_problem(text),
        Value::Array(values) if values.len() > MAX_CHOSEN => {
            Some(("too_many", format!("has {} entries; at most {MAX_CHOSEN} are allowed", values.len())))
        }
        Value::Array(values) => values.iter().find_map(value_problem),
        // Beyond 2^53 other programs cannot tell one number from the next.
        Value::Number(number) if number.as_f64().is_some_and(|n| n.abs() > 9_007_199_254_740_991.0) => {
            Some(("out_of_range", "is beyond 2^53; send it as a text of digits".to_owned()))
        }
        Value::Object(_) => Some(("bad_type", "must be a value, not an object".to_owned())),
        _ => None,
    }
}

/// What is wrong with a text that may be empty.
pub fn value_text_problem(text: &str) -> Option<(&'static str, String)> {
    text_problem(text, MAX_TEXT_CHARS).filter(|(code, _)| *code != "empty")
}

fn manifest(files: &[Value], problems: &mut Vec<FieldProblem>) -> Vec<ManifestEntry> {
    let mut entries = Vec::with_capacity(files.len());
    let (mut ids, mut names) = (HashSet::new(), HashSet::new());
    for (i, file) in files.iter().enumerate() {
        let mut reader = Reader::new(file, format!("/evidence/{i}"));
        let id = reader.uuid("id");
        let item_ids = reader.list("item_ids", MAX_ITEMS_OF_FILE).unwrap_or_default();
        let mut proves = Vec::with_capacity(item_ids.len());
        for (j, item) in item_ids.iter().enumerate() {
            match item.as_str().filter(|item| text_problem(item, MAX_ITEM_ID_CHARS).is_none()) {
                Some(item) => proves.push(item.to_owned()),
                None => reader.problems.push(FieldProblem::new(
                    format!("/evidence/{i}/item_ids/{j}"),
                    "bad_type",
                    "must be the id of an item",
                )),
            }
        }
        let kind = reader.word("kind");
        let file_name = reader.text("file_name", 255);
        if file_name.as_deref().is_some_and(|name| name.contains(['/', '\\', '\n', '\r', '\t'])) {
            reader.problem("file_name", "bad_character", "must be a name, not a path");
        }
        let sha256 = reader.optional_text("sha256", 64);
        if sha256.as_deref().is_some_and(|hash| !is_sha256(hash)) {
            reader.problem("sha256", "bad_value", "must be 64 lower-case hex digits");
        }
        let bytes = reader.optional_integer("bytes", 0, i64::try_from(FILE_LIMIT_BYTES).unwrap_or(i64::MAX));
        let media_type = reader.optional_text("media_type", 127);
        let captured_at = reader.optional_time("captured_at");
        let mut in_consent = Vec::new();
        let consent = reader.optional_value("consent").and_then(|value| {
            told(value, format!("/evidence/{i}/consent")).map_err(|found| in_consent.extend(found)).ok()
        });
        if consent.is_some() && kind.is_some_and(|kind| kind != EvidenceKind::Recording) {
            reader.problem("consent", "not_allowed", "is only for a recording");
        }
        if id.is_some_and(|id| !ids.insert(id)) {
            reader.problem("id", "duplicate", "is the id of an earlier file too");
        }
        if file_name.as_ref().is_some_and(|name| !names.insert(name.clone())) {
            reader.problem("file_name", "duplicate", "is the name of an earlier file too");
        }
        problems.extend(reader.finish());
        problems.append(&mut in_consent);
        if let (Some(id), Some(kind), Some(file_name)) = (id, kind, file_name) {
            entries.push(ManifestEntry {
                id,
                item_ids: proves,
                kind,
                file_name,
                sha256,
                bytes,
                media_type,
                captured_at,
                consent,
            });
        }
    }
    entries
}

/// The phone's clock and its own id.
fn of_device(device: &Value, problems: &mut Vec<FieldProblem>) -> (Option<DateTime<Utc>>, Option<String>) {
    let mut reader = Reader::new(device, "/device");
    let at = reader.optional_time("at");
    reader.optional_integer("monotonic_ms", 0, 9_007_199_254_740_991);
    for name in ["model", "os", "app"] {
        reader.optional_text(name, 200);
    }
    let id = reader.optional_text("id", 200);
    problems.extend(reader.finish());
    (at, id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(body: &Value) -> Vec<(String, String)> {
        parse(body).unwrap_err().into_iter().map(|p| (p.pointer, p.code)).collect()
    }

    #[test]
    fn every_problem_of_shape_is_named_at_once() {
        let id = "0198c2f4-7d5b-7e3a-9c1d-2f6b8a4e0c11";
        let consent =
            json!({"basis": "spoken_notice", "given_at": "2026-11-22T09:30:00Z", "notice": "It is recorded."});
        let found = pointers(&json!({
            "state": "sent",
            "answers": {"A/1": {"v": true, "vv": 1}, "B": 3},
            "evidence": [
                {"id": "x", "item_ids": [1], "kind": "film", "file_name": "a/b", "sha256": "ABC"},
                {"id": id, "item_ids": [], "kind": "photo", "file_name": "a", "consent": consent},
                {"id": id, "item_ids": [], "kind": "recording", "file_name": "b", "consent": {"basis": "spoken_notice"}},
            ],
            "extra": 1
        }));
        let found: Vec<_> = found.iter().map(|(p, c)| (p.as_str(), c.as_str())).collect();
        assert_eq!(
            found,
            [
                ("/assignment_id", "missing"),
                ("/state", "bad_value"),
                ("/extra", "unknown_field"),
                ("/answers/A~11/vv", "unknown_field"),
                ("/answers/B", "bad_type"),
                ("/evidence/0/id", "bad_id"),
                ("/evidence/0/item_ids/0", "bad_type"),
                ("/evidence/0/kind", "bad_value"),
                ("/evidence/0/file_name", "bad_character"),
                ("/evidence/0/sha256", "bad_value"),
                ("/evidence/1/consent", "not_allowed"),
                ("/evidence/2/id", "duplicate"),
                ("/evidence/2/consent/given_at", "missing"),
                ("/evidence/2/consent/notice", "missing"),
            ]
        );
    }

    #[test]
    fn moments_have_a_recording_and_a_time() {
        let id = "0198c2f4-7d5b-7e3a-9c1d-2f6b8a4e0c11";
        let answer = |moments: Value| json!({"T": {"v": true, "moments": moments}});
        let found = |moments| pointers(&json!({"assignment_id": id, "state": "draft", "answers": answer(moments)}));
        let at = |pointer: &str, code: &str| (format!("/answers/T/moments{pointer}"), code.to_owned());
        assert_eq!(found(json!("1:23")), [at("", "bad_type")]);
        let moment = json!({"evidence_id": id, "at_ms": 83_000});
        assert_eq!(found(json!(vec![moment.clone(); 11])), [at("", "too_many")]);
        assert_eq!(found(json!([moment, 5])), [at("/1", "bad_type")]);
        let wrong = json!([{"evidence_id": "x", "at_ms": -1, "until_ms": 3}, {}]);
        let problems = [
            at("/0/evidence_id", "bad_id"),
            at("/0/at_ms", "out_of_range"),
            at("/0/until_ms", "unknown_field"),
            at("/1/evidence_id", "missing"),
            at("/1/at_ms", "missing"),
        ];
        assert_eq!(found(wrong), problems);
    }

    #[test]
    fn nul_in_an_answer_is_refused() {
        let id = "0198c2f4-7d5b-7e3a-9c1d-2f6b8a4e0c11";
        let found = pointers(&json!({"assignment_id": id, "state": "draft", "answers": {"T": {"v": "a\u{0}b"}}}));
        assert_eq!(found, [("/answers/T/v".to_owned(), "bad_character".to_owned())]);
    }
}

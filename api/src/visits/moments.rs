//! Answers that point at a moment of a recording: `"moments": [{"evidence_id": .., "at_ms": ..}]`.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::entity::evidence;
use crate::failure::FieldProblem;
use crate::http::json::{Reader, escape, id};
use crate::visits::types::{ManifestEntry, StrayMoment};
use crate::words::EvidenceKind;

/// The member of an answer.
pub const MEMBER: &str = "moments";
/// Most moments of one answer.
const MAX_MOMENTS: usize = 10;
/// Latest moment: recordings are believed up to a week.
const MAX_AT_MS: i64 = 7 * 24 * 3_600_000;

/// One moment that an answer names.
struct Moment<'a> {
    item_id: &'a str,
    /// Its number in the answer.
    n: usize,
    evidence_id: Uuid,
    at_ms: i64,
}

/// What is wrong with the shape of the moments of an answer, which stands at a pointer.
pub fn shape_problems(moments: &[Value], answer: &str) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    for (n, moment) in moments.iter().enumerate() {
        let mut reader = Reader::new(moment, format!("{answer}/{MEMBER}/{n}"));
        reader.uuid("evidence_id");
        if reader.value("at_ms").is_some() {
            reader.optional_integer("at_ms", 0, MAX_AT_MS);
        }
        problems.extend(reader.finish());
    }
    problems
}

/// Reads the moments of an answer, whatever they hold.
pub fn read<'a>(reader: &mut Reader<'a>) -> &'a [Value] {
    reader.optional_list(MEMBER, MAX_MOMENTS).unwrap_or_default()
}

/// The moments of all answers; what has not their shape is none.
fn moments(answers: &Map<String, Value>) -> impl Iterator<Item = Moment<'_>> {
    answers.iter().flat_map(|(item_id, answer)| {
        let list = answer.get(MEMBER).and_then(Value::as_array).into_iter().flatten().enumerate();
        list.filter_map(move |(n, moment)| {
            let evidence_id = id(moment.get("evidence_id")?.as_str()?)?;
            Some(Moment { item_id, n, evidence_id, at_ms: moment.get("at_ms")?.as_i64()? })
        })
    })
}

/// True when an answer names a moment.
pub fn are_named(answers: &Map<String, Value>) -> bool {
    moments(answers).next().is_some()
}

/// What is wrong with moments of a visit that is to be filed: each names a recording of the manifest, and lies within it
/// where its length is known from the `files` that are stored.
pub fn problems(
    answers: &Map<String, Value>,
    manifest: &[ManifestEntry],
    files: &[evidence::Model],
) -> Vec<FieldProblem> {
    let judge = |moment: Moment<'_>| {
        let pointer = format!("/answers/{}/{MEMBER}/{}", escape(moment.item_id), moment.n);
        let Some(entry) = manifest.iter().find(|entry| entry.id == moment.evidence_id) else {
            let message = "is not a file of the manifest";
            return Some(FieldProblem::new(format!("{pointer}/evidence_id"), "unknown_ref", message));
        };
        if entry.kind != EvidenceKind::Recording {
            let message = format!("names a {}; moments are of recordings", entry.kind);
            return Some(FieldProblem::new(format!("{pointer}/evidence_id"), "wrong_evidence_kind", message));
        }
        let duration_ms = files.iter().find(|file| file.id == moment.evidence_id).and_then(duration_ms)?;
        (moment.at_ms > duration_ms).then(|| {
            let message = format!("lies behind the end of the recording, which is {duration_ms} ms long");
            FieldProblem::new(format!("{pointer}/at_ms"), "out_of_range", message)
        })
    };
    moments(answers).filter_map(judge).collect()
}

/// Moments of what was filed that lie behind the end of their recording.
pub fn stray(answers: &Value, files: &[evidence::Model]) -> Vec<StrayMoment> {
    let Some(answers) = answers.as_object() else { return Vec::new() };
    let judge = |moment: Moment<'_>| {
        let file = files.iter().find(|file| file.id == moment.evidence_id)?;
        let duration_ms = duration_ms(file).filter(|duration_ms| moment.at_ms > *duration_ms)?;
        let item_id = moment.item_id.to_owned();
        Some(StrayMoment { item_id, evidence_id: file.id, at_ms: moment.at_ms, duration_ms })
    };
    moments(answers).filter_map(judge).collect()
}

/// Length of a recording, once it was measured.
fn duration_ms(file: &evidence::Model) -> Option<i64> {
    let facts: Value = serde_json::from_str(file.facts.as_deref()?).ok()?;
    facts["duration_ms"].as_i64()
}

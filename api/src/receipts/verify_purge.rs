//! Verifying a line of a purge: bytes and keys in, verdict out. Needs nothing else.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::entity::event;
use crate::failure::FieldProblem;
use crate::http::json::{Reader, is_sha256};
use crate::receipts::signed::{Signed, parsed, signer_note};
use crate::receipts::verify::{Finding, Findings, KeyUsed, member_code};
use crate::retention::line::{FORMAT, KINDS};
use crate::signing::key::PublicKey;
use crate::words::PurgeReason;

/// What came of the verification.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// True when the line is whole and signed.
    pub ok: bool,
    /// What something was taken of, `visit/id` or `membership/id`.
    pub object: Option<String>,
    /// When.
    pub at: Option<String>,
    /// Why: `retention` or `erasure`.
    pub because: Option<String>,
    /// How many files it states to be deleted.
    pub files: usize,
    /// The id of the key that the line names.
    pub key_id: Option<String>,
    /// Which key the signature was checked with.
    pub key: KeyUsed,
    /// What this verification cannot say.
    pub notes: Vec<String>,
    /// Everything that is wrong.
    pub problems: Vec<Finding>,
}

/// Whether a file says that it is a line of a purge.
pub fn is_one(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Value>(bytes).is_ok_and(|document| document["format"] == FORMAT)
}

/// Verifies a line. With `given` keys the signature must be of one of them; without, it is checked with the key inside, and
/// the notes say that this tells nothing of who signed.
pub fn verify(bytes: &[u8], given: Option<&[PublicKey]>) -> Verdict {
    let mut findings = Findings::default();
    let document = parsed(bytes, &mut findings);
    let mut reader = Reader::new(&document, "");
    reader.text("format", 64);
    for name in ["id", "firm_id", "purge_id"] {
        reader.uuid(name);
    }
    let object = reader.text("object", 160);
    reader.time("at");
    let because = reader.text("because", 24);
    if because.as_deref().is_some_and(|word| PurgeReason::from_word(word).is_none()) {
        reader.problem("because", "bad_value", "must be retention or erasure");
    }
    let lists = ["periods", "files", "revisions", "erased_events"]
        .map(|name| reader.list(name, usize::MAX).unwrap_or_default());
    reader.object("rows");
    let signed = Signed::read(&mut reader);
    let mut problems = reader.finish();
    for (position, file) in lists[1].iter().enumerate() {
        problems.extend(file_problems(position, file));
    }
    for FieldProblem { pointer, code, message } in problems {
        findings.add(member_code(&code), &pointer, message);
    }
    signed.check(bytes, &document, FORMAT, given, &mut findings);
    let key = if given.is_some() { KeyUsed::Given } else { KeyUsed::Embedded };
    let problems = findings.finish();
    Verdict {
        ok: problems.is_empty(),
        object,
        at: document["at"].as_str().map(str::to_owned),
        because,
        files: lists[1].len(),
        notes: signer_note(key, signed.key_id.as_deref()).into_iter().collect(),
        key_id: signed.key_id,
        key,
        problems,
    }
}

/// What is wrong with one file.
fn file_problems(position: usize, file: &Value) -> Vec<FieldProblem> {
    let mut reader = Reader::new(file, format!("/files/{position}"));
    reader.uuid("evidence_id");
    reader.text("kind", 24);
    reader.text("class", 24);
    if reader.text("sha256", 64).is_some_and(|hash| !is_sha256(&hash)) {
        reader.problem("sha256", "bad_value", "must be 64 lower-case hex digits");
    }
    reader.value("bytes");
    reader.optional_integer("bytes", 0, i64::MAX);
    reader.finish()
}

/// The events whose payloads the line of a purge names as taken, by number, each with the hash of its payload; none for
/// events that carry no such line.
///
/// # Errors
///
/// What is wrong with the line that the event carries.
pub fn erased_by(row: &event::Model, given: Option<&[PublicKey]>) -> Result<BTreeMap<i64, String>, String> {
    let Some(payload) = row.payload.as_deref().filter(|_| KINDS.contains(&row.kind.as_str())) else {
        return Ok(BTreeMap::new());
    };
    let verdict = verify(payload.as_bytes(), given);
    if let Some(problem) = verdict.problems.first() {
        let pointer = problem.pointer.as_deref().unwrap_or("it");
        return Err(format!("the line of the purge is wrong: {pointer} {}", problem.message));
    }
    let document: Value = serde_json::from_str(payload).map_err(|error| error.to_string())?;
    let firm: Option<Uuid> = document["firm_id"].as_str().and_then(|id| id.parse().ok());
    if firm != Some(row.firm_id) || document["object"] != row.object.as_str() {
        return Err("the line of the purge is of something else".to_owned());
    }
    let erased = document["erased_events"].as_array().into_iter().flatten();
    let named = |entry: &Value| Some((entry["seq"].as_i64()?, entry["payload_sha256"].as_str()?.to_owned()));
    Ok(erased.filter_map(named).collect())
}

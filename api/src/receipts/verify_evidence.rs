//! Verifying an evidence receipt: bytes and keys in, verdict out. Needs nothing else.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::failure::FieldProblem;
use crate::http::json::{Reader, is_sha256};
use crate::receipts::evidence::FORMAT;
use crate::receipts::signed::{Signed, parsed, signer_note};
use crate::receipts::verify::{Finding, Findings, KeyUsed, member_code};
use crate::signing::key::PublicKey;

/// What came of the verification.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// True when the receipt is whole and signed.
    pub ok: bool,
    /// The visit.
    pub visit: Option<Uuid>,
    /// Whether the receipt states that no file is missing.
    pub complete: Option<bool>,
    /// How many files it states to be stored.
    pub files: usize,
    /// The id of the key that the receipt names.
    pub key_id: Option<String>,
    /// Which key the signature was checked with.
    pub key: KeyUsed,
    /// What this verification cannot say.
    pub notes: Vec<String>,
    /// Everything that is wrong.
    pub problems: Vec<Finding>,
}

/// Whether a file says that it is an evidence receipt.
pub fn is_one(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Value>(bytes).is_ok_and(|document| document["format"] == FORMAT)
}

/// Verifies a receipt. With `given` keys the signature must be of one of them; without, it is checked with the key
/// inside the receipt, and the notes say that this tells nothing of who signed.
pub fn verify(bytes: &[u8], given: Option<&[PublicKey]>) -> Verdict {
    let mut findings = Findings::default();
    let document = parsed(bytes, &mut findings);
    let mut reader = Reader::new(&document, "");
    reader.text("format", 64);
    reader.uuid("firm_id");
    let visit = reader.uuid("visit_id");
    reader.value("revision");
    let revision = reader.optional_integer("revision", 0, i32::MAX.into());
    let complete = reader.value("complete").and_then(Value::as_bool);
    if complete.is_none() {
        reader.problem("complete", "bad_type", "must be true or false");
    }
    let lists = ["files", "lost", "missing"].map(|name| (name, reader.list(name, usize::MAX).unwrap_or_default()));
    let signed = Signed::read(&mut reader);
    let mut problems = reader.finish();
    let mut seen = BTreeSet::new();
    for (name, list) in lists {
        for (position, entry) in list.iter().enumerate() {
            problems.extend(entry_problems(name, position, entry, &mut seen));
        }
    }
    for FieldProblem { pointer, code, message } in problems {
        findings.add(member_code(&code), &pointer, message);
    }
    let is_filed = revision.is_some_and(|revision| revision > 0);
    if complete.is_some_and(|complete| complete != (is_filed && lists[2].1.is_empty())) {
        findings.add("bad_member", "/complete", "says something else than the revision and the list of missing files");
    }
    signed.check(bytes, &document, FORMAT, given, &mut findings);
    let key = if given.is_some() { KeyUsed::Given } else { KeyUsed::Embedded };
    let problems = findings.finish();
    Verdict {
        ok: problems.is_empty(),
        visit,
        complete,
        files: lists[0].1.len(),
        notes: signer_note(key, signed.key_id.as_deref()).into_iter().collect(),
        key_id: signed.key_id,
        key,
        problems,
    }
}

/// What is wrong with one file of a list.
fn entry_problems(name: &str, position: usize, entry: &Value, seen: &mut BTreeSet<Uuid>) -> Vec<FieldProblem> {
    let mut reader = Reader::new(entry, format!("/{name}/{position}"));
    let id = reader.uuid("evidence_id");
    reader.text("file_name", 255);
    match name {
        "files" => {
            if reader.text("sha256", 64).is_some_and(|hash| !is_sha256(&hash)) {
                reader.problem("sha256", "bad_value", "must be 64 lower-case hex digits");
            }
            reader.value("bytes");
            reader.optional_integer("bytes", 1, i64::MAX);
            reader.time("stored_at");
        }
        "lost" => drop(reader.text("reason", 1000)),
        _ => {}
    }
    if id.is_some_and(|id| !seen.insert(id)) {
        reader.problem("evidence_id", "duplicate", "is the id of an earlier file too");
    }
    reader.finish()
}

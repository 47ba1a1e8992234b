//! The evidence manifest of a write compared with the files that are stored.
//!
//! A file belongs to a revision once it was filed; until then (revision 0) it is part of a draft only, and may change
//! or go. What was filed is frozen: a draft on top of a returned visit does not touch it, and the next filing keeps it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::entity::evidence;
use crate::failure::{Failure, FieldProblem, Kind};
use crate::visits::service::Prepared;
use crate::visits::types::{EvidenceProgress, ManifestEntry, MissingFile};
use crate::words::{EvidenceKind, EvidenceState};

/// Rows to write for a manifest.
#[derive(Debug, Default)]
pub struct ManifestChanges {
    /// Files that it names for the first time.
    pub declared: Vec<evidence::Model>,
    /// Files that it describes anew.
    pub redeclared: Vec<evidence::Model>,
    /// Files of a draft that it no longer names.
    pub dropped: Vec<evidence::Model>,
}

impl ManifestChanges {
    /// How much of the evidence has arrived, after these changes.
    pub fn progress(&self, stored: &[&evidence::Model]) -> EvidenceProgress {
        let changed = |id| self.redeclared.iter().chain(&self.dropped).any(|row| row.id == id);
        let kept = stored.iter().copied().filter(|row| !changed(row.id));
        let rows = kept.chain(&self.redeclared).chain(&self.declared);
        let files: Vec<_> = rows.map(|row| (row.id, row.file_name.clone(), row.state)).collect();
        progress(&files)
    }
}

/// Compares the manifest sent with the files stored. `filing` is the number of the revision that the write files, or 0
/// for a draft.
///
/// # Errors
///
/// 422 naming every contradiction: `frozen`, or `differs_from_stored`.
pub fn changes(
    prepared: &Prepared,
    stored: &[&evidence::Model],
    filing: i32,
    at: DateTime<Utc>,
) -> Result<ManifestChanges, Failure> {
    let manifest = &prepared.write.manifest;
    let mut problems = Vec::new();
    let mut changes = ManifestChanges::default();
    for (i, entry) in manifest.iter().enumerate() {
        let Some(old) = stored.iter().copied().find(|file| file.id == entry.id) else {
            changes.declared.push(declare(prepared, entry, filing, at)?);
            continue;
        };
        if old.revision > 0 && filing == 0 {
            continue;
        }
        if !is_missing(old.state) {
            problems.extend(contradictions(i, old, entry));
        }
        let row = redeclare(old, entry, filing)?;
        if row != *old {
            changes.redeclared.push(row);
        }
    }
    let unnamed = stored.iter().copied().filter(|old| manifest.iter().all(|entry| entry.id != old.id));
    let (filed, drafted): (Vec<_>, Vec<_>) = unnamed.partition(|old| old.revision > 0);
    if filing > 0 && !filed.is_empty() {
        let names: Vec<_> = filed.iter().map(|old| old.file_name.as_str()).collect();
        let message = format!("froze when the visit was filed; keep {} and add to it", names.join(", "));
        problems.push(FieldProblem::new("/evidence", "frozen", message));
    }
    changes.dropped = drafted.into_iter().cloned().collect();
    if problems.is_empty() { Ok(changes) } else { Err(Failure::invalid(problems)) }
}

/// What a manifest may not claim of a file whose bytes are stored.
fn contradictions(i: usize, old: &evidence::Model, entry: &ManifestEntry) -> Vec<FieldProblem> {
    let differs = |name: &str| {
        let message = "differs from the file that was stored; send a new file under a new id";
        FieldProblem::new(format!("/evidence/{i}/{name}"), "differs_from_stored", message)
    };
    let mut problems = Vec::new();
    if entry.kind != old.kind {
        problems.push(differs("kind"));
    }
    if entry.sha256.is_some() && entry.sha256 != old.sha256 {
        problems.push(differs("sha256"));
    }
    if entry.bytes.is_some() && entry.bytes != old.bytes {
        problems.push(differs("bytes"));
    }
    problems
}

/// Adds the problems of an incomplete submit to the contradictions of its manifest, so that all are named at once.
pub fn with_all(mut failure: Failure, others: &[FieldProblem]) -> Failure {
    if failure.kind == Kind::Invalid {
        failure.errors.extend_from_slice(others);
        failure = Failure { etag: failure.etag, ..Failure::invalid(failure.errors) };
    }
    failure
}

/// `m of n files`, and the names of those still to come.
pub fn progress(files: &[(Uuid, String, EvidenceState)]) -> EvidenceProgress {
    let missing: Vec<_> = files
        .iter()
        .filter(|(.., state)| is_missing(*state))
        .map(|(id, name, _)| MissingFile { id: *id, file_name: name.clone() })
        .collect();
    let total = i64::try_from(files.len()).unwrap_or(i64::MAX);
    EvidenceProgress { total, arrived: total - i64::try_from(missing.len()).unwrap_or(0), missing }
}

/// States of files that have not arrived, which block the review.
pub const MISSING: [EvidenceState; 3] = [EvidenceState::Declared, EvidenceState::Uploading, EvidenceState::Refused];

/// True for files that block the review.
pub fn is_missing(state: EvidenceState) -> bool {
    MISSING.contains(&state)
}

fn declare(
    prepared: &Prepared,
    entry: &ManifestEntry,
    filing: i32,
    at: DateTime<Utc>,
) -> Result<evidence::Model, Failure> {
    Ok(evidence::Model {
        firm_id: prepared.firm_id,
        id: entry.id,
        visit_id: prepared.visit_id,
        kind: entry.kind,
        state: EvidenceState::Declared,
        revision: filing,
        item_ids: serde_json::to_string(&entry.item_ids).map_err(Failure::internal)?,
        file_name: entry.file_name.clone(),
        sha256: entry.sha256.clone(),
        bytes: entry.bytes,
        media_type: entry.media_type.clone(),
        captured_at: entry.captured_at,
        // Faces and voices are personal data: a recording is never shown to a chain by default.
        chain_visible: entry.kind == EvidenceKind::Photo,
        problem_code: None,
        problem: None,
        facts: None,
        preview_320_sha256: None,
        preview_1600_sha256: None,
        report_sha256: None,
        exif: None,
        phash: None,
        declared_at: at,
        stored_at: None,
        purged_at: None,
        purge_rule: None,
    })
}

fn redeclare(old: &evidence::Model, entry: &ManifestEntry, filing: i32) -> Result<evidence::Model, Failure> {
    let mut row = evidence::Model {
        revision: if old.revision == 0 { filing } else { old.revision },
        item_ids: serde_json::to_string(&entry.item_ids).map_err(Failure::internal)?,
        file_name: entry.file_name.clone(),
        captured_at: entry.captured_at,
        ..old.clone()
    };
    if is_missing(old.state) {
        // A file that was refused may be announced anew; one that is on its way goes on.
        if old.state != EvidenceState::Uploading {
            row.state = EvidenceState::Declared;
        }
        row.kind = entry.kind;
        row.sha256 = entry.sha256.clone();
        row.bytes = entry.bytes;
        row.media_type = entry.media_type.clone();
        row.chain_visible = entry.kind == EvidenceKind::Photo;
        row.problem_code = None;
        row.problem = None;
    }
    Ok(row)
}

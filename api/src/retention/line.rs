//! The document `peegel.purge/1`: what was taken of one visit or person, and by which rule. No database, no clock.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ed25519_dalek::SigningKey;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::canonical::canonical;
use crate::entity::{event, evidence, revision};
use crate::failure::Failure;
use crate::signing::key::{PublicKey, sign};
use crate::words::{DataClass, EvidenceKind, PurgeReason};

/// What the document is; also the line that goes under the signature before it.
pub const FORMAT: &str = "peegel.purge/1";
/// The kinds of events whose payload is such a document.
pub const KINDS: [&str; 2] = ["visit.purged", "membership.purged"];

/// A period that ended.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EndedPeriod {
    /// The class.
    pub class: DataClass,
    /// How long it is kept; none for an erasure.
    pub days: Option<i32>,
    /// Since when, as the clock of the visit started; none for an erasure.
    pub since: Option<DateTime<Utc>>,
}

/// A file whose bytes were taken.
#[derive(Clone, Debug, Serialize)]
pub struct TakenFile {
    /// The file.
    pub evidence_id: Uuid,
    /// What it was.
    pub kind: EvidenceKind,
    /// The class by which it was taken.
    pub class: DataClass,
    /// The sha256 of the bytes that were stored.
    pub sha256: Option<String>,
    /// How many they were.
    pub bytes: Option<i64>,
}

/// A set of answers from which texts were taken.
#[derive(Clone, Debug, Serialize)]
struct TakenRevision {
    revision: i32,
    answers_sha256: String,
    withheld: Vec<String>,
}

/// An event whose payload was taken.
#[derive(Clone, Debug, Serialize)]
struct TakenEvent {
    seq: i64,
    payload_sha256: String,
}

/// What was taken.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Files whose bytes went.
    pub files: Vec<TakenFile>,
    revisions: Vec<TakenRevision>,
    events: Vec<TakenEvent>,
    rows: BTreeMap<&'static str, u64>,
}

impl Taken {
    /// Notes a file.
    pub fn file(&mut self, class: DataClass, row: &evidence::Model) {
        self.files.push(TakenFile {
            evidence_id: row.id,
            kind: row.kind,
            class,
            sha256: row.sha256.clone(),
            bytes: row.bytes,
        });
    }

    /// Notes a set of answers as it was filed.
    pub fn revision(&mut self, row: &revision::Model, withheld: &[String]) {
        self.revisions.push(TakenRevision {
            revision: row.revision,
            answers_sha256: row.answers_sha256.clone(),
            withheld: withheld.to_vec(),
        });
    }

    /// Notes an event whose payload went.
    pub fn event(&mut self, row: &event::Model) {
        self.events.push(TakenEvent { seq: row.seq, payload_sha256: row.payload_sha256.clone() });
    }

    /// Notes other rows, by their table.
    pub fn rows(&mut self, table: &'static str, rows: u64) {
        if rows > 0 {
            *self.rows.entry(table).or_default() += rows;
        }
    }

    /// Whether nothing was taken.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.revisions.is_empty() && self.events.is_empty() && self.rows.is_empty()
    }
}

/// Whom a line is about, and why.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The line.
    pub id: Uuid,
    /// The firm.
    pub firm_id: Uuid,
    /// The purge.
    pub purge_id: Uuid,
    /// What it was taken of, `object/id`.
    pub object: &'a str,
    /// When.
    pub at: DateTime<Utc>,
    /// Why.
    pub because: PurgeReason,
}

/// Writes and signs a line.
///
/// # Errors
///
/// [`Failure`] (500) when it cannot be written, which it always can.
pub fn issue(about: About<'_>, periods: &[EndedPeriod], taken: &Taken, key: &SigningKey) -> Result<String, Failure> {
    let public = PublicKey::of(key);
    let mut document = json!({
        "format": FORMAT,
        "id": about.id,
        "firm_id": about.firm_id,
        "purge_id": about.purge_id,
        "object": about.object,
        "at": about.at,
        "because": about.because,
        "periods": periods,
        "files": taken.files,
        "revisions": taken.revisions,
        "erased_events": taken.events,
        "rows": taken.rows,
        "key_id": public.id(),
        "public_key": public.to_text(),
    });
    document["signature"] = json!(sign(key, FORMAT, canonical(&document)?.text.as_bytes()));
    Ok(canonical(&document)?.text)
}

//! Receipts in answers.

use chrono::{DateTime, NaiveDate, Utc};
use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde_json::Value;
use uuid::Uuid;

/// How much of what was written a receipt carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Texts {
    /// Everything, for the firm.
    #[default]
    Full,
    /// Neither free texts nor the visit's own id, for handing on to the client.
    Withheld,
}

/// How the answers were scored.
#[derive(Debug, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ScoringMode {
    /// As a visit that is filed: answers with faults are refused.
    Submit,
    /// As history under a version: answers with faults count as unanswered.
    Rescore,
}

/// A score receipt, in canonical JSON (RFC 8785).
///
/// `signature` is over the line `peegel.receipt/1`, a line feed, and the receipt without the member `signature`.
#[derive(Debug, Object)]
pub struct ReceiptDocument {
    /// Always `peegel.receipt/1`.
    pub format: String,
    /// The firm.
    pub firm_id: Uuid,
    /// The visit; absent where texts are withheld, because ids that phones make tell the minute.
    #[oai(skip_serializing_if_is_none)]
    pub visit_id: Option<Uuid>,
    /// The visit, as the chain knows it.
    pub public_id: Uuid,
    /// 1, 2, 3 and so on.
    pub score_version: i32,
    /// The number of the set of answers.
    pub revision: i32,
    /// How the answers were scored.
    pub mode: ScoringMode,
    /// The whole version of the standard.
    pub standard: Any<Value>,
    /// The sha256 of `standard` in canonical form.
    pub standard_sha256: String,
    /// The answers by item id, as they were filed.
    pub answers: Any<Value>,
    /// The sha256 of `answers` in canonical form, as they stand here.
    pub answers_sha256: String,
    /// The items whose answer needed a file as proof and had one of the right kind.
    pub proven: Vec<String>,
    /// The items whose text or comment was replaced by an empty one; absent from a full receipt.
    #[oai(skip_serializing_if_is_none)]
    pub withheld: Option<Vec<String>>,
    /// The score with its trace, as it is stored.
    pub result: Any<Value>,
    /// The sha256 of `result` in canonical form.
    pub result_sha256: String,
    /// The version of the scoring rules.
    pub engine_version: String,
    /// The day of the scoring: in UTC; at the branch where texts are withheld, because two days of one moment would tell
    /// its hour.
    pub scored_on: NaiveDate,
    /// The id of the key that signed.
    pub key_id: String,
    /// Its public half in base64url.
    pub public_key: String,
    /// The Ed25519 signature in base64url.
    pub signature: String,
}

/// An evidence receipt, in canonical JSON (RFC 8785): what of a visit's evidence is on the server's disks for good.
///
/// `signature` is over the line `peegel.evidence-receipt/1`, a line feed, and the receipt without the member `signature`.
#[derive(Debug, Object)]
pub struct EvidenceReceiptDocument {
    /// Always `peegel.evidence-receipt/1`.
    pub format: String,
    /// The firm.
    pub firm_id: Uuid,
    /// The visit.
    pub visit_id: Uuid,
    /// The number of the revision filed last; 0 while the visit is a draft.
    pub revision: i32,
    /// True when the visit was filed and none of its files is missing.
    pub complete: bool,
    /// The files that are stored for good. A phone may delete these, and no others: what only a draft names is not here.
    pub files: Vec<StoredFileEntry>,
    /// The files that were given up, with the auditor's reason.
    pub lost: Vec<LostFileEntry>,
    /// The files that have not arrived.
    pub missing: Vec<MissingFileEntry>,
    /// The id of the key that signed.
    pub key_id: String,
    /// Its public half in base64url.
    pub public_key: String,
    /// The Ed25519 signature in base64url.
    pub signature: String,
}

/// A file that is stored for good.
#[derive(Debug, Object)]
pub struct StoredFileEntry {
    /// The file.
    pub evidence_id: Uuid,
    /// Its name.
    pub file_name: String,
    /// The sha256 of the bytes that are stored.
    pub sha256: String,
    /// How many they are.
    pub bytes: i64,
    /// When they were stored.
    pub stored_at: DateTime<Utc>,
}

/// A file that was given up.
#[derive(Debug, Object)]
pub struct LostFileEntry {
    /// The file.
    pub evidence_id: Uuid,
    /// Its name.
    pub file_name: String,
    /// What the auditor said.
    pub reason: Option<String>,
}

/// A file that has not arrived.
#[derive(Debug, Object)]
pub struct MissingFileEntry {
    /// The file.
    pub evidence_id: Uuid,
    /// Its name.
    pub file_name: String,
}

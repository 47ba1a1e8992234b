//! A score receipt in answers.

use chrono::NaiveDate;
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

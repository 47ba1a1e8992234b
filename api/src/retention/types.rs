//! Periods, holds and purges in requests and in answers.

use chrono::{DateTime, NaiveDate, Utc};
use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::entity::hold;
use crate::words::{DataClass, HeldObject, PurgeReason, PurgeState};

/// For how many days each class of data is kept, 1 to 36500; null, or absent, keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Object, Serialize, Deserialize)]
#[oai(deny_unknown_fields)]
#[serde(default)]
pub struct Days {
    /// Photos: what was sent, and everything made of it.
    #[oai(validator(minimum(value = "1"), maximum(value = "36500")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub photos: Option<i32>,
    /// Recordings, with their waveforms and transcripts.
    #[oai(validator(minimum(value = "1"), maximum(value = "36500")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recordings: Option<i32>,
    /// Documents.
    #[oai(validator(minimum(value = "1"), maximum(value = "36500")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documents: Option<i32>,
    /// What cameras wrote into photos: position, time, camera. The original that holds it goes with it, the previews stay as
    /// long as `photos`.
    #[oai(validator(minimum(value = "1"), maximum(value = "36500")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exif: Option<i32>,
    /// Where auditors were, and with which phone.
    #[oai(validator(minimum(value = "1"), maximum(value = "36500")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positions: Option<i32>,
    /// What people wrote: text answers, comments, reasons of the review, names of files, drafts.
    #[oai(validator(minimum(value = "1"), maximum(value = "36500")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_text: Option<i32>,
    /// Name and e-mail address of auditors who are disabled, counted from their last visit.
    #[oai(validator(minimum(value = "1"), maximum(value = "36500")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auditor_identity: Option<i32>,
}

impl Days {
    /// The period of a class; none keeps it.
    pub fn of(&self, class: DataClass) -> Option<i32> {
        match class {
            DataClass::Photos => self.photos,
            DataClass::Recordings => self.recordings,
            DataClass::Documents => self.documents,
            DataClass::Exif => self.exif,
            DataClass::Positions => self.positions,
            DataClass::FreeText => self.free_text,
            DataClass::AuditorIdentity => self.auditor_identity,
        }
    }
}

/// Whose periods count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum RuleOf {
    /// The chain's own.
    Chain,
    /// The firm's.
    Firm,
    /// Nobody has said anything: everything is kept.
    Nobody,
}

/// How long data is kept.
#[derive(Debug, Object)]
pub struct RetentionView {
    /// The periods that count.
    pub days: Days,
    /// Whose they are.
    pub of: RuleOf,
    /// Since when they are so. They are followed from the next night on.
    pub changed_at: Option<DateTime<Utc>>,
}

/// How long data is to be kept.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct RetentionIn {
    /// All periods anew: a class that is not named is kept. Absent or null, there is no rule here: a chain follows the firm
    /// again, and a firm without one keeps everything.
    pub days: Option<Days>,
}

/// A hold to be made.
#[derive(Debug, Object, Serialize)]
#[oai(deny_unknown_fields)]
pub struct HoldIn {
    /// What it is on.
    pub on: HeldObject,
    /// The visit, branch or chain, or a membership of the person.
    pub object_id: Uuid,
    /// Why, in 1 to 1000 characters, for those who will ask. Name no more people than you must: it is kept.
    #[oai(validator(max_length = 1000))]
    pub reason: String,
}

/// A hold: what it is on is neither purged nor erased while it lasts.
#[derive(Debug, Object)]
pub struct HoldView {
    /// The hold.
    pub id: Uuid,
    /// What it is on.
    pub on: HeldObject,
    /// The visit, branch or chain, or a membership of the person.
    pub object_id: Uuid,
    /// Why.
    pub reason: String,
    /// The membership that made it.
    pub created_by: Uuid,
    /// When.
    pub created_at: DateTime<Utc>,
    /// The membership that ended it.
    pub released_by: Option<Uuid>,
    /// When it ended.
    pub released_at: Option<DateTime<Utc>>,
}

impl From<hold::Model> for HoldView {
    fn from(row: hold::Model) -> Self {
        Self {
            id: row.id,
            on: row.on_what,
            object_id: row.object_id,
            reason: row.reason,
            created_by: row.created_by,
            created_at: row.created_at,
            released_by: row.released_by,
            released_at: row.released_at,
        }
    }
}

/// What a purge took of a class of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Object)]
pub struct ClassCount {
    /// The class.
    pub class: DataClass,
    /// Visits of which it was taken.
    pub visits: i64,
    /// Files.
    pub files: i64,
    /// Their bytes, as they were sent.
    pub bytes: i64,
}

/// Visits that a purge left alone because of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Object)]
pub struct HeldCount {
    /// The hold.
    pub hold_id: Uuid,
    /// How many.
    pub visits: i64,
}

/// One run through what is due, or the purge that belongs to an erasure.
#[derive(Debug, Object)]
pub struct PurgeView {
    /// The purge.
    pub id: Uuid,
    /// Why.
    pub because: PurgeReason,
    /// The day of a nightly one (UTC); null for one by the command line and for erasures.
    pub day: Option<NaiveDate>,
    /// How far it has come.
    pub state: PurgeState,
    /// What was taken, by class.
    pub counts: Vec<ClassCount>,
    /// What was due and left alone because of a hold.
    pub held: Vec<HeldCount>,
    /// Visits that could not be purged; they are tried again in the next night, and the log says why.
    pub failed: i64,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// What was taken of one visit or person, signed.
#[derive(Debug, Object)]
pub struct PurgeLineView {
    /// Its id.
    pub id: Uuid,
    /// What it is about, `visit/id` or `membership/id`.
    pub object: String,
    /// The document `peegel.purge/1`. Written in canonical JSON (RFC 8785), `peegel receipt verify` checks it.
    pub document: Any<Value>,
}

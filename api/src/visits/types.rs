//! A visit in requests and in answers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use poem_openapi::types::Any;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::consent::types::{ConsentIn, Told};
use crate::evidence::types::EvidenceView;
use crate::review::types::{QuestionView, ReturnedView};
use crate::words::{
    AttemptedBecause, DataClass, EvidenceKind, Outcome, QuarantineReason, Reporting, RevisionKind, VisitState,
};

/// A visit as the phone sends it. All problems are answered at once; unknown members are refused.
#[derive(Debug, Object)]
pub struct VisitIn {
    /// The assignment that the visit is for.
    pub assignment_id: Uuid,
    /// `draft` saves the work so far, `submitted` files it.
    pub state: WriteState,
    /// Whether the visit could be made; `completed` if absent.
    pub outcome: Option<Outcome>,
    /// Why it could not be made; required to file one that is `attempted`, together with a file that proves it.
    pub attempted_because: Option<AttemptedBecause>,
    /// Answers by item id; null stands for no answer.
    #[oai(validator(max_properties = 500))]
    pub answers: BTreeMap<String, Option<AnswerIn>>,
    /// The evidence manifest: every file that belongs to the visit. It freezes at submit.
    #[oai(validator(max_items = 200))]
    pub evidence: Option<Vec<EvidenceIn>>,
    /// What the phone says of itself and of its clock.
    pub device: Option<DeviceIn>,
    /// When and where the auditor was, by the phone. Reviewers and firm admins read it, nobody else; what is told with
    /// the first filing stays.
    pub stay: Option<StayIn>,
    /// Another visit of yours for the same assignment that was changed on two devices at once, when this is the copy that
    /// lost. The copy is kept and flagged, and never counts beside the other. Said when it is created, and stays.
    pub copy_of: Option<Uuid>,
}

/// The answer to an item: `{"v": value}` or `{"na": true}`, each with an optional `comment` and `moments`.
#[derive(Debug, Object)]
pub struct AnswerIn {
    /// The value; what it may be is up to the item. Not an object, and a text has at most 5000 characters.
    pub v: Option<Any<Value>>,
    /// True when the item did not apply.
    pub na: Option<bool>,
    /// Anything to add, in at most 5000 characters; an empty one is none.
    #[oai(validator(max_length = 5000, pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"))]
    pub comment: Option<String>,
    /// Where in the visit's recordings the answer is to be heard. Without effect on the score.
    #[oai(validator(max_items = 10))]
    pub moments: Option<Vec<MomentIn>>,
}

/// A moment of a recording.
#[derive(Debug, Object)]
pub struct MomentIn {
    /// A recording of the visit's manifest.
    pub evidence_id: Uuid,
    /// When in it, in milliseconds from its beginning.
    #[oai(validator(minimum(value = "0"), maximum(value = "604800000")))]
    pub at_ms: i64,
}

/// What a write wants the visit to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, poem_openapi::Enum)]
#[oai(rename_all = "snake_case")]
pub enum WriteState {
    /// Work in progress.
    Draft,
    /// Filed.
    Submitted,
}

impl std::str::FromStr for WriteState {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "draft" => Ok(Self::Draft),
            "submitted" => Ok(Self::Submitted),
            _ => Err("is one of: draft, submitted".to_owned()),
        }
    }
}

/// One file of the manifest.
#[derive(Debug, Object)]
pub struct EvidenceIn {
    /// An id that the phone made, any RFC 9562 UUID.
    pub id: Uuid,
    /// The items that it proves.
    #[oai(validator(max_items = 50))]
    pub item_ids: Vec<String>,
    /// What it is.
    pub kind: EvidenceKind,
    /// Its name, unique in the visit; not a path.
    #[oai(validator(
        max_length = 255,
        pattern = r"^[^/\\\x00-\x1f\x7f-\x9f]*[^\s/\\\x00-\x1f\x7f-\x9f][^/\\\x00-\x1f\x7f-\x9f]*$"
    ))]
    pub file_name: String,
    /// The sha256 of its bytes in lower-case hex, if known already.
    #[oai(validator(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: Option<String>,
    /// Its size, if known already.
    #[oai(validator(minimum(value = "0"), maximum(value = "209715200")))]
    pub bytes: Option<i64>,
    /// Its media type, such as `image/jpeg`.
    #[oai(validator(max_length = 127))]
    pub media_type: Option<String>,
    /// When it was taken, by the phone's clock.
    pub captured_at: Option<DateTime<Utc>>,
    /// The consent of those who are heard in it; only for a recording. It is recorded when the visit is filed, once.
    pub consent: Option<ConsentIn>,
}

/// The phone.
#[derive(Debug, Object)]
pub struct DeviceIn {
    /// The phone's clock when it sent this.
    pub at: Option<DateTime<Utc>>,
    /// The phone's clock that never goes back, in milliseconds.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub monotonic_ms: Option<i64>,
    /// Its model.
    #[oai(validator(max_length = 200))]
    pub model: Option<String>,
    /// Its operating system.
    #[oai(validator(max_length = 200))]
    pub os: Option<String>,
    /// The app and its version.
    #[oai(validator(max_length = 200))]
    pub app: Option<String>,
    /// A random id that the app made for itself when it was installed. Only a hash of it and the firm is kept.
    #[oai(validator(max_length = 200))]
    pub id: Option<String>,
}

/// When and where the auditor was, by the phone; all by its clock, none of it required.
#[derive(Debug, Object)]
pub struct StayIn {
    /// When the auditor came to the branch, or began the call.
    pub arrived_at: Option<DateTime<Utc>>,
    /// When the auditor left it, or ended the call.
    pub left_at: Option<DateTime<Utc>>,
    /// How long the questionnaire was worked on in all, in milliseconds, by the clock that never goes back.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub answering_ms: Option<i64>,
    /// Where the phone found itself, in the order in which it did.
    #[oai(validator(max_items = 50))]
    pub positions: Option<Vec<Position>>,
}

/// A position that a phone has found, on WGS 84.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
pub struct Position {
    /// When.
    pub at: DateTime<Utc>,
    /// Degrees north.
    #[oai(validator(minimum(value = "-90"), maximum(value = "90")))]
    pub latitude: f64,
    /// Degrees east.
    #[oai(validator(minimum(value = "-180"), maximum(value = "180")))]
    pub longitude: f64,
    /// How far off it may be, in metres, as the phone says.
    #[oai(validator(minimum(value = "0"), maximum(value = "100000000")))]
    pub accuracy_m: Option<f64>,
    /// Whether the phone says that an app has made it up.
    pub is_mock: Option<bool>,
}

/// A parsed stay.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stay {
    /// When the auditor came.
    pub arrived_at: Option<DateTime<Utc>>,
    /// When the auditor left.
    pub left_at: Option<DateTime<Utc>>,
    /// How long the questionnaire was worked on, in milliseconds.
    pub answering_ms: Option<i64>,
    /// Where the phone found itself, in order.
    pub positions: Vec<Position>,
}

/// One parsed file of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestEntry {
    /// The phone's id.
    pub id: Uuid,
    /// The items that it proves.
    pub item_ids: Vec<String>,
    /// What it is.
    pub kind: EvidenceKind,
    /// Its name.
    pub file_name: String,
    /// The sha256 of its bytes, if known.
    pub sha256: Option<String>,
    /// Its size, if known.
    pub bytes: Option<i64>,
    /// Its media type, as the phone says.
    pub media_type: Option<String>,
    /// When it was taken.
    pub captured_at: Option<DateTime<Utc>>,
    /// The consent of those who are heard in it.
    pub consent: Option<Told>,
}

/// How much of the evidence has arrived: `m of n files`.
#[derive(Clone, Debug, PartialEq, Eq, Object, Serialize, Deserialize)]
pub struct EvidenceProgress {
    /// Files in the manifest.
    pub total: i64,
    /// Files that have arrived, or that the auditor declared lost.
    pub arrived: i64,
    /// The files still to come.
    pub missing: Vec<MissingFile>,
}

/// A file that has not arrived.
#[derive(Clone, Debug, PartialEq, Eq, Object, Serialize, Deserialize)]
pub struct MissingFile {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub file_name: String,
}

/// The score of a visit in short.
#[derive(Clone, Debug, PartialEq, Eq, Object, Serialize, Deserialize)]
pub struct ScoreSummary {
    /// The score after caps, in basis points; null when nothing could be scored.
    pub score_bp: Option<i64>,
    /// The score before visit-wide caps, in basis points.
    pub raw_bp: Option<i64>,
    /// The label of its band; null when too little was scored.
    pub band: Option<String>,
    /// Whether it passed; null without a pass mark or when too little was scored.
    pub passed: Option<bool>,
    /// True when too little of the standard was scored for the number to count.
    pub insufficient: bool,
    /// How much of the weight was scored, in basis points.
    pub scored_share_bp: Option<i64>,
    /// True when a critical item of visit scope failed.
    pub capped: bool,
}

/// What the server keeps of a write: the answer to `PUT`, given again when the same write comes again.
#[derive(Clone, Debug, PartialEq, Eq, Object, Serialize, Deserialize)]
pub struct VisitSaved {
    /// The visit.
    pub id: Uuid,
    /// How far it has come.
    pub state: VisitState,
    /// The entity tag to send as `If-Match` with the next change.
    pub etag: String,
    /// The number of the revision filed last; 0 while there is none.
    pub revision: i32,
    /// The number of its score; 0 while there is none.
    pub score_version: i32,
    /// Its score; null for drafts and for visits that could not be made.
    pub score: Option<ScoreSummary>,
    /// How much of the evidence has arrived.
    pub evidence: EvidenceProgress,
    /// Why the visit was kept and flagged, if it was.
    pub quarantine_reason: Option<QuarantineReason>,
    /// When the server accepted the write.
    pub received_at: DateTime<Utc>,
}

/// A visit in a list.
#[derive(Debug, Object)]
pub struct VisitSummary {
    /// The visit.
    pub id: Uuid,
    /// The assignment that it is for.
    pub assignment_id: Uuid,
    /// The wave.
    pub wave_id: Uuid,
    /// The branch.
    pub branch_id: Uuid,
    /// The auditor's membership.
    pub auditor_id: Uuid,
    /// The standard.
    pub standard_id: String,
    /// Its version.
    pub standard_version: i32,
    /// How far the visit has come.
    pub state: VisitState,
    /// Whether it could be made.
    pub outcome: Outcome,
    /// Why it could not be made.
    pub attempted_because: Option<AttemptedBecause>,
    /// Whether it counts in reports.
    pub reporting: Reporting,
    /// Whether the auditor is paid for it.
    pub payable: bool,
    /// Why it was kept and flagged, if it was.
    pub quarantine_reason: Option<QuarantineReason>,
    /// The visit that it is a copy of, if it was filed as one.
    pub copy_of: Option<Uuid>,
    /// Who reviews it.
    pub reviewer_id: Option<Uuid>,
    /// Its score in basis points.
    pub score_bp: Option<i32>,
    /// How much of the evidence has arrived.
    pub evidence: EvidenceProgress,
    /// Signals that no reviewer has judged; for firm admins and reviewers only.
    #[oai(skip_serializing_if_is_none)]
    pub open_signals: Option<i64>,
    /// When it was filed first.
    pub submitted_at: Option<DateTime<Utc>>,
    /// When its results were published.
    pub published_at: Option<DateTime<Utc>>,
}

/// A visit with everything that was filed.
#[derive(Debug, Object)]
pub struct VisitView {
    /// The visit in short.
    #[oai(flatten)]
    pub summary: VisitSummary,
    /// The entity tag to send as `If-Match` with the next change.
    pub etag: String,
    /// The number of the revision filed last; 0 while there is none.
    pub revision: i32,
    /// The number of its current score; 0 while there is none.
    pub score_version: i32,
    /// The answers filed last; null while nothing was filed.
    pub answers: Option<Any<Value>>,
    /// The draft being worked on, as it was sent but for `device.id`; null when there is none.
    pub draft: Option<Any<Value>>,
    /// The files of the manifest.
    pub files: Vec<EvidenceView>,
    /// Those of them that are neither played nor exported now: recordings that the policy or missing consent keeps back.
    pub unheard: Vec<Uuid>,
    /// Moments of the answers filed last that lie behind the end of their recording, whose length was found later.
    pub stray_moments: Vec<StrayMoment>,
    /// What the reviewer said last.
    pub review_reason: Option<String>,
    /// Why the visit was excluded from reports, or included again.
    pub reporting_reason: Option<String>,
    /// What it was returned for and until when; null before, and once it is approved or rejected.
    pub returned: Option<ReturnedView>,
    /// Questions about it, oldest first.
    pub questions: Vec<QuestionView>,
    /// The phone's clock at the last write.
    pub device_at: Option<DateTime<Utc>>,
    /// How far the server's clock was ahead of the phone's, in milliseconds.
    pub skew_ms: Option<i64>,
    /// When the last write was accepted.
    pub received_at: DateTime<Utc>,
    /// The classes of data that were purged: their periods ended, or the auditor was erased.
    pub purged: Vec<DataClass>,
}

/// A moment behind the end of its recording.
#[derive(Debug, Object)]
pub struct StrayMoment {
    /// The item whose answer names it.
    pub item_id: String,
    /// The recording.
    pub evidence_id: Uuid,
    /// The moment, in milliseconds.
    pub at_ms: i64,
    /// Length of the recording, in milliseconds.
    pub duration_ms: i64,
}

/// One score of a visit, with its trace.
#[derive(Debug, Object)]
pub struct ScoreView {
    /// 1, 2, 3 and so on; the last one counts.
    pub score_version: i32,
    /// The revision that was scored.
    pub revision: i32,
    /// What the revision is.
    pub revision_kind: RevisionKind,
    /// The standard.
    pub standard_id: String,
    /// Its version.
    pub standard_version: i32,
    /// The version of the scoring rules.
    pub engine_version: String,
    /// The score after caps, in basis points.
    pub score_bp: Option<i32>,
    /// The score before visit-wide caps, in basis points.
    pub raw_bp: Option<i32>,
    /// Everything that made the score: sections, dimensions and items, with exact fractions and lost points.
    pub result: Any<Value>,
    /// When it was computed.
    pub created_at: DateTime<Utc>,
}

/// All scores of a visit.
#[derive(Debug, Object)]
pub struct ScoresView {
    /// The scores, oldest first.
    pub data: Vec<ScoreView>,
}

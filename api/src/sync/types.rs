//! What phones send and get when they have a network again.

use chrono::{DateTime, Utc};
use poem_openapi::{Enum, Object, Union};
use uuid::Uuid;

use crate::entity::visit;
use crate::fieldwork::types::AssignmentView;
use crate::http::problem::Problem;
use crate::review::types::{QuestionView, ReturnedView};
use crate::visits::types::{EvidenceProgress, VisitIn, VisitSaved};
use crate::words::{AttemptedBecause, Outcome, QuarantineReason, Reporting, VisitState};

/// Visits that waited for a network.
#[derive(Debug, Object)]
pub struct PushIn {
    /// The visits, oldest change first. Several changes of one visit are made in this order.
    #[oai(validator(max_items = 100))]
    pub items: Vec<PushItem>,
    /// The phone's clocks now, at the moment of sending; a visit's own `device.at` may be days old.
    pub device: Option<ClocksIn>,
}

/// One visit to be saved or filed, as `PUT /v1/visits/{visit_id}` takes it.
#[derive(Debug, Object)]
pub struct PushItem {
    /// The visit; an id that the phone made, any RFC 9562 UUID.
    pub visit_id: Uuid,
    /// The ETag of the copy that was changed.
    #[oai(validator(max_length = 200))]
    pub if_match: Option<String>,
    /// `*` to create.
    #[oai(validator(max_length = 1, pattern = r"^\*$"))]
    pub if_none_match: Option<String>,
    /// The visit. What is wrong in here is told with the item, with pointers into it, and stops no other item.
    pub visit: VisitIn,
}

/// The clocks of a phone.
#[derive(Debug, Object)]
pub struct ClocksIn {
    /// The clock that people set.
    pub at: Option<DateTime<Utc>>,
    /// The clock that never goes back, in milliseconds.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub monotonic_ms: Option<i64>,
}

/// What came of each visit.
#[derive(Debug, Object)]
pub struct PushOut {
    /// The results, in the order of the items.
    pub results: Vec<PushResult>,
    /// The server's clock.
    pub server_time: DateTime<Utc>,
}

/// What came of one visit.
#[derive(Debug, Object)]
pub struct PushResult {
    /// The visit.
    pub visit_id: Uuid,
    /// What happened.
    pub status: PushStatus,
    /// The status that `PUT /v1/visits/{visit_id}` would have answered with.
    pub http_status: u16,
    /// True when the reason is a passing one: send the same item again later. Everything else that was not taken needs
    /// somebody's attention first.
    pub retryable: bool,
    /// The entity tag to send as `if_match` with the next change; after a conflict that of the copy on the server.
    pub etag: Option<String>,
    /// What was saved.
    pub saved: Option<VisitSaved>,
    /// Why it was not taken, or was kept as a draft only; pointers are into `visit`.
    pub problem: Option<Problem>,
}

/// What happened to a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum PushStatus {
    /// It is new here.
    Created,
    /// It was changed.
    Updated,
    /// The same was accepted before; this is the answer of that time. Or it was not, and a later change of the visit in the
    /// same push was: `etag` is of that one, and `saved` is absent.
    Unchanged,
    /// It was changed from an old copy, or is in a state in which it cannot be written. Nothing was overwritten.
    Conflict,
    /// It has problems; one that was to be filed may have been kept as a draft (`kept_as_draft`).
    Invalid,
    /// It is not the caller's, or cannot be taken now (`retryable`).
    Refused,
}

/// What concerns a phone: at first everything, then what changed.
#[derive(Debug, Object)]
pub struct Changes {
    /// What is new or has changed, each thing once, in the order in which it happened; standards first, because
    /// assignments name them. At most `limit` facts make a page, so it may be shorter or a little longer.
    pub changes: Vec<Change>,
    /// Visits of one's own that can be written, with the ETag of the copy here; at most the 200 with the highest ids.
    /// Only on the last page. A copy with another ETag was written on another device.
    pub drafts: Option<Vec<SyncDraft>>,
    /// Send it as `cursor` for the next page, or for what happens from here on.
    pub next_cursor: String,
    /// True when there is more now; false when the phone knows everything.
    pub has_more: bool,
    /// The server's clock.
    pub server_time: DateTime<Utc>,
}

/// Something that is new, has changed, or is not the caller's any more.
#[derive(Debug, Union)]
#[oai(discriminator_name = "type", one_of = true)]
pub enum Change {
    /// An assignment.
    #[oai(mapping = "assignment")]
    Assignment(AssignmentChange),
    /// A version of a standard.
    #[oai(mapping = "standard")]
    Standard(StandardChange),
    /// A visit.
    #[oai(mapping = "visit")]
    Visit(VisitChange),
}

/// An assignment in the caller's hands, or on the job board.
#[derive(Debug, Object)]
pub struct AssignmentChange {
    /// The assignment.
    pub id: Uuid,
    /// True when it is not the caller's any more: handed back, declined, cancelled, claimed by somebody else, or still on
    /// the job board when its wave was closed. Keep a visit that was begun for it: it is taken all the same, and flagged.
    pub deleted: bool,
    /// The assignment with what a phone needs to go there; null when `deleted`.
    pub object: Option<AssignmentView>,
}

/// A version of a standard by which the caller visits.
#[derive(Debug, Object)]
pub struct StandardChange {
    /// The standard and its version, `id/version`.
    pub id: String,
    /// Always false: a published version never changes, and is needed as long as an assignment or a visit names it.
    pub deleted: bool,
    /// The ETag of the version.
    pub etag: String,
    /// Where to find it.
    pub object: Option<SyncStandard>,
}

/// Where to find a version of a standard.
#[derive(Debug, Object)]
pub struct SyncStandard {
    /// The standard.
    pub standard_id: String,
    /// Its version.
    pub version: i32,
    /// The sha256 of its bytes: what is there already under this hash need not be fetched.
    pub sha256: String,
    /// The address to fetch it from; the answer may be kept for ever.
    pub href: String,
}

/// A visit of the caller's own.
#[derive(Debug, Object)]
pub struct VisitChange {
    /// The visit.
    pub id: Uuid,
    /// Always false: what was filed stays.
    pub deleted: bool,
    /// The entity tag to send as `If-Match` with the next change.
    pub etag: String,
    /// The visit.
    pub object: Option<SyncVisit>,
}

/// A visit as its auditor's phone needs it.
#[derive(Debug, Object)]
pub struct SyncVisit {
    /// The assignment.
    pub assignment_id: Uuid,
    /// The branch.
    pub branch_id: Uuid,
    /// The standard.
    pub standard_id: String,
    /// Its version.
    pub standard_version: i32,
    /// How far it has come.
    pub state: VisitState,
    /// Whether it could be made.
    pub outcome: Outcome,
    /// Why it could not be made.
    pub attempted_because: Option<AttemptedBecause>,
    /// Whether it counts in reports.
    pub reporting: Reporting,
    /// Whether the auditor is paid for it.
    pub payable: bool,
    /// The number of the revision filed last; 0 while there is none.
    pub revision: i32,
    /// Why it was returned or rejected.
    pub review_reason: Option<String>,
    /// What it was returned for and until when; null before, and once it is approved or rejected.
    pub returned: Option<ReturnedView>,
    /// Questions about it that are not closed, oldest first.
    pub questions: Vec<QuestionView>,
    /// Why it was kept and flagged, if it was.
    pub quarantine_reason: Option<QuarantineReason>,
    /// How much of the evidence has arrived.
    pub evidence: EvidenceProgress,
    /// Signals that a reviewer asks about and that are not answered; `GET /v1/visits/{id}/signals` has them.
    pub signals_to_answer: i64,
    /// When it was filed first.
    pub submitted_at: Option<DateTime<Utc>>,
}

impl SyncVisit {
    /// A visit with what has arrived of its evidence, how many signals wait for an answer, and its questions.
    pub fn new(
        row: visit::Model,
        evidence: EvidenceProgress,
        signals_to_answer: i64,
        questions: Vec<QuestionView>,
    ) -> Self {
        Self {
            returned: ReturnedView::of(&row),
            questions,
            assignment_id: row.assignment_id,
            branch_id: row.branch_id,
            standard_id: row.standard_id,
            standard_version: row.standard_version,
            state: row.state,
            outcome: row.outcome,
            attempted_because: row.attempted_because,
            reporting: row.reporting,
            payable: row.payable,
            revision: row.current_revision,
            review_reason: row.review_reason,
            quarantine_reason: row.quarantine_reason,
            evidence,
            signals_to_answer,
            submitted_at: row.submitted_at,
        }
    }
}

/// A visit that can be written.
#[derive(Debug, Object)]
pub struct SyncDraft {
    /// The visit.
    pub visit_id: Uuid,
    /// The assignment that it is for.
    pub assignment_id: Uuid,
    /// The entity tag of the copy on the server.
    pub etag: String,
    /// When that was written.
    pub saved_at: DateTime<Utc>,
}

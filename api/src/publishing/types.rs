//! Publishing in requests and in answers.

use poem_openapi::{Enum, Object};
use uuid::Uuid;

use crate::results::types::ResultView;
use crate::words::{VisitState, WaveState};

/// What the chain will see of a visit once it is published.
#[derive(Debug, Object)]
pub struct VisitPreview {
    /// The visit.
    pub visit_id: Uuid,
    /// How far it has come.
    pub state: VisitState,
    /// Why the chain would not see it even if it were published; empty when it would.
    pub hidden_because: Vec<HiddenBecause>,
    /// What the chain gets from `GET /v1/results/{result_id}`, made in the same way; the days of publishing and of the last
    /// appeal are those of today until it is published.
    pub result: ResultView,
}

/// Why a visit is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum HiddenBecause {
    /// It was kept and flagged, and nobody has cleared it.
    Quarantined,
    /// It is left out of reports.
    Excluded,
    /// It was rejected.
    Rejected,
}

/// Which visits of a wave are published.
#[derive(Debug, Default, Object)]
#[oai(deny_unknown_fields)]
pub struct WavePublishing {
    /// These; all that are approved if absent, in the order of their ids, 200 a call.
    #[oai(validator(min_items = 1, max_items = 200))]
    pub visit_ids: Option<Vec<Uuid>>,
    /// Where the last call ended; only without `visit_ids`.
    #[oai(validator(min_length = 1, max_length = 200))]
    pub cursor: Option<String>,
}

/// What came of publishing visits of a wave.
#[derive(Debug, Object)]
pub struct WavePublication {
    /// The visits that were published.
    pub published: Vec<Uuid>,
    /// Those that were not, and why.
    pub refused: Vec<RefusedVisit>,
    /// Visits of the wave that are approved, counted in reports and not published yet.
    pub remaining: i64,
    /// Send it as `cursor` for the next 200; absent when there are no more.
    pub next_cursor: Option<String>,
}

/// A visit that was not published.
#[derive(Debug, Object)]
pub struct RefusedVisit {
    /// The visit.
    pub visit_id: Uuid,
    /// Why, for programs: the code that publishing it alone would be answered with.
    pub code: String,
    /// Why, and what to do.
    pub message: String,
}

/// Why a result is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(deny_unknown_fields)]
pub struct Unpublication {
    /// What the firm has to know, in 1 to 2000 characters.
    #[oai(validator(max_length = 2000))]
    pub reason: String,
    /// What the chain is told beside the day, in 1 to 2000 characters; nothing if absent.
    #[oai(validator(max_length = 2000))]
    pub public_reason: Option<String>,
}

/// What of a wave is still open.
#[derive(Debug, Object)]
pub struct WaveChecklist {
    /// The wave.
    pub wave_id: Uuid,
    /// How far it has come.
    pub state: WaveState,
    /// True when nothing is open: the wave can be closed without a reason.
    pub is_clear: bool,
    /// What is open, one entry a kind that has any.
    pub points: Vec<ChecklistPoint>,
}

/// Open things of a kind.
#[derive(Debug, Object)]
pub struct ChecklistPoint {
    /// What is open.
    pub kind: OpenKind,
    /// How many.
    pub count: i64,
    /// The first of them, at most 20: assignments, visits, questions, second scorings or appeals, as the
    /// kind says.
    pub first_ids: Vec<Uuid>,
}

/// A kind of thing that is open in a wave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum OpenKind {
    /// Assignments that nobody has fulfilled yet.
    UnfulfilledAssignments,
    /// Visits that wait for their review.
    Submitted,
    /// Visits that somebody reviews.
    InReview,
    /// Visits that their auditors have to file again.
    Returned,
    /// Visits that were filed again and wait for their review.
    Resubmitted,
    /// Visits that are approved and counted, and not published.
    ApprovedUnpublished,
    /// Filed visits of which files have not arrived.
    MissingFiles,
    /// Visits that were kept and flagged, and that nobody has cleared or rejected.
    Quarantined,
    /// Questions to auditors that nobody has closed.
    OpenQuestions,
    /// Visits that somebody is to score a second time, and has not.
    SecondScorings,
    /// Appeals that nobody has decided.
    OpenAppeals,
}

impl OpenKind {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnfulfilledAssignments => "unfulfilled_assignments",
            Self::Submitted => "submitted",
            Self::InReview => "in_review",
            Self::Returned => "returned",
            Self::Resubmitted => "resubmitted",
            Self::ApprovedUnpublished => "approved_unpublished",
            Self::MissingFiles => "missing_files",
            Self::Quarantined => "quarantined",
            Self::OpenQuestions => "open_questions",
            Self::SecondScorings => "second_scorings",
            Self::OpenAppeals => "open_appeals",
        }
    }
}

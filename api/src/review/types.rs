//! A visit under review, in requests and in answers.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use uuid::Uuid;

use crate::entity::visit;
use crate::words::{QuarantineReason, VisitState};

/// Why a visit is moved.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct ReviewReason {
    /// What the next person has to know, in 1 to 2000 characters.
    #[oai(validator(max_length = 2000))]
    pub reason: String,
}

/// Approving a visit.
#[derive(Debug, Default, Object)]
#[oai(deny_unknown_fields)]
pub struct Approval {
    /// Why a visit that was kept and flagged counts all the same; required for such a visit.
    #[oai(validator(max_length = 2000))]
    pub quarantine_cleared_because: Option<String>,
}

/// Where a visit stands in its review.
#[derive(Debug, Object)]
pub struct ReviewView {
    /// The visit.
    pub id: Uuid,
    /// How far it has come.
    pub state: VisitState,
    /// The membership of who took it for review last.
    pub reviewer_id: Option<Uuid>,
    /// What the reviewer said last; null once the visit is approved or published.
    pub review_reason: Option<String>,
    /// Why the visit was kept and flagged; null once that was cleared.
    pub quarantine_reason: Option<QuarantineReason>,
    /// When its results were published; null while they are not.
    pub published_at: Option<DateTime<Utc>>,
    /// The number of the revision that counts.
    pub revision: i32,
    /// The number of the score that counts; 0 for a visit that could not be made.
    pub score_version: i32,
}

impl From<visit::Model> for ReviewView {
    fn from(row: visit::Model) -> Self {
        Self {
            id: row.id,
            state: row.state,
            reviewer_id: row.reviewer_id,
            review_reason: row.review_reason,
            quarantine_reason: row.quarantine_reason,
            published_at: row.published_at,
            revision: row.current_revision,
            score_version: row.current_score_version,
        }
    }
}

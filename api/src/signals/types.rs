//! Signals in requests and in answers.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use poem_openapi::types::Any;
use serde_json::Value;
use uuid::Uuid;

use crate::entity::signal;
use crate::signals::reasons::reason;
use crate::visits::types::{Position, Stay};
use crate::words::{SignalCode, SignalVerdict};

/// The signals of a visit.
#[derive(Debug, Object)]
pub struct SignalsView {
    /// The signals, as they were found.
    pub data: Vec<SignalView>,
    /// When and where the auditor was, by the phone; absent when it told nothing, and for auditors.
    #[oai(skip_serializing_if_is_none)]
    pub stay: Option<StayView>,
}

/// When and where an auditor was, by the phone and its clock.
#[derive(Debug, Object)]
pub struct StayView {
    /// When the auditor came to the branch, or began the call.
    pub arrived_at: Option<DateTime<Utc>>,
    /// When the auditor left it, or ended the call.
    pub left_at: Option<DateTime<Utc>>,
    /// How long the questionnaire was worked on, in milliseconds.
    pub answering_ms: Option<i64>,
    /// Where the phone found itself, in the order in which it did.
    pub positions: Vec<Position>,
}

impl From<Stay> for StayView {
    fn from(stay: Stay) -> Self {
        let Stay { arrived_at, left_at, answering_ms, positions } = stay;
        Self { arrived_at, left_at, answering_ms, positions }
    }
}

/// Something about a visit that does not fit together: a reason to look, never a verdict.
#[derive(Debug, Object)]
pub struct SignalView {
    /// Its id.
    pub id: Uuid,
    /// The visit.
    pub visit_id: Uuid,
    /// What it says, for programs.
    pub code: SignalCode,
    /// The file that it is about; null when it is about the visit.
    pub evidence_id: Option<Uuid>,
    /// What it says, in English.
    pub reason: String,
    /// By how much: lengths in `_m`, times in `_s`, with what was allowed for. `elsewhere` names other visits, for
    /// reviewers only.
    pub figures: Any<Value>,
    /// When it was found first.
    pub found_at: DateTime<Utc>,
    /// When a reviewer asked the auditor about it.
    pub shared_at: Option<DateTime<Utc>>,
    /// What the auditor says to it.
    pub answer: Option<String>,
    /// When the auditor said so.
    pub answered_at: Option<DateTime<Utc>>,
    /// What a reviewer made of it; for firm admins and reviewers only, as are the next three.
    #[oai(skip_serializing_if_is_none)]
    pub verdict: Option<SignalVerdict>,
    /// Why.
    #[oai(skip_serializing_if_is_none)]
    pub verdict_note: Option<String>,
    /// The reviewer's membership.
    #[oai(skip_serializing_if_is_none)]
    pub verdict_by: Option<Uuid>,
    /// When.
    #[oai(skip_serializing_if_is_none)]
    pub verdict_at: Option<DateTime<Utc>>,
}

impl SignalView {
    /// A signal as a reviewer reads it.
    pub fn for_reviewer(row: signal::Model) -> Self {
        let figures: Value = serde_json::from_str(&row.figures).unwrap_or_default();
        Self {
            id: row.id,
            visit_id: row.visit_id,
            code: row.code,
            evidence_id: Some(row.subject_id).filter(|subject| *subject != row.visit_id),
            reason: reason(row.code, &figures),
            figures: Any(figures),
            found_at: row.found_at,
            shared_at: row.shared_at,
            answer: row.answer,
            answered_at: row.answered_at,
            verdict: row.verdict,
            verdict_note: row.verdict_note,
            verdict_by: row.verdict_by,
            verdict_at: row.verdict_at,
        }
    }

    /// A signal as the auditor reads it: without what is of other visits, and without what reviewers made of it.
    pub fn for_auditor(row: signal::Model) -> Self {
        Self { verdict: None, verdict_note: None, verdict_by: None, verdict_at: None, ..Self::of_person(row) }
    }

    /// A signal as it is held on the auditor: without what is of other visits, and without who judged it.
    pub fn of_person(row: signal::Model) -> Self {
        let mut view = Self::for_reviewer(row);
        if let Some(figures) = view.figures.0.as_object_mut() {
            figures.remove("elsewhere");
        }
        Self { verdict_by: None, ..view }
    }
}

/// What the auditor says to a signal.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct SignalAnswer {
    /// How it came about, in 1 to 2000 characters.
    #[oai(validator(max_length = 2000))]
    pub answer: String,
}

/// What a reviewer makes of a signal.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct SignalJudgement {
    /// Whether something was wrong with the visit, as the signal says.
    pub verdict: SignalVerdict,
    /// Why, in 1 to 2000 characters.
    #[oai(validator(max_length = 2000))]
    pub note: Option<String>,
}

/// How often signals were right in the eyes of the firm's reviewers.
#[derive(Debug, Object)]
pub struct SignalPrecisions {
    /// One entry a code that was found, in the order of the codes.
    pub data: Vec<SignalPrecision>,
}

/// How often one kind of signal was right.
#[derive(Debug, Object)]
pub struct SignalPrecision {
    /// What it says.
    pub code: SignalCode,
    /// How often it was found.
    pub found: i64,
    /// How often it was right.
    pub right: i64,
    /// How often it was wrong.
    pub wrong: i64,
    /// The share of right ones among those judged, in basis points; null while none is judged.
    pub precision_bp: Option<i64>,
    /// The lower end of its 95 % interval (Wilson).
    pub lower_bp: Option<i64>,
    /// The upper end.
    pub upper_bp: Option<i64>,
    /// True while fewer than 10 are judged: the share says little then, and the interval how little.
    pub too_few: bool,
}

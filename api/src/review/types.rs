//! A visit under review, in requests and in answers.

use chrono::{DateTime, Utc};
use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::entity::{question, question_message, visit};
use crate::scenarios::types::ScenarioView;
use crate::signals::types::{SignalView, StayView};
use crate::visits::types::{EvidenceProgress, VisitView};
use crate::words::{AttemptedBecause, Outcome, QuarantineReason, QuestionState, Reporting, RevisionKind, VisitState};

/// Why a visit is moved.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct ReviewReason {
    /// What the next person has to know, in 1 to 2000 characters.
    #[oai(validator(max_length = 2000))]
    pub reason: String,
}

/// Taking a visit for review.
#[derive(Debug, Default, Object)]
#[oai(deny_unknown_fields)]
pub struct Taking {
    /// True to take it from another reviewer, who has done nothing about it for four hours.
    pub take_over: Option<bool>,
}

/// Approving a visit.
#[derive(Debug, Default, Object)]
#[oai(deny_unknown_fields)]
pub struct Approval {
    /// Why a visit that was kept and flagged counts all the same; required for such a visit.
    #[oai(validator(max_length = 2000))]
    pub quarantine_cleared_because: Option<String>,
}

/// Returning a visit.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(deny_unknown_fields)]
pub struct ReturnOrder {
    /// The items that the auditor has to look at again, each once.
    #[oai(validator(min_items = 1, max_items = 500))]
    pub items: Vec<ReturnItem>,
    /// Until when the auditor is to file it again; later it is taken all the same.
    pub due_at: DateTime<Utc>,
    /// What else they have to know, in 1 to 2000 characters.
    #[oai(validator(max_length = 2000))]
    pub reason: Option<String>,
}

/// An item that a visit is returned for.
#[derive(Clone, Debug, PartialEq, Eq, Object, Serialize, Deserialize)]
#[oai(deny_unknown_fields)]
pub struct ReturnItem {
    /// The item of the standard.
    #[oai(validator(max_length = 64))]
    pub item_id: String,
    /// What to do about it, in 1 to 2000 characters.
    #[oai(validator(max_length = 2000))]
    pub reason: String,
}

/// What a visit was returned for.
#[derive(Clone, Debug, Object)]
pub struct ReturnedView {
    /// When.
    pub returned_at: DateTime<Utc>,
    /// Until when the auditor is to file it again.
    pub due_at: DateTime<Utc>,
    /// The items to look at again; none once what was written was purged.
    pub items: Vec<ReturnItem>,
}

impl ReturnedView {
    /// What a visit was returned for last; none before, and once it is approved or rejected.
    pub fn of(row: &visit::Model) -> Option<Self> {
        let waits = matches!(row.state, VisitState::Returned | VisitState::Resubmitted | VisitState::InReview);
        let items = row.return_items.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let (returned_at, due_at) = (row.returned_at.filter(|_| waits)?, row.due_at?);
        Some(Self { returned_at, due_at, items })
    }
}

/// Taking a visit out of reports.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct Exclusion {
    /// Why, in 1 to 2000 characters.
    #[oai(validator(max_length = 2000))]
    pub reason: String,
    /// Whether the auditor is paid for it all the same.
    pub payable: bool,
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
    /// Since when they have it.
    pub taken_at: Option<DateTime<Utc>>,
    /// What the reviewer said last; null once the visit is approved or published.
    pub review_reason: Option<String>,
    /// Until when the auditor is to file it again.
    pub due_at: Option<DateTime<Utc>>,
    /// Why the visit was kept and flagged; null once that was cleared.
    pub quarantine_reason: Option<QuarantineReason>,
    /// Whether it counts in reports.
    pub reporting: Reporting,
    /// Whether the auditor is paid for it.
    pub payable: bool,
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
            taken_at: row.taken_at,
            review_reason: row.review_reason,
            due_at: row.due_at,
            quarantine_reason: row.quarantine_reason,
            reporting: row.reporting,
            payable: row.payable,
            published_at: row.published_at,
            revision: row.current_revision,
            score_version: row.current_score_version,
        }
    }
}

/// Which visits of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Taken {
    /// Those that nobody has taken.
    Free,
    /// Those that one has taken oneself, also while they are returned.
    Mine,
    /// All of them, returned ones too.
    All,
}

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum QueueOrder {
    /// What was filed first, first.
    Age,
    /// What is due first, first; what has no deadline last.
    Deadline,
    /// What has most signals that nobody has judged, first.
    Signals,
}

/// A visit that is to be reviewed.
#[derive(Debug, Object)]
pub struct QueueEntry {
    /// The visit.
    pub visit_id: Uuid,
    /// How far it has come.
    pub state: VisitState,
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
    /// Whether it could be made.
    pub outcome: Outcome,
    /// Why it could not be made.
    pub attempted_because: Option<AttemptedBecause>,
    /// When it was filed first.
    pub submitted_at: Option<DateTime<Utc>>,
    /// When the auditor wrote it last.
    pub received_at: DateTime<Utc>,
    /// When it was returned last.
    pub returned_at: Option<DateTime<Utc>>,
    /// Until when the auditor was, or is, to file it again.
    pub due_at: Option<DateTime<Utc>>,
    /// Its signals.
    pub signals: i64,
    /// Those of them that no reviewer has judged.
    pub open_signals: i64,
    /// How much of the evidence has arrived; what is missing keeps it from being taken.
    pub evidence: EvidenceProgress,
    /// The membership of who took it.
    pub reviewer_id: Option<Uuid>,
    /// Since when they have it.
    pub taken_at: Option<DateTime<Utc>>,
    /// Whether it can be taken from them: they have done nothing about it for four hours.
    pub can_take_over: bool,
    /// Questions that wait for the auditor.
    pub open_questions: i64,
    /// Questions that the auditor answered and that are not closed.
    pub answered_questions: i64,
    /// Why it was kept and flagged, if it was.
    pub quarantine_reason: Option<QuarantineReason>,
}

/// Asking an auditor something.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewQuestion {
    /// The item that it is about; absent when it is about the visit.
    #[oai(validator(max_length = 64))]
    pub item_id: Option<String>,
    /// The question, in 1 to 2000 characters.
    #[oai(validator(max_length = 2000))]
    pub text: String,
}

/// Writing on a question.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewMessage {
    /// What is to be said, in 1 to 2000 characters.
    #[oai(validator(max_length = 2000))]
    pub text: String,
}

/// A question with everything that was written on it.
#[derive(Clone, Debug, Object)]
pub struct QuestionView {
    /// Its id.
    pub id: Uuid,
    /// The visit.
    pub visit_id: Uuid,
    /// The item that it is about; null when it is about the visit.
    pub item_id: Option<String>,
    /// How far it has come.
    pub state: QuestionState,
    /// The membership of who asked.
    pub asked_by: Uuid,
    /// When.
    pub asked_at: DateTime<Utc>,
    /// When something was written last, or it was closed.
    pub changed_at: DateTime<Utc>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// What was written, oldest first; the question itself is the first.
    pub messages: Vec<QuestionMessageView>,
}

impl QuestionView {
    /// A question with its messages.
    pub fn new(row: question::Model, messages: Vec<QuestionMessageView>) -> Self {
        Self {
            id: row.id,
            visit_id: row.visit_id,
            item_id: row.item_id,
            state: row.state,
            asked_by: row.asked_by,
            asked_at: row.asked_at,
            changed_at: row.changed_at,
            closed_at: row.closed_at,
            messages,
        }
    }
}

/// Something that was written on a question.
#[derive(Clone, Debug, Object)]
pub struct QuestionMessageView {
    /// Its id.
    pub id: Uuid,
    /// The membership of who wrote it.
    pub author_id: Uuid,
    /// True when the auditor of the visit wrote it.
    pub by_auditor: bool,
    /// What was written; null once it was purged.
    pub text: Option<String>,
    /// When.
    pub written_at: DateTime<Utc>,
}

impl From<question_message::Model> for QuestionMessageView {
    fn from(row: question_message::Model) -> Self {
        let question_message::Model { id, author_id, by_auditor, text, written_at, .. } = row;
        Self { id, author_id, by_auditor, text, written_at }
    }
}

/// The questions about a visit.
#[derive(Debug, Object)]
pub struct QuestionsView {
    /// Oldest first.
    pub data: Vec<QuestionView>,
}

/// Correcting a visit.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct Correction {
    /// The revision that was looked at: the one that counts.
    #[oai(validator(minimum(value = "1")))]
    pub base_revision: i32,
    /// What is changed, each item once.
    #[oai(validator(min_items = 1, max_items = 500))]
    pub changes: Vec<CorrectionChange>,
}

/// One answer that is corrected.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct CorrectionChange {
    /// The item.
    #[oai(validator(max_length = 64))]
    pub item_id: String,
    /// The answer that counts from now on; null or absent when the item is to stay unanswered.
    pub answer: Option<CorrectedAnswer>,
    /// Why, in 1 to 2000 characters. The auditor reads it.
    #[oai(validator(max_length = 2000))]
    pub reason: String,
}

/// A corrected answer: `{"v": value}` or `{"na": true}`. What the auditor said and pointed at beside the old one stays.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct CorrectedAnswer {
    /// The value; what it may be is up to the item.
    pub v: Option<Any<Value>>,
    /// True when the item did not apply.
    pub na: Option<bool>,
}

/// A correction that is being worked on.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct CorrectionDraftIn {
    /// The revision that was looked at.
    #[oai(validator(minimum(value = "1")))]
    pub base_revision: i32,
    /// What is to be changed, as far as it is known.
    #[oai(validator(max_items = 500))]
    pub changes: Vec<CorrectionDraftChange>,
}

/// One answer that is to be corrected.
#[derive(Debug, Object, Serialize, Deserialize)]
#[oai(deny_unknown_fields)]
pub struct CorrectionDraftChange {
    /// The item.
    #[oai(validator(max_length = 64))]
    pub item_id: String,
    /// The answer that is to count.
    pub answer: Option<Any<Value>>,
    /// Why.
    #[oai(validator(max_length = 2000))]
    pub reason: Option<String>,
}

/// A correction that the caller is working on.
#[derive(Debug, Object)]
pub struct CorrectionDraftView {
    /// The visit.
    pub visit_id: Uuid,
    /// The revision that it was begun from.
    pub base_revision: i32,
    /// True when another revision counts by now.
    pub is_stale: bool,
    /// What is to be changed.
    pub changes: Vec<CorrectionDraftChange>,
    /// When it was saved.
    pub saved_at: DateTime<Utc>,
}

/// A visit after its correction.
#[derive(Debug, Object)]
pub struct CorrectedView {
    /// Where it stands.
    #[oai(flatten)]
    pub view: ReviewView,
    /// Its score now, in basis points; null when nothing could be scored.
    pub score_bp: Option<i32>,
}

/// The revisions of a visit.
#[derive(Debug, Object)]
pub struct RevisionsView {
    /// Oldest first.
    pub data: Vec<RevisionView>,
}

/// One set of answers of a visit.
#[derive(Debug, Object)]
pub struct RevisionView {
    /// 1, 2, 3 and so on; the last one counts.
    pub revision: i32,
    /// How it came about.
    pub kind: RevisionKind,
    /// The membership of who made it.
    pub author_id: Uuid,
    /// When.
    pub created_at: DateTime<Utc>,
    /// What is different from the one before; none of the first.
    pub changes: Vec<RevisionChange>,
    /// The number of its score; null when it has none of its own.
    pub score_version: Option<i32>,
    /// That score, in basis points.
    pub score_bp: Option<i32>,
    /// True when its texts were purged.
    pub purged: bool,
}

/// One answer that is different.
#[derive(Debug, Object)]
pub struct RevisionChange {
    /// The item.
    pub item_id: String,
    /// The answer before; null when there was none.
    pub before: Option<Any<Value>>,
    /// The answer after; null when there is none.
    pub after: Option<Any<Value>>,
    /// Why, of corrections and appeals.
    pub reason: Option<String>,
}

/// Everything about a visit that its reviewer needs.
#[derive(Debug, Object)]
pub struct VisitReview {
    /// The visit with its answers, files and questions.
    pub visit: VisitView,
    /// Since when its reviewer has it.
    pub taken_at: Option<DateTime<Utc>>,
    /// Whether the caller can take it from its reviewer, who has done nothing about it for four hours.
    pub can_take_over: bool,
    /// The scenario that was played, with what to look for; null when the assignment had none.
    pub scenario: Option<ScenarioView>,
    /// The language of the items' texts.
    pub lang: String,
    /// The items in the order of the questionnaire.
    pub items: Vec<ReviewItem>,
    /// The score that counts, as a whole and by section and dimension; null of a visit that could not be made.
    pub score: Option<Any<Value>>,
    /// The revision that was judged last; null before the first judgement.
    pub reviewed_revision: Option<i32>,
    /// The items whose answers changed since then.
    pub changed_since_review: Vec<String>,
    /// Its signals.
    pub signals: Vec<SignalView>,
    /// When and where the auditor was, by the phone.
    pub stay: Option<StayView>,
    /// All sets of answers, oldest first.
    pub revisions: Vec<RevisionView>,
    /// The correction that the caller is working on.
    pub correction_draft: Option<CorrectionDraftView>,
    /// What happened to it, oldest first: the latest 500 facts.
    pub history: Vec<HistoryEntry>,
}

/// An item of a visit under review.
#[derive(Debug, Object)]
pub struct ReviewItem {
    /// The item.
    pub item_id: String,
    /// The section that it is asked in.
    pub section_id: String,
    /// What it asks.
    pub text: String,
    /// The points that it brings when it is met in full, by the standard.
    pub weight: i64,
    /// The answer as it was filed first, with comment and moments.
    pub original: Option<Any<Value>>,
    /// The answer that counts.
    pub current: Option<Any<Value>>,
    /// Whether the two differ.
    pub changed: bool,
    /// Whether it changed since the visit was judged last.
    pub changed_since_review: bool,
    /// What became of it in the score: `ok`, `na`, `unanswered` or `hidden`; null of a visit that could not be made.
    pub status: Option<String>,
    /// The score of the answer, 0 to 1, as an exact fraction.
    pub score: Option<String>,
    /// How much of the visit's score it lost, as an exact fraction.
    pub lost: Option<String>,
    /// Whether it failed as a critical one.
    pub critical_failure: bool,
    /// The files that prove it.
    pub evidence_ids: Vec<Uuid>,
    /// Questions about it.
    pub question_ids: Vec<Uuid>,
    /// What it was returned for.
    pub return_reason: Option<String>,
}

/// A fact of the history of a visit.
#[derive(Debug, Object)]
pub struct HistoryEntry {
    /// Its number in the firm's history.
    pub seq: i64,
    /// What happened.
    pub kind: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The membership that did it.
    pub actor_id: Option<Uuid>,
    /// What was said, if it is kept.
    pub reason: Option<String>,
}

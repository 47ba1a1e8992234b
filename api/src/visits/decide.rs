//! What a write does to a visit, given the stored state: the rules of the committer, without the database.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::consent::record::recorded;
use crate::entity::{assignment, consent, evidence, revision, score, stay, visit, wave};
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem};
use crate::http::conditions::etag;
use crate::states::{ASSIGNMENT_MOVES, VISIT_MOVES, after};
use crate::visits::manifest::{ManifestChanges, changes, with_all};
use crate::visits::service::{Filing, Prepared, Saved, Score, answer_text, kept_as_draft, stored_answer};
use crate::visits::types::{ScoreSummary, VisitSaved};
use crate::words::{AssignmentState, QuarantineReason, Reporting, RevisionKind, VisitState, WaveState};

/// The stored state that a write meets.
pub struct Stored<'a> {
    /// The visit, if there is one.
    pub visit: Option<&'a visit::Model>,
    /// Its assignment.
    pub assignment: Option<&'a assignment::Model>,
    /// The wave of the assignment.
    pub wave: Option<&'a wave::Model>,
    /// The files of its manifest.
    pub evidence: Vec<&'a evidence::Model>,
    /// The sha256 of the answers filed last, of a visit that waits for its review.
    pub filed_answers: Option<&'a str>,
    /// The visit that the write names as the one it is a copy of.
    pub original: Option<&'a visit::Model>,
    /// The files that have a consent of their own.
    pub consented: &'a [Uuid],
    /// Whether the assignment was the auditor's at any time.
    pub was_theirs: bool,
    /// The time of the commit.
    pub at: DateTime<Utc>,
    /// The id under which a chain will know a new visit.
    pub public_id: Uuid,
}

/// What a write leads to.
#[derive(Debug)]
pub enum Decision {
    /// It was accepted before: the same answer again.
    Replay(Result<Saved, Failure>),
    /// It is accepted.
    Accept(Box<Effect>),
}

/// Rows to write for an accepted write.
#[derive(Debug)]
pub struct Effect {
    /// The visit as it is now.
    pub visit: visit::Model,
    /// True when it is new.
    pub is_new: bool,
    /// The draft to keep; none removes it.
    pub draft: Option<String>,
    /// The new revision.
    pub revision: Option<revision::Model>,
    /// Its score.
    pub score: Option<score::Model>,
    /// What becomes of the files.
    pub manifest: ManifestChanges,
    /// The new state of the assignment.
    pub assignment: Option<AssignmentState>,
    /// The consents that came with its recordings.
    pub consents: Vec<consent::Model>,
    /// When and where the auditor was, of a visit that is filed.
    pub stay: Option<stay::Model>,
    /// The facts for the firm's history. Drafts leave none, but for the first one of an assignment, which starts it.
    pub events: Vec<NewEvent>,
    /// The answer.
    pub answer: Result<Saved, Failure>,
}

/// Decides.
///
/// # Errors
///
/// * 404 when the visit is another auditor's.
/// * 422 when the assignment is not the auditor's, or the manifest contradicts what is stored.
/// * 409 `illegal_state` when the visit cannot be written any more.
/// * 412 `stale`, 412 `absent` when the condition does not hold.
pub fn decide(prepared: &Prepared, stored: &Stored<'_>) -> Result<Decision, Failure> {
    if let Some(visit) = stored.visit {
        if visit.auditor_id != prepared.auditor_id {
            return Err(Failure::not_found("visit"));
        }
        if visit.write_sha256.as_deref() == Some(prepared.body_sha256.as_str())
            && let Some(answer) = &visit.write_answer
        {
            let tag = etag(visit.write_number);
            return Ok(Decision::Replay(stored_answer(visit.write_status, tag, answer.clone())));
        }
    }
    let unknown =
        |message: &str| Failure::invalid(vec![FieldProblem::new("/assignment_id", "unknown_ref", message.to_owned())]);
    let is_theirs = stored.assignment.is_some_and(|assignment| assignment.auditor_id == Some(prepared.auditor_id));
    if stored.visit.is_none() && !is_theirs && !stored.was_theirs {
        // Before the condition: whether there is such an assignment is nothing that somebody else should learn. Somebody
        // who had it may have filled the visit in before it was taken away; that is kept, and flagged.
        return Err(unknown("is not an assignment of yours"));
    }
    let current = stored.visit.map(|visit| etag(visit.write_number));
    prepared.condition.check(current.as_deref())?;
    let (Some(assignment), Some(wave)) = (stored.assignment, stored.wave) else {
        return Err(unknown("is not an assignment of yours"));
    };
    match stored.visit {
        Some(visit) if visit.assignment_id != assignment.id => {
            return Err(unknown("is not the assignment that the visit was begun for"));
        }
        _ => {}
    }
    let before = stored.visit.map_or(VisitState::Draft, |visit| visit.state);
    let adds = adds_evidence(prepared, stored, before)?;
    let mv = if adds { "add_evidence" } else { "submit" };
    let submitted = after(VISIT_MOVES, "visit", before, mv)?;
    let copy_of = copy_of(prepared, stored, assignment)?;
    let mut row = begin(prepared, stored, assignment, wave);
    row.copy_of = copy_of;
    let filed = match &prepared.filing {
        Some(Filing::Complete { answers, device, score }) => Some((answers, device, score)),
        _ => None,
    };
    let filing = if filed.is_some() { row.current_revision + 1 } else { 0 };
    let manifest =
        changes(prepared, &stored.evidence, filing, stored.at).map_err(|failure| match &prepared.filing {
            Some(Filing::Incomplete(others)) => with_all(failure, others),
            _ => failure,
        })?;
    let (mut revision_row, mut score_row) = (None, None);
    let (mut consents, mut events) = (Vec::new(), Vec::new());
    let mut summary: Option<ScoreSummary> = None;
    if let Some((answers, device, score)) = filed {
        row.state = submitted;
        row.quarantine_reason = quarantine(stored, assignment, wave, is_theirs, copy_of.is_some());
        row.submitted_at = row.submitted_at.or(Some(stored.at));
        row.current_revision = filing;
        let (kind, verb) = match before {
            _ if adds => (RevisionKind::Addition, "visit.evidence_added"),
            VisitState::Returned => (RevisionKind::Resubmission, "visit.resubmitted"),
            _ => (RevisionKind::Submission, "visit.submitted"),
        };
        revision_row = Some(revision::Model {
            firm_id: row.firm_id,
            visit_id: row.id,
            revision: row.current_revision,
            kind,
            answers: answers.text.clone(),
            answers_sha256: answers.sha256.clone(),
            device: device.text.clone(),
            author_id: prepared.auditor_id,
            reasons: None,
            created_at: stored.at,
            withheld: None,
        });
        // The answers are those of the score that is there.
        if let Some(score) = score.as_ref().filter(|_| adds) {
            summary = Some(score.summary.clone());
        } else if let Some(score) = score {
            row.current_score_version += 1;
            score_row = Some(score_of(&row, score, stored.at));
            summary = Some(score.summary.clone());
        }
        let payload = json!({
            "assignment_id": row.assignment_id,
            "revision": row.current_revision,
            "answers_sha256": answers.sha256,
            "score_bp": summary.as_ref().and_then(|s| s.score_bp),
            "outcome": row.outcome,
            "attempted_because": row.attempted_because,
            "quarantine_reason": row.quarantine_reason,
            "evidence": prepared.write.manifest.len(),
        });
        let filed = NewEvent::new(verb, "visit", row.id, prepared.auditor_id, payload);
        events.push(filed.for_auditor(prepared.auditor_id));
        // What was recorded once stays, withdrawn or not, whatever the phone files again.
        let is_new = |told: &&consent::Model| told.evidence_id.is_some_and(|id| !stored.consented.contains(&id));
        let new = prepared.consents.iter().filter(is_new).cloned();
        consents.extend(new.map(|told| consent::Model { recorded_at: stored.at, ..told }));
        events.extend(consents.iter().map(recorded));
    }

    row.write_number += 1;
    row.write_sha256 = Some(prepared.body_sha256.clone());
    let tag = etag(row.write_number);
    let is_new = stored.visit.is_none();
    let answer = match &prepared.filing {
        Some(Filing::Incomplete(problems)) => {
            row.write_status = 422;
            row.write_answer = Some(serde_json::to_string(problems).map_err(Failure::internal)?);
            Err(kept_as_draft(problems.clone(), tag))
        }
        _ => {
            let answer = answer_text(&VisitSaved {
                id: row.id,
                state: row.state,
                etag: tag.clone(),
                revision: row.current_revision,
                score_version: row.current_score_version,
                score: summary,
                evidence: manifest.progress(&stored.evidence),
                quarantine_reason: row.quarantine_reason,
                received_at: stored.at,
            })?;
            row.write_status = if is_new { 201 } else { 200 };
            row.write_answer = Some(answer.clone());
            Ok(Saved { created: is_new, replayed: false, etag: tag, answer })
        }
    };
    let stay = filed.and_then(|_| crate::visits::stay::row(prepared, stored.at));
    let assignment = match (filed.is_some(), assignment.state) {
        (true, state) => after(ASSIGNMENT_MOVES, "assignment", state, "fulfil").ok(),
        (false, state) => after(ASSIGNMENT_MOVES, "assignment", state, "start").ok(),
    }
    // A copy leaves the assignment to the visit that it is a copy of.
    .filter(|_| is_theirs && copy_of.is_none());
    if assignment == Some(AssignmentState::Started) {
        let payload = json!({"visit_id": row.id});
        let started =
            NewEvent::new("assignment.started", "assignment", row.assignment_id, prepared.auditor_id, payload);
        events.push(started.for_auditor(prepared.auditor_id));
    }
    Ok(Decision::Accept(Box::new(Effect {
        draft: filed.is_none().then(|| prepared.body.clone()),
        visit: row,
        is_new,
        revision: revision_row,
        score: score_row,
        manifest,
        assignment,
        consents,
        stay,
        events,
        answer,
    })))
}

/// Whether the write adds files to a visit that waits for its review and leaves everything else as it is.
///
/// # Errors
///
/// 422 when the manifest has problems: what was filed is no draft that could keep them.
fn adds_evidence(prepared: &Prepared, stored: &Stored<'_>, before: VisitState) -> Result<bool, Failure> {
    let Some(visit) = stored.visit else { return Ok(false) };
    if !matches!(before, VisitState::Submitted | VisitState::Resubmitted)
        || prepared.write.outcome != visit.outcome
        || prepared.write.attempted_because != visit.attempted_because
    {
        return Ok(false);
    }
    let is_new = |id| stored.evidence.iter().all(|file| file.id != id);
    let adds = prepared.write.manifest.iter().any(|entry| is_new(entry.id));
    match &prepared.filing {
        Some(Filing::Complete { answers, .. }) => Ok(adds && stored.filed_answers == Some(answers.sha256.as_str())),
        Some(Filing::Incomplete(problems)) if adds && problems.iter().all(|p| p.pointer.starts_with("/evidence")) => {
            Err(Failure::invalid(problems.clone()))
        }
        _ => Ok(false),
    }
}

/// The visit that this one is a copy of: what was said when it was created. A copy of a copy is one of the first.
///
/// # Errors
///
/// 422 `unknown_ref` when there is no such visit of the auditor for this assignment, `frozen` when another was named.
fn copy_of(prepared: &Prepared, stored: &Stored<'_>, assignment: &assignment::Model) -> Result<Option<Uuid>, Failure> {
    let problem = |code: &str, message: &str| Failure::invalid(vec![FieldProblem::new("/copy_of", code, message)]);
    let Some(named) = prepared.write.copy_of else { return Ok(stored.visit.and_then(|visit| visit.copy_of)) };
    let of_same = |visit: &&visit::Model| {
        visit.id != prepared.visit_id && visit.auditor_id == prepared.auditor_id && visit.assignment_id == assignment.id
    };
    let Some(original) = stored.original.filter(of_same) else {
        return Err(problem("unknown_ref", "is not another visit of yours for this assignment"));
    };
    let first = original.copy_of.unwrap_or(named);
    match stored.visit {
        Some(visit) if visit.copy_of != Some(first) => {
            Err(problem("frozen", "is said when the visit is created; leave it out, or file a new visit as the copy"))
        }
        _ => Ok(Some(first)),
    }
}

/// The visit before the write takes effect: the stored one, or a new draft.
fn begin(prepared: &Prepared, stored: &Stored<'_>, assignment: &assignment::Model, wave: &wave::Model) -> visit::Model {
    let write = &prepared.write;
    // The clock at the moment of sending is the one to compare with; a visit may have waited for a network for days.
    let clock = prepared.contact.at.or(write.device_at);
    let skew_ms = clock.map(|at| (stored.at - at).num_milliseconds());
    let row = stored.visit.cloned().unwrap_or_else(|| visit::Model {
        firm_id: prepared.firm_id,
        id: prepared.visit_id,
        assignment_id: assignment.id,
        wave_id: wave.id,
        branch_id: assignment.branch_id,
        client_chain_id: wave.chain_id,
        auditor_id: prepared.auditor_id,
        standard_id: prepared.standard_id.clone(),
        standard_version: prepared.standard_version,
        state: VisitState::Draft,
        outcome: write.outcome,
        reporting: Reporting::Included,
        quarantine_reason: None,
        reviewer_id: None,
        review_reason: None,
        write_number: 0,
        write_sha256: None,
        write_status: 0,
        write_answer: None,
        current_revision: 0,
        current_score_version: 0,
        device_at: None,
        received_at: stored.at,
        skew_ms: None,
        submitted_at: None,
        published_at: None,
        public_id: stored.public_id,
        copy_of: None,
        purged: 0,
        taken_at: None,
        acted_at: None,
        returned_at: None,
        due_at: None,
        return_items: None,
        reviewed_revision: None,
        attempted_because: write.attempted_because,
        payable: true,
        reporting_reason: None,
    });
    // A draft on top of a returned visit changes nothing of what was filed; see also `manifest`.
    let keeps_filed = prepared.filing.is_none() && row.state == VisitState::Returned;
    let (outcome, attempted_because) = match keeps_filed {
        true => (row.outcome, row.attempted_because),
        false => (write.outcome, write.attempted_because),
    };
    // What comes anew is purged anew.
    visit::Model {
        outcome,
        attempted_because,
        device_at: write.device_at,
        skew_ms,
        received_at: stored.at,
        purged: 0,
        ..row
    }
}

/// The row of the score of a visit's current revision.
pub fn score_of(row: &visit::Model, score: &Score, at: DateTime<Utc>) -> score::Model {
    let bp = |value: Option<i64>| value.and_then(|bp| i32::try_from(bp).ok());
    score::Model {
        firm_id: row.firm_id,
        visit_id: row.id,
        score_version: row.current_score_version,
        revision: row.current_revision,
        standard_id: row.standard_id.clone(),
        standard_version: row.standard_version,
        engine_version: score.engine_version.to_owned(),
        score_bp: bp(score.summary.score_bp),
        raw_bp: bp(score.summary.raw_bp),
        insufficient: score.summary.insufficient,
        scored_share_bp: bp(score.summary.scored_share_bp),
        result: score.result.clone(),
        created_at: at,
    }
}

/// Why a visit is kept and flagged. Late data is data: it is never refused.
fn quarantine(
    stored: &Stored<'_>,
    assignment: &assignment::Model,
    wave: &wave::Model,
    is_theirs: bool,
    is_copy: bool,
) -> Option<QuarantineReason> {
    // What was in time once stays so, whatever is filed again or added.
    let refiles = stored.visit.is_some_and(|visit| visit.state != VisitState::Draft);
    if refiles {
        return stored.visit.and_then(|visit| visit.quarantine_reason);
    }
    match assignment.state {
        _ if is_copy => Some(QuarantineReason::Copy),
        _ if !is_theirs => Some(QuarantineReason::AssignmentWithdrawn),
        AssignmentState::Open | AssignmentState::Cancelled | AssignmentState::Declined | AssignmentState::Expired => {
            Some(QuarantineReason::AssignmentWithdrawn)
        }
        AssignmentState::Fulfilled => Some(QuarantineReason::AssignmentFulfilled),
        _ if wave.state == WaveState::Closed => Some(QuarantineReason::WaveClosed),
        _ if stored.at > assignment.window_end => Some(QuarantineReason::ArrivedLate),
        _ => None,
    }
}

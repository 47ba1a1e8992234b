//! The closed transition tables: which move leads from which state to which. The only place that knows.

use std::fmt::Display;

use crate::failure::Failure;
use crate::words::{
    ActionState, AppealState, AssignmentState, EvidenceState, QuestionState, SecondScoringState, VersionState,
    VisitState, WaveState,
};

/// One legal move: `(from, move, to)`.
pub type Moves<S> = &'static [(S, &'static str, S)];

/// Moves of an assignment. `start` is set by the visit's first write and never required.
pub const ASSIGNMENT_MOVES: Moves<AssignmentState> = {
    use AssignmentState::{Assigned, Cancelled, Claimed, Declined, Expired, Fulfilled, Open, Started};
    &[
        (Open, "claim", Claimed),
        (Open, "assign", Assigned),
        (Open, "cancel", Cancelled),
        (Open, "expire", Expired),
        (Claimed, "start", Started),
        (Claimed, "fulfil", Fulfilled),
        (Claimed, "hand_back", Open),
        (Claimed, "decline", Declined),
        (Claimed, "cancel", Cancelled),
        (Assigned, "start", Started),
        (Assigned, "fulfil", Fulfilled),
        (Assigned, "hand_back", Open),
        (Assigned, "decline", Declined),
        (Assigned, "cancel", Cancelled),
        (Started, "fulfil", Fulfilled),
        (Started, "hand_back", Open),
        (Started, "cancel", Cancelled),
    ]
};

/// Moves of a visit.
pub const VISIT_MOVES: Moves<VisitState> = {
    use VisitState::{Approved, Draft, InReview, Published, Rejected, Resubmitted, Returned, Submitted};
    &[
        (Draft, "submit", Submitted),
        (Submitted, "review", InReview),
        (Resubmitted, "review", InReview),
        // More files for the same answers.
        (Submitted, "add_evidence", Submitted),
        (Resubmitted, "add_evidence", Resubmitted),
        (InReview, "release", Submitted),
        (InReview, "return", Returned),
        (InReview, "reject", Rejected),
        (InReview, "approve", Approved),
        (Returned, "submit", Resubmitted),
        (Rejected, "reopen", InReview),
        (Approved, "publish", Published),
        (Published, "unpublish", Approved),
        // From a reviewer who does nothing about it.
        (InReview, "take_over", InReview),
        // New answers by somebody other than the auditor.
        (InReview, "correct", InReview),
        (Approved, "correct", Approved),
        (Published, "correct", Published),
        // Whether it counts; published ones leave the totals and come back.
        (InReview, "exclude", InReview),
        (Approved, "exclude", Approved),
        (Published, "exclude", Published),
        (InReview, "include", InReview),
        (Approved, "include", Approved),
        (Published, "include", Published),
        (Submitted, "clear_quarantine", Submitted),
        (Resubmitted, "clear_quarantine", Resubmitted),
        (InReview, "clear_quarantine", InReview),
    ]
};

/// Moves of a piece of evidence. A file may also be purged from any state but lost: `retention` does that, nobody asks for
/// it.
pub const EVIDENCE_MOVES: Moves<EvidenceState> = {
    use EvidenceState::{Declared, Lost, Processed, Refused, Stored, Unpreviewable, Uploading};
    &[
        (Declared, "upload", Uploading),
        (Declared, "store", Stored),
        (Declared, "refuse", Refused),
        (Declared, "lose", Lost),
        (Uploading, "store", Stored),
        (Uploading, "refuse", Refused),
        (Uploading, "abort", Declared),
        (Uploading, "lose", Lost),
        (Refused, "declare", Declared),
        (Refused, "upload", Uploading),
        (Refused, "store", Stored),
        (Refused, "refuse", Refused),
        (Refused, "lose", Lost),
        (Stored, "process", Processed),
        (Stored, "mark_unpreviewable", Unpreviewable),
        // A file that the server failed to look into, not one that cannot be shown.
        (Unpreviewable, "retry", Stored),
    ]
};

/// Moves of an action. `verify` and `reopen` follow from later visits, never from a click.
pub const ACTION_MOVES: Moves<ActionState> = {
    use ActionState::{Done, Dropped, InProgress, Open, Proposed, Reopened, Verified};
    &[
        (Proposed, "open", Open),
        (Proposed, "drop", Dropped),
        (Open, "start", InProgress),
        (Open, "finish", Done),
        (Open, "drop", Dropped),
        (InProgress, "finish", Done),
        (InProgress, "drop", Dropped),
        (Done, "verify", Verified),
        (Done, "reopen", Reopened),
        (Reopened, "start", InProgress),
        (Reopened, "finish", Done),
        (Reopened, "drop", Dropped),
    ]
};

/// Moves of a question. What the auditor writes answers it, what a reviewer writes asks again.
pub const QUESTION_MOVES: Moves<QuestionState> = {
    use QuestionState::{Answered, Closed, Open};
    &[
        (Open, "answer", Answered),
        (Answered, "answer", Answered),
        (Open, "ask", Open),
        (Answered, "ask", Open),
        (Open, "close", Closed),
        (Answered, "close", Closed),
    ]
};

/// Moves of a second scoring. `redraw` follows when the auditor files the visit anew.
pub const SECOND_SCORING_MOVES: Moves<SecondScoringState> = {
    use SecondScoringState::{Dropped, Scoring, Submitted, Waiting};
    &[
        (Waiting, "save", Scoring),
        (Waiting, "drop", Dropped),
        (Scoring, "save", Scoring),
        (Scoring, "submit", Submitted),
        (Scoring, "drop", Dropped),
        (Waiting, "redraw", Waiting),
        (Scoring, "redraw", Waiting),
        (Submitted, "redraw", Waiting),
    ]
};

/// Moves of an appeal. What was decided is final.
pub const APPEAL_MOVES: Moves<AppealState> = {
    use AppealState::{Declined, Open, Upheld, Withdrawn};
    &[(Open, "attach", Open), (Open, "uphold", Upheld), (Open, "decline", Declined), (Open, "withdraw", Withdrawn)]
};

/// Moves of a wave.
pub const WAVE_MOVES: Moves<WaveState> =
    &[(WaveState::Planned, "open", WaveState::Open), (WaveState::Open, "close", WaveState::Closed)];

/// Moves of a version of a standard.
pub const VERSION_MOVES: Moves<VersionState> = &[
    (VersionState::Draft, "edit", VersionState::Draft),
    (VersionState::Draft, "publish", VersionState::Published),
    (VersionState::Published, "retire", VersionState::Retired),
];

/// The state after `mv`, from `from`.
///
/// # Errors
///
/// 409 `illegal_state`, naming the current state and the moves it allows.
pub fn after<S: Copy + PartialEq + Display>(moves: Moves<S>, what: &str, from: S, mv: &str) -> Result<S, Failure> {
    moves.iter().find(|(state, name, _)| *state == from && *name == mv).map(|(_, _, to)| *to).ok_or_else(|| {
        let allowed: Vec<_> = moves.iter().filter(|(state, ..)| *state == from).map(|(_, name, _)| *name).collect();
        let allowed = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
        Failure::conflict("illegal_state", format!("The {what} is {from}; cannot {mv} it. Allowed now: {allowed}."))
    })
}

/// The state after a change that names the state it wants, as `PATCH` does.
///
/// # Errors
///
/// 409 `illegal_state`, naming the current state and those it can become.
pub fn towards<S: Copy + PartialEq + Display>(moves: Moves<S>, what: &str, from: S, to: S) -> Result<S, Failure> {
    if from == to || moves.iter().any(|(state, _, next)| *state == from && *next == to) {
        return Ok(to);
    }
    let allowed: Vec<_> =
        moves.iter().filter(|(state, ..)| *state == from).map(|(_, _, next)| next.to_string()).collect();
    let allowed = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
    Err(Failure::conflict(
        "illegal_state",
        format!("The {what} is {from} and cannot become {to}. It can become: {allowed}."),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_illegal_move_names_the_state_and_what_is_allowed() {
        let failure = after(VISIT_MOVES, "visit", VisitState::InReview, "publish").unwrap_err();
        assert_eq!(
            failure.detail,
            "The visit is in_review; cannot publish it. Allowed now: release, return, reject, approve, take_over, correct, \
             exclude, include, clear_quarantine."
        );
    }

    #[test]
    fn a_published_visit_can_only_be_unpublished() {
        assert_eq!(after(VISIT_MOVES, "visit", VisitState::Published, "unpublish").unwrap(), VisitState::Approved);
        assert!(after(VISIT_MOVES, "visit", VisitState::Published, "review").is_err());
    }

    #[test]
    fn measurement_alone_verifies_an_action() {
        assert!(towards(ACTION_MOVES, "action", ActionState::Open, ActionState::Verified).is_err());
        assert!(towards(ACTION_MOVES, "action", ActionState::Open, ActionState::Done).is_ok());
    }
}

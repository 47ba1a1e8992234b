//! The rules of moving a visit through its review, and what publishing sets in motion.

use serde_json::json;
use uuid::Uuid;

use crate::agreement;
use crate::app::App;
use crate::chains;
use crate::entity::{evidence, visit};
use crate::events::types::NewEvent;
use crate::evidence::store::evidence_of_visits;
use crate::failure::{Failure, FieldProblem, Kind};
use crate::http::json::text_problem;
use crate::people::types::Caller;
use crate::plans;
use crate::retention::classes::written;
use crate::review::store;
use crate::review::types::ReviewView;
use crate::scorecards::store::lock_branch;
use crate::scorecards::totals::{self, Change};
use crate::states::{VISIT_MOVES, after};
use crate::visits::manifest::is_missing;
use crate::visits::store::{lock_visits, lock_with_twins};
use crate::words::{Role, VisitState};
use crate::write::Write;

/// Longest reason, in characters.
const REASON_CHARS: usize = 2000;

/// A move of a visit in review, with the reason where one is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Take it for review.
    Review,
    /// Give it back to the queue.
    Release,
    /// Back to the auditor, to be filed again.
    Return(String),
    /// Not accepted.
    Reject(String),
    /// A rejected one is looked at again.
    Reopen(String),
    /// Accepted; the text clears a quarantine.
    Approve(Option<String>),
    /// Its results count and show.
    Publish,
    /// Its results count no longer.
    Unpublish(String),
}

impl Move {
    /// Its name in the table of moves, and the event it leaves.
    fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::Review => ("review", "visit.review_started"),
            Self::Release => ("release", "visit.released"),
            Self::Return(_) => ("return", "visit.returned"),
            Self::Reject(_) => ("reject", "visit.rejected"),
            Self::Reopen(_) => ("reopen", "visit.reopened"),
            Self::Approve(_) => ("approve", "visit.approved"),
            Self::Publish => ("publish", "visit.published"),
            Self::Unpublish(_) => ("unpublish", "visit.unpublished"),
        }
    }

    /// The reason given, with the member that carries it.
    fn reason(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Return(reason) | Self::Reject(reason) | Self::Reopen(reason) | Self::Unpublish(reason) => {
                Some(("reason", reason))
            }
            Self::Approve(because) => because.as_deref().map(|because| ("quarantine_cleared_because", because)),
            Self::Review | Self::Release | Self::Publish => None,
        }
    }

    /// Whether only the reviewer who took the visit, or a firm admin, may do it.
    fn is_takers(&self) -> bool {
        matches!(self, Self::Release | Self::Return(_) | Self::Reject(_) | Self::Approve(_))
    }
}

/// Moves a visit. Publishing and unpublishing change the totals and the action plan in the same transaction.
///
/// # Errors
///
/// * 403 `blind` when the caller takes it who is to score it a second time.
/// * 403 `own_visit` when the caller filed it, whatever membership they act under.
/// * 403 `not_the_reviewer` when somebody else took it for review.
/// * 404 when the firm has no such visit.
/// * 409 `illegal_state` when the move does not start from the visit's state.
/// * 409 `evidence_incomplete` when it is to enter review and files have not arrived.
/// * 409 `quarantined` when it is flagged and nobody cleared it.
/// * 409 `copy_published` when it was filed from two devices and the other copy is published.
/// * 422 when the reason is empty or too long.
pub async fn move_visit(app: &App, caller: &Caller, id: Uuid, mv: Move) -> Result<ReviewView, Failure> {
    if let Some((member, reason)) = mv.reason()
        && let Some((code, message)) = text_problem(reason, REASON_CHARS)
    {
        return Err(Failure::invalid(vec![FieldProblem::new(format!("/{member}"), code, message)]));
    }
    let (name, event) = mv.names();
    let mut write = Write::begin_by(app, caller).await?;
    let mut locked = match mv {
        Move::Publish => lock_with_twins(&write.tx, caller.firm_id, id).await?,
        _ => lock_visits(&write.tx, caller.firm_id, &[id]).await?,
    };
    let own = locked.iter().position(|row| row.id == id).ok_or_else(|| Failure::not_found("visit"))?;
    let stored = locked.swap_remove(own);
    let to = after(VISIT_MOVES, "visit", stored.state, name)?;
    check_person(&write, caller, &stored, &mv).await?;
    if to == VisitState::InReview {
        check_evidence(&evidence_of_visits(&write.tx, caller.firm_id, &[id]).await?)?;
    }
    let is_cleared = matches!(&mv, Move::Approve(Some(_)));
    if matches!(mv, Move::Approve(_) | Move::Publish)
        && !is_cleared
        && let Some(reason) = stored.quarantine_reason
    {
        let detail = format!(
            "The visit was kept and flagged: {reason}. Approve it with `quarantine_cleared_because`, saying why it counts."
        );
        return Err(Failure::conflict("quarantined", detail));
    }
    if locked.iter().any(|twin| twin.state == VisitState::Published) {
        let detail = "The same visit was filed from two devices, and the other copy is published. Only one of them can \
                      count: unpublish that one first.";
        return Err(Failure::conflict("copy_published", detail));
    }
    let was_quarantined = stored.quarantine_reason.filter(|_| is_cleared);
    let row = store::update_visit(&write.tx, moved(app, caller, stored.clone(), &mv, to)).await?;
    match &mv {
        Move::Publish => count(app, &mut write, caller, &row, Change::Add).await?,
        Move::Unpublish(_) => count(app, &mut write, caller, &row, Change::Remove).await?,
        _ => {}
    }
    if to == VisitState::InReview {
        agreement::draw::at_review(&mut write, &row).await?;
    }
    let mut payload = json!({
        "from": stored.state,
        "to": to,
        "wave_id": row.wave_id,
        "branch_id": row.branch_id,
        "revision": row.current_revision,
        "score_version": row.current_score_version,
    });
    if let Some((_, reason)) = mv.reason() {
        payload["reason"] = json!(reason);
    }
    if let Some(quarantine) = was_quarantined {
        payload["cleared"] = json!(quarantine);
    }
    write.event(NewEvent::new(event, "visit", id, caller.membership_id, payload).for_auditor(row.auditor_id));
    write.commit().await?;
    Ok(row.into())
}

/// The visit as the move leaves it.
fn moved(app: &App, caller: &Caller, mut row: visit::Model, mv: &Move, to: VisitState) -> visit::Model {
    row.state = to;
    if mv.reason().is_some() {
        row.purged = written(row.purged);
    }
    match mv {
        Move::Review => row.reviewer_id = Some(caller.membership_id),
        Move::Release => row.reviewer_id = None,
        Move::Return(reason) | Move::Reject(reason) => row.review_reason = Some(reason.clone()),
        Move::Reopen(reason) => {
            row.reviewer_id = Some(caller.membership_id);
            row.review_reason = Some(reason.clone());
        }
        Move::Approve(_) => {
            row.review_reason = None;
            row.quarantine_reason = None;
        }
        Move::Publish => {
            row.review_reason = None;
            row.published_at = Some(app.clock.now());
        }
        Move::Unpublish(reason) => {
            row.review_reason = Some(reason.clone());
            row.published_at = None;
        }
    }
    row
}

/// Nobody judges their own visit, and nobody takes another's review out of their hands.
async fn check_person(write: &Write<'_>, caller: &Caller, row: &visit::Model, mv: &Move) -> Result<(), Failure> {
    check_not_own(write, caller, row).await?;
    let is_theirs = row.reviewer_id == Some(caller.membership_id) || caller.role == Role::FirmAdmin;
    if mv.is_takers() && !is_theirs {
        let detail = "Somebody else took this visit for review. They or a firm admin can release it.";
        return Err(Failure::new(Kind::Forbidden, "not_the_reviewer", detail));
    }
    Ok(())
}

/// Checks that the caller did not file a visit, whatever membership they act under.
///
/// # Errors
///
/// 403 `own_visit` when they did.
pub async fn check_not_own(write: &Write<'_>, caller: &Caller, row: &visit::Model) -> Result<(), Failure> {
    if store::same_person(&write.tx, caller.firm_id, row.auditor_id, caller.membership_id).await? {
        let detail = "You filed this visit yourself; somebody else has to review it.";
        return Err(Failure::new(Kind::Forbidden, "own_visit", detail));
    }
    Ok(())
}

/// A visit is judged on all its evidence, or on the auditor's word that a file is lost.
fn check_evidence(files: &[evidence::Model]) -> Result<(), Failure> {
    let missing: Vec<_> =
        files.iter().filter(|file| is_missing(file.state)).map(|file| file.file_name.as_str()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (m, n) = (files.len() - missing.len(), files.len());
    let detail = format!("{m} of {n} files have arrived. Still missing: {}.", missing.join(", "));
    Err(Failure::conflict("evidence_incomplete", detail))
}

/// Adds the visit to the totals or takes it out, and makes the plan follow. A rival is measured and asked for nothing.
async fn count(
    app: &App,
    write: &mut Write<'_>,
    caller: &Caller,
    row: &visit::Model,
    change: Change,
) -> Result<(), Failure> {
    // Publishing at one branch goes one by one, so that the plan is made from totals that nobody is changing.
    lock_branch(&write.tx, row.firm_id, row.branch_id).await?;
    totals::count_visit(&write.tx, row, change).await?;
    let branch = chains::store::branch_by_id(&write.tx, row.firm_id, row.branch_id).await?;
    if branch.is_some_and(|branch| branch.chain_id != row.client_chain_id) {
        return Ok(());
    }
    plans::service::propose(app, write, caller.membership_id, row.branch_id, row.wave_id).await
}

//! The rules of moving a visit through its review, and what publishing sets in motion.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::agreement::{self, blind};
use crate::app::App;
use crate::canonical::canonical;
use crate::chains;
use crate::entity::{evidence, visit};
use crate::events::types::NewEvent;
use crate::evidence::store::evidence_of_visits;
use crate::failure::{Failure, FieldProblem, Kind};
use crate::http::json::text_problem;
use crate::people::types::Caller;
use crate::plans;
use crate::publishing;
use crate::publishing::types::Unpublication;
use crate::retention::classes::written;
use crate::review::store;
use crate::review::types::{ReturnOrder, ReviewView};
use crate::scorecards::store::lock_branch;
use crate::scorecards::totals::{self, Change};
use crate::states::{VISIT_MOVES, after};
use crate::visits::manifest::is_missing;
use crate::visits::store::{lock_visits, lock_with_twins};
use crate::words::{Role, VisitState};
use crate::write::Write;

/// Longest reason, in characters.
pub const REASON_CHARS: usize = 2000;

/// How long a reviewer may do nothing about a visit before another can take it.
pub const IDLE_FOR: TimeDelta = TimeDelta::hours(4);

/// A move of a visit in review, with the reason where one is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Take it for review.
    Review,
    /// Take it for review, from another reviewer too.
    TakeOver,
    /// Give it back to the queue.
    Release,
    /// Back to the auditor, to be filed again.
    Return(ReturnOrder),
    /// Not accepted.
    Reject(String),
    /// A rejected one is looked at again.
    Reopen(String),
    /// Accepted; the text clears a quarantine.
    Approve(Option<String>),
    /// Its results count and show.
    Publish,
    /// Its results count no longer.
    Unpublish(Unpublication),
}

impl Move {
    /// Its name in the table of moves, and the event it leaves.
    fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::Review => ("review", "visit.review_started"),
            Self::TakeOver => ("take_over", "visit.taken_over"),
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
            Self::Reject(reason) | Self::Reopen(reason) => Some(("reason", reason)),
            Self::Unpublish(why) => Some(("reason", &why.reason)),
            Self::Return(order) => order.reason.as_deref().map(|reason| ("reason", reason)),
            Self::Approve(because) => because.as_deref().map(|because| ("quarantine_cleared_because", because)),
            Self::Review | Self::TakeOver | Self::Release | Self::Publish => None,
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
/// * 409 `not_idle` when it is to be taken from a reviewer who did something about it not long ago.
/// * 422 when the reason is empty or too long, or what is to be returned has problems.
pub async fn move_visit(app: &App, caller: &Caller, id: Uuid, mut mv: Move) -> Result<ReviewView, Failure> {
    check_shape(&mv, app.clock.now())?;
    let mut write = Write::begin_by(app, caller).await?;
    let mut locked = match mv {
        Move::Publish => lock_with_twins(&write.tx, caller.firm_id, id).await?,
        _ => lock_visits(&write.tx, caller.firm_id, &[id]).await?,
    };
    let own = locked.iter().position(|row| row.id == id).ok_or_else(|| Failure::not_found("visit"))?;
    let stored = locked.swap_remove(own);
    if mv == Move::TakeOver && stored.state != VisitState::InReview {
        // Nobody has it.
        mv = Move::Review;
    }
    let (name, event) = mv.names();
    let to = after(VISIT_MOVES, "visit", stored.state, name)?;
    check_person(&write, caller, &stored, &mv).await?;
    match &mv {
        Move::TakeOver => check_idle(&stored, app.clock.now())?,
        Move::Return(order) => check_items(app, &write, &stored, order).await?,
        _ => {}
    }
    if to == VisitState::InReview && mv != Move::TakeOver {
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
    let row = store::update_visit(&write.tx, moved(app, caller, stored.clone(), &mv, to)?).await?;
    match &mv {
        Move::Publish => count(app, &mut write, caller.membership_id, &row, Change::Add).await?,
        Move::Unpublish(why) => {
            count(app, &mut write, caller.membership_id, &row, Change::Remove).await?;
            publishing::service::withdraw(app, &write, &row, why.public_reason.clone()).await?;
        }
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
    if let Move::Return(order) = &mv {
        // Said even when nothing was: it tells a purge that there are texts.
        payload["reason"] = json!(order.reason.as_deref().unwrap_or_default());
        payload["items"] = json!(order.items);
        payload["due_at"] = json!(order.due_at);
    }
    if mv == Move::TakeOver {
        payload["taken_from"] = json!(stored.reviewer_id);
    }
    if let Move::Unpublish(Unpublication { public_reason: Some(told), .. }) = &mv {
        payload["public_reason"] = json!(told);
    }
    if let Some(quarantine) = was_quarantined {
        payload["cleared"] = json!(quarantine);
    }
    write.event(NewEvent::new(event, "visit", id, caller.membership_id, payload).for_auditor(row.auditor_id));
    write.commit().await?;
    Ok(row.into())
}

/// The visit as the move leaves it.
fn moved(
    app: &App,
    caller: &Caller,
    mut row: visit::Model,
    mv: &Move,
    to: VisitState,
) -> Result<visit::Model, Failure> {
    let now = app.clock.now();
    row.state = to;
    row.acted_at = Some(now);
    if mv.reason().is_some() || matches!(mv, Move::Return(_)) {
        row.purged = written(row.purged);
    }
    match mv {
        Move::Review | Move::TakeOver | Move::Reopen(_) => {
            row.reviewer_id = Some(caller.membership_id);
            row.taken_at = Some(now);
        }
        Move::Release => (row.reviewer_id, row.taken_at) = (None, None),
        Move::Return(_) | Move::Reject(_) | Move::Approve(_) => {
            row.reviewed_revision = Some(row.current_revision);
            (row.due_at, row.return_items) = (None, None);
        }
        Move::Publish | Move::Unpublish(_) => {}
    }
    match mv {
        Move::Return(order) => {
            row.review_reason = order.reason.clone();
            row.returned_at = Some(now);
            row.due_at = Some(order.due_at);
            row.return_items = Some(canonical(&order.items)?.text);
        }
        Move::Reject(reason) | Move::Reopen(reason) => row.review_reason = Some(reason.clone()),
        Move::Approve(_) => {
            row.review_reason = None;
            row.quarantine_reason = None;
        }
        Move::Publish => {
            row.review_reason = None;
            row.published_at = Some(now);
        }
        Move::Unpublish(why) => {
            row.review_reason = Some(why.reason.clone());
            row.published_at = None;
        }
        Move::Review | Move::TakeOver | Move::Release => {}
    }
    Ok(row)
}

/// What is wrong with a move whatever visit it is of.
fn check_shape(mv: &Move, now: DateTime<Utc>) -> Result<(), Failure> {
    let mut problems = Vec::new();
    let mut check = |pointer: String, text: &str| {
        if let Some((code, message)) = text_problem(text, REASON_CHARS) {
            problems.push(FieldProblem::new(pointer, code, message));
        }
    };
    if let Some((member, reason)) = mv.reason() {
        check(format!("/{member}"), reason);
    }
    if let Move::Unpublish(Unpublication { public_reason: Some(told), .. }) = mv {
        check("/public_reason".to_owned(), told);
    }
    if let Move::Return(order) = mv {
        for (i, item) in order.items.iter().enumerate() {
            check(format!("/items/{i}/reason"), &item.reason);
        }
        let mut named = BTreeSet::new();
        for (i, item) in order.items.iter().enumerate() {
            if !named.insert(&item.item_id) {
                let message = "is named above already";
                problems.push(FieldProblem::new(format!("/items/{i}/item_id"), "duplicate", message));
            }
        }
        if order.due_at <= now {
            problems.push(FieldProblem::new("/due_at", "in_the_past", "must be in the future"));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::invalid(problems)) }
}

/// Checks that the items of a return are those of the visit's standard.
async fn check_items(app: &App, write: &Write<'_>, row: &visit::Model, order: &ReturnOrder) -> Result<(), Failure> {
    let standard = app.standards.get(&write.tx, row.firm_id, &row.standard_id, row.standard_version).await?;
    let standard = standard.ok_or_else(|| Failure::internal(format!("the standard of visit {} is gone", row.id)))?;
    let is_unknown = |item: &str| standard.standard.item(item).is_none();
    let unknown = order.items.iter().enumerate().filter(|(_, item)| is_unknown(&item.item_id));
    let problem =
        |(i, _)| FieldProblem::new(format!("/items/{i}/item_id"), "unknown_ref", "is not an item of the standard");
    let problems: Vec<_> = unknown.map(problem).collect();
    if problems.is_empty() { Ok(()) } else { Err(Failure::invalid(problems)) }
}

/// Whether a visit can be taken from its reviewer.
pub fn is_idle(row: &visit::Model, now: DateTime<Utc>) -> bool {
    row.state == VisitState::InReview && row.acted_at.is_none_or(|acted_at| now - acted_at >= IDLE_FOR)
}

fn check_idle(row: &visit::Model, now: DateTime<Utc>) -> Result<(), Failure> {
    if is_idle(row, now) {
        return Ok(());
    }
    let until = row.acted_at.map(|at| at + IDLE_FOR).unwrap_or(now).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let detail = format!("Its reviewer did something about it not long ago; it can be taken over from {until} on.");
    Err(Failure::conflict("not_idle", detail))
}

/// Notes that somebody did something about a visit: if they are its reviewer, nobody takes it from them for a while.
pub fn acted(row: &mut visit::Model, by: Uuid, now: DateTime<Utc>) {
    if row.reviewer_id == Some(by) {
        row.acted_at = Some(now);
    }
}

/// Nobody judges their own visit, and nobody takes another's review out of their hands.
async fn check_person(write: &Write<'_>, caller: &Caller, row: &visit::Model, mv: &Move) -> Result<(), Failure> {
    check_not_own(write, caller, row).await?;
    if mv.is_takers() { check_taker(caller, row) } else { Ok(()) }
}

/// Checks that a visit in review is the caller's to judge: they took it, or they are a firm admin.
///
/// # Errors
///
/// 403 `not_the_reviewer`.
pub fn check_taker(caller: &Caller, row: &visit::Model) -> Result<(), Failure> {
    let is_theirs = row.reviewer_id == Some(caller.membership_id) || caller.role == Role::FirmAdmin;
    if row.state == VisitState::InReview && !is_theirs {
        let detail = "Somebody else took this visit for review. They or a firm admin can release it.";
        return Err(Failure::new(Kind::Forbidden, "not_the_reviewer", detail));
    }
    Ok(())
}

/// Checks that the caller did not file a visit and is not to score it a second time, whatever membership they act under.
///
/// # Errors
///
/// 403 `own_visit` when they filed it, and as [`blind::check`].
pub async fn check_not_own(write: &Write<'_>, caller: &Caller, row: &visit::Model) -> Result<(), Failure> {
    if store::same_person(&write.tx, caller.firm_id, row.auditor_id, caller.membership_id).await? {
        let detail = "You filed this visit yourself; somebody else has to review it.";
        return Err(Failure::new(Kind::Forbidden, "own_visit", detail));
    }
    blind::check(&write.tx, caller, row.id).await
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
///
/// # Errors
///
/// [`Failure`] (500) when the database fails or the stored score cannot be read.
pub async fn count(
    app: &App,
    write: &mut Write<'_>,
    by: Uuid,
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
    plans::service::propose(app, write, by, row.branch_id, row.wave_id).await
}

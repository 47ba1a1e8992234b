//! Deciding appeals: by somebody else than those whose work it is about, and for good.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::agreement::blind;
use crate::app::App;
use crate::appeals::service::{fact, get, locked};
use crate::appeals::store;
use crate::appeals::types::{AppealView, Declining, Upholding};
use crate::entity::{appeal, visit};
use crate::events::store::of_objects;
use crate::failure::{Failure, FieldProblem, Kind};
use crate::http::json::text_problem;
use crate::people::types::Caller;
use crate::retention::classes::bit;
use crate::retention::store::{memberships_beside, reopen};
use crate::review::revise::{Change, revise};
use crate::states::{APPEAL_MOVES, after};
use crate::words::{AppealState, DataClass, RevisionKind};
use crate::write::Write;

/// Longest reason, in characters.
const REASON_CHARS: usize = 2000;
/// Facts about a visit whose actors judged it, or had it for that.
const JUDGED: [&str; 10] = [
    "visit.review_started",
    "visit.taken_over",
    "visit.reopened",
    "visit.approved",
    "visit.returned",
    "visit.rejected",
    "visit.corrected",
    "visit.excluded",
    "visit.included",
    "visit.quarantine_cleared",
];

/// Who judged some visits before anybody appealed.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn judges_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    rows: &[appeal::Model],
    visits: &BTreeMap<Uuid, visit::Model>,
) -> Result<BTreeMap<Uuid, BTreeSet<Uuid>>, Failure> {
    let mut judges: BTreeMap<Uuid, BTreeSet<Uuid>> =
        visits.values().map(|visit| (visit.id, visit.reviewer_id.into_iter().collect())).collect();
    for row in rows {
        judges.entry(row.visit_id).or_default().extend(row.reviewer_id);
    }
    let objects: Vec<_> = judges.keys().map(|id| format!("visit/{id}")).collect();
    for some in objects.chunks(100) {
        for event in of_objects(db, firm_id, some).await? {
            let of = event.object.strip_prefix("visit/").and_then(|id| id.parse().ok());
            if let (Some(visit_id), Some(actor_id)) = (of, event.actor_id)
                && JUDGED.contains(&event.kind.as_str())
                && !is_of_appeal(event.payload.as_deref())
            {
                judges.entry(visit_id).or_default().insert(actor_id);
            }
        }
    }
    Ok(judges)
}

/// Whether a correction came of an appeal: who decided one may decide the next.
fn is_of_appeal(payload: Option<&str>) -> bool {
    let payload: Option<Value> = payload.and_then(|text| serde_json::from_str(text).ok());
    payload.is_some_and(|payload| payload["kind"] == json!(RevisionKind::Appeal))
}

/// Whether somebody with these memberships may decide an appeal.
///
/// # Errors
///
/// * 403 `own_visit` when they made the visit.
/// * 403 `first_reviewer` when they judged it before.
/// * 403 `own_appeal` when they brought the appeal.
pub fn may_decide(
    row: &appeal::Model,
    visit: &visit::Model,
    judges: &BTreeSet<Uuid>,
    own: &[Uuid],
) -> Result<(), Failure> {
    let refused = |code, detail: &str| Err(Failure::new(Kind::Forbidden, code, detail));
    if own.contains(&visit.auditor_id) {
        return refused("own_visit", "You filed this visit yourself; somebody else has to decide.");
    }
    if own.iter().any(|id| judges.contains(id)) {
        return refused("first_reviewer", "You judged this visit before; another reviewer has to decide.");
    }
    if own.contains(&row.filed_by) {
        return refused("own_appeal", "You brought this appeal yourself; somebody else has to decide.");
    }
    Ok(())
}

/// An appeal with its visit, locked, as it is after a move that the caller may make.
async fn begun(
    write: &Write<'_>,
    caller: &Caller,
    id: Uuid,
    mv: &str,
) -> Result<(appeal::Model, visit::Model), Failure> {
    let (mut row, visit) = locked(write, caller, id).await?;
    let to = after(APPEAL_MOVES, "appeal", row.state, mv)?;
    blind::check(&write.tx, caller, visit.id).await?;
    let visits = BTreeMap::from([(visit.id, visit.clone())]);
    let judges = judges_of(&write.tx, caller.firm_id, std::slice::from_ref(&row), &visits).await?;
    let own = memberships_beside(&write.tx, caller.firm_id, caller.membership_id).await?;
    may_decide(&row, &visit, judges.get(&visit.id).unwrap_or(&BTreeSet::new()), &own)?;
    row.state = to;
    Ok((row, visit))
}

/// Upholds an appeal: the new answers are a revision with a score of its own, and totals and plan follow in the same
/// transaction.
///
/// # Errors
///
/// * 403 as [`may_decide`].
/// * 404 when there is no such appeal.
/// * 409 `illegal_state` when it was decided or taken back.
/// * 422 naming everything wrong with the answers and reasons.
pub async fn uphold(app: &App, caller: &Caller, id: Uuid, decision: Upholding) -> Result<AppealView, Failure> {
    check_reason(&decision.reason)?;
    let mut write = Write::begin_by(app, caller).await?;
    let (row, visit) = begun(&write, caller, id, "uphold").await?;
    let answer = |given: Value| Some(given).filter(|answer| !answer.is_null());
    let first =
        Change { item_id: row.item_id.clone(), answer: answer(decision.answer.0), reason: decision.reason.clone() };
    let also = decision.also.unwrap_or_default().into_iter();
    let also = also.map(|also| Change { item_id: also.item_id, answer: answer(also.answer.0), reason: also.reason });
    let changes: Vec<_> = std::iter::once(first).chain(also).collect();
    let from_version = visit.current_score_version;
    let revised = revise(app, &mut write, caller.membership_id, visit, RevisionKind::Appeal, &changes).await;
    let visit = revised.map_err(in_decision)?;
    let row = appeal::Model {
        score_version: from_version,
        new_score_version: Some(visit.current_score_version),
        ..decided(app, caller, row, decision.reason)
    };
    let more = json!({
        "score_version": from_version, "new_score_version": visit.current_score_version,
        "revision": visit.current_revision,
    });
    finish(write, caller, row, "appeal.upheld", more).await?;
    get(app, caller, id).await
}

/// Declines an appeal: the finding stands.
///
/// # Errors
///
/// * 403 as [`may_decide`].
/// * 404 when there is no such appeal.
/// * 409 `illegal_state` when it was decided or taken back.
/// * 422 when the reason is empty or too long.
pub async fn decline(app: &App, caller: &Caller, id: Uuid, decision: Declining) -> Result<AppealView, Failure> {
    check_reason(&decision.reason)?;
    let write = Write::begin_by(app, caller).await?;
    let (row, _) = begun(&write, caller, id, "decline").await?;
    let row = decided(app, caller, row, decision.reason);
    finish(write, caller, row, "appeal.declined", json!({})).await?;
    get(app, caller, id).await
}

fn decided(app: &App, caller: &Caller, row: appeal::Model, reason: String) -> appeal::Model {
    appeal::Model {
        decided_by: Some(caller.membership_id),
        decided_at: Some(app.clock.now()),
        decision: Some(reason),
        ..row
    }
}

async fn finish(
    mut write: Write<'_>,
    caller: &Caller,
    row: appeal::Model,
    kind: &'static str,
    more: Value,
) -> Result<(), Failure> {
    debug_assert!(row.state != AppealState::Open, "a decision moves it");
    store::update(&write.tx, row.clone()).await?;
    reopen(&write.tx, row.firm_id, row.visit_id, bit(DataClass::FreeText)).await?;
    write.event(fact(kind, &row, caller, more));
    write.commit().await
}

fn check_reason(reason: &str) -> Result<(), Failure> {
    match text_problem(reason, REASON_CHARS) {
        Some((code, message)) => Err(Failure::invalid(vec![FieldProblem::new("/reason", code, message)])),
        None => Ok(()),
    }
}

/// What is wrong with the changes, said of the members of the decision.
fn in_decision(mut failure: Failure) -> Failure {
    for error in &mut failure.errors {
        if let Some(rest) = error.pointer.strip_prefix("/changes/") {
            let (position, rest) =
                rest.split_once('/').map_or((rest, String::new()), |(n, rest)| (n, format!("/{rest}")));
            error.pointer = match position.parse::<usize>() {
                Ok(0) => rest,
                Ok(n) => format!("/also/{}{rest}", n - 1),
                Err(_) => continue,
            };
        } else if error.pointer == "/changes" {
            error.pointer = "/answer".to_owned();
        }
    }
    failure
}

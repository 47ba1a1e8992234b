//! What becomes of a visit beside its state: whether it counts in reports, whether it is paid, and what flagged it.

use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::entity::visit;
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem};
use crate::http::json::text_problem;
use crate::people::types::Caller;
use crate::publishing;
use crate::retention::classes::written;
use crate::review::service::{REASON_CHARS, acted, check_not_own, check_taker, count};
use crate::review::store;
use crate::review::types::ReviewView;
use crate::scorecards::totals::Change;
use crate::states::{VISIT_MOVES, after};
use crate::visits::store::lock_visits;
use crate::words::{Reporting, VisitState};
use crate::write::Write;

/// Takes a visit out of reports, or lets it count again; a published one leaves the totals and the plan at once, and comes
/// back. `payable` says whether the auditor is paid all the same. Doing it again changes nothing.
///
/// # Errors
///
/// * 403 `own_visit`, `not_the_reviewer`.
/// * 404 when there is no such visit.
/// * 409 `illegal_state`.
/// * 422 when the reason is blank or too long.
pub async fn set_reporting(
    app: &App,
    caller: &Caller,
    id: Uuid,
    to: Reporting,
    (reason, payable): (String, bool),
) -> Result<ReviewView, Failure> {
    let (mv, kind, change) = match to {
        Reporting::Excluded => ("exclude", "visit.excluded", Change::Remove),
        Reporting::Included => ("include", "visit.included", Change::Add),
    };
    let mut write = Write::begin_by(app, caller).await?;
    let before = locked(&write, caller, id, mv, &reason).await?;
    if (before.reporting, before.payable) == (to, payable) {
        return Ok(before.into());
    }
    let mut row = before.clone();
    (row.reporting, row.payable, row.reporting_reason) = (to, payable, Some(reason.clone()));
    row.purged = written(row.purged);
    acted(&mut row, caller.membership_id, app.clock.now());
    let row = store::update_visit(&write.tx, row).await?;
    if row.state == VisitState::Published && before.reporting != to {
        // As it was or is when it counts: an excluded visit adds nothing.
        let counted = if to == Reporting::Excluded { &before } else { &row };
        count(app, &mut write, caller.membership_id, counted, change).await?;
        if to == Reporting::Excluded {
            // The chain has read it, and learns that it counts no more.
            publishing::service::withdraw(app, &write, &row, None).await?;
        }
    }
    let payload = json!({
        "reason": reason, "payable": payable, "state": row.state, "wave_id": row.wave_id, "branch_id": row.branch_id,
    });
    write.event(NewEvent::new(kind, "visit", id, caller.membership_id, payload).for_auditor(row.auditor_id));
    write.commit().await?;
    Ok(row.into())
}

/// Lets a visit that was kept and flagged count like any other. Nothing changes when nothing flags it.
///
/// # Errors
///
/// * 403 `own_visit`, `not_the_reviewer`.
/// * 404 when there is no such visit.
/// * 409 `illegal_state`.
/// * 422 when the reason is blank or too long.
pub async fn clear_quarantine(app: &App, caller: &Caller, id: Uuid, reason: String) -> Result<ReviewView, Failure> {
    let mut write = Write::begin_by(app, caller).await?;
    let mut row = locked(&write, caller, id, "clear_quarantine", &reason).await?;
    let Some(cleared) = row.quarantine_reason.take() else { return Ok(row.into()) };
    row.purged = written(row.purged);
    acted(&mut row, caller.membership_id, app.clock.now());
    let row = store::update_visit(&write.tx, row).await?;
    let payload = json!({
        "reason": reason, "cleared": cleared, "state": row.state, "wave_id": row.wave_id, "branch_id": row.branch_id,
    });
    let told = NewEvent::new("visit.quarantine_cleared", "visit", id, caller.membership_id, payload);
    write.event(told.for_auditor(row.auditor_id));
    write.commit().await?;
    Ok(row.into())
}

/// A visit that the caller may decide on, locked.
async fn locked(write: &Write<'_>, caller: &Caller, id: Uuid, mv: &str, reason: &str) -> Result<visit::Model, Failure> {
    if let Some((code, message)) = text_problem(reason, REASON_CHARS) {
        return Err(Failure::invalid(vec![FieldProblem::new("/reason", code, message)]));
    }
    let row = lock_visits(&write.tx, caller.firm_id, &[id]).await?.pop();
    let row = row.ok_or_else(|| Failure::not_found("visit"))?;
    after(VISIT_MOVES, "visit", row.state, mv)?;
    check_not_own(write, caller, &row).await?;
    check_taker(caller, &row)?;
    Ok(row)
}

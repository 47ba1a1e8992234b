//! Holds: what one is on is neither purged nor erased while it lasts.

use sea_orm::ConnectionTrait;
use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::chains::store::{branch_by_id, chain_by_id};
use crate::entity::{hold, visit};
use crate::erasure;
use crate::events::store::lock_head;
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem};
use crate::http::json::text_problem;
use crate::people::store::membership_by_id;
use crate::people::types::Caller;
use crate::retention::store;
use crate::retention::types::{HoldIn, HoldView};
use crate::visits::store::visit_by_id;
use crate::words::HeldObject;
use crate::write::{Once, Write};

/// Longest reason, in characters.
const REASON_CHARS: usize = 1000;

/// Makes a hold. A purge that is under way finishes the visits that it has begun; from this answer on none is begun.
///
/// # Errors
///
/// * 422 when there is no such object in the firm, or the reason is empty or too long.
/// * As [`Once`] for a repeated key.
pub async fn create(app: &App, caller: &Caller, key: Option<String>, new: HoldIn) -> Result<String, Failure> {
    let once = Once::of(caller, "create_hold", key, &json!(new))?;
    let mut write = Write::begin_by(app, caller).await?;
    if let Some(answer) = once.answered(&write).await? {
        return Ok(answer);
    }
    let mut problems = Vec::new();
    if !is_there(&write.tx, caller.firm_id, new.on, new.object_id).await? {
        let message = format!("is no {} of this firm", new.on);
        problems.push(FieldProblem::new("/object_id", "unknown_ref", message));
    }
    if let Some((code, message)) = text_problem(&new.reason, REASON_CHARS) {
        problems.push(FieldProblem::new("/reason", code, message));
    }
    if !problems.is_empty() {
        return Err(Failure::invalid(problems));
    }
    let row = hold::Model {
        firm_id: caller.firm_id,
        id: app.ids.next(),
        on_what: new.on,
        object_id: new.object_id,
        reason: new.reason,
        created_by: caller.membership_id,
        created_at: app.clock.now(),
        released_by: None,
        released_at: None,
    };
    store::insert_hold(&write.tx, row.clone()).await?;
    let payload = json!({"on": row.on_what, "object_id": row.object_id});
    write.event(NewEvent::new("hold.created", "hold", row.id, caller.membership_id, payload).log_only());
    write.commit_once(&once, &HoldView::from(row)).await
}

async fn is_there(db: &impl ConnectionTrait, firm_id: Uuid, on: HeldObject, id: Uuid) -> Result<bool, Failure> {
    Ok(match on {
        HeldObject::Visit => visit_by_id(db, firm_id, id).await?.is_some(),
        HeldObject::Branch => branch_by_id(db, firm_id, id).await?.is_some(),
        HeldObject::Chain => chain_by_id(db, firm_id, id).await?.is_some(),
        HeldObject::Person => membership_by_id(db, firm_id, id).await?.is_some(),
    })
}

/// Ends a hold; doing it again changes nothing. What is due goes in the next night, and erasures that waited go on at once.
///
/// # Errors
///
/// 404 when the firm has no such hold.
pub async fn release(app: &App, caller: &Caller, id: Uuid) -> Result<HoldView, Failure> {
    let mut write = Write::begin_by(app, caller).await?;
    let row = store::lock_hold(&write.tx, caller.firm_id, id).await?;
    let mut row = row.ok_or_else(|| Failure::not_found("hold"))?;
    if row.released_at.is_some() {
        return Ok(row.into());
    }
    (row.released_at, row.released_by) = (Some(app.clock.now()), Some(caller.membership_id));
    store::update_hold(&write.tx, row.clone()).await?;
    // An erasure that is about to wait sees this end, or is seen waiting here.
    lock_head(&write.tx, caller.firm_id).await?;
    erasure::service::wake_waiting(app, &write).await?;
    let payload = json!({"on": row.on_what, "object_id": row.object_id});
    write.event(NewEvent::new("hold.released", "hold", id, caller.membership_id, payload).log_only());
    write.commit().await?;
    app.wake.wake();
    Ok(row.into())
}

/// The first hold in force that covers a visit: on itself, its branch, the chain of its wave, or its auditor under any
/// membership.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn on_visit(db: &impl ConnectionTrait, visit: &visit::Model) -> Result<Option<Uuid>, Failure> {
    let mut objects = store::memberships_beside(db, visit.firm_id, visit.auditor_id).await?;
    objects.extend([visit.id, visit.branch_id, visit.client_chain_id]);
    Ok(store::holds_on(db, visit.firm_id, &objects).await?.first().map(|row| row.id))
}

/// 409: a hold keeps what is to be taken from a visit.
///
/// # Errors
///
/// When one does.
pub async fn check_free(db: &impl ConnectionTrait, firm_id: Uuid, visit_id: Uuid) -> Result<(), Failure> {
    let Some(visit) = visit_by_id(db, firm_id, visit_id).await? else { return Ok(()) };
    match on_visit(db, &visit).await? {
        Some(id) => {
            Err(Failure::conflict("held", format!("The hold {id} keeps what is known of this visit as it is.")))
        }
        None => Ok(()),
    }
}

/// Something that a hold may keep as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// A visit, whatever the hold is on.
    Visit(Uuid),
    /// A branch, a chain or a membership, by a hold on itself.
    Itself(Uuid),
}

/// Whether a hold keeps something; a visit that is not there is free.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn is_kept(db: &impl ConnectionTrait, firm_id: Uuid, kept: Kept) -> Result<bool, Failure> {
    match kept {
        Kept::Itself(id) => Ok(!store::holds_on(db, firm_id, &[id]).await?.is_empty()),
        Kept::Visit(id) => match visit_by_id(db, firm_id, id).await? {
            Some(visit) => Ok(on_visit(db, &visit).await?.is_some()),
            None => Ok(false),
        },
    }
}

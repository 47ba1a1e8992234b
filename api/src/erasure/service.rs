//! Rules of erasures: who may be erased when, and what ends at once.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::apikeys;
use crate::app::App;
use crate::entity::{erasure, membership, user};
use crate::erasure::store;
use crate::erasure::types::{EraseUser, ErasureView};
use crate::events::store::lock_head;
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem};
use crate::http::problem::auth_failure;
use crate::jobs::queue;
use crate::people::email;
use crate::people::store::{count_other_admins, insert_user, membership_by_id, user_by_id};
use crate::people::types::{Caller, SignedIn};
use crate::retention::purge::begun;
use crate::retention::store::{holds_on, insert_purge};
use crate::secrets::{hex, random_bytes};
use crate::words::{ErasureExtent, ErasureReason, ErasureState, MembershipState, PurgeReason, Role};
use crate::write::Write;

/// The kind of the job that takes what is left of somebody.
pub const JOB: &str = "erasure.run";
/// Visits that a refusal names.
const NAMED: u64 = 20;
/// How long it is looked again whether something came in that was on its way when somebody was erased.
const LOOKED_AGAIN: TimeDelta = TimeDelta::days(2);

/// An erasure that begins, now or once more after a backup was restored.
#[derive(Clone, Debug)]
pub struct Begin {
    /// The erasure.
    pub id: Uuid,
    /// The memberships.
    pub membership_ids: Vec<Uuid>,
    /// The name that they get.
    pub label: String,
    /// What is erased.
    pub extent: ErasureExtent,
    /// Why.
    pub reason: ErasureReason,
    /// Who asked for it.
    pub requested_by: Option<Uuid>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Erases a person from the caller's firm, in all roles that they have there. Name, address and every way in end at once; a
/// job takes the rest. Doing it again answers with the same erasure. Of somebody whose name went by a period, the address is
/// the one that stands there since then.
///
/// # Errors
///
/// * 404 when the firm has no such membership.
/// * 422 when the address is not theirs.
/// * 409 `last_admin` when nobody would run the firm.
/// * 409 `held` while a hold is on the person.
/// * 409 `visits_open`, naming visits that they filed and nobody has decided.
pub async fn erase(app: &App, caller: &Caller, id: Uuid, asked: EraseUser) -> Result<ErasureView, Failure> {
    let firm_id = caller.firm_id;
    let not_found = || Failure::not_found("user");
    let known = membership_by_id(app.db.reader(), firm_id, id).await?.ok_or_else(not_found)?;
    // Whose name alone is gone, because a period ended, can still be erased with all the rest.
    let mut earlier = None;
    if known.erased_at.is_some() {
        let found = store::of_membership(app.db.reader(), firm_id, id).await?.ok_or_else(not_found)?;
        if found.extent == ErasureExtent::Person {
            return Ok(found.into());
        }
        earlier = Some(found.label);
    }
    let mut write = Write::begin_by(app, caller).await?;
    let person = store::lock_user_alone(&write.tx, known.user_id).await?.ok_or_else(not_found)?;
    lock_head(&write.tx, firm_id).await?;
    let rows = store::memberships(&write.tx, firm_id, person.id).await?;
    if rows.iter().all(|row| row.id != id) {
        // Somebody else was quicker.
        return Err(Failure::conflict("in_flight", "This person is being erased already. Look at GET /v1/erasures."));
    }
    if email::normal(&asked.email) != person.email {
        let message = "is not the address of this person";
        return Err(Failure::invalid(vec![FieldProblem::new("/email", "differs", message)]));
    }
    for row in &rows {
        let runs = row.role == Role::FirmAdmin && row.state == MembershipState::Active;
        if runs && count_other_admins(&write.tx, firm_id, row.id).await? == 0 {
            return Err(Failure::conflict("last_admin", "Nobody else runs the firm. Make another firm admin first."));
        }
    }
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    if let Some(hold) = holds_on(&write.tx, firm_id, &ids).await?.first() {
        let detail = format!("The hold {} is on this person. Release it first.", hold.id);
        return Err(Failure::conflict("held", detail));
    }
    let open = store::undecided(&write.tx, firm_id, &ids, NAMED).await?;
    if !open.is_empty() {
        let named: Vec<_> = open.iter().map(Uuid::to_string).collect();
        let detail = format!(
            "Visits of this person wait for a decision; what would prove them would be gone. Approve or reject them \
             first: {}.",
            named.join(", ")
        );
        return Err(Failure::conflict("visits_open", detail));
    }
    let begin = Begin {
        id: app.ids.next(),
        membership_ids: ids,
        label: earlier.unwrap_or_else(new_label),
        extent: ErasureExtent::Person,
        reason: asked.reason.into(),
        requested_by: Some(caller.membership_id),
        at: app.clock.now(),
    };
    let row = begin_in(app, &mut write, &person, begin).await?;
    write.commit().await?;
    app.wake.wake();
    Ok(row.into())
}

fn new_label() -> String {
    format!("Erased {}", hex(&random_bytes::<4>()))
}

/// Takes name and address of somebody who left, because the periods of all their chains have ended. What they filed has
/// periods of its own.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn erase_identity(app: &App, row: &membership::Model) -> Result<(), Failure> {
    let mut write = Write::begin(app, row.firm_id).await?;
    let Some(person) = store::lock_user_alone(&write.tx, row.user_id).await? else { return Ok(()) };
    lock_head(&write.tx, row.firm_id).await?;
    let rows = store::memberships(&write.tx, row.firm_id, person.id).await?;
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    // Somebody who is something else in the firm is still there.
    let is_there = rows.iter().any(|row| row.state != MembershipState::Disabled);
    if ids.is_empty() || is_there || !holds_on(&write.tx, row.firm_id, &ids).await?.is_empty() {
        return Ok(());
    }
    let begin = Begin {
        id: app.ids.next(),
        membership_ids: ids,
        label: new_label(),
        extent: ErasureExtent::Identity,
        reason: ErasureReason::Retention,
        requested_by: None,
        at: app.clock.now(),
    };
    begin_in(app, &mut write, &person, begin).await?;
    write.commit().await
}

/// Erases somebody again in a database that was restored from before; false when they are not there, or erased.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn erase_again(app: &App, firm_id: Uuid, mut begin: Begin) -> Result<bool, Failure> {
    let mut known = Vec::new();
    for id in &begin.membership_ids {
        let Some(row) = membership_by_id(app.db.reader(), firm_id, *id).await? else { continue };
        let is_known = row.erased_at.is_some() && begin.extent == ErasureExtent::Identity;
        if !is_known && store::by_id(app.db.reader(), firm_id, begin.id).await?.is_none() {
            known.push(row);
        }
    }
    let Some(user_id) = known.first().map(|row| row.user_id) else { return Ok(false) };
    let mut write = Write::begin(app, firm_id).await?;
    let Some(person) = store::lock_user_alone(&write.tx, user_id).await? else { return Ok(false) };
    lock_head(&write.tx, firm_id).await?;
    begin.membership_ids = store::memberships(&write.tx, firm_id, person.id).await?.iter().map(|row| row.id).collect();
    // Who asked may not be there yet.
    let asked = begin.requested_by;
    begin.requested_by = None;
    if let Some(id) = asked
        && membership_by_id(&write.tx, firm_id, id).await?.is_some()
    {
        begin.requested_by = Some(id);
    }
    begin_in(app, &mut write, &person, begin).await?;
    write.commit().await?;
    app.wake.wake();
    Ok(true)
}

/// Takes what names a person in a firm, and queues the rest. The person and the firm's head are locked.
async fn begin_in(
    app: &App,
    write: &mut Write<'_>,
    person: &user::Model,
    begin: Begin,
) -> Result<erasure::Model, Failure> {
    let (firm_id, at, ids) = (write.firm_id, begin.at, begin.membership_ids);
    let actor = begin.requested_by.unwrap_or_else(|| ids.first().copied().unwrap_or_default());
    for id in &ids {
        for revoked in apikeys::service::revoke_all(app, &write.tx, firm_id, *id, actor, "erased").await? {
            write.event(revoked);
        }
    }
    // Somebody who is nobody, so that no row leads to the person; it cannot be signed in as.
    let nobody = user::Model {
        id: app.ids.opaque(),
        email: format!("{}@erased.invalid", begin.id),
        name: begin.label.clone(),
        locale: "en".to_owned(),
        created_at: at,
        proven_at: None,
    };
    let nobody = insert_user(&write.tx, nobody).await?;
    store::remove_ways_in(&write.tx, person.id, &ids).await?;
    store::pseudonymise(&write.tx, firm_id, &ids, (nobody.id, &begin.label), at).await?;
    let mut words: Vec<_> = ids.iter().map(Uuid::to_string).collect();
    // Other firms of the person go on as they are; a firm has no power over them.
    if store::remove_user(&write.tx, person.id).await? {
        words.extend([person.id.to_string(), person.email.clone()]);
    }
    store::forget_letters(&write.tx, crate::mail::service::SEND_JOB, &words).await?;
    let total = store::count_visits(&write.tx, firm_id, &ids).await?;
    let row = erasure::Model {
        firm_id,
        id: begin.id,
        membership_ids: json!(ids).to_string(),
        label: begin.label,
        extent: begin.extent,
        reason: begin.reason,
        state: ErasureState::Running,
        requested_by: begin.requested_by,
        requested_at: at,
        finished_at: None,
        visits_total: i64::try_from(total).unwrap_or(i64::MAX),
        visits_done: 0,
        visits_held: 0,
        after_seq: 0,
    };
    store::insert(&write.tx, row.clone()).await?;
    insert_purge(&write.tx, begun(app, firm_id, row.id, PurgeReason::Erasure)).await?;
    queue_run(app, write, &row).await?;
    for id in ids {
        let payload = json!({"erasure_id": row.id, "extent": row.extent, "reason": row.reason});
        let event = NewEvent {
            actor_id: row.requested_by,
            ..NewEvent::by_system("membership.erased", "membership", id, payload)
        };
        write.event(event.log_only());
    }
    Ok(row)
}

async fn queue_run(app: &App, write: &Write<'_>, row: &erasure::Model) -> Result<(), Failure> {
    let payload: Value = json!({"erasure_id": row.id});
    queue::add(app, &write.tx, row.firm_id, JOB, &row.id.to_string(), &payload).await
}

/// Has the erasures of a firm that waited for holds go on. Call `app.wake.wake()` after the commit.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn wake_waiting(app: &App, write: &Write<'_>) -> Result<(), Failure> {
    for mut row in store::waiting(&write.tx, write.firm_id).await? {
        row.state = ErasureState::Running;
        queue_run(app, write, &row).await?;
        store::update(&write.tx, row).await?;
    }
    Ok(())
}

/// Has erasures go on for which something came in that was on its way when they were asked for.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn look_again(app: &App, firm_id: Uuid) -> Result<(), Failure> {
    let since = app.clock.now() - LOOKED_AGAIN;
    for mut row in store::done_since(app.db.reader(), firm_id, since).await? {
        let ids: Vec<Uuid> = serde_json::from_str(&row.membership_ids).map_err(Failure::internal)?;
        if row.extent == ErasureExtent::Identity || !store::has_unpurged(app.db.reader(), firm_id, &ids).await? {
            continue;
        }
        let write = Write::begin(app, firm_id).await?;
        row.state = ErasureState::Running;
        queue_run(app, &write, &row).await?;
        store::update(&write.tx, row).await?;
        write.commit().await?;
        app.wake.wake();
    }
    Ok(())
}

/// 409: nothing of an erased membership can be changed.
///
/// # Errors
///
/// When it is one.
pub fn refuse_erased(row: &membership::Model) -> Result<(), Failure> {
    match row.erased_at {
        Some(_) => Err(Failure::conflict("erased", "This person was erased. Add them anew if they come back.")),
        None => Ok(()),
    }
}

/// The person who is signed in.
///
/// # Errors
///
/// 401 when they are not there any more.
pub async fn me(app: &App, signed_in: &SignedIn) -> Result<user::Model, Failure> {
    user_by_id(app.db.reader(), signed_in.user_id).await?.ok_or_else(auth_failure)
}

/// The person of a membership of the caller's firm.
///
/// # Errors
///
/// 404 when the firm has no such membership.
pub async fn person_of(app: &App, caller: &Caller, id: Uuid) -> Result<user::Model, Failure> {
    let not_found = || Failure::not_found("user");
    let db = app.db.reader();
    let row = membership_by_id(db, caller.firm_id, id).await?.ok_or_else(not_found)?;
    user_by_id(db, row.user_id).await?.ok_or_else(not_found)
}

//! The job that takes what is left of somebody: what they filed, what they wrote, what was kept for them. It can be killed
//! at any moment and goes on from there.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::entity::{erasure, event};
use crate::erasure::{store, tombstones};
use crate::events::types::NewEvent;
use crate::failure::Failure;
use crate::retention::classes::{erase_payload, is_written};
use crate::retention::line::{About, Taken, issue};
use crate::retention::purge::{Because, Outcome, note, visit};
use crate::retention::store::{lock_purge, update_purge};
use crate::words::{ErasureExtent, ErasureState, PurgeReason, PurgeState};
use crate::write::Write;

/// Visits looked up together.
const VISITS: u64 = 50;
/// Events looked at together.
const EVENTS: u64 = 500;

/// What the job carries.
#[derive(Deserialize)]
pub struct OfErasure {
    erasure_id: Uuid,
}

/// Takes what is left of somebody.
///
/// # Errors
///
/// [`Failure`] (500) when the database, the keys or their folder fail; the job is tried again then.
pub async fn run_job(app: &App, firm_id: Uuid, of: &OfErasure) -> Result<(), Failure> {
    let Some(mut row) = store::by_id(app.db.reader(), firm_id, of.erasure_id).await? else { return Ok(()) };
    if row.state != ErasureState::Running {
        return Ok(());
    }
    let ids: Vec<Uuid> = serde_json::from_str(&row.membership_ids).map_err(Failure::internal)?;
    // First of all, so that what is told to be done is done again after a restore.
    tombstones::note(app, &row, &ids).await?;
    let mut held = 0;
    if row.extent == ErasureExtent::Person {
        held = visits(app, &mut row, &ids).await?;
        history(app, &mut row, &ids).await?;
    }
    finish(app, row, &ids, held).await
}

/// Purges what they filed, as far as no hold keeps it; gives how many visits one keeps.
async fn visits(app: &App, row: &mut erasure::Model, ids: &[Uuid]) -> Result<i64, Failure> {
    let (mut after, mut held) = (None, 0);
    loop {
        let some = store::unpurged(app.db.reader(), row.firm_id, ids, after, VISITS).await?;
        let Some(last) = some.last() else { return Ok(held) };
        after = Some(*last);
        for id in some {
            if let Outcome::Held(_) = visit(app, row.firm_id, row.id, id, Because::Erasure).await? {
                held += 1;
            }
        }
        row.visits_held = held;
        row.visits_done = done(app, row, ids).await?;
        save(app, row).await?;
    }
}

async fn done(app: &App, row: &erasure::Model, ids: &[Uuid]) -> Result<i64, Failure> {
    let total = i64::try_from(store::count_visits(app.db.reader(), row.firm_id, ids).await?).unwrap_or(i64::MAX);
    let left = store::count_unpurged(app.db.reader(), row.firm_id, ids).await?;
    Ok(total - i64::try_from(left).unwrap_or(i64::MAX))
}

async fn save(app: &App, row: &erasure::Model) -> Result<(), Failure> {
    let tx = app.db.begin().await?;
    store::update(&tx, row.clone()).await?;
    Ok(tx.commit().await?)
}

/// Takes what they wrote on visits of others, as reviewers, and on actions: where the history says that they did.
async fn history(app: &App, row: &mut erasure::Model, ids: &[Uuid]) -> Result<(), Failure> {
    let keys = app.signing.keys().await?;
    loop {
        let some = store::events_by(app.db.reader(), row.firm_id, ids, row.after_seq, EVENTS).await?;
        let Some(last) = some.last() else { return Ok(()) };
        let mut write = Write::begin(app, row.firm_id).await?;
        let mut taken = Taken::default();
        let mut seen = BTreeSet::new();
        for fact in &some {
            wrote(&write, &mut taken, fact).await?;
            let action = fact.object.strip_prefix("action/").filter(|_| fact.kind == "action.updated");
            if let Some(id) = action.and_then(|id| id.parse().ok()).filter(|id| seen.insert(*id)) {
                taken.rows("actions", store::clear_action(&write.tx, row.firm_id, id).await?);
            }
        }
        row.after_seq = last.seq;
        store::update(&write.tx, row.clone()).await?;
        if !taken.is_empty() {
            line(app, &mut write, row, ids, &taken, keys.signer()).await?;
        }
        write.commit().await?;
    }
}

/// Takes a reason from an event of theirs, and from the visit while it still shows there.
async fn wrote(write: &Write<'_>, taken: &mut Taken, fact: &event::Model) -> Result<(), Failure> {
    if !is_written(fact) {
        return Ok(());
    }
    let payload: Value = serde_json::from_str(fact.payload.as_deref().unwrap_or("null")).map_err(Failure::internal)?;
    let visit_id = fact.object.strip_prefix("visit/").and_then(|id| id.parse().ok());
    if let (Some(id), Some(reason)) = (visit_id, payload["reason"].as_str()) {
        taken.rows("visits.review_reason", store::clear_review(&write.tx, fact.firm_id, id, reason).await?);
    }
    erase_payload(&write.tx, taken, fact).await
}

/// Signs what was taken of the person, and tells the history.
async fn line(
    app: &App,
    write: &mut Write<'_>,
    row: &erasure::Model,
    ids: &[Uuid],
    taken: &Taken,
    key: &ed25519_dalek::SigningKey,
) -> Result<(), Failure> {
    let id = ids.first().copied().unwrap_or_default();
    let object = format!("membership/{id}");
    let (line_id, at) = (app.ids.next(), app.clock.now());
    let because = PurgeReason::Erasure;
    let about = About { id: line_id, firm_id: row.firm_id, purge_id: row.id, object: &object, at, because };
    let text = issue(about, &[], taken, key)?;
    note(&write.tx, about, &text, &[], taken).await?;
    let payload: Value = serde_json::from_str(&text).map_err(Failure::internal)?;
    write.event(NewEvent::by_system("membership.purged", "membership", id, payload).log_only());
    Ok(())
}

/// Takes the rest, and says how it ended.
async fn finish(app: &App, mut row: erasure::Model, ids: &[Uuid], held: i64) -> Result<(), Failure> {
    let (firm_id, at) = (row.firm_id, app.clock.now());
    let keys = app.signing.keys().await?;
    let mut write = Write::begin(app, firm_id).await?;
    let mut taken = Taken::default();
    taken.rows("idempotency_keys", store::forget_answers(&write.tx, firm_id, ids).await?);
    taken.rows("api_keys.name", store::rename_keys(&write.tx, firm_id, ids, &row.label).await?);
    if row.extent == ErasureExtent::Person {
        taken.rows("uploads.metadata", store::end_uploads(&write.tx, firm_id, ids).await?);
    }
    row.visits_held = held;
    row.visits_done = done(app, &row, ids).await?;
    row.state = if held > 0 { ErasureState::Waiting } else { ErasureState::Done };
    row.finished_at = (held == 0).then_some(at);
    line(app, &mut write, &row, ids, &taken, keys.signer()).await?;
    if held == 0
        && let Some(mut purge) = lock_purge(&write.tx, firm_id, row.id).await?
    {
        (purge.state, purge.finished_at) = (PurgeState::Done, Some(at));
        update_purge(&write.tx, purge).await?;
    }
    let payload = json!({"state": row.state, "visits": row.visits_total, "held": held});
    write.event(NewEvent::by_system("erasure.finished", "erasure", row.id, payload).log_only());
    store::update(&write.tx, row).await?;
    write.commit().await?;
    Ok(app.db.empty_journal().await?)
}

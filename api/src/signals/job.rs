//! The job that looks for signals, after a visit was filed and after each of its files was looked into.

use std::collections::BTreeSet;

use sea_orm::DatabaseTransaction;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::canonical::canonical;
use crate::entity::{evidence, signal};
use crate::events::types::NewEvent;
use crate::evidence::service::has_bytes;
use crate::evidence::store::evidence_of_visits;
use crate::failure::Failure;
use crate::jobs;
use crate::signals::facts::{Found, find};
use crate::signals::gather::{Filed, facts, filed};
use crate::signals::store;
use crate::visits::store::lock_visits;
use crate::write::Write;

/// The kind of the job.
pub const JOB: &str = "visit.signals";

/// What the job carries.
#[derive(Debug, Serialize, Deserialize)]
pub struct OfVisits {
    /// The visits to look at.
    pub visit_ids: Vec<Uuid>,
}

/// Queues looking at some visits, in the transaction that gives the reason. Visits that were filed in one commit are one
/// job, so that filing many costs few; while one visit waits to be looked at by itself, it is not queued again.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn queue(app: &App, tx: &DatabaseTransaction, firm_id: Uuid, visit_ids: &[Uuid]) -> Result<(), Failure> {
    let key = match visit_ids {
        [] => return Ok(()),
        [alone] => *alone,
        _ => app.ids.next(),
    };
    let payload = json!(OfVisits { visit_ids: visit_ids.to_vec() });
    jobs::queue::add(app, tx, firm_id, JOB, &key.to_string(), &payload).await
}

/// Looks for signals of some visits. Doing it again changes nothing, unless something else has changed.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails; the job is tried again then.
pub async fn run(app: &App, firm_id: Uuid, of: &OfVisits) -> Result<(), Failure> {
    let mut visits = Vec::new();
    for id in &of.visit_ids {
        visits.extend(filed(app, firm_id, *id).await?);
    }
    // First those of all: visits that came together are compared with each other too.
    put_sketches(app, firm_id, &visits).await?;
    let mut looked_at = Vec::new();
    for visit in visits {
        let found = find(&facts(app, &visit).await?);
        let known = store::of_visits(app.db.reader(), firm_id, &[visit.visit.id]).await?;
        if !changes(app, &visit, &known, &found)?.is_empty() {
            looked_at.push((visit, found));
        }
    }
    if looked_at.is_empty() {
        return Ok(());
    }
    let mut write = Write::begin(app, firm_id).await?;
    looked_at.sort_unstable_by_key(|(visit, _)| visit.visit.id);
    let ids: Vec<_> = looked_at.iter().map(|(visit, _)| visit.visit.id).collect();
    let locked = lock_visits(&write.tx, firm_id, &ids).await?;
    for (visit, found) in looked_at {
        let revision = locked.iter().find(|row| row.id == visit.visit.id).map(|row| row.current_revision);
        let files = evidence_of_visits(&write.tx, firm_id, &[visit.visit.id]).await?;
        if revision != Some(visit.revision.revision) || files != visit.files {
            // What was looked at is not what is there: a file has come meanwhile, or was looked into.
            queue(app, &write.tx, firm_id, &[visit.visit.id]).await?;
            continue;
        }
        let known = store::of_visits(&write.tx, firm_id, &[visit.visit.id]).await?;
        apply(&mut write, &visit, changes(app, &visit, &known, &found)?).await?;
    }
    write.commit().await
}

/// Keeps what of the visits others are compared with. Visits that were filed later and looked at already are looked at
/// again: another worker may have been quicker with them.
async fn put_sketches(app: &App, firm_id: Uuid, visits: &[Filed]) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for sketch in visits.iter().filter_map(Filed::sketch) {
        let known = store::sketch_of(app.db.reader(), firm_id, sketch.visit_id).await?;
        if known.is_none_or(|known| known.revision < sketch.revision) {
            rows.push(sketch);
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    let tx = app.db.begin().await?;
    store::put_sketches(&tx, rows.clone()).await?;
    tx.commit().await?;
    // Looked for after the commit: who writes a sketch later than that sees these.
    let mut later = BTreeSet::new();
    for row in &rows {
        later.extend(store::after(app.db.reader(), row).await?);
    }
    let is_looked_at = |id: &Uuid| visits.iter().any(|visit| visit.visit.id == *id);
    let later: Vec<_> = later.into_iter().filter(|id| !is_looked_at(id)).collect();
    if later.is_empty() {
        return Ok(());
    }
    let tx = app.db.begin().await?;
    for id in later {
        queue(app, &tx, firm_id, &[id]).await?;
    }
    tx.commit().await?;
    app.wake.wake();
    Ok(())
}

/// What becomes of the signals of a visit.
#[derive(Debug, Default, PartialEq)]
struct Changes {
    new: Vec<signal::Model>,
    /// With other figures than before.
    other: Vec<signal::Model>,
    gone: Vec<signal::Model>,
}

impl Changes {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Compares what was found with what is known. A signal of which the auditor was told, or that somebody judged, stays as
/// it was then. Of a visit of which something was purged all stay, with the figures that are left: what they rested on is
/// gone, and nothing can be weighed anew. Only files that came since, of which nothing is gone, can add one.
fn changes(app: &App, visit: &Filed, known: &[signal::Model], found: &[Found]) -> Result<Changes, Failure> {
    let mut changes = Changes::default();
    let is_purged = visit.visit.purged != 0;
    let is_whole = |file: &evidence::Model| file.purged_at.is_none() && has_bytes(file.state);
    let may_add =
        |subject_id: Uuid| !is_purged || visit.files.iter().any(|file| file.id == subject_id && is_whole(file));
    for found in found.iter().filter(|found| may_add(found.subject_id)) {
        let figures = canonical(&found.figures)?.text;
        match known.iter().find(|row| (row.code, row.subject_id) == (found.code, found.subject_id)) {
            None => changes.new.push(signal::Model {
                firm_id: visit.visit.firm_id,
                id: app.ids.next(),
                visit_id: visit.visit.id,
                code: found.code,
                subject_id: found.subject_id,
                figures,
                found_at: app.clock.now(),
                shared_at: None,
                answer: None,
                answered_at: None,
                verdict: None,
                verdict_note: None,
                verdict_by: None,
                verdict_at: None,
            }),
            Some(row) if !is_kept(row) && !is_purged && row.figures != figures => {
                changes.other.push(signal::Model { figures, ..row.clone() });
            }
            Some(_) => {}
        }
    }
    let holds = |row: &signal::Model| found.iter().any(|f| (f.code, f.subject_id) == (row.code, row.subject_id));
    changes.gone = known.iter().filter(|row| !is_kept(row) && !is_purged && !holds(row)).cloned().collect();
    Ok(changes)
}

/// Whether somebody has done something with a signal, or its figures were purged.
fn is_kept(row: &signal::Model) -> bool {
    row.shared_at.is_some() || row.verdict.is_some() || row.figures == "{}"
}

async fn apply(write: &mut Write<'_>, visit: &Filed, changes: Changes) -> Result<(), Failure> {
    if changes.is_empty() {
        return Ok(());
    }
    let codes = |rows: &[signal::Model]| rows.iter().map(|row| row.code).collect::<Vec<_>>();
    let payload = json!({
        "found": codes(&changes.new), "changed": codes(&changes.other), "gone": codes(&changes.gone),
    });
    let gone: Vec<_> = changes.gone.iter().map(|row| row.id).collect();
    store::remove(&write.tx, write.firm_id, &gone).await?;
    for row in changes.other {
        store::update(&write.tx, row).await?;
    }
    store::insert(&write.tx, changes.new).await?;
    write.event(NewEvent::by_system("visit.signals_found", "visit", visit.visit.id, payload).log_only());
    Ok(())
}

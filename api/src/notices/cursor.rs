//! The job that reads the history on from where it stopped, and writes down who is told of what.
//!
//! The cursor of the firm is locked, and moves in the transaction that adds the notices. A job that dies leaves both as they
//! were; a job that runs twice finds nothing to do.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use sea_orm::DatabaseTransaction;
use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::entity::{event, notice};
use crate::events::store::lock_head;
use crate::events::types::NewEvent;
use crate::failure::Failure;
use crate::jobs::queue;
use crate::notices::settings::Settings;
use crate::notices::{digest, rules, store};

/// The kind of the job.
pub const JOB: &str = "notices.write";
/// Facts of one transaction.
const BATCH: u64 = 200;
/// How long notices are kept.
const KEPT: TimeDelta = TimeDelta::days(180);

/// Queues the job, when any of some facts tells anybody. Call it in the transaction that appends them, after the firm's head
/// was locked.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn queue(app: &App, tx: &DatabaseTransaction, firm_id: Uuid, facts: &[NewEvent]) -> Result<(), Failure> {
    if facts.iter().any(|fact| rules::tells(fact.kind)) {
        queue::add(app, tx, firm_id, JOB, "all", &json!({})).await?;
    }
    Ok(())
}

/// Reads on to the end of the history.
///
/// # Errors
///
/// [`Failure`] when it cannot go on now; the job tries again.
pub async fn run_job(app: &App, firm_id: Uuid) -> Result<(), Failure> {
    // Who appends has the head until the commit. One that found this job still ready, and queued none, is waited for.
    let tx = app.db.begin().await?;
    let end = lock_head(&tx, firm_id).await?.seq;
    tx.commit().await?;
    while step(app, firm_id, end).await? < end {}
    Ok(())
}

/// Reads some facts, and gives the number of the last one that was looked at.
async fn step(app: &App, firm_id: Uuid, end: i64) -> Result<i64, Failure> {
    let tx = app.db.begin().await?;
    let from = store::lock_cursor(&tx, firm_id).await?;
    if from >= end {
        return Ok(from);
    }
    let facts = store::facts(&tx, firm_id, (from, end), rules::kinds(), BATCH).await?;
    let is_last = facts.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
    let to = facts.last().filter(|_| !is_last).map_or(end, |fact| fact.seq);
    let rows = notices(app, &tx, firm_id, &facts).await?;
    let now = app.clock.now();
    // Each once and in one order, as whoever looks for what is due does.
    let due = rows.iter().filter(|row| row.mail_at.is_some_and(|at| at <= now));
    for membership_id in due.map(|row| row.membership_id).collect::<BTreeSet<_>>() {
        digest::queue(app, &tx, firm_id, membership_id).await?;
    }
    store::insert(&tx, rows).await?;
    store::remove_before(&tx, firm_id, now - KEPT).await?;
    store::set_cursor(&tx, firm_id, to).await?;
    tx.commit().await?;
    app.wake.wake();
    Ok(to)
}

/// Who is told of what, in the order in which it happened.
async fn notices(
    app: &App,
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    facts: &[event::Model],
) -> Result<Vec<notice::Model>, Failure> {
    if facts.is_empty() {
        return Ok(Vec::new());
    }
    let people = rules::People::read(tx, firm_id).await?;
    let mut told = Vec::new();
    for fact in facts {
        told.extend(rules::told(tx, &people, fact).await?.into_iter().map(|told| (fact, told)));
    }
    let mut ids: Vec<_> = told.iter().map(|(_, told)| told.membership_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut settings = BTreeMap::new();
    for some in ids.chunks(500) {
        for row in store::settings_of(tx, firm_id, some).await? {
            settings.insert(row.membership_id, Settings::of(Some(&row))?);
        }
    }
    let (usual, now) = (Settings::default(), app.clock.now());
    let row = |(fact, told): (&event::Model, rules::Told)| {
        let settings = settings.get(&told.membership_id).unwrap_or(&usual);
        let (in_app, mail_at) = (settings.ways(told.kind).in_app, settings.mail_at(told.kind, now));
        (in_app || mail_at.is_some()).then(|| notice::Model {
            firm_id,
            // Of other ids chains could read the minute.
            id: app.ids.opaque(),
            seq: fact.seq,
            membership_id: told.membership_id,
            kind: told.kind,
            about: told.about,
            about_id: told.about_id,
            branch_id: told.branch_id,
            wave_id: told.wave_id,
            at: fact.at,
            in_app,
            read_at: None,
            mail_at,
            letter_id: None,
        })
    };
    Ok(told.into_iter().filter_map(row).collect())
}

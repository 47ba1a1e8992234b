//! Purging one visit: one transaction, one signed line, one event.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::DatabaseTransaction;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::app::App;
use crate::entity::{purge, purge_line, visit};
use crate::events::store::lock_head;
use crate::events::types::NewEvent;
use crate::failure::Failure;
use crate::fieldwork::store::wave_by_id;
use crate::retention::classes::{OF_VISITS, Purging, take};
use crate::retention::line::{About, EndedPeriod, Taken, issue};
use crate::retention::types::{ClassCount, Days, HeldCount, PurgeView};
use crate::retention::{due, holds, store};
use crate::visits::store::{lock_evidence, lock_visits};
use crate::words::{DataClass, PurgeReason, PurgeState};
use crate::write::Write;

/// Why a visit is purged.
#[derive(Clone, Copy, Debug)]
pub enum Because<'a> {
    /// Periods ended.
    Retention(&'a Days),
    /// Its auditor is erased.
    Erasure,
}

/// What became of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Something was taken.
    Purged,
    /// Nothing was due any more.
    Nothing,
    /// A hold is on it.
    Held(Uuid),
}

/// What a purge took of a class.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    visits: i64,
    files: i64,
    bytes: i64,
}

/// What a purge took, by class.
pub type Counts = BTreeMap<String, Figures>;

/// What a purge left alone.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Skipped {
    /// Visits by the hold that is on them.
    pub held: BTreeMap<Uuid, i64>,
    /// Visits that could not be purged.
    pub failed: i64,
}

/// Purges a visit as far as it is due. Doing it again changes nothing.
///
/// # Errors
///
/// [`Failure`] (500) when the database or the keys fail; nothing has happened then.
pub async fn visit(
    app: &App,
    firm_id: Uuid,
    purge_id: Uuid,
    visit_id: Uuid,
    because: Because<'_>,
) -> Result<Outcome, Failure> {
    let keys = app.signing.keys().await?;
    let mut write = Write::begin(app, firm_id).await?;
    let Some(row) = lock_visits(&write.tx, firm_id, &[visit_id]).await?.pop() else { return Ok(Outcome::Nothing) };
    let at = app.clock.now();
    let periods = periods(&write.tx, &row, because, at).await?;
    if periods.is_empty() {
        return Ok(Outcome::Nothing);
    }
    if let Some(hold_id) = holds::on_visit(&write.tx, &row).await? {
        return Ok(Outcome::Held(hold_id));
    }
    let files = lock_evidence(&write.tx, firm_id, &[visit_id]).await?;
    let mut purging = Purging::new(app, &write.tx, at, row, files);
    for period in &periods {
        take(&mut purging, period.class, &rule(period)).await?;
    }
    if !purging.has_changed() {
        return Ok(Outcome::Nothing);
    }
    let (row, taken) = purging.finish().await?;
    let reason = match because {
        Because::Retention(_) => PurgeReason::Retention,
        Because::Erasure => PurgeReason::Erasure,
    };
    let object = format!("visit/{visit_id}");
    let about = About { id: app.ids.next(), firm_id, purge_id, object: &object, at, because: reason };
    let line = issue(about, &periods, &taken, keys.signer())?;
    note(&write.tx, about, &line, &periods, &taken).await?;
    // The head orders this and the making of holds: one that was answered before is seen here.
    lock_head(&write.tx, firm_id).await?;
    if let Some(hold_id) = holds::on_visit(&write.tx, &row).await? {
        return Ok(Outcome::Held(hold_id));
    }
    let payload: Value = serde_json::from_str(&line).map_err(Failure::internal)?;
    write.event(NewEvent::by_system("visit.purged", "visit", visit_id, payload).for_auditor(row.auditor_id));
    write.commit().await?;
    Ok(Outcome::Purged)
}

/// The periods that have ended.
async fn periods(
    tx: &DatabaseTransaction,
    row: &visit::Model,
    because: Because<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<EndedPeriod>, Failure> {
    let days = match because {
        Because::Retention(days) => days,
        // All of them, whatever the bits say: an erasure does not rest on every writer having thought of them.
        Because::Erasure => {
            return Ok(OF_VISITS.map(|class| EndedPeriod { class, days: None, since: None }).to_vec());
        }
    };
    let Some(wave) = wave_by_id(tx, row.firm_id, row.wave_id).await? else { return Ok(Vec::new()) };
    let since = Some(due::started_at(row));
    let ended = due::classes(row, &wave, days, now).into_iter();
    Ok(ended.map(|class| EndedPeriod { class, days: days.of(class), since }).collect())
}

/// Why a file is gone, to whoever asks for it.
fn rule(period: &EndedPeriod) -> String {
    let Some(days) = period.days else { return "the person who filed it was erased".to_owned() };
    let what = match period.class {
        DataClass::Photos => "photos",
        DataClass::Recordings => "recordings",
        DataClass::Documents => "documents",
        DataClass::Exif => "originals of photos with what the camera wrote into them",
        DataClass::Positions => "positions",
        DataClass::FreeText => "texts",
        DataClass::AuditorIdentity => "names",
    };
    format!("{what} of this chain are kept for {days} days")
}

/// Keeps a line, and adds what was taken to the figures of its purge.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn note(
    tx: &DatabaseTransaction,
    about: About<'_>,
    line: &str,
    periods: &[EndedPeriod],
    taken: &Taken,
) -> Result<(), Failure> {
    let gone = || Failure::internal(format!("the purge {} is gone", about.purge_id));
    let mut row = store::lock_purge(tx, about.firm_id, about.purge_id).await?.ok_or_else(gone)?;
    let mut counts: Counts = serde_json::from_str(&row.counts).map_err(Failure::internal)?;
    for period in periods {
        let figures = counts.entry(period.class.to_string()).or_default();
        figures.visits += 1;
        for file in taken.files.iter().filter(|file| file.class == period.class) {
            figures.files += 1;
            figures.bytes += file.bytes.unwrap_or(0);
        }
    }
    row.counts = serde_json::to_string(&counts).map_err(Failure::internal)?;
    store::update_purge(tx, row).await?;
    let row = purge_line::Model {
        firm_id: about.firm_id,
        id: about.id,
        purge_id: about.purge_id,
        object: about.object.to_owned(),
        line: line.to_owned(),
    };
    Ok(store::insert_line(tx, row).await?)
}

/// A purge that begins.
pub fn begun(app: &App, firm_id: Uuid, id: Uuid, because: PurgeReason) -> purge::Model {
    purge::Model {
        firm_id,
        id,
        because,
        day: None,
        state: PurgeState::Running,
        counts: "{}".to_owned(),
        skipped: "{}".to_owned(),
        started_at: app.clock.now(),
        finished_at: None,
    }
}

/// A purge as it is shown.
///
/// # Errors
///
/// [`Failure`] (500) when its figures cannot be read.
pub fn view(row: purge::Model) -> Result<PurgeView, Failure> {
    let counts: Counts = serde_json::from_str(&row.counts).map_err(Failure::internal)?;
    let skipped = skipped(&row)?;
    let count = |(class, figures): (String, Figures)| {
        let class = DataClass::from_word(&class)?;
        Some(ClassCount { class, visits: figures.visits, files: figures.files, bytes: figures.bytes })
    };
    Ok(PurgeView {
        id: row.id,
        because: row.because,
        day: row.day,
        state: row.state,
        counts: counts.into_iter().filter_map(count).collect(),
        held: skipped.held.into_iter().map(|(hold_id, visits)| HeldCount { hold_id, visits }).collect(),
        failed: skipped.failed,
        started_at: row.started_at,
        finished_at: row.finished_at,
    })
}

/// What a purge left alone.
///
/// # Errors
///
/// [`Failure`] (500) when it cannot be read.
pub fn skipped(row: &purge::Model) -> Result<Skipped, Failure> {
    match row.skipped.as_str() {
        "{}" => Ok(Skipped::default()),
        text => serde_json::from_str(text).map_err(Failure::internal),
    }
}

//! The purge of each night, and the same by the command line.
//!
//! Whoever looks first after the hour makes the row of the night, which is unique, and queues the job with it in one
//! transaction. The job marks each visit as it is done, so that another worker goes on where one died.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use uuid::Uuid;

use crate::app::App;
use crate::chains::store::list_chains;
use crate::clock::Stopwatch;
use crate::entity::{chain, purge};
use crate::erasure;
use crate::events::types::NewEvent;
use crate::evidence::service::has_bytes;
use crate::evidence::store::evidence_of_visits;
use crate::failure::Failure;
use crate::jobs::queue;
use crate::people::store::list_firms;
use crate::retention::due::Candidates;
use crate::retention::purge::{Because, Outcome, Skipped, begun, skipped, visit};
use crate::retention::rules::{Rule, Rules};
use crate::retention::{holds, store};
use crate::words::{DataClass, EvidenceKind, PurgeReason, PurgeState};
use crate::write::Write;

/// The kind of the job that purges what is due.
pub const JOB: &str = "retention.purge";
/// The hour of the night, UTC.
const HOUR: i64 = 2;
/// How often it is looked whether it is night.
const EVERY: Duration = Duration::from_secs(10 * 60);
/// How long one job goes on before it makes way and is queued again.
const SLICE_US: u64 = 30 * 60 * 1_000_000;
/// Chains read at once.
const PAGE: u64 = 200;

/// What the job carries.
#[derive(Deserialize)]
pub struct OfPurge {
    purge_id: Uuid,
}

/// Looks now and then whether a purge is due, until `stop` becomes true. Any number of processes may do so at once.
pub async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(failure) = schedule(&app).await {
            tracing::warn!(%failure, "the nightly purge could not be queued");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            changed = stop.changed() => if changed.is_err() { return },
        }
    }
}

/// The last time that the hour struck.
fn last_night(now: DateTime<Utc>) -> DateTime<Utc> {
    let day = (now - TimeDelta::hours(HOUR)).date_naive();
    day.and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(HOUR)
}

/// Queues the purge of the last night for each firm that had said by then how long something is kept.
async fn schedule(app: &App) -> Result<(), Failure> {
    let night = last_night(app.clock.now());
    for firm in list_firms(app.db.reader()).await? {
        let db = app.db.reader();
        erasure::service::look_again(app, firm.id).await?;
        let rules = store::rules(db, firm.id).await?;
        let has_rule = rules.iter().any(|row| row.changed_at <= night);
        if !has_rule || store::has_purge_of(db, firm.id, night.date_naive()).await? {
            continue;
        }
        let id = app.ids.next();
        let row = purge::Model { day: Some(night.date_naive()), ..begun(app, firm.id, id, PurgeReason::Retention) };
        let tx = app.db.begin().await?;
        if store::insert_purge(&tx, row).await? {
            queue::add(app, &tx, firm.id, JOB, &id.to_string(), &json!({"purge_id": id})).await?;
            tx.commit().await?;
            app.wake.wake();
        }
    }
    Ok(())
}

/// Runs the job of a purge.
///
/// # Errors
///
/// [`Failure`] (500) when the database or the keys fail; the job is tried again then.
pub async fn run_job(app: &App, firm_id: Uuid, of: &OfPurge) -> Result<(), Failure> {
    let Some(row) = store::purge_by_id(app.db.reader(), firm_id, of.purge_id).await? else { return Ok(()) };
    if row.state == PurgeState::Done {
        return Ok(());
    }
    // What was said after the hour counts from the next night on.
    let night = row.day.map(|day| day.and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(HOUR));
    if !purge_due(app, &row, night.unwrap_or(row.started_at), Some(SLICE_US)).await? {
        let tx = app.db.begin().await?;
        queue::add(app, &tx, firm_id, JOB, &row.id.to_string(), &json!({"purge_id": row.id})).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Purges what is due in a firm now, and gives the finished purge.
///
/// # Errors
///
/// [`Failure`] (500) when the database or the keys fail; what was done until then stays done.
pub async fn purge_now(app: &App, firm_id: Uuid) -> Result<purge::Model, Failure> {
    let id = app.ids.next();
    let row = begun(app, firm_id, id, PurgeReason::Retention);
    let tx = app.db.begin().await?;
    store::insert_purge(&tx, row.clone()).await?;
    tx.commit().await?;
    purge_due(app, &row, app.clock.now(), None).await?;
    let row = store::purge_by_id(app.db.reader(), firm_id, id).await?;
    row.ok_or_else(|| Failure::internal(format!("the purge {id} is gone")))
}

/// Purges what is due by the rules that stood at a time; false when it made way before the end.
async fn purge_due(
    app: &App,
    row: &purge::Model,
    stood: DateTime<Utc>,
    slice_us: Option<u64>,
) -> Result<bool, Failure> {
    let (firm_id, began) = (row.firm_id, Stopwatch::start());
    let rules = Rules::read(app.db.reader(), firm_id).await?;
    let mut left = Skipped::default();
    for (chain, rule) in chains_with(app, firm_id, &rules, stood).await? {
        let mut candidates = Candidates::new(app.db.reader(), firm_id, chain.id, rule.days, app.clock.now());
        while let Some(some) = candidates.next().await? {
            for (found, _) in some {
                match visit(app, firm_id, row.id, found.id, Because::Retention(&rule.days)).await {
                    Ok(Outcome::Held(hold_id)) => *left.held.entry(hold_id).or_default() += 1,
                    Ok(Outcome::Purged | Outcome::Nothing) => {}
                    Err(failure) => {
                        // One that cannot be read does not keep the others.
                        tracing::error!(visit = %found.id, %failure, "a visit could not be purged");
                        left.failed += 1;
                    }
                }
            }
            if slice_us.is_some_and(|most| began.elapsed_us() > most) {
                return Ok(false);
            }
        }
    }
    identities(app, firm_id, &rules, stood).await?;
    let mut write = Write::begin(app, firm_id).await?;
    let Some(mut row) = store::lock_purge(&write.tx, firm_id, row.id).await? else { return Ok(true) };
    row.skipped = serde_json::to_string(&left).map_err(Failure::internal)?;
    (row.state, row.finished_at) = (PurgeState::Done, Some(app.clock.now()));
    let payload =
        json!({"counts": serde_json::from_str::<serde_json::Value>(&row.counts).unwrap_or_default(), "skipped": left});
    write.event(NewEvent::by_system("purge.finished", "purge", row.id, payload).log_only());
    store::update_purge(&write.tx, row).await?;
    write.commit().await?;
    app.db.empty_journal().await?;
    Ok(true)
}

/// The chains of a firm with the rule that counts for each, if it stood at a time.
async fn chains_with(
    app: &App,
    firm_id: Uuid,
    rules: &Rules,
    stood: DateTime<Utc>,
) -> Result<Vec<(chain::Model, Rule)>, Failure> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let some = list_chains(app.db.reader(), firm_id, None, None, after, PAGE).await?;
        let Some(last) = some.last() else { return Ok(found) };
        after = Some(last.id);
        let with = |chain: chain::Model| rules.of(chain.id).map(|(rule, _)| (chain, rule));
        found.extend(some.into_iter().filter_map(with).filter(|(_, rule)| rule.changed_at <= stood));
    }
}

/// Takes names and addresses of auditors who left, when all chains that they visited have let go of them.
async fn identities(app: &App, firm_id: Uuid, rules: &Rules, stood: DateTime<Utc>) -> Result<(), Failure> {
    let now = app.clock.now();
    let ended = |rule: Option<Rule>, since: DateTime<Utc>| {
        let days =
            rule.filter(|rule| rule.changed_at <= stood).and_then(|rule| rule.days.of(DataClass::AuditorIdentity));
        days.is_some_and(|days| since + TimeDelta::days(days.into()) <= now)
    };
    for row in store::auditors_who_left(app.db.reader(), firm_id).await? {
        let left_at = row.sessions_after.unwrap_or(row.created_at);
        let visited = store::visited_chains(app.db.reader(), firm_id, row.id).await?;
        let is_due = match visited.is_empty() {
            true => ended(rules.of_firm().map(|(rule, _)| rule), left_at),
            false => visited.iter().all(|last| {
                let rule = rules.of(last.client_chain_id).map(|(rule, _)| rule);
                ended(rule, last.at().max(left_at))
            }),
        };
        if is_due {
            erasure::service::erase_identity(app, &row).await?;
        }
    }
    Ok(())
}

/// What a purge would take of a class.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forecast {
    /// Visits.
    pub visits: u64,
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: i64,
}

/// Tells what a purge would take now, by chain and class, and how many visits holds would keep; changes nothing.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn forecast(
    app: &App,
    firm_id: Uuid,
    mut tell: impl FnMut(&chain::Model, &[(DataClass, Forecast)], u64),
) -> Result<(), Failure> {
    let (db, now) = (app.db.reader(), app.clock.now());
    let rules = Rules::read(db, firm_id).await?;
    for (chain, rule) in chains_with(app, firm_id, &rules, now).await? {
        let mut by_class = Vec::new();
        let mut held = 0;
        let mut candidates = Candidates::new(db, firm_id, chain.id, rule.days, now);
        while let Some(some) = candidates.next().await? {
            for (visit, classes) in some {
                if holds::on_visit(db, &visit).await?.is_some() {
                    held += 1;
                    continue;
                }
                let files = evidence_of_visits(db, firm_id, &[visit.id]).await?;
                for class in classes {
                    let of_class =
                        files.iter().filter(|file| kind_of(class) == Some(file.kind) && has_bytes(file.state));
                    let known = by_class.iter().position(|(known, _)| *known == class);
                    let at = known.unwrap_or_else(|| {
                        by_class.push((class, Forecast::default()));
                        by_class.len() - 1
                    });
                    let figures: &mut Forecast = &mut by_class[at].1;
                    figures.visits += 1;
                    for file in of_class {
                        figures.files += 1;
                        figures.bytes += file.bytes.unwrap_or(0);
                    }
                }
            }
        }
        tell(&chain, &by_class, held);
    }
    Ok(())
}

fn kind_of(class: DataClass) -> Option<EvidenceKind> {
    match class {
        DataClass::Photos => Some(EvidenceKind::Photo),
        DataClass::Recordings => Some(EvidenceKind::Recording),
        DataClass::Documents => Some(EvidenceKind::Document),
        _ => None,
    }
}

/// Whether a purge left something behind that it could not purge.
///
/// # Errors
///
/// [`Failure`] (500) when its figures cannot be read.
pub fn has_failed(row: &purge::Model) -> Result<bool, Failure> {
    Ok(skipped(row)?.failed > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_night_is_the_last_one_that_began() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        for (now, night) in [
            ("2026-11-30T01:59:59Z", "2026-11-29T02:00:00Z"),
            ("2026-11-30T02:00:00Z", "2026-11-30T02:00:00Z"),
            ("2026-11-30T23:59:59Z", "2026-11-30T02:00:00Z"),
        ] {
            assert_eq!(last_night(at(now)), at(night), "{now}");
        }
    }
}

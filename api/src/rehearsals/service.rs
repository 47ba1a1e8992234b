//! Rules of rehearsals: what may be rehearsed, and how one is asked for.

use std::pin::pin;
use std::time::Duration;

use poem_openapi::types::ToJSON;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::app::App;
use crate::chains::store::chain_by_id;
use crate::entity::rehearsal;
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem};
use crate::http::json::Reader;
use crate::jobs::queue;
use crate::people::types::Caller;
use crate::rehearsals::run::{self, Plan, Progress};
use crate::rehearsals::store;
use crate::rehearsals::types::RehearsalView;
use crate::standards::check::check;
use crate::words::RehearsalState;
use crate::write::{Once, Write};

/// The kind of job that runs a rehearsal.
pub const JOB: &str = "rehearse";
/// What draws start from when nothing else is said.
pub const DEFAULT_SEED: i64 = 1;
/// The largest seed.
pub const MAX_SEED: i64 = u32::MAX as i64;
/// Rehearsals of one firm that may wait or run at once.
pub const MAX_OPEN: u64 = 4;

/// How often the progress is noted.
const PAUSE: Duration = Duration::from_secs(1);

/// Asks for a rehearsal and queues it.
///
/// # Errors
///
/// * 409 `too_many_rehearsals` when [`MAX_OPEN`] of the firm have not ended.
/// * 422 naming every problem of the candidate and of the rest.
/// * As [`Once`] for a repeated key.
pub async fn create(app: &App, caller: &Caller, key: Option<String>, body: &Value) -> Result<String, Failure> {
    let once = Once::of(caller, "create_rehearsal", key, body)?;
    let mut write = Write::begin_by(app, caller).await?;
    if let Some(answer) = once.answered(&write).await? {
        return Ok(answer);
    }
    let row = read(app, caller, body).await?;
    if store::count_open(&write.tx, caller.firm_id).await? >= MAX_OPEN {
        let detail = format!("{MAX_OPEN} rehearsals of the firm wait or run. Wait until one has ended.");
        return Err(Failure::conflict("too_many_rehearsals", detail));
    }
    store::insert(&write.tx, row.clone()).await?;
    let id = row.id;
    queue::add(app, &write.tx, caller.firm_id, JOB, &id.to_string(), &json!({"rehearsal_id": id})).await?;
    let payload = json!({
        "standard_id": row.standard_id, "standard_version": row.standard_version,
        "standard_sha256": row.standard_sha256, "history_of": row.history_of, "chain_id": row.chain_id,
        "seed": row.seed,
    });
    write.event(NewEvent::new("rehearsal.requested", "rehearsal", id, caller.membership_id, payload).log_only());
    let answer = write.commit_once(&once, &RehearsalView::from(row)).await?;
    app.wake.wake();
    Ok(answer)
}

async fn read(app: &App, caller: &Caller, body: &Value) -> Result<rehearsal::Model, Failure> {
    let mut reader = Reader::new(body, "");
    let standard = reader.value("standard");
    let chain_id = reader.optional_uuid("chain_id");
    let history_of = reader.optional_text("history_of", 64);
    let seed = reader.optional_integer("seed", 0, MAX_SEED).unwrap_or(DEFAULT_SEED);
    let mut problems = reader.finish();
    if let Some(id) = &history_of {
        let known = store::standards_with_history(app.db.reader(), caller.firm_id).await?;
        if !known.contains(id) {
            let message = format!("has no published visits; these have: {}", known.join(", "));
            problems.push(FieldProblem::new("/history_of", "unknown_ref", message));
        }
    }
    if let Some(chain_id) = chain_id
        && chain_by_id(app.db.reader(), caller.firm_id, chain_id).await?.is_none()
    {
        problems.push(FieldProblem::new("/chain_id", "unknown_ref", "there is no such chain in the firm"));
    }
    let checked = match standard.map(check) {
        Some(Ok(checked)) => Some(checked),
        Some(Err(failure)) if failure.errors.is_empty() => return Err(failure),
        Some(Err(failure)) => {
            let inside =
                |problem: FieldProblem| FieldProblem { pointer: format!("/standard{}", problem.pointer), ..problem };
            problems.extend(failure.errors.into_iter().map(inside));
            None
        }
        None => None,
    };
    let Some(checked) = checked.filter(|_| problems.is_empty()) else { return Err(Failure::invalid(problems)) };
    Ok(rehearsal::Model {
        firm_id: caller.firm_id,
        id: app.ids.next(),
        state: RehearsalState::Queued,
        history_of: history_of.unwrap_or_else(|| checked.id.clone()),
        standard_id: checked.id,
        standard_version: checked.version,
        standard: checked.canonical.text,
        standard_sha256: checked.canonical.sha256,
        chain_id,
        seed,
        visits_total: None,
        visits_done: 0,
        failure: None,
        report: None,
        author_id: caller.membership_id,
        created_at: app.clock.now(),
        finished_at: None,
    })
}

/// A rehearsal of the firm.
///
/// # Errors
///
/// 404 when there is none.
pub async fn rehearsal(app: &App, caller: &Caller, id: Uuid) -> Result<rehearsal::Model, Failure> {
    let found = store::by_id(app.db.reader(), caller.firm_id, id).await?;
    found.ok_or_else(|| Failure::not_found("rehearsal"))
}

/// The report of a rehearsal that is done, as JSON.
///
/// # Errors
///
/// * 404 when there is no such rehearsal.
/// * 409 `not_done` when it has not ended, 409 `failed` when it failed.
pub async fn report(app: &App, caller: &Caller, id: Uuid) -> Result<String, Failure> {
    let row = rehearsal(app, caller, id).await?;
    match (row.state, row.report, row.failure) {
        (_, Some(report), _) => Ok(report),
        (RehearsalState::Failed, _, failure) => {
            let why = failure.unwrap_or_default();
            Err(Failure::conflict("failed", format!("The rehearsal failed: {why}")))
        }
        (state, ..) => {
            let detail = format!("The rehearsal is {state}: {} visits done. Ask again later.", row.visits_done);
            Err(Failure::conflict("not_done", detail))
        }
    }
}

/// What a job of the kind [`JOB`] carries.
#[derive(Deserialize)]
pub struct OfRehearsal {
    /// The rehearsal.
    pub rehearsal_id: Uuid,
}

/// Runs a rehearsal that was asked for. Safe to run twice: it begins anew and gives the same report.
///
/// # Errors
///
/// [`Failure`] when the database fails.
pub async fn run_job(app: &App, firm_id: Uuid, of: &OfRehearsal) -> Result<(), Failure> {
    let id = of.rehearsal_id;
    let Some(row) = store::by_id(app.db.reader(), firm_id, id).await? else { return Ok(()) };
    if matches!(row.state, RehearsalState::Done | RehearsalState::Failed) {
        return Ok(());
    }
    let plan = Plan {
        firm_id,
        standard: serde_json::from_str(&row.standard).map_err(Failure::internal)?,
        history_of: row.history_of,
        chain_id: row.chain_id,
        seed: row.seed,
    };
    let (told, progress) = watch::channel(Progress::default());
    let mut work = pin!(run::rehearse(app, &plan, &told));
    let outcome = loop {
        tokio::select! {
            outcome = &mut work => break outcome?,
            () = tokio::time::sleep(PAUSE) => {
                let Progress { done, total } = *progress.borrow();
                let tx = app.db.begin().await?;
                store::note_progress(&tx, firm_id, id, total, done).await?;
                tx.commit().await?;
            }
        }
    };
    let (visits, report) = (outcome.visits, outcome.to_json_string());
    let mut write = Write::begin(app, firm_id).await?;
    store::note_progress(&write.tx, firm_id, id, visits, visits).await?;
    store::finish(&write.tx, firm_id, id, Ok(report), app.clock.now()).await?;
    write.event(NewEvent::by_system("rehearsal.done", "rehearsal", id, json!({"visits": visits})).log_only());
    write.commit().await
}

/// Ends a rehearsal whose job failed too often.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn give_up(app: &App, write: &mut Write<'_>, of: &OfRehearsal) -> Result<(), Failure> {
    let why = "it could not be run to its end; ask for it again".to_owned();
    store::finish(&write.tx, write.firm_id, of.rehearsal_id, Err(why), app.clock.now()).await?;
    write.event(NewEvent::by_system("rehearsal.failed", "rehearsal", of.rehearsal_id, json!({})).log_only());
    Ok(())
}

/// Runs a rehearsal once more that was given up.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn take_up_again(write: &Write<'_>, of: &OfRehearsal) -> Result<(), Failure> {
    Ok(store::queue_again(&write.tx, write.firm_id, of.rehearsal_id).await?)
}

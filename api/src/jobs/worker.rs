//! Running jobs: claimed for a while, tried again with growing pauses, dead after too many failures.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::watch;
use uuid::Uuid;

use crate::app::App;
use crate::entity::job;
use crate::evidence;
use crate::failure::Failure;
use crate::jobs::store;
use crate::mail;
use crate::rehearsals;
use crate::write::Write;

/// How long a job may run before another worker takes it over.
pub const LEASE: chrono::Duration = chrono::Duration::minutes(10);
/// How often the table is looked at when nobody wakes the worker.
const POLL: Duration = Duration::from_secs(2);
/// Kinds that take minutes: one lane leaves them alone, so that photos never wait for them.
const LONG: &[&str] = &[rehearsals::service::JOB];
/// Attempts after which a job is dead, whether it failed or took its worker with it.
const MAX_ATTEMPTS: i32 = 8;

/// Runs jobs until `stop` becomes true, in two lanes, one of them without long jobs; the ones begun are finished.
pub async fn run(app: Arc<App>, stop: watch::Receiver<bool>) {
    tokio::join!(lane(app.clone(), &[], stop.clone()), lane(app.clone(), LONG, stop));
}

async fn lane(app: Arc<App>, except: &[&str], mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        match run_due(&app, except).await {
            Ok(false) => {}
            Ok(true) => continue,
            Err(failure) => tracing::error!(%failure, "the job table cannot be read"),
        }
        tokio::select! {
            () = app.wake.woken() => {}
            () = tokio::time::sleep(POLL) => {}
            changed = stop.changed() => if changed.is_err() { return },
        }
    }
}

/// Runs a job that is due, and says whether there was one.
async fn run_due(app: &Arc<App>, except: &[&str]) -> Result<bool, Failure> {
    let now = app.clock.now();
    for job in store::worn_out(app.db.reader(), now, MAX_ATTEMPTS).await? {
        tracing::error!(job = %job.id, kind = job.kind, "a job never came to its end");
        bury(app, &job, "the worker ended before the job did, every time").await?;
    }
    let tx = app.db.begin().await?;
    let claimed = store::claim(&tx, now, now + LEASE, MAX_ATTEMPTS, except).await?;
    tx.commit().await?;
    let Some(job) = claimed else { return Ok(false) };
    // More may have been queued with it, which the other lane can take meanwhile.
    app.wake.wake();
    // A job that panicked keeps its lease and is taken again when that ends.
    if let Err(panic) = tokio::spawn(run_one(app.clone(), job)).await {
        tracing::error!(%panic, "a job panicked");
    }
    Ok(true)
}

async fn run_one(app: Arc<App>, job: job::Model) {
    let result = work(&app, &job).await;
    if let Err(failure) = &result {
        tracing::warn!(job = %job.id, kind = job.kind, attempts = job.attempts, %failure, "a job failed");
    }
    if let Err(failure) = note(&app, &job, result).await {
        tracing::error!(job = %job.id, %failure, "the end of a job could not be noted");
    }
}

async fn note(app: &App, job: &job::Model, result: Result<(), Failure>) -> Result<(), Failure> {
    if let Err(failure) = &result
        && job.attempts >= MAX_ATTEMPTS
    {
        return bury(app, job, &failure.to_string()).await;
    }
    let tx = app.db.begin().await?;
    match result {
        Ok(()) => store::remove(&tx, job.id).await?,
        Err(failure) => {
            let pause = chrono::Duration::seconds(5) * 4i32.pow(u32::try_from(job.attempts.clamp(0, 6)).unwrap_or(0));
            store::note_failure(&tx, job.id, app.clock.now() + pause, failure.to_string()).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Ends a job for good, and what waits for it with it.
async fn bury(app: &App, job: &job::Model, error: &str) -> Result<(), Failure> {
    let Some(firm_id) = job.firm_id else {
        let tx = app.db.begin().await?;
        store::bury(&tx, job.id, error).await?;
        tx.commit().await?;
        return Ok(());
    };
    let mut write = Write::begin(app, firm_id).await?;
    if !store::bury(&write.tx, job.id, error).await? {
        return Ok(());
    }
    if job.kind == evidence::service::PROCESS_JOB
        && let Ok(of) = serde_json::from_str::<OfEvidence>(&job.payload)
    {
        evidence::process::give_up(&mut write, of.evidence_id).await?;
    }
    if job.kind == rehearsals::service::JOB
        && let Ok(of) = serde_json::from_str(&job.payload)
    {
        rehearsals::service::give_up(app, &mut write, &of).await?;
    }
    write.commit().await
}

#[derive(Deserialize)]
struct OfEvidence {
    evidence_id: Uuid,
}

/// The firm of a job that only firms have.
fn firm(job: &job::Model) -> Result<Uuid, Failure> {
    job.firm_id.ok_or_else(|| Failure::internal(format!("the job {} belongs to no firm", job.id)))
}

async fn work(app: &App, job: &job::Model) -> Result<(), Failure> {
    match job.kind.as_str() {
        evidence::service::PROCESS_JOB => {
            let payload: OfEvidence = serde_json::from_str(&job.payload).map_err(Failure::internal)?;
            evidence::process::process(app, firm(job)?, payload.evidence_id).await
        }
        mail::service::SEND_JOB => {
            mail::service::send(app, serde_json::from_str(&job.payload).map_err(Failure::internal)?).await
        }
        rehearsals::service::JOB => {
            let payload = serde_json::from_str(&job.payload).map_err(Failure::internal)?;
            rehearsals::service::run_job(app, firm(job)?, job.id, &payload).await
        }
        other => Err(Failure::internal(format!("no worker knows the job kind {other}"))),
    }
}

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
use crate::write::Write;

/// How long a job may run before another worker takes it over.
const LEASE: chrono::Duration = chrono::Duration::minutes(10);
/// How often the table is looked at when nobody wakes the worker.
const POLL: Duration = Duration::from_secs(2);
/// Jobs taken at once.
const AT_ONCE: u64 = 2;
/// Attempts after which a job is dead, whether it failed or took its worker with it.
const MAX_ATTEMPTS: i32 = 8;

/// Runs jobs until `stop` becomes true; the ones begun are finished.
pub async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        match run_due(&app).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(failure) => tracing::error!(%failure, "the job table cannot be read"),
        }
        tokio::select! {
            () = app.wake.woken() => {}
            () = tokio::time::sleep(POLL) => {}
            changed = stop.changed() => if changed.is_err() { return },
        }
    }
}

/// Runs the jobs that are due, at most [`AT_ONCE`], and says how many there were.
async fn run_due(app: &Arc<App>) -> Result<usize, Failure> {
    let now = app.clock.now();
    for job in store::worn_out(app.db.reader(), now, MAX_ATTEMPTS).await? {
        tracing::error!(job = %job.id, kind = job.kind, "a job never came to its end");
        bury(app, &job, "the worker ended before the job did, every time").await?;
    }
    let tx = app.db.begin().await?;
    let jobs = store::claim(&tx, now, now + LEASE, MAX_ATTEMPTS, AT_ONCE).await?;
    tx.commit().await?;
    let count = jobs.len();
    let running: Vec<_> = jobs.into_iter().map(|job| tokio::spawn(run_one(app.clone(), job))).collect();
    for job in running {
        // A job that panicked keeps its lease and is taken again when that ends.
        if let Err(panic) = job.await {
            tracing::error!(%panic, "a job panicked");
        }
    }
    Ok(count)
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
    let mut write = Write::begin(app, job.firm_id).await?;
    if !store::bury(&write.tx, job.id, error).await? {
        return Ok(());
    }
    if job.kind == evidence::service::PROCESS_JOB
        && let Ok(of) = serde_json::from_str::<OfEvidence>(&job.payload)
    {
        evidence::process::give_up(&mut write, of.evidence_id).await?;
    }
    write.commit().await
}

#[derive(Deserialize)]
struct OfEvidence {
    evidence_id: Uuid,
}

async fn work(app: &App, job: &job::Model) -> Result<(), Failure> {
    match job.kind.as_str() {
        evidence::service::PROCESS_JOB => {
            let payload: OfEvidence = serde_json::from_str(&job.payload).map_err(Failure::internal)?;
            evidence::process::process(app, job.firm_id, payload.evidence_id).await
        }
        other => Err(Failure::internal(format!("no worker knows the job kind {other}"))),
    }
}

//! Running jobs: claimed for a while, tried again with growing pauses, dead after too many failures.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use crate::app::App;
use crate::entity::job;
use crate::erasure;
use crate::evidence;
use crate::failure::Failure;
use crate::jobs::service::OfEvidence;
use crate::jobs::store;
use crate::mail;
use crate::notices;
use crate::rehearsals;
use crate::retention;
use crate::signals;
use crate::transcripts::transcription;
use crate::uploads;
use crate::write::Write;

/// After this long without a sign of life of its worker, a job is taken over by another.
const LEASE: chrono::Duration = chrono::Duration::seconds(60);
/// How often a worker gives a sign of life.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a job may take; longer counts as a failure.
const LIMIT: Duration = Duration::from_secs(5 * 60);
/// How long a job of the kinds that take minutes may take.
const LONG_LIMIT: Duration = Duration::from_secs(2 * 60 * 60);
/// The pause after the first failure; each later one is four times as long.
const FIRST_PAUSE: chrono::Duration = chrono::Duration::seconds(5);
/// How often the table is looked at when nobody wakes the worker.
const POLL: Duration = Duration::from_secs(2);
/// Kinds that take minutes: one lane leaves them alone, so that photos never wait for them.
const LONG: &[&str] = &[rehearsals::service::JOB, retention::nightly::JOB, erasure::service::JOB, transcription::JOB];
/// Attempts after which a job is dead, whether it failed or took its worker with it.
const MAX_ATTEMPTS: i32 = 8;

/// Runs jobs until `stop` becomes true, in two lanes, one of them without long jobs; the ones begun are finished. Beside
/// them, what uploads leave behind is cleared away, each night what has been kept long enough, and letters with notices go
/// out when they are due.
pub async fn run(app: Arc<App>, stop: watch::Receiver<bool>) {
    let sweep = uploads::sweep::run(app.clone(), stop.clone());
    let nightly = retention::nightly::run(app.clone(), stop.clone());
    let letters = notices::digest::run(app.clone(), stop.clone());
    tokio::join!(lane(app.clone(), &[], stop.clone()), lane(app.clone(), LONG, stop), sweep, nightly, letters);
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
    run_one(app, job).await;
    Ok(true)
}

/// Runs a job to its end, giving signs of life, and notes how it ended. What another worker has taken over meanwhile,
/// because this one was asleep, is left to that.
async fn run_one(app: &Arc<App>, job: job::Model) {
    let job = Arc::new(job);
    // In a task of its own, so that a job that panics takes nothing with it.
    let mut task = {
        let (app, job) = (app.clone(), job.clone());
        tokio::spawn(async move { work(&app, &job).await })
    };
    let limit = if LONG.contains(&job.kind.as_str()) { LONG_LIMIT } else { LIMIT };
    let mut late = pin!(tokio::time::sleep(limit));
    let result = loop {
        tokio::select! {
            ended = &mut task => break ended.unwrap_or_else(|panic| Err(Failure::internal(panic))),
            () = &mut late => {
                task.abort();
                break Err(Failure::internal(format!("it took longer than {} s", limit.as_secs())));
            }
            () = tokio::time::sleep(HEARTBEAT) => match live_on(app, &job).await {
                Ok(true) => {}
                Ok(false) => {
                    task.abort();
                    tracing::warn!(job = %job.id, kind = job.kind, "a job was taken over by another worker");
                    return;
                }
                // The lease outlasts some failures.
                Err(failure) => tracing::warn!(job = %job.id, %failure, "a sign of life could not be given"),
            },
        }
    };
    if let Err(failure) = &result {
        tracing::warn!(job = %job.id, kind = job.kind, attempts = job.attempts, %failure, "a job failed");
    }
    if let Err(failure) = note(app, &job, result).await {
        tracing::error!(job = %job.id, %failure, "the end of a job could not be noted");
    }
}

async fn live_on(app: &App, job: &job::Model) -> Result<bool, Failure> {
    let tx = app.db.begin().await?;
    let is_ours = store::extend_lease(&tx, job, app.clock.now() + LEASE).await?;
    tx.commit().await?;
    Ok(is_ours)
}

/// The pause after a failure: growing, and different for each job, so that those that failed together do not come back
/// together.
fn pause(job: &job::Model) -> chrono::Duration {
    let exponent = u32::try_from(job.attempts.clamp(1, 7) - 1).unwrap_or(0);
    let whole = FIRST_PAUSE * 4i32.pow(exponent);
    let share = i32::try_from(job.id.as_u128().wrapping_add(u128::from(exponent)) % 1000).unwrap_or(0);
    whole * 3 / 4 + whole / 2000 * share
}

async fn note(app: &App, job: &job::Model, result: Result<(), Failure>) -> Result<(), Failure> {
    if let Err(failure) = &result
        && job.attempts >= MAX_ATTEMPTS
    {
        return bury(app, job, &failure.to_string()).await;
    }
    let tx = app.db.begin().await?;
    match result {
        Ok(()) => store::remove(&tx, job).await?,
        Err(failure) => {
            // Whoever is waited for may have said how long.
            let asked = failure.retry_after_s.map(|seconds| chrono::Duration::seconds(seconds.into()));
            let pause = asked.map_or(pause(job), |asked| asked.max(pause(job)));
            store::note_failure(&tx, job, app.clock.now() + pause, failure.to_string()).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Ends a job for good, and what waits for it with it.
async fn bury(app: &App, job: &job::Model, error: &str) -> Result<(), Failure> {
    let Some(firm_id) = job.firm_id else {
        let tx = app.db.begin().await?;
        store::bury(&tx, job, error).await?;
        tx.commit().await?;
        return Ok(());
    };
    let mut write = Write::begin(app, firm_id).await?;
    if !store::bury(&write.tx, job, error).await? {
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
    if job.kind == transcription::JOB
        && let Ok(of) = serde_json::from_str::<OfEvidence>(&job.payload)
    {
        transcription::give_up(app, &mut write, of.evidence_id, error).await?;
    }
    write.commit().await
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
            rehearsals::service::run_job(app, firm(job)?, &payload).await
        }
        retention::nightly::JOB => {
            let payload = serde_json::from_str(&job.payload).map_err(Failure::internal)?;
            retention::nightly::run_job(app, firm(job)?, &payload).await
        }
        erasure::service::JOB => {
            let payload = serde_json::from_str(&job.payload).map_err(Failure::internal)?;
            erasure::run::run_job(app, firm(job)?, &payload).await
        }
        transcription::JOB => {
            let payload: OfEvidence = serde_json::from_str(&job.payload).map_err(Failure::internal)?;
            transcription::run_job(app, firm(job)?, payload.evidence_id).await
        }
        signals::job::JOB => {
            let payload = serde_json::from_str(&job.payload).map_err(Failure::internal)?;
            signals::job::run(app, firm(job)?, &payload).await
        }
        notices::cursor::JOB => notices::cursor::run_job(app, firm(job)?).await,
        notices::digest::JOB => {
            let payload = serde_json::from_str(&job.payload).map_err(Failure::internal)?;
            notices::digest::run_job(app, firm(job)?, &payload).await
        }
        other => Err(Failure::internal(format!("no worker knows the job kind {other}"))),
    }
}

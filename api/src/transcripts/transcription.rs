//! Having recordings transcribed by a service: asked for or by itself, by a job.

use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::chains::store::chain_by_id;
use crate::consent::decide::holds_voices;
use crate::consent::service::check_recording;
use crate::entity::{consent, evidence, transcript, transcription};
use crate::events::types::NewEvent;
use crate::evidence::blobs::missing;
use crate::evidence::service::{has_bytes, visible};
use crate::evidence::store::{evidence_by_id, evidence_of_visits, lock_evidence};
use crate::failure::{Failure, Kind};
use crate::jobs::queue;
use crate::people::types::Caller;
use crate::transcripts::service::{check_free, check_stored, is_of_service, keep, recording, stored, tag};
use crate::transcripts::store;
use crate::transcripts::transcriber::{Recording, Trouble};
use crate::transcripts::types::{Cue, TranscriptionView};
use crate::visits::store::{lock_visits, visit_by_id};
use crate::words::{TranscriptFormat, TranscriptionState};
use crate::write::{Once, Write};

/// The kind of the job that has a recording transcribed.
pub const JOB: &str = "transcribe";

/// Asks for the transcript of a recording. While it is queued, asking again changes nothing.
///
/// # Errors
///
/// * 404, 403, 422 as [`recording`], 409 `illegal_state` while its bytes are not stored.
/// * 409 `no_transcription_service` when none is set; `has_transcript` when somebody attached one; `held` when it would
///   replace another while a hold is on the visit.
/// * As [`Once`] for a repeated key.
pub async fn create(
    app: &App,
    caller: &Caller,
    id: Uuid,
    key: Option<String>,
    language: Option<String>,
) -> Result<String, Failure> {
    let once = Once::of(caller, "create_transcription", key, &json!({"evidence_id": id, "language": language}))?;
    check_stored(recording(app, caller, id).await?.state)?;
    if app.transcriber.is_none() {
        let detail = "No transcription service is set on this server. Attach a transcript instead.";
        return Err(Failure::conflict("no_transcription_service", detail));
    }
    let mut write = Write::begin_by(app, caller).await?;
    if let Some(answer) = once.answered(&write).await? {
        return Ok(answer);
    }
    let file = lock_evidence(&write.tx, caller.firm_id, id).await?.ok_or_else(|| Failure::not_found("evidence"))?;
    check_stored(file.state)?;
    let attached = store::transcript_of(&write.tx, caller.firm_id, id).await?.filter(|row| !is_of_service(row));
    if attached.is_some() {
        let detail = "Somebody attached a transcript to this recording. Remove it first.";
        return Err(Failure::conflict("has_transcript", detail));
    }
    if store::transcript_of(&write.tx, caller.firm_id, id).await?.is_some() {
        check_free(&write, file.visit_id).await?;
    }
    let before = store::transcription_of(&write.tx, caller.firm_id, id).await?;
    let row = match before.filter(|before| before.state == TranscriptionState::Queued) {
        Some(before) => before,
        None => queue(app, &mut write, &file, Some(caller.membership_id), language).await?,
    };
    let answer = write.commit_once(&once, &TranscriptionView::from(row)).await?;
    app.wake.wake();
    Ok(answer)
}

/// How far the service has come with a file.
///
/// # Errors
///
/// 404 when it was not given it.
pub async fn transcription(app: &App, caller: &Caller, id: Uuid) -> Result<transcription::Model, Failure> {
    visible(app, caller, id).await?;
    let row = store::transcription_of(app.db.reader(), caller.firm_id, id).await?;
    row.ok_or_else(|| Failure::not_found("transcription"))
}

/// Queues the transcript of a recording that was processed, or that may be heard from now on; does nothing without a
/// service, for what has a transcript, and for what was given to the service before. The job asks whether the recording
/// may be heard.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn queue_automatic(app: &App, write: &mut Write<'_>, file: &evidence::Model) -> Result<(), Failure> {
    if app.transcriber.is_none() || !has_bytes(file.state) || !holds_voices(file.kind, file.media_type.as_deref()) {
        return Ok(());
    }
    let has_any = store::transcript_of(&write.tx, file.firm_id, file.id).await?.is_some()
        || store::transcription_of(&write.tx, file.firm_id, file.id).await?.is_some();
    if !has_any {
        queue(app, write, file, None, None).await?;
    }
    Ok(())
}

/// Queues what a consent to a visit or to one recording lets be heard. One to a branch or a chain queues nothing: that
/// may be years of recordings, which a person asks for.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn queue_consented(app: &App, write: &mut Write<'_>, consent: &consent::Model) -> Result<(), Failure> {
    let Some(visit_id) = consent.visit_id.filter(|_| app.transcriber.is_some()) else { return Ok(()) };
    for file in evidence_of_visits(&write.tx, consent.firm_id, &[visit_id]).await? {
        if consent.evidence_id.is_none_or(|id| id == file.id) {
            queue_automatic(app, write, &file).await?;
        }
    }
    Ok(())
}

async fn queue(
    app: &App,
    write: &mut Write<'_>,
    file: &evidence::Model,
    author_id: Option<Uuid>,
    language: Option<String>,
) -> Result<transcription::Model, Failure> {
    let language = match language {
        Some(language) => tag(&language),
        None => language_of(write, file).await?,
    };
    let row = transcription::Model {
        firm_id: file.firm_id,
        evidence_id: file.id,
        state: TranscriptionState::Queued,
        language,
        author_id,
        problem_code: None,
        problem: None,
        created_at: app.clock.now(),
        finished_at: None,
    };
    store::put_transcription(&write.tx, row.clone()).await?;
    let payload = json!({"evidence_id": file.id});
    queue::add(app, &write.tx, file.firm_id, JOB, &file.id.to_string(), &payload).await?;
    let payload = json!({"visit_id": file.visit_id, "language": row.language});
    write.event(match author_id {
        Some(author_id) => NewEvent::new("transcription.requested", "evidence", file.id, author_id, payload),
        None => NewEvent::by_system("transcription.requested", "evidence", file.id, payload),
    });
    Ok(row)
}

/// The language of the chain that is visited.
async fn language_of(write: &Write<'_>, file: &evidence::Model) -> Result<String, Failure> {
    let gone = || Failure::internal(format!("the visit of the file {} is gone", file.id));
    let visit = visit_by_id(&write.tx, file.firm_id, file.visit_id).await?.ok_or_else(gone)?;
    let chain = chain_by_id(&write.tx, file.firm_id, visit.client_chain_id).await?.ok_or_else(gone)?;
    Ok(tag(&chain.locale))
}

/// Has a recording transcribed. Safe to run twice: it is sent again then.
///
/// # Errors
///
/// 503 `transcription_unavailable`, with the pause that the service asked for, when it may go better later; 500 when the
/// database fails.
pub async fn run_job(app: &App, firm_id: Uuid, evidence_id: Uuid) -> Result<(), Failure> {
    let db = app.db.reader();
    let Some(file) = evidence_by_id(db, firm_id, evidence_id).await? else { return Ok(()) };
    let asked = store::transcription_of(db, firm_id, evidence_id).await?;
    let Some(asked) = asked.filter(|asked| asked.state == TranscriptionState::Queued) else { return Ok(()) };
    match send(app, &file, &asked).await {
        Ok(cues) => store_answer(app, &file, &asked, cues).await,
        Err(Ended::NotPermitted(failure)) => not_permitted(app, &file, &asked, &failure).await,
        Err(Ended::Trouble(Trouble::Never { code, what })) => fail(app, &asked, code, &what).await,
        Err(Ended::Trouble(Trouble::Later { what, after_s })) => {
            let failure = Failure::new(Kind::Unavailable, "transcription_unavailable", what);
            Err(after_s.map_or(failure.clone(), |after_s| failure.with_retry_after(after_s)))
        }
        Err(Ended::Failure(failure)) => Err(failure),
    }
}

/// Why a recording was not transcribed.
enum Ended {
    /// It may not be heard.
    NotPermitted(Failure),
    /// The service.
    Trouble(Trouble),
    /// This server.
    Failure(Failure),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        match failure.kind {
            Kind::Forbidden | Kind::NotFound => Self::NotPermitted(failure),
            _ => Self::Failure(failure),
        }
    }
}

impl From<Trouble> for Ended {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

async fn send(app: &App, file: &evidence::Model, asked: &transcription::Model) -> Result<Vec<Cue>, Ended> {
    let none = || Trouble::Never { code: "no_transcription_service", what: "No service is set any more.".to_owned() };
    let transcriber = app.transcriber.as_ref().ok_or_else(none)?;
    let sha256 = file.sha256.as_deref().filter(|_| has_bytes(file.state));
    let sha256 = sha256.ok_or_else(|| Failure::not_found("stored file"))?;
    let opened = app.blobs.open(file.firm_id, sha256).await?.ok_or_else(|| missing(sha256))?;
    let way = transcriber.reach().await?;
    // Right before the bytes leave the house: all that takes time is done.
    check_recording(app.db.reader(), file).await?;
    let media_type = file.media_type.clone().unwrap_or_else(|| "application/octet-stream".to_owned());
    let recording = Recording { file: opened, media_type, language: asked.language.clone() };
    Ok(transcriber.transcribe(&way, recording, app.clock.now()).await?)
}

/// Stores an answer, unless the recording may not be heard by now, or somebody has attached a transcript meanwhile.
async fn store_answer(
    app: &App,
    file: &evidence::Model,
    asked: &transcription::Model,
    cues: Vec<Cue>,
) -> Result<(), Failure> {
    let mut write = Write::begin(app, file.firm_id).await?;
    let now = lock_evidence(&write.tx, file.firm_id, file.id).await?;
    let Some(now) = now.filter(|now| has_bytes(now.state) && now.sha256 == file.sha256) else { return Ok(()) };
    if let Err(failure) = check_recording(&write.tx, &now).await {
        drop(write);
        return match Ended::from(failure) {
            Ended::NotPermitted(failure) => not_permitted(app, file, asked, &failure).await,
            Ended::Failure(failure) => Err(failure),
            Ended::Trouble(_) => Ok(()),
        };
    }
    let before = store::transcript_of(&write.tx, file.firm_id, file.id).await?;
    if before.is_some()
        && let Err(failure) = check_free(&write, file.visit_id).await
    {
        drop(write);
        return if failure.kind == Kind::Conflict {
            fail(app, asked, failure.code, &failure.detail).await
        } else {
            Err(failure)
        };
    }
    if before.is_none_or(|before| is_of_service(&before)) {
        let row = transcript::Model {
            firm_id: file.firm_id,
            evidence_id: file.id,
            visit_id: file.visit_id,
            language: asked.language.clone(),
            format: TranscriptFormat::Service,
            author_id: None,
            cues: stored(&cues)?,
            created_at: app.clock.now(),
        };
        keep(&mut write, row, &cues).await?;
    }
    store::finish_transcription(&write.tx, file.firm_id, file.id, None, app.clock.now()).await?;
    write.commit().await
}

/// Ends the work on a recording that may not be heard. What was queued by itself is forgotten, so that a later consent
/// queues it anew; one that comes at this moment waits for the lock of the visit, or is seen under it.
async fn not_permitted(
    app: &App,
    file: &evidence::Model,
    asked: &transcription::Model,
    failure: &Failure,
) -> Result<(), Failure> {
    if asked.author_id.is_some() {
        return fail(app, asked, failure.code, &failure.detail).await;
    }
    let write = Write::begin(app, asked.firm_id).await?;
    lock_visits(&write.tx, file.firm_id, &[file.visit_id]).await?;
    if check_recording(&write.tx, file).await.is_ok() {
        let detail = "The consent to this recording came at the last moment.";
        return Err(Failure::new(Kind::Unavailable, "transcription_unavailable", detail));
    }
    store::withdraw_transcription(&write.tx, asked.firm_id, asked.evidence_id).await?;
    write.commit().await
}

async fn fail(app: &App, asked: &transcription::Model, code: &str, what: &str) -> Result<(), Failure> {
    let mut write = Write::begin(app, asked.firm_id).await?;
    note_failure(app, &mut write, asked.evidence_id, code, what).await?;
    write.commit().await
}

async fn note_failure(
    app: &App,
    write: &mut Write<'_>,
    evidence_id: Uuid,
    code: &str,
    what: &str,
) -> Result<(), Failure> {
    store::finish_transcription(&write.tx, write.firm_id, evidence_id, Some((code, what)), app.clock.now()).await?;
    let event = NewEvent::by_system("transcription.failed", "evidence", evidence_id, json!({"problem_code": code}));
    write.event(event);
    Ok(())
}

/// Ends the work on a recording whose job failed too often.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn give_up(app: &App, write: &mut Write<'_>, evidence_id: Uuid, why: &str) -> Result<(), Failure> {
    note_failure(app, write, evidence_id, "gave_up", &format!("It failed too often, last by: {why}")).await
}

/// Has the service work once more on a recording that was given up.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn take_up_again(write: &Write<'_>, evidence_id: Uuid) -> Result<(), Failure> {
    Ok(store::queue_again(&write.tx, write.firm_id, evidence_id).await?)
}

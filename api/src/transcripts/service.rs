//! Attaching transcripts to recordings, reading and removing them. Whoever may not hear a recording reads nothing of it.

use serde_json::json;
use uuid::Uuid;

use crate::access::Reach;
use crate::app::App;
use crate::consent::decide::holds_voices;
use crate::consent::service::check_recording;
use crate::entity::{evidence, transcript};
use crate::events::store::lock_head;
use crate::events::types::NewEvent;
use crate::evidence::service::{has_bytes, visible};
use crate::evidence::store::lock_evidence;
use crate::failure::{Failure, Kind};
use crate::people::types::Caller;
use crate::retention::holds;
use crate::transcripts::folding::terms;
use crate::transcripts::parse::parse;
use crate::transcripts::store;
use crate::transcripts::types::{Cue, TranscriptView};
use crate::words::{EvidenceState, TranscriptFormat};
use crate::write::Write;

/// A transcript that somebody attaches.
pub struct NewTranscript<'a> {
    /// The language, as a tag.
    pub language: &'a str,
    /// What the request says that it is.
    pub media_type: Option<&'a str>,
    /// The file.
    pub bytes: &'a [u8],
}

/// Attaches a transcript to a recording, in place of an earlier one.
///
/// # Errors
///
/// * 404 when no visit that the caller sees names the file, or it was purged.
/// * 422 `not_a_recording` when it holds no voices; `invalid` with every line that is wrong.
/// * 409 `illegal_state` while its bytes are not stored; `held` when it would replace another while a hold is on the
///   visit.
/// * 403 `recording_not_permitted` when it may not be heard; `transcript_of_others` when an auditor would replace what
///   somebody else attached.
pub async fn put(app: &App, caller: &Caller, id: Uuid, new: NewTranscript<'_>) -> Result<TranscriptView, Failure> {
    let file = recording(app, caller, id).await?;
    check_stored(file.state)?;
    let (format, cues) = parse(new.bytes, new.media_type).map_err(Failure::invalid)?;
    let mut write = Write::begin_by(app, caller).await?;
    let file = lock_evidence(&write.tx, caller.firm_id, id).await?.ok_or_else(|| Failure::not_found("evidence"))?;
    check_stored(file.state)?;
    check_recording(&write.tx, &file).await?;
    if let Some(before) = store::transcript_of(&write.tx, caller.firm_id, id).await? {
        check_author(caller, &before)?;
        check_free(&write, before.visit_id).await?;
    }
    let row = transcript::Model {
        firm_id: caller.firm_id,
        evidence_id: id,
        visit_id: file.visit_id,
        language: tag(new.language),
        format,
        author_id: Some(caller.membership_id),
        cues: stored(&cues)?,
        created_at: app.clock.now(),
    };
    keep(&mut write, row.clone(), &cues).await?;
    write.commit().await?;
    Ok(TranscriptView::new(row, cues, duration_ms(&file)))
}

/// Writes a transcript with its words and its fact.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn keep(write: &mut Write<'_>, row: transcript::Model, cues: &[Cue]) -> Result<(), Failure> {
    let payload = json!({
        "visit_id": row.visit_id, "language": row.language, "format": row.format, "cues": cues.len(),
    });
    let event = match row.author_id {
        Some(author_id) => NewEvent::new("transcript.attached", "evidence", row.evidence_id, author_id, payload),
        None => NewEvent::by_system("transcript.attached", "evidence", row.evidence_id, payload),
    };
    write.event(event);
    Ok(store::put(&write.tx, row, terms(cues.iter().map(|cue| cue.text.as_str()))).await?)
}

/// The transcript of a recording.
///
/// # Errors
///
/// * 404 when there is none, or no such recording.
/// * 403 `recording_not_permitted` when the recording may not be heard.
pub async fn transcript(app: &App, caller: &Caller, id: Uuid) -> Result<TranscriptView, Failure> {
    let file = visible(app, caller, id).await?;
    check_recording(app.db.reader(), &file).await?;
    let row = store::transcript_of(app.db.reader(), caller.firm_id, id).await?;
    let row = row.ok_or_else(|| Failure::not_found("transcript"))?;
    let cues = cues_of(&row)?;
    Ok(TranscriptView::new(row, cues, duration_ms(&file)))
}

/// Removes a transcript, whether the recording may be heard or not.
///
/// # Errors
///
/// * 404 when there is none, or no such recording.
/// * 403 `transcript_of_others` when an auditor would remove what somebody else attached.
/// * 409 `held` while a hold is on the visit.
pub async fn remove(app: &App, caller: &Caller, id: Uuid) -> Result<(), Failure> {
    visible(app, caller, id).await?;
    let mut write = Write::begin_by(app, caller).await?;
    lock_evidence(&write.tx, caller.firm_id, id).await?.ok_or_else(|| Failure::not_found("evidence"))?;
    let row = store::transcript_of(&write.tx, caller.firm_id, id).await?;
    let row = row.ok_or_else(|| Failure::not_found("transcript"))?;
    check_author(caller, &row)?;
    check_free(&write, row.visit_id).await?;
    store::forget(&write.tx, caller.firm_id, id).await?;
    let payload = json!({"visit_id": row.visit_id});
    write.event(NewEvent::new("transcript.removed", "evidence", id, caller.membership_id, payload));
    write.commit().await
}

/// A recording that the caller sees and may hear.
///
/// # Errors
///
/// 404, 403 and 422 as [`put`].
pub async fn recording(app: &App, caller: &Caller, id: Uuid) -> Result<evidence::Model, Failure> {
    let file = visible(app, caller, id).await?;
    if !holds_voices(file.kind, file.media_type.as_deref()) {
        let detail = "Only recordings have transcripts, and this is none.";
        return Err(Failure::new(Kind::Invalid, "not_a_recording", detail));
    }
    check_recording(app.db.reader(), &file).await?;
    Ok(file)
}

/// # Errors
///
/// 409 `illegal_state` when there are no bytes that a transcript could be of.
pub fn check_stored(state: EvidenceState) -> Result<(), Failure> {
    if has_bytes(state) {
        return Ok(());
    }
    let detail = format!("The file is {state}; a transcript takes one that is stored. Send the file first.");
    Err(Failure::conflict("illegal_state", detail))
}

/// What an auditor says of a call is not put in the place of what the firm, or a machine, has heard in it.
fn check_author(caller: &Caller, before: &transcript::Model) -> Result<(), Failure> {
    if caller.reach != Reach::Own || before.author_id == Some(caller.membership_id) {
        return Ok(());
    }
    let detail = "Somebody else attached this transcript. Ask a reviewer to change it.";
    Err(Failure::new(Kind::Forbidden, "transcript_of_others", detail))
}

/// What a hold is on is neither removed nor replaced. Under the lock of the head, which making a hold takes too.
///
/// # Errors
///
/// 409 `held` when there is one.
pub async fn check_free(write: &Write<'_>, visit_id: Uuid) -> Result<(), Failure> {
    lock_head(&write.tx, write.firm_id).await?;
    holds::check_free(&write.tx, write.firm_id, visit_id).await
}

/// The cues of a row.
///
/// # Errors
///
/// [`Failure`] (500) when it holds something else.
pub fn cues_of(row: &transcript::Model) -> Result<Vec<Cue>, Failure> {
    serde_json::from_str(&row.cues).map_err(Failure::internal)
}

/// Cues as they are stored.
///
/// # Errors
///
/// [`Failure`] (500) when they cannot be written.
pub fn stored(cues: &[Cue]) -> Result<String, Failure> {
    serde_json::to_string(cues).map_err(Failure::internal)
}

/// A tag of a language with its first part in small letters, by which phrases are chosen.
pub fn tag(language: &str) -> String {
    let (first, rest) = language.split_at(language.find('-').unwrap_or(language.len()));
    format!("{}{rest}", first.to_ascii_lowercase())
}

/// The length of a recording, if somebody has looked into it.
pub fn duration_ms(file: &evidence::Model) -> Option<i64> {
    let facts: serde_json::Value = serde_json::from_str(file.facts.as_deref()?).ok()?;
    facts["duration_ms"].as_i64()
}

/// Whether a transcript was written by the service and may be written again by it.
pub fn is_of_service(row: &transcript::Model) -> bool {
    row.format == TranscriptFormat::Service
}

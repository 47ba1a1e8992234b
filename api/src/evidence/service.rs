//! Receiving the files of visits, and handing them out again.

use poem::Body;
use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::chains;
use crate::entity::evidence;
use crate::events::types::NewEvent;
use crate::evidence::blobs::Received;
use crate::evidence::store;
use crate::evidence::types::{EvidenceView, PreviewSize};
use crate::failure::{Failure, FieldProblem, Kind};
use crate::http::FILE_LIMIT_BYTES;
use crate::http::content::StoredFile;
use crate::jobs::queue;
use crate::people::types::Caller;
use crate::states::{EVIDENCE_MOVES, after};
use crate::visits;
use crate::words::{EvidenceKind, EvidenceState, RecordingPolicy};
use crate::write::Write;
use peegel_media::sniff;

/// The kind of the job that looks into a stored file.
pub const PROCESS_JOB: &str = "evidence.process";

/// A file that the caller may see, with its visit checked.
async fn visible(app: &App, caller: &Caller, id: Uuid) -> Result<evidence::Model, Failure> {
    let gone = || Failure::not_found("evidence");
    let row = store::evidence_by_id(app.db.reader(), caller.firm_id, id).await?.ok_or_else(gone)?;
    visits::read::visible_visit(app, caller, row.visit_id).await.map_err(|failure| match failure.kind {
        Kind::NotFound => gone(),
        _ => failure,
    })?;
    Ok(row)
}

/// Receives a file of a manifest.
///
/// It is on disk, checked and queued for processing when this returns. Sending the same bytes again changes nothing.
///
/// # Errors
///
/// * 404 when no visit of the caller names it.
/// * 400 `interrupted`, 413 `too_large`, 507 `storage_full` as it arrives.
/// * 409 `already_stored` when other bytes are stored under this id.
/// * 422 `differs_from_manifest` when hash or size differ from those announced: the file is marked refused, the visit
///   stays, and the right file may be sent.
pub async fn put_content(app: &App, caller: &Caller, id: Uuid, body: Body) -> Result<EvidenceView, Failure> {
    visible(app, caller, id).await?;
    let stream = Box::pin(body.into_bytes_stream());
    let received = app.blobs.receive(app.ids.next(), stream, FILE_LIMIT_BYTES).await?;
    let at = app.clock.now();
    let mut write = Write::begin(app, caller.firm_id).await?;
    let Some(mut row) = store::lock_evidence(&write.tx, caller.firm_id, id).await? else {
        app.blobs.discard(received).await;
        return Err(Failure::not_found("evidence"));
    };
    let has_bytes = !visits::decide::is_missing(row.state);
    if has_bytes {
        let same = row.sha256.as_deref() == Some(received.sha256.as_str());
        app.blobs.discard(received).await;
        let other = "Other bytes are stored under this id already. Give the new file an id of its own.";
        return if same { Ok(row.into()) } else { Err(Failure::conflict("already_stored", other)) };
    }
    let problems = differences(&row, &received);
    if !problems.is_empty() {
        row.state = after(EVIDENCE_MOVES, "evidence", row.state, "refuse")?;
        row.problem_code = Some("differs_from_manifest".to_owned());
        row.problem =
            Some("The bytes that arrived are not those announced in the manifest. Send the file again.".into());
        let payload = json!({"sha256": received.sha256, "bytes": received.bytes});
        write.event(NewEvent::new("evidence.refused", "evidence", id, caller.membership_id, payload));
        store::update(&write.tx, row).await?;
        write.commit().await?;
        app.blobs.discard(received).await;
        let mut failure = Failure::invalid(problems);
        failure.code = "differs_from_manifest";
        return Err(failure);
    }
    app.blobs.keep(caller.firm_id, &received).await?;
    row.state = after(EVIDENCE_MOVES, "evidence", row.state, "store")?;
    row.media_type = Some(found_media_type(&received.head).to_owned());
    row.problem_code = None;
    row.problem = None;
    row.stored_at = Some(at);
    row.bytes = Some(received.bytes);
    store::refer(&write.tx, caller.firm_id, &received.sha256, received.bytes, at).await?;
    queue::add(app, &write.tx, caller.firm_id, PROCESS_JOB, &id.to_string(), &json!({"evidence_id": id})).await?;
    let payload = json!({"visit_id": row.visit_id, "sha256": received.sha256, "bytes": received.bytes});
    write.event(NewEvent::new("evidence.stored", "evidence", id, caller.membership_id, payload));
    row.sha256 = Some(received.sha256);
    store::update(&write.tx, row.clone()).await?;
    write.commit().await?;
    app.wake.wake();
    Ok(row.into())
}

fn differences(row: &evidence::Model, received: &Received) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if let Some(announced) = row.sha256.as_ref().filter(|hash| **hash != received.sha256) {
        let message = format!("{announced} was announced, {} arrived", received.sha256);
        problems.push(FieldProblem::new("/sha256", "differs_from_manifest", message));
    }
    if let Some(announced) = row.bytes.filter(|bytes| *bytes != received.bytes) {
        let message = format!("{announced} bytes were announced, {} arrived", received.bytes);
        problems.push(FieldProblem::new("/bytes", "differs_from_manifest", message));
    }
    problems
}

/// The media type that the first bytes show; what a client says of it is never served.
fn found_media_type(head: &[u8]) -> &'static str {
    sniff(head).map_or("application/octet-stream", |format| format.media_type())
}

/// The bytes of a file, as they were sent.
///
/// # Errors
///
/// * 404 when there is no such file, or nothing is stored yet.
/// * 403 `recording_not_permitted` when the chain's policy does not let recordings be played.
pub async fn content(app: &App, caller: &Caller, id: Uuid) -> Result<StoredFile, Failure> {
    let row = visible(app, caller, id).await?;
    if row.kind == EvidenceKind::Recording {
        check_recording(app, caller, &row).await?;
    }
    let stored = matches!(row.state, EvidenceState::Stored | EvidenceState::Processed | EvidenceState::Unpreviewable);
    let sha256 = row.sha256.filter(|_| stored).ok_or_else(|| Failure::not_found("stored file"))?;
    Ok(StoredFile {
        path: app.blobs.path(caller.firm_id, &sha256),
        sha256,
        media_type: row.media_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
        file_name: row.file_name,
    })
}

/// Voices are personal data: they are played only where the chain's policy allows it.
async fn check_recording(app: &App, caller: &Caller, row: &evidence::Model) -> Result<(), Failure> {
    let gone = || Failure::not_found("evidence");
    let db = app.db.reader();
    let visit = visits::store::visit_by_id(db, caller.firm_id, row.visit_id).await?.ok_or_else(gone)?;
    let chain = chains::store::chain_by_id(db, caller.firm_id, visit.client_chain_id).await?.ok_or_else(gone)?;
    let detail = match chain.recording_policy {
        RecordingPolicy::Allow => return Ok(()),
        RecordingPolicy::NeedsProof => "The chain plays recordings only with proof of consent, and there is none.",
        RecordingPolicy::Refuse => "The chain's policy does not let recordings be played.",
    };
    Err(Failure::new(Kind::Forbidden, "recording_not_permitted", detail))
}

/// A preview of a photo: upright and without metadata.
///
/// # Errors
///
/// * 404 when there is no such file, or none that can be shown; the file itself can still be fetched.
/// * 409 `not_processed` while the preview is being made.
pub async fn preview(app: &App, caller: &Caller, id: Uuid, size: PreviewSize) -> Result<StoredFile, Failure> {
    let row = visible(app, caller, id).await?;
    if row.state == EvidenceState::Stored {
        return Err(Failure::conflict("not_processed", "The preview is being made. Try again in a moment."));
    }
    let sha256 = match size {
        PreviewSize::Small => row.preview_320_sha256,
        PreviewSize::Large => row.preview_1600_sha256,
    };
    let sha256 = sha256.ok_or_else(|| Failure::not_found("preview"))?;
    Ok(StoredFile {
        path: app.blobs.path(caller.firm_id, &sha256),
        sha256,
        media_type: "image/jpeg".to_owned(),
        file_name: format!("{}.jpg", row.id),
    })
}

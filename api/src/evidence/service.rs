//! Receiving the files of visits, and handing them out again.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use poem::Body;
use sea_orm::ConnectionTrait;
use serde_json::json;
use uuid::Uuid;

use crate::access::{self, Operation};
use crate::app::App;
use crate::consent::service::{check_recording, check_taken};
use crate::entity::{evidence, upload};
use crate::events::types::NewEvent;
use crate::evidence::blobs::Received;
use crate::evidence::types::{EvidenceView, PreviewSize};
use crate::evidence::{quota, store};
use crate::failure::{Failure, FieldProblem, Kind};
use crate::http::content::StoredFile;
use crate::http::json::text_problem;
use crate::http::limits::FILE_LIMIT_BYTES;
use crate::jobs::queue;
use crate::people::service::still_may;
use crate::people::store::membership_by_id;
use crate::people::types::Caller;
use crate::retention::classes::{bit, of_file};
use crate::retention::store::reopen;
use crate::states::{EVIDENCE_MOVES, after};
use crate::uploads::sweep::MARK_STAYS;
use crate::uploads::{self, incoming};
use crate::visits;
use crate::words::{DataClass, EvidenceState, MembershipState, Role, UploadState};
use crate::write::Write;
use peegel_media::sniff;

/// The kind of the job that looks into a stored file.
pub const PROCESS_JOB: &str = "evidence.process";
/// Longest reason for giving up a file, in characters.
const REASON_CHARS: usize = 1000;

/// A file that the caller may see, with its visit checked.
///
/// # Errors
///
/// 404 when there is none.
pub async fn visible(app: &App, caller: &Caller, id: Uuid) -> Result<evidence::Model, Failure> {
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
/// * 413 `visit_full`, 429 `day_quota` beyond the limits of the visit and of the auditor's day.
/// * 409 `already_stored` when other bytes are stored under this id.
/// * 409 `illegal_state` when it was given up as lost.
/// * 410 `purged` when its class of data was purged.
/// * 503 `storage_unavailable` when the store does not answer, `busy` when the same bytes are being cleared away.
/// * 422 `differs_from_manifest` when hash or size differ from those announced, `empty_file` when nothing arrived, and
///   `recording_refused` when it is sound or film and the chain takes none: the file is marked refused, the visit stays,
///   and the right file may be sent. What is announced as a recording is refused before it comes.
pub async fn put_content(app: &App, caller: &Caller, id: Uuid, body: Body) -> Result<EvidenceView, Failure> {
    let announced = visible(app, caller, id).await?;
    if let Some(at) = announced.purged_at {
        return Err(purged(&announced, at));
    }
    let to_come = if has_bytes(announced.state) {
        0
    } else {
        check_taken(app.db.reader(), &announced, None).await?;
        announced.bytes.unwrap_or(0)
    };
    quota::check(app, caller, &announced, to_come).await?;
    let _active = app.metrics.upload_active();
    let arrived = AtomicI64::new(0);
    let stream = body.into_bytes_stream().inspect(|chunk| {
        let bytes = chunk.as_ref().map_or(0, |chunk| i64::try_from(chunk.len()).unwrap_or(i64::MAX));
        arrived.fetch_add(bytes, Ordering::Relaxed);
    });
    let judged = async {
        let received = app.blobs.receive(app.ids.next(), Box::pin(stream), FILE_LIMIT_BYTES).await?;
        // A file takes up to half an hour to come.
        still_may(app.db.reader(), caller).await?;
        accept(app, caller.firm_id, caller.membership_id, id, received, Way::AtOnce).await
    };
    let judged = judged.await;
    let arrived = arrived.load(Ordering::Relaxed);
    app.metrics.uploaded(u64::try_from(arrived).unwrap_or(0));
    if let Err(failure) = &judged
        && failure.kind != Kind::Invalid
    {
        // What was stored or refused was counted with that; this came for nothing and counts all the same.
        count_for_nothing(app, caller, arrived).await;
    }
    judged
}

/// Counts bytes that came for nothing. If it fails, why they did is still what the sender has to know.
async fn count_for_nothing(app: &App, caller: &Caller, bytes: i64) {
    let counted = async {
        let tx = app.db.begin().await?;
        quota::count(&tx, caller.firm_id, caller.membership_id, app.clock.now(), bytes).await?;
        Ok::<_, Failure>(tx.commit().await?)
    };
    if let Err(failure) = counted.await {
        tracing::warn!(%failure, "bytes that came for nothing could not be counted for the day");
    }
}

/// How a file came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// At once, by the plain `PUT`.
    AtOnce,
    /// Piece by piece, by this upload.
    Upload(Uuid),
}

/// Judges a file that has arrived whole, however it came: it is stored and queued for processing, or refused, and its
/// upload is settled with it. Doing it again changes nothing.
///
/// # Errors
///
/// * 404, 409, 422 and 507 as [`put_content`].
/// * 403 `membership_disabled` when whoever sent it may not do so any more.
/// * 410 `upload_gone` when its upload ended meanwhile.
pub async fn accept(
    app: &App,
    firm_id: Uuid,
    membership_id: Uuid,
    id: Uuid,
    mut received: Received,
    way: Way,
) -> Result<EvidenceView, Failure> {
    // The manifest may come to agree with these bytes only while they are sent, which is seen at the second look.
    for _ in 0..2 {
        if let Some(judged) = accept_once(app, firm_id, membership_id, id, &mut received, way).await? {
            return judged;
        }
    }
    let detail = "The manifest is being changed at this moment. Send the file again.";
    Err(Failure::new(Kind::Unavailable, "busy", detail).with_retry_after(1))
}

/// Judges a file; none when it has to be given its place first.
async fn accept_once(
    app: &App,
    firm_id: Uuid,
    membership_id: Uuid,
    id: Uuid,
    received: &mut Received,
    way: Way,
) -> Result<Option<Result<EvidenceView, Failure>>, Failure> {
    let gone = || Failure::not_found("evidence");
    let announced = store::evidence_by_id(app.db.reader(), firm_id, id).await?.ok_or_else(gone)?;
    sender_still_may(app.db.reader(), firm_id, membership_id).await?;
    // The store is waited for before the transaction, which on SQLite nobody else can write beside.
    let is_kept = visits::manifest::is_missing(announced.state)
        && refusal(app.db.reader(), &announced, received).await?.is_none();
    let began = app.clock.now();
    if is_kept {
        if store::is_marked(app.db.reader(), firm_id, &received.sha256).await? {
            return Err(being_removed());
        }
        let kept = app.blobs.keep(firm_id, received).await;
        if kept.is_err() {
            // It may have been done all the same.
            leave_to_sweep(app, firm_id, &[received]).await;
        }
        kept?;
    }
    let judged = judge(app, membership_id, &announced, received, way, is_kept.then_some(began)).await;
    let is_referred = judged.as_ref().is_ok_and(|judged| matches!(judged.outcome, Some(Ok(_))));
    if is_kept && !is_referred {
        leave_to_sweep(app, firm_id, &[received]).await;
    }
    let Judged { outcome, upload } = judged?;
    if let Some(upload) = upload {
        incoming::clear(app, &upload).await;
    }
    Ok(outcome)
}

/// What came of a file, and the upload that has ended with it.
struct Judged {
    outcome: Option<Result<EvidenceView, Failure>>,
    upload: Option<upload::Model>,
}

/// 503: bytes that nothing referred to are cleared away, and the same ones come again.
pub fn being_removed() -> Failure {
    let detail =
        "The same bytes are being cleared away at this moment. Keep the file and send it again in some minutes.";
    Failure::new(Kind::Unavailable, "busy", detail).with_retry_after(60)
}

/// Judges a file in one transaction. `kept` is when it was begun to be given its place, if it was.
async fn judge(
    app: &App,
    membership_id: Uuid,
    announced: &evidence::Model,
    received: &Received,
    way: Way,
    kept: Option<DateTime<Utc>>,
) -> Result<Judged, Failure> {
    let gone = || Failure::not_found("evidence");
    let (firm_id, id) = (announced.firm_id, announced.id);
    let at = app.clock.now();
    let mut write = Write::begin(app, firm_id).await?;
    sender_still_may(&write.tx, firm_id, membership_id).await?;
    // The visit first, as a purge has it.
    visits::store::lock_visits(&write.tx, firm_id, &[announced.visit_id]).await?;
    let mut row = store::lock_evidence(&write.tx, firm_id, id).await?.ok_or_else(gone)?;
    let open = uploads::store::upload_of(&write.tx, firm_id, id, UploadState::Open).await?;
    let finish = async |write: &Write<'_>| match &open {
        Some(upload) => uploads::store::finish(&write.tx, firm_id, upload.id, received.bytes).await,
        None => Ok(()),
    };
    // After the upload, as whoever saves a piece has it. Pieces were counted as they came.
    let count = async |write: &Write<'_>| match way {
        Way::AtOnce => quota::count(&write.tx, firm_id, membership_id, at, received.bytes).await,
        Way::Upload(_) => Ok(()),
    };
    if has_bytes(row.state) {
        if row.sha256.as_deref() != Some(received.sha256.as_str()) {
            let other = "Other bytes are stored under this id already. Give the new file an id of its own.";
            return Err(Failure::conflict("already_stored", other));
        }
        finish(&write).await?;
        count(&write).await?;
        write.commit().await?;
        return Ok(Judged { outcome: Some(Ok(row.into())), upload: open });
    }
    if let Way::Upload(upload_id) = way
        && open.as_ref().is_none_or(|open| open.id != upload_id)
    {
        let detail = "This upload has ended. Ask the visit what has arrived, and begin a new one if need be.";
        return Err(Failure::new(Kind::Gone, "upload_gone", detail));
    }
    if let Some(failure) = refusal(&write.tx, &row, received).await? {
        row.state = after(EVIDENCE_MOVES, "evidence", row.state, "refuse")?;
        row.problem_code = Some(failure.code.to_owned());
        row.problem = Some(failure.detail.clone());
        let payload = json!({"sha256": received.sha256, "bytes": received.bytes});
        // Wrong bytes that came otherwise take nothing from an upload that is under way.
        let refused = open.filter(|_| way != Way::AtOnce);
        if let Some(upload) = &refused {
            uploads::store::settle(&write.tx, firm_id, upload.id, UploadState::Refused).await?;
        }
        count(&write).await?;
        let event = NewEvent::new("evidence.refused", "evidence", id, membership_id, payload);
        write.event(event.for_auditor(membership_id));
        store::update(&write.tx, row).await?;
        write.commit().await?;
        return Ok(Judged { outcome: Some(Err(failure)), upload: refused });
    }
    row.state = after(EVIDENCE_MOVES, "evidence", row.state, "store")?;
    let Some(began) = kept else { return Ok(Judged { outcome: None, upload: None }) };
    row.media_type = Some(found_media_type(&received.head).to_owned());
    row.problem_code = None;
    row.problem = None;
    row.stored_at = Some(at);
    row.bytes = Some(received.bytes);
    row.sha256 = Some(received.sha256.clone());
    finish(&write).await?;
    count(&write).await?;
    let is_late = at - began > MARK_STAYS / 2;
    // Whoever was held up so long may have missed a mark that came and went.
    if is_late || !store::refer(&write.tx, firm_id, &received.sha256, received.bytes, at).await? {
        return Err(being_removed());
    }
    queue::add(app, &write.tx, firm_id, PROCESS_JOB, &id.to_string(), &json!({"evidence_id": id})).await?;
    let payload = json!({"visit_id": row.visit_id, "sha256": received.sha256, "bytes": received.bytes});
    let event = NewEvent::new("evidence.stored", "evidence", id, membership_id, payload);
    write.event(event.for_auditor(membership_id));
    // What comes after a purge is purged in its turn.
    reopen(&write.tx, firm_id, row.visit_id, of_file(row.kind)).await?;
    store::update(&write.tx, row.clone()).await?;
    write.commit().await?;
    app.wake.wake();
    Ok(Judged { outcome: Some(Ok(row.into())), upload: open })
}

/// Has the sweep remove bytes that were given their place for nothing, unless somebody else refers to them.
pub async fn leave_to_sweep(app: &App, firm_id: Uuid, files: &[&Received]) {
    let note = async {
        let tx = app.db.begin().await?;
        for file in files {
            store::note_unreferred(&tx, firm_id, &file.sha256, file.bytes, app.clock.now()).await?;
        }
        tx.commit().await
    };
    if let Err(error) = note.await {
        tracing::warn!(%error, "stored bytes that nothing refers to could not be noted");
    }
}

/// Whether a membership may still send files: a piece of an upload takes up to a day to come.
async fn sender_still_may(db: &impl ConnectionTrait, firm_id: Uuid, membership_id: Uuid) -> Result<(), Failure> {
    let row = membership_by_id(db, firm_id, membership_id).await?;
    check_sender(row.map(|row| (row.state, row.role)))
}

/// Whether a membership in this state and role may send files.
///
/// # Errors
///
/// 403 `membership_disabled` when it may not, or is not there.
pub fn check_sender(membership: Option<(MembershipState, Role)>) -> Result<(), Failure> {
    let may = |role| Operation::CreateUpload.right().is_some_and(|right| access::reach(role, right).is_some());
    match membership {
        Some((MembershipState::Active, role)) if may(role) => Ok(()),
        _ => {
            let detail = "Whoever began this upload may not send files any more. Ask the firm.";
            Err(Failure::new(Kind::Forbidden, "membership_disabled", detail))
        }
    }
}

/// True for files whose bytes can be fetched.
pub fn has_bytes(state: EvidenceState) -> bool {
    matches!(state, EvidenceState::Stored | EvidenceState::Processed | EvidenceState::Unpreviewable)
}

/// 410: the bytes of a file, or all of it, were purged.
fn purged(row: &evidence::Model, at: DateTime<Utc>) -> Failure {
    let why = row.purge_rule.as_deref().unwrap_or("its period ended");
    let rest = if row.state == EvidenceState::Purged { "" } else { " Its previews are left." };
    let detail = format!("The file was purged on {}: {why}.{rest}", at.date_naive());
    Failure::new(Kind::Gone, "purged", detail)
}

/// Why these bytes are not stored, if so.
async fn refusal(
    db: &impl ConnectionTrait,
    row: &evidence::Model,
    received: &Received,
) -> Result<Option<Failure>, Failure> {
    if received.bytes == 0 {
        let detail = "The file is empty. Take or record it again, or give it up as lost.";
        return Ok(Some(Failure::new(Kind::Invalid, "empty_file", detail)));
    }
    let errors = differences(row, received);
    if !errors.is_empty() {
        let detail = "The bytes that arrived are not those announced in the manifest. Send the file again.";
        return Ok(Some(Failure { errors, ..Failure::new(Kind::Invalid, "differs_from_manifest", detail) }));
    }
    match check_taken(db, row, Some(found_media_type(&received.head))).await {
        Err(failure) if failure.kind == Kind::Invalid => Ok(Some(failure)),
        checked => checked.map(|()| None),
    }
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

/// Gives up a file that will never be sent, so that the review need not wait for it. Doing it again changes nothing.
///
/// # Errors
///
/// * 404 when no visit of the caller names it.
/// * 409 `illegal_state` when it has arrived.
/// * 422 when the reason is empty or too long.
pub async fn lose(app: &App, caller: &Caller, id: Uuid, reason: String) -> Result<EvidenceView, Failure> {
    if let Some((code, message)) = text_problem(&reason, REASON_CHARS) {
        return Err(Failure::invalid(vec![FieldProblem::new("/reason", code, message)]));
    }
    let known = visible(app, caller, id).await?;
    let mut write = Write::begin_by(app, caller).await?;
    let gone = || Failure::not_found("evidence");
    // The visit first, as a purge has it.
    visits::store::lock_visits(&write.tx, caller.firm_id, &[known.visit_id]).await?;
    let mut row = store::lock_evidence(&write.tx, caller.firm_id, id).await?.ok_or_else(gone)?;
    if row.state == EvidenceState::Lost {
        return Ok(row.into());
    }
    reopen(&write.tx, caller.firm_id, row.visit_id, bit(DataClass::FreeText)).await?;
    row.state = after(EVIDENCE_MOVES, "evidence", row.state, "lose")?;
    row.problem_code = Some("lost".to_owned());
    let payload = json!({"visit_id": row.visit_id, "reason": reason});
    row.problem = Some(reason);
    let open = uploads::store::upload_of(&write.tx, caller.firm_id, id, UploadState::Open).await?;
    if let Some(upload) = &open {
        uploads::store::settle(&write.tx, caller.firm_id, upload.id, UploadState::Ended).await?;
    }
    let event = NewEvent::new("evidence.lost", "evidence", id, caller.membership_id, payload);
    write.event(event.for_auditor(caller.membership_id));
    store::update(&write.tx, row.clone()).await?;
    write.commit().await?;
    if let Some(upload) = open {
        incoming::clear(app, &upload).await;
    }
    Ok(row.into())
}

/// The bytes of a file, as they were sent.
///
/// # Errors
///
/// * 404 when there is no such file, or nothing is stored yet.
/// * 410 `purged` when it was purged, with the day and why.
/// * 403 `recording_not_permitted` as [`check_recording`].
pub async fn content(app: &App, caller: &Caller, id: Uuid) -> Result<StoredFile, Failure> {
    let row = visible(app, caller, id).await?;
    if let Some(at) = row.purged_at {
        return Err(purged(&row, at));
    }
    check_recording(app.db.reader(), &row).await?;
    let stored = has_bytes(row.state);
    let sha256 = row.sha256.filter(|_| stored).ok_or_else(|| Failure::not_found("stored file"))?;
    Ok(StoredFile {
        firm_id: caller.firm_id,
        sha256,
        media_type: row.media_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
        file_name: row.file_name,
    })
}

/// A preview of a photo: upright and without metadata.
///
/// # Errors
///
/// * 404 when there is no such file, or none that can be shown; the file itself can still be fetched.
/// * 409 `not_processed` while the preview is being made.
/// * 410 `purged` when it was purged, with the day and why.
pub async fn preview(app: &App, caller: &Caller, id: Uuid, size: PreviewSize) -> Result<StoredFile, Failure> {
    let row = visible(app, caller, id).await?;
    if row.state == EvidenceState::Stored {
        return Err(Failure::conflict("not_processed", "The preview is being made. Try again in a moment."));
    }
    if let Some(at) = row.purged_at.filter(|_| row.state == EvidenceState::Purged) {
        return Err(purged(&row, at));
    }
    let file_name = format!("{}.jpg", row.id);
    stored_preview(row, size, file_name).ok_or_else(|| Failure::not_found("preview"))
}

/// The preview of a photo, to be saved under a name; none if it has no preview.
pub fn stored_preview(row: evidence::Model, size: PreviewSize, file_name: String) -> Option<StoredFile> {
    let sha256 = match size {
        PreviewSize::Small => row.preview_320_sha256,
        PreviewSize::Large => row.preview_1600_sha256,
    }?;
    Some(StoredFile { firm_id: row.firm_id, sha256, media_type: "image/jpeg".to_owned(), file_name })
}

//! Making, continuing and ending uploads.
//!
//! The offset that is told is what is durable (`incoming`). The database keeps what a file cannot: whose it is, how long
//! it will be, and the hash so far, so that the last piece need not wait for all bytes to be read again.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt};
use uuid::Uuid;

use crate::app::App;
use crate::consent::service::check_taken;
use crate::entity::upload;
use crate::evidence;
use crate::evidence::blobs::Received;
use crate::evidence::quota;
use crate::evidence::service::Way;
use crate::failure::{Failure, FieldProblem, Kind};
use crate::http::limits::{self, FILE_LIMIT_BYTES};
use crate::people::types::Caller;
use crate::secrets::{TokenKind, token_sha256};
use crate::states::{EVIDENCE_MOVES, after};
use crate::uploads::incoming::{self, Incoming};
use crate::uploads::protocol::Checksum;
use crate::uploads::store;
use crate::words::{EvidenceState, UploadState};
use crate::write::Write;

/// How long an upload can go on.
pub const LIFE: chrono::Duration = chrono::Duration::days(7);
/// How often a request that waits for bytes looks whether another one wants the upload.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Most pieces of a body that are written at once.
const PIECES: usize = 32;

/// What a client wants to send.
pub struct Plan {
    /// The file of the manifest.
    pub evidence_id: Uuid,
    /// Its size, if it is known.
    pub length: Option<u64>,
    /// The metadata as it was sent.
    pub metadata: String,
}

/// A piece of a file.
pub struct Piece<S> {
    /// Where it begins.
    pub offset: u64,
    /// The size of the whole file, where it was not known before.
    pub length: Option<u64>,
    /// The size of the piece, if it was announced.
    pub announced: Option<u64>,
    /// What its bytes must add up to.
    pub checksum: Option<Checksum>,
    /// Its bytes.
    pub body: S,
}

/// How far an upload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Bytes that are on the disk.
    pub offset: u64,
    /// The size of the whole file, if it is known.
    pub length: Option<u64>,
    /// The metadata as it was sent.
    pub metadata: String,
    /// Until when it can go on.
    pub expires_at: DateTime<Utc>,
}

/// An upload with everything that was to be made.
pub struct Made {
    /// The secret end of its address.
    pub code: String,
    /// How far it is.
    pub standing: Standing,
}

/// Makes an upload for a file of a visit of the caller, or finds the one that is there.
///
/// # Errors
///
/// * 404 when no visit of the caller names the file.
/// * 409 `already_stored` when it came in another way, `illegal_state` when it was given up.
/// * 413 `visit_full`, 429 `day_quota` as [`quota::check`].
/// * 422 `differs_from_manifest` when it announces another size than the manifest, `empty_file` when it announces none,
///   `recording_refused` when the chain takes no recordings.
/// * 507 `storage_full` when the disk is.
pub async fn create(app: &App, caller: &Caller, plan: Plan) -> Result<Made, Failure> {
    let (firm_id, db) = (caller.firm_id, app.db.reader());
    let file = evidence::service::visible(app, caller, plan.evidence_id).await?;
    let length = plan.length.map(as_stored);
    check_size(&file, length)?;
    if evidence::service::has_bytes(file.state) {
        let finished = store::upload_of(db, firm_id, file.id, UploadState::Finished).await?;
        let finished = finished.filter(|row| row.expires_at > app.clock.now());
        let detail = "The file is stored already; nothing of it has to be sent.";
        return made(app, finished.ok_or_else(|| Failure::conflict("already_stored", detail))?).await;
    }
    if file.state != EvidenceState::Uploading {
        after(EVIDENCE_MOVES, "evidence", file.state, "upload")?;
    }
    check_taken(db, &file, None).await?;
    let ongoing = ongoing(app, firm_id, file.id, length).await?;
    if let Some(row) = ongoing {
        return made(app, row).await;
    }
    quota::check(app, caller, &file, length.or(file.bytes).unwrap_or(as_stored(FILE_LIMIT_BYTES))).await?;
    let now = app.clock.now();
    let id = app.ids.next();
    let row = upload::Model {
        firm_id,
        id,
        evidence_id: file.id,
        membership_id: caller.membership_id,
        code_sha256: token_sha256(&code_of(app, id).await?),
        state: UploadState::Open,
        metadata: plan.metadata.clone(),
        length,
        received: 0,
        hash_state: None,
        unchecked_from: None,
        parts: None,
        holder: None,
        held_until: None,
        wanted: false,
        created_at: now,
        expires_at: now + LIFE,
    };
    // First the file: there is never a row without one.
    incoming::begin(app, id).await?;
    let write = Write::begin(app, firm_id).await?;
    let gone = || Failure::not_found("evidence");
    let mut file = evidence::store::lock_evidence(&write.tx, firm_id, file.id).await?.ok_or_else(gone)?;
    if evidence::service::has_bytes(file.state) {
        // It was finished at this moment.
        drop(write);
        incoming::remove_orphan(app, id).await?;
        return Box::pin(create(app, caller, plan)).await;
    }
    let before = store::upload_of(&write.tx, firm_id, file.id, UploadState::Open).await?;
    if let Some(other) = &before {
        if can_go_on(app, other, length).await {
            // The same request came twice at once.
            drop(write);
            incoming::remove_orphan(app, id).await?;
            return made(app, other.clone()).await;
        }
        store::settle(&write.tx, firm_id, other.id, UploadState::Ended).await?;
    }
    if file.state != EvidenceState::Uploading {
        file.state = after(EVIDENCE_MOVES, "evidence", file.state, "upload")?;
        (file.problem_code, file.problem) = (None, None);
        evidence::store::update(&write.tx, file).await?;
    }
    store::insert(&write.tx, row.clone()).await?;
    write.commit().await?;
    if let Some(other) = before {
        incoming::clear(app, &other).await;
    }
    made(app, row).await
}

/// The upload of a file that can go on, if there is one.
async fn ongoing(
    app: &App,
    firm_id: Uuid,
    evidence_id: Uuid,
    length: Option<i64>,
) -> Result<Option<upload::Model>, Failure> {
    let open = store::upload_of(app.db.reader(), firm_id, evidence_id, UploadState::Open).await?;
    Ok(match open {
        Some(row) if can_go_on(app, &row, length).await => Some(row),
        _ => None,
    })
}

/// Whether a file of this size is the one whose upload has begun, and its bytes are still there.
async fn can_go_on(app: &App, row: &upload::Model, length: Option<i64>) -> bool {
    let agrees = match (row.length, length) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    // One that is whole may be in its place already, and only has to be judged.
    let is_whole = row.length == Some(row.received);
    agrees && row.expires_at > app.clock.now() && (is_whole || incoming::bytes(app, row).await.is_some())
}

async fn made(app: &App, row: upload::Model) -> Result<Made, Failure> {
    let code = code_of(app, row.id).await?;
    let code_sha256 = token_sha256(&code);
    if row.code_sha256 != code_sha256 {
        // The keys folder is another one since.
        let tx = app.db.begin().await?;
        store::set_code(&tx, row.firm_id, row.id, &code_sha256).await?;
        tx.commit().await?;
    }
    let offset = match row.state {
        UploadState::Open => {
            incoming::durable_bytes(app, &row).await?.unwrap_or(as_told(row.received)).min(trusted(&row))
        }
        _ => as_told(row.received),
    };
    Ok(Made { code, standing: standing(row, offset) })
}

/// The code of an upload. It follows from its id and the key of the vault, so that a client that asks again, because
/// the answer was lost, gets the same address, and the database keeps only its hash.
async fn code_of(app: &App, id: Uuid) -> Result<String, Failure> {
    Ok(TokenKind::Upload.of_mark(&app.vault.mark(&format!("upload {id}")).await?))
}

/// Why a file of this size cannot be the one of the manifest.
fn check_size(file: &crate::entity::evidence::Model, length: Option<i64>) -> Result<(), Failure> {
    if length == Some(0) {
        let detail = "The file is empty. Take or record it again, or give it up as lost.";
        return Err(Failure::new(Kind::Invalid, "empty_file", detail));
    }
    if let (Some(announced), Some(length)) = (file.bytes, length)
        && announced != length
    {
        let message = format!("the manifest says {announced} bytes, {length} are to be sent");
        let errors = vec![FieldProblem::new("/bytes", "differs_from_manifest", message)];
        let detail = "The size is not the one announced in the manifest. Send the file that was announced.";
        return Err(Failure { errors, ..Failure::new(Kind::Invalid, "differs_from_manifest", detail) });
    }
    Ok(())
}

/// The upload with a code, if its owner still may send it. A code outlives the tokens of the device that made it.
///
/// # Errors
///
/// * 404 when there is none.
/// * 403 `membership_disabled` when its owner may not send files any more.
/// * 410 `upload_gone` when it ended or expired.
async fn by_code(app: &App, code: &str) -> Result<upload::Model, Failure> {
    let gone = || Failure::not_found("upload");
    if !TokenKind::Upload.is_token(code) {
        return Err(gone());
    }
    let db = app.db.reader();
    let owner = store::owner_by_code(db, &token_sha256(code)).await?.ok_or_else(gone)?;
    evidence::service::check_sender(Some((owner.state, owner.role)))?;
    let row = store::upload_by_id(db, owner.firm_id, owner.id).await?.ok_or_else(gone)?;
    alive(app, &row)?;
    Ok(row)
}

fn alive(app: &App, row: &upload::Model) -> Result<(), Failure> {
    let why = match row.state {
        UploadState::Refused => "The file was refused, and its bytes are gone. The visit says why.",
        UploadState::Ended | UploadState::Dropped => "It was given up, and its bytes are gone.",
        _ if row.expires_at <= app.clock.now() => "It was not finished in time.",
        UploadState::Open | UploadState::Finished => return Ok(()),
    };
    Err(Failure::new(Kind::Gone, "upload_gone", format!("{why} Begin a new upload with POST /v1/uploads.")))
}

/// How far an upload is. Whoever works on it is made to stop, so that this is what the next piece goes on from.
///
/// # Errors
///
/// * 403, 404, 410 when it cannot go on.
/// * 422 as the last piece, when all bytes were there and only now could be judged.
/// * 423 `upload_in_use` when another request does not let go of it.
pub async fn standing_of(app: &App, code: &str) -> Result<Standing, Failure> {
    let row = by_code(app, code).await?;
    match hold(app, row).await? {
        Held::Settled(row) => Ok(settled(row)),
        Held::Open(row, mut incoming) => {
            let offset = incoming.bytes();
            finish_if_whole(app, &row, &mut incoming).await?;
            Ok(standing(row, offset))
        }
    }
}

/// Adds a piece to an upload; with the last one the file is judged, and stored or refused. What has arrived stays,
/// however the request ends.
///
/// # Errors
///
/// * 403, 404, 410 when the upload cannot go on.
/// * 400 `interrupted` when the client stops in the middle, 503 `body_too_slow`.
/// * 409 `wrong_offset` when the piece begins elsewhere, `length_is_known` when it gives the file another size, and
///   `wrong_length` when that is less than has arrived.
/// * 413 `too_large` when it goes beyond the size of the file.
/// * 422 `differs_from_manifest` when the whole file is not the one announced.
/// * 423 `upload_in_use` when another request does not let go of it, `upload_taken_over` when another one wants it.
/// * 460 `checksum_mismatch`; nothing of it is kept.
/// * 503 `stopping` when the server stops.
/// * 507 `storage_full` when the disk is.
pub async fn append<S, E>(app: &App, code: &str, mut piece: Piece<S>) -> Result<Standing, Failure>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::error::Error + 'static,
{
    let row = by_code(app, code).await?;
    if row.state == UploadState::Open
        && let Some(bytes) = incoming::durable_bytes(app, &row).await?
        && bytes.min(trusted(&row)) > piece.offset
    {
        // A request that was held up on its way: it must not stop the one that went on meanwhile.
        return Err(wrong_offset(bytes.min(trusted(&row))));
    }
    let (mut row, mut incoming) = match hold(app, row).await? {
        Held::Settled(row) => {
            let standing = settled(row);
            // The last piece comes again, because its answer was lost: there is nothing left to add.
            let is_end = standing.offset == piece.offset
                && (piece.announced == Some(0) || (piece.announced.is_none() && piece.body.next().await.is_none()));
            return if is_end { Ok(standing) } else { Err(wrong_offset(standing.offset)) };
        }
        Held::Open(row, incoming) => (row, incoming),
    };
    let offset = incoming.bytes();
    if offset != piece.offset {
        return Err(wrong_offset(offset));
    }
    prepare(app, &mut row, &incoming, piece.length, piece.checksum.is_some()).await?;
    let limit = row.length.map_or(FILE_LIMIT_BYTES, as_told);
    if piece.announced.is_some_and(|bytes| offset.saturating_add(bytes) > limit) {
        return Err(beyond(limit).with_header("upload-offset", offset));
    }
    let _active = app.metrics.upload_active();
    let received = receive(app, &mut row, &mut incoming, piece, limit).await;
    let (outcome, checksum) = end_if_gone(app, &row, incoming.holder(), received).await?;
    let outcome = outcome.and_then(|()| match checksum.is_none_or(Checksum::agrees) {
        true => Ok(()),
        false => {
            let detail = "The bytes that arrived are not those of `Upload-Checksum`. Send the piece again.";
            Err(Failure::new(Kind::ChecksumMismatch, "checksum_mismatch", detail))
        }
    });
    let is_dropped = match &outcome {
        Ok(()) => false,
        // What was not checked whole cannot be trusted.
        Err(_) => row.unchecked_from.is_some(),
    };
    if is_dropped {
        // It counts for the day all the same.
        let dropped = as_stored(incoming.bytes() - offset);
        incoming.resume(&row).await?;
        let tx = app.db.begin().await?;
        quota::count(&tx, row.firm_id, row.membership_id, app.clock.now(), dropped).await?;
        tx.commit().await?;
    } else {
        let synced = incoming.sync().await;
        end_if_gone(app, &row, incoming.holder(), synced).await?;
    }
    app.metrics.uploaded(incoming.bytes() - offset);
    row.unchecked_from = None;
    save(app, &mut row, &mut incoming).await?;
    let offset = incoming.bytes();
    outcome.map_err(|failure| match failure.kind {
        Kind::TooLarge | Kind::ChecksumMismatch => failure.with_header("upload-offset", offset),
        // Clients of tus go on after 503, and give up after any other 408.
        Kind::Timeout => Failure { kind: Kind::Unavailable, ..failure.with_retry_after(1) },
        _ => failure,
    })?;
    finish_if_whole(app, &row, &mut incoming).await?;
    Ok(standing(row, offset))
}

/// Notes what must be known before the first byte of a piece is written.
async fn prepare(
    app: &App,
    row: &mut upload::Model,
    incoming: &Incoming,
    length: Option<u64>,
    is_checked: bool,
) -> Result<(), Failure> {
    let offset = incoming.bytes();
    let is_new_length = length.is_some() && row.length.is_none();
    if let Some(length) = length.map(as_stored) {
        if row.length.is_some_and(|known| known != length) {
            let detail = "The size of this file is known and does not change.";
            return Err(Failure::conflict("length_is_known", detail).with_header("upload-offset", offset));
        }
        if length < as_stored(offset) {
            let detail = "`Upload-Length` is less than what has arrived. Is it still the same file?";
            return Err(Failure::conflict("wrong_length", detail).with_header("upload-offset", offset));
        }
        let gone = || Failure::not_found("evidence");
        let file = evidence::store::evidence_by_id(app.db.reader(), row.firm_id, row.evidence_id).await?;
        check_size(&file.ok_or_else(gone)?, Some(length))?;
        row.length = Some(length);
    }
    if is_checked {
        row.unchecked_from = Some(as_stored(offset));
    }
    if is_new_length || is_checked {
        let tx = app.db.begin().await?;
        if !store::save(&tx, row, incoming.holder()).await? {
            return Err(taken_over());
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Takes the bytes of a piece. The outer failure is one of the disk, the inner one any other reason to stop.
async fn receive<S, E>(
    app: &App,
    row: &mut upload::Model,
    incoming: &mut Incoming,
    piece: Piece<S>,
    limit: u64,
) -> Result<(Result<(), Failure>, Option<Checksum>), Failure>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::error::Error + 'static,
{
    let Piece { mut checksum, body, .. } = piece;
    let mut body = body.ready_chunks(PIECES);
    let mut look = tokio::time::interval(LOOK_EVERY);
    let is_checked = checksum.is_some();
    loop {
        let pieces = tokio::select! {
            biased;
            () = app.stopping.cancelled() => {
                let detail = "The server is being restarted. Go on in a moment.";
                let failure = Failure::new(Kind::Unavailable, "stopping", detail).with_retry_after(1);
                return Ok((Err(failure), checksum));
            }
            _ = look.tick() => {
                if incoming.is_wanted().await {
                    return Ok((Err(taken_over()), checksum));
                }
                if incoming.is_in_the_way() {
                    incoming.sync().await?;
                    // What is not compared with its checksum yet counts only when it is.
                    if !is_checked {
                        save(app, row, incoming).await?;
                    }
                    incoming.make_way();
                }
                continue;
            }
            pieces = body.next() => pieces,
        };
        let Some(pieces) = pieces else { return Ok((Ok(()), checksum)) };
        let (mut whole, mut broken) = (Vec::with_capacity(pieces.len()), None);
        let mut bytes = incoming.bytes();
        for piece in pieces {
            match piece {
                Ok(piece) => {
                    bytes += piece.len() as u64;
                    if let Some(checksum) = &mut checksum {
                        checksum.update(&piece);
                    }
                    whole.push(piece);
                }
                Err(error) => {
                    broken = Some(limits::broken(&error).unwrap_or_else(|| {
                        let detail =
                            format!("The piece did not arrive whole ({error}). Ask how far it came, and go on.");
                        Failure::malformed("interrupted", detail)
                    }));
                    break;
                }
            }
        }
        if bytes > limit {
            return Ok((Err(beyond(limit)), checksum));
        }
        incoming.append(whole).await?;
        if row.unchecked_from.is_none() && incoming.is_worth_saving() {
            save(app, row, incoming).await?;
        }
        if let Some(failure) = broken {
            return Ok((Err(failure), checksum));
        }
    }
}

/// Ends an upload and frees what it holds.
///
/// # Errors
///
/// * 403 `already_stored` when the file has arrived whole.
/// * 403, 404, 410 when there is nothing to end.
/// * 423 `upload_in_use` when another request does not let go of it.
pub async fn terminate(app: &App, code: &str) -> Result<(), Failure> {
    let row = by_code(app, code).await?;
    let stored = || {
        let detail = "The file has arrived and belongs to the visit.";
        Failure::new(Kind::Forbidden, "already_stored", detail)
    };
    match hold(app, row).await? {
        Held::Settled(_) => Err(stored()),
        Held::Open(row, _incoming) => end(app, &row, UploadState::Ended, None).await,
    }
}

/// Ends an open upload that did not bring a file. Under a name it only ends while that is the one that works on it.
///
/// # Errors
///
/// [`Failure`] (500) when the database or the disk fails.
pub async fn end(app: &App, row: &upload::Model, state: UploadState, holder: Option<Uuid>) -> Result<(), Failure> {
    let write = Write::begin(app, row.firm_id).await?;
    let file = evidence::store::lock_evidence(&write.tx, row.firm_id, row.evidence_id).await?;
    if let Some(holder) = holder
        && !store::is_held_by(&write.tx, row.firm_id, row.id, holder).await?
    {
        return Ok(());
    }
    let ended = store::settle(&write.tx, row.firm_id, row.id, state).await?;
    if let (true, Some(mut file)) = (ended, file.filter(|file| file.state == EvidenceState::Uploading)) {
        file.state = after(EVIDENCE_MOVES, "evidence", file.state, "abort")?;
        evidence::store::update(&write.tx, file).await?;
    }
    write.commit().await?;
    incoming::clear(app, row).await;
    Ok(())
}

/// Ends an upload of which something is gone that was there, and hands on why.
async fn end_if_gone<T>(
    app: &App,
    row: &upload::Model,
    holder: Option<Uuid>,
    result: Result<T, Failure>,
) -> Result<T, Failure> {
    if let Err(failure) = &result
        && failure.kind == Kind::Gone
    {
        end(app, row, UploadState::Ended, holder).await?;
    }
    result
}

/// An upload that nobody else works on.
pub enum Held {
    /// It came to its end.
    Settled(upload::Model),
    /// It goes on.
    Open(upload::Model, Incoming),
}

/// Takes an upload from whoever works on it, and puts right what a crash left.
///
/// # Errors
///
/// * 410 `upload_gone` when it ended meanwhile, or its bytes are not there.
/// * 423 `upload_in_use` when another request does not let go of it.
pub async fn hold(app: &App, row: upload::Model) -> Result<Held, Failure> {
    if row.state != UploadState::Open {
        return Ok(Held::Settled(row));
    }
    let incoming = incoming::take(app, &row).await?;
    // It may have changed while somebody else held it.
    let gone = || Failure::not_found("upload");
    let mut row = store::upload_by_id(app.db.reader(), row.firm_id, row.id).await?.ok_or_else(gone)?;
    alive(app, &row)?;
    if row.state != UploadState::Open {
        return Ok(Held::Settled(row));
    }
    let Some(mut incoming) = incoming else {
        if let Some(received) = incoming::received_before(app, &row).await? {
            hand_over(app, &row, received).await?;
            row.state = UploadState::Finished;
            return Ok(Held::Settled(row));
        }
        // Nobody else works on it, so that the next request begins anew.
        end(app, &row, UploadState::Ended, None).await?;
        return Err(evidence::blobs::gone());
    };
    let resumed = incoming.resume(&row).await;
    end_if_gone(app, &row, incoming.holder(), resumed).await?;
    if row.unchecked_from.take().is_some() {
        save(app, &mut row, &mut incoming).await?;
    }
    Ok(Held::Open(row, incoming))
}

/// Judges the file of an upload of which every byte is there.
///
/// # Errors
///
/// As [`hand_over`].
pub async fn finish_if_whole(app: &App, row: &upload::Model, incoming: &mut Incoming) -> Result<(), Failure> {
    if row.length.map(as_told) != Some(incoming.bytes()) {
        return Ok(());
    }
    let mut row = row.clone();
    // After a crash between the two steps the file is in its place, and this tells which one it is.
    if row.received != as_stored(incoming.bytes()) || row.hash_state.is_none() {
        save(app, &mut row, incoming).await?;
    }
    let received = end_if_gone(app, &row, incoming.holder(), incoming.received().await).await?;
    hand_over(app, &row, received).await
}

/// Hands a whole file over, to be stored or refused and its upload settled. Doing it again changes nothing.
///
/// # Errors
///
/// * 409, 422 when it is refused: its bytes are gone then.
/// * 403, 500, 507 when it could not be judged: its bytes stay.
async fn hand_over(app: &App, row: &upload::Model, received: Received) -> Result<(), Failure> {
    let way = Way::Upload(row.id);
    let judged = evidence::service::accept(app, row.firm_id, row.membership_id, row.evidence_id, received, way).await;
    if let Err(failure) = &judged
        && matches!(failure.kind, Kind::Invalid | Kind::Conflict | Kind::NotFound)
    {
        end(app, row, UploadState::Refused, None).await?;
    }
    judged.map(drop)
}

async fn save(app: &App, row: &mut upload::Model, incoming: &mut Incoming) -> Result<(), Failure> {
    let before = row.received;
    incoming.note(row);
    let tx = app.db.begin().await?;
    if !store::save(&tx, row, incoming.holder()).await? {
        return Err(taken_over());
    }
    incoming.saving();
    if row.received > before {
        quota::count(&tx, row.firm_id, row.membership_id, app.clock.now(), row.received - before).await?;
    }
    tx.commit().await?;
    incoming.saved().await;
    Ok(())
}

fn taken_over() -> Failure {
    Failure::new(Kind::Locked, "upload_taken_over", "Another request goes on with this upload.")
}

/// How many bytes of a file are trusted: those before a piece whose checksum was not compared.
pub fn trusted(row: &upload::Model) -> u64 {
    row.unchecked_from.map_or(u64::MAX, as_told)
}

fn settled(row: upload::Model) -> Standing {
    let offset = as_told(row.received);
    standing(row, offset)
}

fn standing(row: upload::Model, offset: u64) -> Standing {
    Standing { offset, length: row.length.map(as_told), metadata: row.metadata, expires_at: row.expires_at }
}

fn wrong_offset(offset: u64) -> Failure {
    let detail = format!("{offset} bytes are here; go on from there.");
    Failure::conflict("wrong_offset", detail).with_header("upload-offset", offset)
}

fn beyond(limit: u64) -> Failure {
    let detail = format!("The piece goes beyond the {limit} bytes of the file. Is it still the same file?");
    Failure::new(Kind::TooLarge, "too_large", detail)
}

/// A number of bytes as it is told.
pub fn as_told(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or(0)
}

/// A number of bytes as it is stored.
pub fn as_stored(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

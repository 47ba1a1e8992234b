//! The files that appeals bring: photos and papers of the branch.

use poem::Body;
use uuid::Uuid;

use peegel_media::sniff;
use serde_json::json;

use crate::app::App;
use crate::appeals::service::{check_filer, fact, locked, visible};
use crate::appeals::store;
use crate::appeals::types::AppealFile;
use crate::chains::service::branch_filter;
use crate::entity::appeal_file;
use crate::evidence::service::{being_removed, leave_to_sweep};
use crate::evidence::store::{is_marked, refer};
use crate::failure::{Failure, Kind};
use crate::http::content::StoredFile;
use crate::http::limits::APPEAL_FILE_LIMIT_BYTES;
use crate::people::service::still_may;
use crate::people::types::Caller;
use crate::retention::classes::bit;
use crate::retention::store::reopen;
use crate::states::{APPEAL_MOVES, after};
use crate::uploads::sweep::MARK_STAYS;
use crate::words::DataClass;
use crate::write::Write;

/// Most files of an appeal.
const MOST_FILES: usize = 5;
/// What may be sent, with the end of its name.
const KINDS: [(&str, &str); 3] = [("image/jpeg", "jpg"), ("image/png", "png"), ("application/pdf", "pdf")];

/// Receives a file of an appeal. It is on disk when this returns; sending the same bytes again changes nothing.
///
/// # Errors
///
/// * 403 `not_yours` when somebody else filed the appeal, and the caller does not read for the chain.
/// * 404 when there is no such appeal within reach.
/// * 409 `illegal_state` when it is not open, `already_stored` when other bytes have this id, `too_many_files` beyond five.
/// * 413 `too_large`, 507 `storage_full` as it arrives.
/// * 422 `empty_file`, and `bad_file` when it is neither a JPEG, a PNG nor a PDF.
/// * 503 `busy` when the same bytes are being cleared away.
pub async fn put(app: &App, caller: &Caller, appeal_id: Uuid, id: Uuid, body: Body) -> Result<AppealFile, Failure> {
    let known = visible(app, caller, appeal_id).await?;
    check_filer(caller, &known)?;
    after(APPEAL_MOVES, "appeal", known.state, "attach")?;
    let stream = Box::pin(body.into_bytes_stream());
    let mut received = app.blobs.receive(app.ids.next(), stream, APPEAL_FILE_LIMIT_BYTES).await?;
    // A file takes its time to come.
    still_may(app.db.reader(), caller).await?;
    if received.bytes == 0 {
        return Err(Failure::new(Kind::Invalid, "empty_file", "The file is empty."));
    }
    let media_type = sniff(&received.head).map(|format| format.media_type());
    let Some((media_type, _)) = KINDS.into_iter().find(|(known, _)| Some(*known) == media_type) else {
        return Err(Failure::new(Kind::Invalid, "bad_file", "Send a JPEG, a PNG or a PDF."));
    };
    let began = app.clock.now();
    if is_marked(app.db.reader(), caller.firm_id, &received.sha256).await? {
        return Err(being_removed());
    }
    let row = appeal_file::Model {
        firm_id: caller.firm_id,
        id,
        appeal_id,
        sha256: received.sha256.clone(),
        bytes: received.bytes,
        media_type: media_type.to_owned(),
        stored_by: caller.membership_id,
        stored_at: began,
    };
    // The store is waited for before the transaction, which on SQLite nobody else can write beside.
    let kept = app.blobs.keep(caller.firm_id, &mut received).await;
    let stored = match kept {
        Ok(()) => store_row(app, caller, row).await,
        Err(failure) => Err(failure),
    };
    match stored {
        Ok((file, true)) => Ok(file),
        Ok((file, false)) => {
            leave_to_sweep(app, caller.firm_id, &[&received]).await;
            Ok(file)
        }
        Err(failure) => {
            // It may have been given its place all the same.
            leave_to_sweep(app, caller.firm_id, &[&received]).await;
            Err(failure)
        }
    }
}

/// Adds the row of a file that has its place; false when it was there already.
async fn store_row(app: &App, caller: &Caller, row: appeal_file::Model) -> Result<(AppealFile, bool), Failure> {
    let mut write = Write::begin_by(app, caller).await?;
    let (appeal, visit) = locked(&write, caller, row.appeal_id).await?;
    if let Some(stored) = store::file_by_id(&write.tx, caller.firm_id, row.id).await? {
        if (stored.appeal_id, &stored.sha256) == (row.appeal_id, &row.sha256) {
            return Ok((stored.into(), false));
        }
        let detail = "Another file is stored under this id already. Give the new one an id of its own.";
        return Err(Failure::conflict("already_stored", detail));
    }
    after(APPEAL_MOVES, "appeal", appeal.state, "attach")?;
    if store::files_of(&write.tx, caller.firm_id, &[appeal.id]).await?.len() >= MOST_FILES {
        return Err(Failure::conflict("too_many_files", format!("An appeal takes at most {MOST_FILES} files.")));
    }
    // Whoever was held up so long may have missed a mark that came and went.
    let is_late = app.clock.now() - row.stored_at > MARK_STAYS / 2;
    if is_late || !refer(&write.tx, caller.firm_id, &row.sha256, row.bytes, row.stored_at).await? {
        return Err(being_removed());
    }
    store::insert_file(&write.tx, row.clone()).await?;
    reopen(&write.tx, caller.firm_id, visit.id, bit(DataClass::Documents)).await?;
    let more = json!({"file_id": row.id, "sha256": row.sha256, "bytes": row.bytes, "media_type": row.media_type});
    write.event(fact("appeal.file_stored", &appeal, caller, more));
    write.commit().await?;
    Ok((row.into(), true))
}

/// A file of an appeal.
///
/// # Errors
///
/// 404 when there is no such file within reach.
pub async fn content(app: &App, caller: &Caller, appeal_id: Uuid, id: Uuid) -> Result<StoredFile, Failure> {
    let (db, firm_id) = (app.db.reader(), caller.firm_id);
    let known = store::by_id(db, firm_id, branch_filter(caller), appeal_id).await?;
    let known = known.ok_or_else(|| Failure::not_found("file"))?;
    let file = store::file_by_id(db, firm_id, id).await?.filter(|file| file.appeal_id == known.id);
    let file = file.ok_or_else(|| Failure::not_found("file"))?;
    let end = KINDS.into_iter().find(|(media_type, _)| *media_type == file.media_type).map_or("bin", |(_, end)| end);
    Ok(StoredFile { firm_id, sha256: file.sha256, media_type: file.media_type, file_name: format!("appeal.{end}") })
}

//! Clearing away what uploads leave behind: those that expired, bytes that belong to none, and stored files that nothing
//! refers to any more.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::app::App;
use crate::entity::{blob, upload};
use crate::evidence;
use crate::evidence::store::BlobMark;
use crate::failure::Failure;
use crate::people::store::list_firms;
use crate::uploads::incoming;
use crate::uploads::service::{Held, end, finish_if_whole, hold};
use crate::uploads::store;
use crate::words::UploadState;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(10 * 60);
/// How long the addresses of uploads are remembered after they expired, as gone (410).
const REMEMBERED: chrono::Duration = chrono::Duration::days(30);
/// A file without an upload is removed when nothing was added for so long: its row may be on the way.
const ORPHANED_AFTER: chrono::Duration = chrono::Duration::hours(1);
/// How long stored bytes stay at least, though nothing refers to them.
const UNREFERRED_AFTER: chrono::Duration = chrono::Duration::days(1);
/// How long a mark stays at least.
pub const MARK_STAYS: chrono::Duration = chrono::Duration::minutes(10);
/// How soon after it was marked the store is asked to remove something.
const REMOVED_WITHIN: chrono::Duration = chrono::Duration::minutes(1);
/// Rows looked at in one go.
const BATCH: usize = 200;

/// Clears away now and then, until `stop` becomes true. Any number of processes may do so at once.
pub async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(failure) = sweep(&app).await {
            tracing::warn!(%failure, "uploads could not be cleared away");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            changed = stop.changed() => if changed.is_err() { return },
        }
    }
}

/// Clears away once.
async fn sweep(app: &App) -> Result<(), Failure> {
    let now = app.clock.now();
    let mut after = None;
    loop {
        let some = store::unsettled_uploads(app.db.reader(), after, BATCH as u64).await?;
        for row in &some {
            if let Err(failure) = look_at(app, row, now).await {
                tracing::info!(upload = %row.id, %failure, "an upload could not be cleared away");
            }
        }
        after = some.last().map(|row| row.id);
        if some.len() < BATCH {
            break;
        }
    }
    let tx = app.db.begin().await?;
    let forgotten = store::forget(&tx, now - REMEMBERED).await?;
    tx.commit().await?;
    if forgotten > 0 {
        tracing::info!(forgotten, "addresses of uploads were forgotten");
    }
    if let Err(failure) = orphans(app, now).await {
        tracing::info!(%failure, "what lies where uploads arrive could not be cleared away");
    }
    if let Err(failure) = app.blobs.clear_leftovers(now).await {
        tracing::info!(%failure, "what a killed program left could not be cleared away");
    }
    if let Err(failure) = strays(app, now).await {
        tracing::info!(%failure, "stored bytes without a row could not be looked for");
    }
    unreferred(app, now).await
}

/// Notes stored bytes that no row tells of, because a program was killed between the two: they are removed a day later,
/// like others that nothing refers to. Each sweep looks at one part in 256 of what is stored, so all of it within two
/// days, whichever processes sweep. Bytes whose row is on its way are noted too, which does them no harm.
async fn strays(app: &App, now: DateTime<Utc>) -> Result<(), Failure> {
    let every_s = i64::try_from(EVERY.as_secs()).unwrap_or(i64::MAX);
    let first = u8::try_from((now.timestamp() / every_s).rem_euclid(256)).unwrap_or(0);
    for firm in list_firms(app.db.reader()).await? {
        for some in app.blobs.places(firm.id, first).await?.chunks(BATCH) {
            let names: Vec<_> = some.iter().map(|(sha256, _)| sha256.as_str()).collect();
            let known = evidence::store::known_blobs(app.db.reader(), firm.id, &names).await?;
            let strays: Vec<_> = some.iter().filter(|(sha256, _)| !known.contains(sha256)).collect();
            if strays.is_empty() {
                continue;
            }
            let tx = app.db.begin().await?;
            for (sha256, bytes) in strays {
                evidence::store::note_unreferred(&tx, firm.id, sha256, *bytes, now).await?;
            }
            tx.commit().await?;
        }
    }
    Ok(())
}

/// Clears one that was dropped; ends one that expired; judges one that is whole, whose client went away before it could be.
async fn look_at(app: &App, row: &upload::Model, now: DateTime<Utc>) -> Result<(), Failure> {
    if row.state == UploadState::Dropped {
        incoming::remove(app, row).await?;
        let tx = app.db.begin().await?;
        store::forget_dropped(&tx, row.firm_id, row.id).await?;
        return Ok(tx.commit().await?);
    }
    if row.expires_at <= now {
        tracing::info!(upload = %row.id, "an upload expired");
        return end(app, row, UploadState::Ended, None).await;
    }
    let bytes = incoming::bytes(app, row).await.and_then(|bytes| i64::try_from(bytes).ok());
    let is_whole = row.length.is_some() && (bytes == row.length || row.length == Some(row.received));
    if is_whole && let Held::Open(row, mut incoming) = hold(app, row.clone()).await? {
        finish_if_whole(app, &row, &mut incoming).await?;
    }
    Ok(())
}

/// Removes files whose uploads are not open.
async fn orphans(app: &App, now: DateTime<Utc>) -> Result<(), Failure> {
    let files = incoming::all(app).await?;
    let old = files.into_iter().filter(|(_, at)| *at <= now - ORPHANED_AFTER);
    let old: Vec<_> = old.map(|(id, _)| id).collect();
    for some in old.chunks(BATCH) {
        let open = store::still_open(app.db.reader(), some).await?;
        for id in some.iter().filter(|id| !open.contains(id)) {
            incoming::remove_orphan(app, *id).await?;
            tracing::info!(upload = %id, "the bytes of an upload that has ended were removed");
        }
    }
    Ok(())
}

/// Removes stored bytes that nothing refers to any more. They are marked first, and nothing can refer to marked ones, so
/// that the store can take its time. A mark stays for a while also when they are removed: what was asked of a store once may
/// be done late.
async fn unreferred(app: &App, now: DateTime<Utc>) -> Result<(), Failure> {
    for row in evidence::store::marked(app.db.reader(), now - MARK_STAYS).await? {
        if let Err(failure) = look_again(app, &row).await {
            tracing::info!(sha256 = row.sha256, %failure, "stored bytes could not be removed");
        }
    }
    loop {
        let some = evidence::store::unreferred(app.db.reader(), now - UNREFERRED_AFTER, BATCH as u64).await?;
        let mut marked = 0;
        for row in &some {
            let at = app.clock.now();
            if !mark(app, row, BlobMark::Removing, at).await? {
                continue;
            }
            marked += 1;
            if let Err(failure) = remove(app, row, at).await {
                tracing::info!(sha256 = row.sha256, %failure, "stored bytes could not be removed");
            }
        }
        if some.len() < BATCH || marked == 0 {
            return Ok(());
        }
    }
}

async fn mark(app: &App, row: &blob::Model, mark: BlobMark, now: DateTime<Utc>) -> Result<bool, Failure> {
    let tx = app.db.begin().await?;
    let marked = evidence::store::mark(&tx, row, mark, now).await?;
    tx.commit().await?;
    Ok(marked)
}

/// Removes bytes that were marked at a time.
async fn remove(app: &App, row: &blob::Model, marked_at: DateTime<Utc>) -> Result<(), Failure> {
    // Whoever was held up so long leaves it to the next sweep: by then the mark may be another's.
    if app.clock.now() - marked_at > REMOVED_WITHIN {
        return Ok(());
    }
    app.blobs.remove(row.firm_id, &row.sha256).await?;
    let marked = blob::Model { refs: BlobMark::Removing.refs(), created_at: marked_at, ..row.clone() };
    mark(app, &marked, BlobMark::Removed, app.clock.now()).await?;
    tracing::info!(firm = %row.firm_id, sha256 = row.sha256, "stored bytes that nothing refers to were removed");
    Ok(())
}

/// Goes on with bytes that an earlier sweep marked.
async fn look_again(app: &App, row: &blob::Model) -> Result<(), Failure> {
    let now = app.clock.now();
    if row.refs == BlobMark::Removing.refs() {
        return if mark(app, row, BlobMark::Removing, now).await? { remove(app, row, now).await } else { Ok(()) };
    }
    if app.blobs.open(row.firm_id, &row.sha256).await?.is_some() {
        // They came again meanwhile, and nothing could refer to them yet.
        mark(app, row, BlobMark::None, now).await?;
        return Ok(());
    }
    let tx = app.db.begin().await?;
    evidence::store::forget(&tx, row).await?;
    Ok(tx.commit().await?)
}

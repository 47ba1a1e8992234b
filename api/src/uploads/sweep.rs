//! Clearing away what uploads leave behind: those that expired, bytes that belong to none, and stored files that nothing
//! refers to any more.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::app::App;
use crate::entity::upload;
use crate::evidence;
use crate::failure::Failure;
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
/// How long it is known that stored bytes were swept: longer than a file takes from its place to its row.
const SWEPT_KNOWN: chrono::Duration = chrono::Duration::hours(6);
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
        let some = store::open_uploads(app.db.reader(), after, BATCH as u64).await?;
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
    orphans(app, now).await?;
    unreferred(app, now).await
}

/// Ends an upload that expired; judges one that is whole, whose client went away before it could be.
async fn look_at(app: &App, row: &upload::Model, now: DateTime<Utc>) -> Result<(), Failure> {
    if row.expires_at <= now {
        tracing::info!(upload = %row.id, "an upload expired");
        return end(app, row, UploadState::Ended).await;
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

/// Removes stored bytes that nothing refers to any more.
async fn unreferred(app: &App, now: DateTime<Utc>) -> Result<(), Failure> {
    let tx = app.db.begin().await?;
    evidence::store::forget_swept(&tx, now - SWEPT_KNOWN).await?;
    tx.commit().await?;
    let before = now - UNREFERRED_AFTER;
    let mut skipped = 0;
    loop {
        let some = evidence::store::unreferred(app.db.reader(), before, BATCH as u64).await?;
        let mut removed = 0;
        for row in &some {
            let tx = app.db.begin().await?;
            if !evidence::store::mark_swept(&tx, row.firm_id, &row.sha256, now).await? {
                continue;
            }
            // The same bytes may be arriving again at this moment; then they stay, and the row with them.
            if app.blobs.remove_old(row.firm_id, &row.sha256, app.ids.next(), before).await? {
                tx.commit().await?;
                removed += 1;
                tracing::info!(firm = %row.firm_id, sha256 = row.sha256, "stored bytes that nothing refers to were removed");
            }
        }
        skipped += some.len() - removed;
        if some.len() < BATCH || skipped > 0 {
            return Ok(());
        }
    }
}

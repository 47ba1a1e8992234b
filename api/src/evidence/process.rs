//! The job that looks into a stored file: previews of photos, the length of recordings.

pub mod photo;

use serde_json::{Value, json};
use tokio::sync::{Semaphore, oneshot};
use uuid::Uuid;

use crate::app::App;
use crate::events::types::NewEvent;
use crate::evidence::service::{being_removed, leave_to_sweep};
use crate::evidence::store;
use crate::failure::Failure;
use crate::states::{EVIDENCE_MOVES, after};
use crate::uploads::sweep::MARK_STAYS;
use crate::words::{EvidenceKind, EvidenceState};
use crate::write::Write;
use peegel_media::{LookedAt, Recording, Unpreviewable, probe_recording, process_photo};

/// The problem of a file whose job failed too often.
const GIVEN_UP: &str = "processing_failed";

/// Photos decoded at the same time: one may take most of the memory that a worker is allowed.
static PHOTO_TURN: Semaphore = Semaphore::const_new(1);

enum Found {
    Photo(Box<LookedAt>),
    Recording(Recording),
    Document,
}

impl Found {
    /// Why nobody will see or hear it here, if so.
    fn problem(&self) -> Option<&Unpreviewable> {
        match self {
            Self::Photo(looked) => looked.photo.as_ref().err(),
            Self::Recording(_) | Self::Document => None,
        }
    }
}

/// Looks into one file. Doing it again changes nothing.
///
/// # Errors
///
/// [`Failure`] (500, 507) when the database or the disk fails; the job is tried again then. A file that cannot be
/// decoded is no failure: it is marked, and stays downloadable.
pub async fn process(app: &App, firm_id: Uuid, evidence_id: Uuid) -> Result<(), Failure> {
    let Some(row) = store::evidence_by_id(app.db.reader(), firm_id, evidence_id).await? else { return Ok(()) };
    let (EvidenceState::Stored, Some(sha256)) = (row.state, row.sha256.as_deref()) else { return Ok(()) };
    let kind = row.kind;
    let _turn = match kind {
        EvidenceKind::Photo => Some(PHOTO_TURN.acquire().await.map_err(Failure::internal)?),
        _ => None,
    };
    let file = match kind {
        EvidenceKind::Photo | EvidenceKind::Recording => {
            Some(app.blobs.on_disk(firm_id, sha256, app.ids.next()).await?)
        }
        EvidenceKind::Document => None,
    };
    let tools = photo::tools(app);
    let found = on_own_thread(move || match (kind, &file) {
        (EvidenceKind::Photo, Some(file)) => Ok(Found::Photo(Box::new(process_photo(file.path(), &tools)))),
        (EvidenceKind::Recording, Some(file)) => probe_recording(file.path()).map(Found::Recording),
        _ => Ok(Found::Document),
    })
    .await?;
    let problem = match &found {
        Ok(found) => found.problem(),
        Err(problem) => Some(problem),
    };
    if let Some(unreadable) = problem
        && unreadable.is_transient()
    {
        return Err(Failure::internal(&unreadable.detail));
    }
    let began = app.clock.now();
    let renditions = match &found {
        Ok(Found::Photo(looked)) => photo::store_renditions(app, firm_id, looked).await?,
        _ => Vec::new(),
    };
    let mut write = Write::begin(app, firm_id).await?;
    let row = store::lock_evidence(&write.tx, firm_id, evidence_id).await?;
    let Some(mut row) = row.filter(|row| row.state == EvidenceState::Stored) else {
        // A draft has dropped it, or somebody else was quicker.
        drop(write);
        leave_to_sweep(app, firm_id, &renditions.iter().collect::<Vec<_>>()).await;
        return Ok(());
    };
    let at = app.clock.now();
    for rendition in &renditions {
        // Whoever was held up so long may have missed a mark that came and went.
        let is_late = at - began > MARK_STAYS / 2;
        if is_late || !store::refer(&write.tx, firm_id, &rendition.sha256, rendition.bytes, at).await? {
            return Err(being_removed());
        }
    }
    let mv = if problem.is_none() { "process" } else { "mark_unpreviewable" };
    row.state = after(EVIDENCE_MOVES, "evidence", row.state, mv)?;
    if let Some(Unpreviewable { code, detail }) = problem {
        row.problem_code = Some((*code).to_owned());
        row.problem = Some(detail.clone());
    }
    match &found {
        Ok(Found::Photo(looked)) => photo::note(&mut row, looked, &renditions)?,
        Ok(Found::Recording(recording)) => row.facts = Some(facts(recording).to_string()),
        Ok(Found::Document) | Err(_) => {}
    }
    let payload = json!({"visit_id": row.visit_id, "problem_code": row.problem_code});
    write.event(NewEvent::by_system("evidence.processed", "evidence", evidence_id, payload));
    store::update(&write.tx, row).await?;
    write.commit().await
}

/// Runs blocking work on a thread that ends with it. The allocator keeps some memory for every thread and hands it to
/// the next when one has ended; the lasting threads of a pool would each hold on to what their photos left behind.
async fn on_own_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let (sender, done) = oneshot::channel();
    // Nobody listens any more when the server stops in the middle; the job is taken again then.
    std::thread::Builder::new().name("evidence".to_owned()).spawn(move || drop(sender.send(work())))?;
    done.await.map_err(Failure::internal)
}

/// Marks a file whose job died, so that nobody waits for its previews. It stays downloadable.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn give_up(write: &mut Write<'_>, evidence_id: Uuid) -> Result<(), Failure> {
    let Some(mut row) = store::lock_evidence(&write.tx, write.firm_id, evidence_id).await? else { return Ok(()) };
    if row.state != EvidenceState::Stored {
        return Ok(());
    }
    row.state = after(EVIDENCE_MOVES, "evidence", row.state, "mark_unpreviewable")?;
    row.problem_code = Some(GIVEN_UP.to_owned());
    row.problem = Some("The file is stored and can be fetched, but the server failed to look into it.".to_owned());
    let payload = json!({"visit_id": row.visit_id, "problem_code": row.problem_code});
    write.event(NewEvent::by_system("evidence.processed", "evidence", evidence_id, payload));
    store::update(&write.tx, row).await?;
    Ok(())
}

/// Looks into a file once more that was given up.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn take_up_again(write: &mut Write<'_>, evidence_id: Uuid) -> Result<(), Failure> {
    let Some(mut row) = store::lock_evidence(&write.tx, write.firm_id, evidence_id).await? else { return Ok(()) };
    if row.problem_code.as_deref() != Some(GIVEN_UP) {
        return Ok(());
    }
    row.state = after(EVIDENCE_MOVES, "evidence", row.state, "retry")?;
    row.problem_code = None;
    row.problem = None;
    Ok(store::update(&write.tx, row).await?)
}

/// What everybody who sees the file may know of a recording.
fn facts(recording: &Recording) -> Value {
    json!({
        "container": recording.container,
        "codec": recording.codec,
        "duration_ms": recording.duration_ms,
        "sample_rate_hz": recording.sample_rate_hz,
        "channels": recording.channels,
        "truncated": recording.truncated,
    })
}

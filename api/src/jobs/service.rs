//! Jobs that were given up: why, and once more.

use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::entity::job;
use crate::events::types::NewEvent;
use crate::evidence;
use crate::failure::{Failure, Kind};
use crate::jobs::store;
use crate::people::types::Caller;
use crate::rehearsals;
use crate::transcripts::transcription;
use crate::words::JobState;
use crate::write::Write;

/// What a job about a file carries.
#[derive(Deserialize)]
pub struct OfEvidence {
    /// The file.
    pub evidence_id: Uuid,
}

/// Runs a job that was given up once more, with all its attempts, and takes back that what waited for it was given up
/// too. A caller reaches the jobs of the own firm; the operator, without a caller, all.
///
/// # Errors
///
/// * As [`Write::begin_by`] when the caller lost the right meanwhile.
/// * 404 when there is no such job.
/// * 409 `illegal_state` when it was not given up.
pub async fn retry(app: &App, caller: Option<&Caller>, id: Uuid) -> Result<job::Model, Failure> {
    let not_found = || Failure::not_found("job");
    let found = store::by_id(app.db.reader(), id)
        .await?
        .filter(|job| caller.is_none_or(|caller| job.firm_id == Some(caller.firm_id)));
    let found = found.ok_or_else(not_found)?;
    let Some(firm_id) = found.firm_id else {
        let tx = app.db.begin().await?;
        let row = revived(store::revive(&tx, id, app.clock.now()).await?, found.state)?;
        tx.commit().await?;
        app.wake.wake();
        return Ok(row);
    };
    let mut write = match caller {
        Some(caller) => Write::begin_by(app, caller).await?,
        None => Write::begin(app, firm_id).await?,
    };
    let row = revived(store::revive(&write.tx, id, app.clock.now()).await?, found.state)?;
    if row.kind == evidence::service::PROCESS_JOB
        && let Ok(of) = serde_json::from_str::<OfEvidence>(&row.payload)
    {
        evidence::process::take_up_again(&mut write, of.evidence_id).await?;
    }
    if row.kind == rehearsals::service::JOB
        && let Ok(of) = serde_json::from_str(&row.payload)
    {
        rehearsals::service::take_up_again(&write, &of).await?;
    }
    if row.kind == transcription::JOB
        && let Ok(of) = serde_json::from_str::<OfEvidence>(&row.payload)
    {
        transcription::take_up_again(&write, of.evidence_id).await?;
    }
    let payload = json!({"kind": row.kind});
    let event = match caller {
        Some(caller) => NewEvent::new("job.retried", "job", id, caller.membership_id, payload),
        None => NewEvent::by_system("job.retried", "job", id, payload),
    };
    write.event(event.log_only());
    write.commit().await?;
    app.wake.wake();
    Ok(row)
}

fn revived(row: Option<job::Model>, before: JobState) -> Result<job::Model, Failure> {
    row.ok_or_else(|| {
        let detail = format!("The job is {before}; only dead ones can be retried.");
        Failure::new(Kind::Conflict, "illegal_state", detail)
    })
}

//! What of a wave is still open, for who closes it.

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::app::App;
use crate::failure::Failure;
use crate::fieldwork::service::visible_wave;
use crate::people::types::Caller;
use crate::publishing::store;
use crate::publishing::types::{ChecklistPoint, OpenKind, WaveChecklist};

/// What may be open, in the order in which a visit meets it.
const KINDS: [OpenKind; 11] = [
    OpenKind::UnfulfilledAssignments,
    OpenKind::MissingFiles,
    OpenKind::Quarantined,
    OpenKind::OpenQuestions,
    OpenKind::Submitted,
    OpenKind::InReview,
    OpenKind::Returned,
    OpenKind::Resubmitted,
    OpenKind::SecondScorings,
    OpenKind::ApprovedUnpublished,
    OpenKind::OpenAppeals,
];

/// What of a wave is still open.
///
/// # Errors
///
/// 404 when there is no such wave.
pub async fn checklist(app: &App, caller: &Caller, wave_id: Uuid) -> Result<WaveChecklist, Failure> {
    let wave = visible_wave(app, caller, wave_id).await?;
    let points = open_points(app.db.reader(), caller.firm_id, wave_id).await?;
    Ok(WaveChecklist { wave_id, state: wave.state, is_clear: points.is_empty(), points })
}

/// The kinds of things that are open in a wave.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn open_points(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    wave_id: Uuid,
) -> Result<Vec<ChecklistPoint>, Failure> {
    let mut points = Vec::new();
    for kind in KINDS {
        let (count, first_ids) = store::open(db, firm_id, wave_id, kind).await?;
        if count > 0 {
            points.push(ChecklistPoint { kind, count, first_ids });
        }
    }
    Ok(points)
}

/// 409: things are open, and nobody said why the wave is closed all the same.
pub fn still_open(points: &[ChecklistPoint]) -> Failure {
    let told: Vec<_> = points.iter().map(|point| format!("{} {}", point.count, point.kind.as_str())).collect();
    let detail = format!(
        "Still open: {}. See `GET /v1/waves/{{id}}/checklist`, or close it with `despite: true` and a `reason`.",
        told.join(", ")
    );
    Failure::conflict("open_points", detail)
}

//! The recordings of a visit that is filed: whether they are taken, and the consents that come with them.

use uuid::Uuid;

use crate::app::App;
use crate::consent::service::rules;
use crate::entity::{assignment, consent};
use crate::evidence::service::has_bytes;
use crate::evidence::store::evidence_of_visits;
use crate::failure::{Failure, FieldProblem};
use crate::fieldwork::store::wave_by_id;
use crate::people::types::Caller;
use crate::visits::types::ManifestEntry;
use crate::words::{ConsentScope, EvidenceKind, RecordingPolicy};

/// What a manifest says of recordings.
#[derive(Debug, Default)]
pub struct Recorded {
    /// Those that are not taken.
    pub problems: Vec<FieldProblem>,
    /// The consents that they bring along, to be recorded at the commit.
    pub consents: Vec<consent::Model>,
}

/// Looks at the recordings of a manifest. What was filed or stored before the policy changed stays.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn look(
    app: &App,
    caller: &Caller,
    visit_id: Uuid,
    assignment: &assignment::Model,
    manifest: &[ManifestEntry],
) -> Result<Recorded, Failure> {
    let mut recorded = Recorded::default();
    // The hot path: most visits have none.
    if manifest.iter().all(|entry| entry.kind != EvidenceKind::Recording) {
        return Ok(recorded);
    }
    let (db, firm_id) = (app.db.reader(), caller.firm_id);
    let wave = wave_by_id(db, firm_id, assignment.wave_id).await?;
    let client = wave.map(|wave| wave.chain_id).unwrap_or_default();
    let rules = rules(db, firm_id, client, assignment.branch_id).await?;
    if rules.policy == RecordingPolicy::Refuse {
        let known = evidence_of_visits(db, firm_id, &[visit_id]).await?;
        let is_kept = |id| known.iter().any(|file| file.id == id && (file.revision > 0 || has_bytes(file.state)));
        for (i, entry) in manifest.iter().enumerate() {
            if entry.kind == EvidenceKind::Recording && !is_kept(entry.id) {
                let pointer = format!("/evidence/{i}/kind");
                recorded.problems.push(FieldProblem::new(pointer, "recording_refused", "no recordings are taken here"));
            }
        }
    }
    let told = manifest.iter().filter_map(|entry| Some((entry, entry.consent.as_ref()?)));
    recorded.consents = told
        .map(|(entry, told)| consent::Model {
            firm_id,
            id: app.ids.next(),
            scope: ConsentScope::Recording,
            chain_id: rules.chain_id,
            branch_id: Some(assignment.branch_id),
            visit_id: Some(visit_id),
            evidence_id: Some(entry.id),
            basis: told.basis,
            given_by: None,
            given_at: told.given_at,
            notice: told.notice.clone(),
            country: None,
            proof_id: None,
            covers_from: None,
            covers_until: None,
            recorded_by: caller.membership_id,
            // The commit's own time takes its place.
            recorded_at: app.clock.now(),
            withdrawn_by: None,
            withdrawn_at: None,
            withdrawal_reason: None,
        })
        .collect();
    Ok(recorded)
}

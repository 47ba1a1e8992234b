//! Collecting suggestions from every source.

use uuid::Uuid;

use crate::app::App;
use crate::consent;
use crate::evidence::store::evidence_of_visits;
use crate::failure::Failure;
use crate::people::types::Caller;
use crate::suggestions::types::SuggestionsView;
use crate::suggestions::{measured, phrases};
use crate::visits::manifest::is_missing;
use crate::visits::read::visible_visit;
use crate::words::{EvidenceKind, EvidenceState};

/// What the server would answer to the items of a visit.
///
/// # Errors
///
/// 404 when there is no such visit, or it is another auditor's.
pub async fn suggestions(app: &App, caller: &Caller, visit_id: Uuid) -> Result<SuggestionsView, Failure> {
    let visit = visible_visit(app, caller, visit_id).await?;
    let (db, firm_id) = (app.db.reader(), caller.firm_id);
    let standard = app.standards.get(db, firm_id, &visit.standard_id, visit.standard_version).await?;
    let standard = standard.ok_or_else(|| Failure::internal(format!("the standard of visit {visit_id} is gone")))?;
    let mut recordings = evidence_of_visits(db, firm_id, &[visit_id]).await?;
    recordings.retain(|file| file.kind == EvidenceKind::Recording);
    let may_be_heard = consent::service::heard(db, firm_id, &recordings).await?;
    let (mut heard, withheld): (Vec<_>, Vec<_>) =
        recordings.into_iter().partition(|file| may_be_heard.contains(&file.id));
    let waits = |state| is_missing(state) || state == EvidenceState::Stored;
    let mut found = SuggestionsView {
        data: Vec::new(),
        waiting: heard.iter().filter(|file| waits(file.state)).map(|file| file.id).collect(),
        withheld: withheld.iter().map(|file| file.id).collect(),
    };
    // One line a source. A recording that nobody could look into may have a transcript.
    found.data.extend(phrases::suggestions(app, &standard, &heard).await?);
    heard.retain(|file| file.state == EvidenceState::Processed);
    found.data.extend(measured::suggestions(&standard, &heard));

    let place = |item_id: &str| standard.standard.items().iter().position(|item| item.id == item_id);
    found.data.sort_by_cached_key(|one| (place(&one.item_id), one.source, one.evidence_id, one.at_ms));
    Ok(found)
}

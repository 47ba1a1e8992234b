//! What of a visit's files the chain sees.

use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::consent::service::check_recording;
use crate::entity::evidence;
use crate::events::types::NewEvent;
use crate::evidence::service::visible;
use crate::evidence::store;
use crate::evidence::types::{EvidenceChange, EvidenceView};
use crate::failure::{Failure, FieldProblem};
use crate::people::types::Caller;
use crate::review::service::check_not_own;
use crate::visits::store::lock_visits;
use crate::words::{EvidenceKind, EvidenceState};
use crate::write::Write;

/// Whether the chain sees a file of a published visit: photos that somebody can look at, unless they are kept from it.
/// Recordings that are visible are not played to it yet.
pub fn is_shown_to_chain(file: &evidence::Model) -> bool {
    file.chain_visible && file.kind == EvidenceKind::Photo && file.state == EvidenceState::Processed
}

/// Shows a file to the chain, or keeps it back.
///
/// # Errors
///
/// * 403 `own_visit` when the caller filed it.
/// * 403 `recording_not_permitted` when a recording is to be shown that may not be heard.
/// * 404 when there is no such file.
/// * 422 `not_allowed` when a document is to be shown.
pub async fn change(app: &App, caller: &Caller, id: Uuid, change: &EvidenceChange) -> Result<EvidenceView, Failure> {
    let gone = || Failure::not_found("evidence");
    let known = visible(app, caller, id).await?;
    let mut write = Write::begin_by(app, caller).await?;
    let visit = lock_visits(&write.tx, caller.firm_id, &[known.visit_id]).await?.pop().ok_or_else(gone)?;
    check_not_own(&write, caller, &visit).await?;
    let mut row = store::lock_evidence(&write.tx, caller.firm_id, id).await?.ok_or_else(gone)?;
    let wanted = change.chain_visible.unwrap_or(row.chain_visible);
    if wanted == row.chain_visible {
        return Ok(row.into());
    }
    if wanted {
        if row.kind == EvidenceKind::Document {
            let message = "documents stay with the firm";
            return Err(Failure::invalid(vec![FieldProblem::new("/chain_visible", "not_allowed", message)]));
        }
        check_recording(&write.tx, &row).await?;
    }
    row.chain_visible = wanted;
    let payload = json!({"visit_id": row.visit_id, "chain_visible": wanted});
    write.event(NewEvent::new("evidence.changed", "evidence", id, caller.membership_id, payload));
    store::update(&write.tx, row.clone()).await?;
    write.commit().await?;
    Ok(row.into())
}

//! What the chain will see, before it does.

use uuid::Uuid;

use crate::agreement::blind;
use crate::app::App;
use crate::entity::visit;
use crate::failure::Failure;
use crate::fieldwork::service::visible_wave;
use crate::http::paging::{Page, Slice, cursor};
use crate::people::types::Caller;
use crate::publishing::store;
use crate::publishing::types::{HiddenBecause, VisitPreview};
use crate::results;
use crate::visits::read::visible_visit;
use crate::words::{Reporting, VisitState};

/// What the chain will see of a visit.
///
/// # Errors
///
/// * 403 as [`blind::check`].
/// * 404 when there is no such visit.
/// * 409 `not_filed` while it is a draft.
pub async fn visit_preview(app: &App, caller: &Caller, id: Uuid) -> Result<VisitPreview, Failure> {
    let row = visible_visit(app, caller, id).await?;
    blind::check(app.db.reader(), caller, id).await?;
    if row.state == VisitState::Draft {
        return Err(Failure::conflict("not_filed", "The visit is a draft: there is nothing to see of it yet."));
    }
    preview(app, row).await
}

/// What the chain will see of the visits of a wave that can be published, in the order of their ids. Those that the caller
/// is to score a second time are left out.
///
/// # Errors
///
/// * 400 `bad_cursor` when the cursor is not one of this list.
/// * 404 when there is no such wave.
pub async fn wave_preview(
    app: &App,
    caller: &Caller,
    wave_id: Uuid,
    slice: &Slice,
) -> Result<Page<VisitPreview>, Failure> {
    visible_wave(app, caller, wave_id).await?;
    let (db, after) = (app.db.reader(), slice.after()?);
    let mut rows = store::approved_after(db, caller.firm_id, wave_id, after, slice.limit + 1).await?;
    let limit = usize::try_from(slice.limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| has_more).map(|row| cursor(&row.id.to_string()));
    let unseen = blind::hidden(db, caller).await?;
    let mut data = Vec::with_capacity(rows.len());
    for row in rows.into_iter().filter(|row| !unseen.contains(&row.id)) {
        data.push(preview(app, row).await?);
    }
    Ok(Page { data, next_cursor })
}

async fn preview(app: &App, mut row: visit::Model) -> Result<VisitPreview, Failure> {
    let reasons = [
        (HiddenBecause::Quarantined, row.quarantine_reason.is_some()),
        (HiddenBecause::Excluded, row.reporting == Reporting::Excluded),
        (HiddenBecause::Rejected, row.state == VisitState::Rejected),
    ];
    row.published_at = row.published_at.or_else(|| Some(app.clock.now()));
    Ok(VisitPreview {
        visit_id: row.id,
        state: row.state,
        hidden_because: reasons.into_iter().filter(|(_, is_so)| *is_so).map(|(reason, _)| reason).collect(),
        result: results::service::view(app, &row).await?,
    })
}

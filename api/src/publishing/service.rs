//! Publishing a wave, and what stays of a result that was taken back. A visit alone is moved by the review.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::app::App;
use crate::entity::{visit, withdrawal};
use crate::failure::{Failure, FieldProblem, Kind};
use crate::fieldwork::service::visible_wave;
use crate::http::paging::{Slice, cursor};
use crate::people::types::Caller;
use crate::publishing::store;
use crate::publishing::types::{OpenKind, RefusedVisit, WavePublication, WavePublishing};
use crate::review::service::{Move, move_visit};
use crate::visits::store::visits_by_ids;
use crate::write::Write;

/// Most visits that one call publishes.
const AT_ONCE: u64 = 200;

/// Notes that the result of a visit is taken back, so that whoever read it is told.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn withdraw(
    app: &App,
    write: &Write<'_>,
    row: &visit::Model,
    public_reason: Option<String>,
) -> Result<(), Failure> {
    let withdrawn_at = app.clock.now();
    let withdrawal = withdrawal::Model { firm_id: row.firm_id, id: row.id, withdrawn_at, public_reason };
    Ok(store::put_withdrawal(&write.tx, withdrawal).await?)
}

/// Publishes visits of a wave, each in a transaction of its own: one that cannot be published holds up no other, and a
/// call that broke off is repeated.
///
/// # Errors
///
/// * 400 `bad_cursor` when the cursor is not one that a call gave out.
/// * 404 when there is no such wave.
/// * 422 when both visits and a cursor are named.
/// * [`Failure`] (500, 503) when the database fails; what was published before is.
pub async fn publish_wave(
    app: &App,
    caller: &Caller,
    wave_id: Uuid,
    asked: WavePublishing,
) -> Result<WavePublication, Failure> {
    if asked.visit_ids.is_some() && asked.cursor.is_some() {
        let message = "goes on with all visits of the wave; leave it out when you name some";
        return Err(Failure::invalid(vec![FieldProblem::new("/cursor", "not_allowed", message)]));
    }
    visible_wave(app, caller, wave_id).await?;
    let (ids, next_cursor) = match asked.visit_ids {
        Some(mut ids) => {
            let mut seen = BTreeSet::new();
            ids.retain(|id| seen.insert(*id));
            (ids, None)
        }
        None => approved(app, caller, wave_id, asked.cursor.as_deref()).await?,
    };
    let known = visits_by_ids(app.db.reader(), caller.firm_id, &ids).await?;
    let (mut published, mut refused) = (Vec::new(), Vec::new());
    for visit_id in ids {
        let is_of_wave = known.iter().any(|row| row.id == visit_id && row.wave_id == wave_id);
        let done = if is_of_wave {
            move_visit(app, caller, visit_id, Move::Publish).await.map(drop)
        } else {
            Err(Failure::not_found("visit"))
        };
        match done {
            Ok(()) => published.push(visit_id),
            Err(failure)
                if matches!(failure.kind, Kind::Conflict | Kind::NotFound)
                    || matches!(failure.code, "own_visit" | "blind") =>
            {
                refused.push(RefusedVisit { visit_id, code: failure.code.to_owned(), message: failure.detail });
            }
            Err(failure) => return Err(failure),
        }
    }
    let open = OpenKind::ApprovedUnpublished;
    let (remaining, _) = store::open(app.db.reader(), caller.firm_id, wave_id, open).await?;
    Ok(WavePublication { published, refused, remaining, next_cursor })
}

/// The next approved visits of a wave, and where to go on after them.
async fn approved(
    app: &App,
    caller: &Caller,
    wave_id: Uuid,
    after: Option<&str>,
) -> Result<(Vec<Uuid>, Option<String>), Failure> {
    let slice = Slice::of(Some(AT_ONCE), after)?;
    let db = app.db.reader();
    let rows = store::approved_after(db, caller.firm_id, wave_id, slice.after()?, AT_ONCE + 1).await?;
    let mut ids: Vec<_> = rows.into_iter().map(|row| row.id).collect();
    let limit = usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
    let has_more = ids.len() > limit;
    ids.truncate(limit);
    let next = ids.last().filter(|_| has_more).map(|id| cursor(&id.to_string()));
    Ok((ids, next))
}

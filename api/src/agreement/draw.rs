//! Which visits are scored a second time, and by whom.
//!
//! Both follow from the id of the visit by a keyed hash: nobody who files or reviews a visit can foresee or choose it, and
//! asking again gives the same.

use sea_orm::DatabaseTransaction;
use serde_json::json;
use uuid::Uuid;

use crate::agreement::blind::blind;
use crate::agreement::store;
use crate::app::App;
use crate::entity::{membership, second_scoring, visit};
use crate::events::types::NewEvent;
use crate::failure::Failure;
use crate::fieldwork::store::wave_by_id;
use crate::people::store::membership_by_id;
use crate::review::store::same_person;
use crate::states::{SECOND_SCORING_MOVES, after};
use crate::words::{Outcome, Role, SecondScoringState};
use crate::write::Write;

/// A whole, in basis points.
const WHOLE_BP: u64 = 10_000;

/// Draws a visit that has just been taken for review, as its wave says. One that was drawn before stays drawn; when its
/// auditor has filed it anew meanwhile, it waits to be scored anew.
///
/// Call it whenever somebody becomes the reviewer of a visit, with the visit as it is then, locked, before the event of the
/// move.
///
/// # Errors
///
/// 403 `blind` when who takes it is to score it a second time.
pub async fn at_review(write: &mut Write<'_>, row: &visit::Model) -> Result<(), Failure> {
    let revision = store::filed_revision(&write.tx, row.firm_id, row.id).await?.unwrap_or(row.current_revision);
    if let Some(known) = store::lock_of_visit(&write.tx, row.firm_id, row.id).await? {
        return again(write, known, row, revision).await;
    }
    let wave = wave_by_id(&write.tx, row.firm_id, row.wave_id).await?;
    let share = wave.and_then(|wave| u64::try_from(wave.double_scoring_bp).ok()).unwrap_or(0);
    if share == 0 || row.outcome == Outcome::Attempted || lot(write.app(), row, "share").await? % WHOLE_BP >= share {
        return Ok(());
    }
    // Where nobody else reviews, nobody can score it a second time.
    let Some(scorer_id) = scorer(write.app(), &write.tx, row, None).await? else { return Ok(()) };
    let scoring = second_scoring::Model {
        firm_id: row.firm_id,
        id: write.app().ids.next(),
        visit_id: row.id,
        state: SecondScoringState::Waiting,
        scorer_id,
        revision,
        standard_id: row.standard_id.clone(),
        standard_version: row.standard_version,
        drawn_at: write.app().clock.now(),
        answers: None,
        score_bp: None,
        submitted_at: None,
        dropped_by: None,
        dropped_at: None,
        dropped_because: None,
    };
    store::insert(&write.tx, scoring.clone()).await?;
    tell(write, row, &scoring);
    Ok(())
}

async fn again(
    write: &mut Write<'_>,
    known: second_scoring::Model,
    row: &visit::Model,
    revision: i32,
) -> Result<(), Failure> {
    if known.state == SecondScoringState::Dropped {
        return Ok(());
    }
    if let Some(reviewer_id) = row.reviewer_id
        && same_person(&write.tx, row.firm_id, known.scorer_id, reviewer_id).await?
    {
        return Err(blind());
    }
    if known.revision == revision {
        return Ok(());
    }
    // Who has submitted may have read everything since, also why it was returned.
    let scorer_id = match known.state {
        SecondScoringState::Submitted => scorer(write.app(), &write.tx, row, Some(known.scorer_id)).await?,
        _ => Some(known.scorer_id),
    };
    let Some(scorer_id) = scorer_id else { return Ok(()) };
    let scoring = second_scoring::Model {
        state: after(SECOND_SCORING_MOVES, "second scoring", known.state, "redraw")?,
        scorer_id,
        revision,
        drawn_at: write.app().clock.now(),
        answers: None,
        score_bp: None,
        submitted_at: None,
        ..known
    };
    store::update(&write.tx, scoring.clone()).await?;
    tell(write, row, &scoring);
    Ok(())
}

fn tell(write: &mut Write<'_>, row: &visit::Model, scoring: &second_scoring::Model) {
    let payload = json!({
        "second_scoring_id": scoring.id, "scorer_id": scoring.scorer_id, "revision": scoring.revision,
    });
    let event = NewEvent::by_system("visit.second_scoring_drawn", "visit", row.id, payload);
    write.event(event.log_only());
}

/// A number that follows from the visit and cannot be foreseen without the key of the installation.
async fn lot(app: &App, row: &visit::Model, what: &str) -> Result<u64, Failure> {
    let mark = app.vault.mark(&format!("double scoring\n{}\n{}\n{what}", row.firm_id, row.id)).await?;
    let lot = mark.get(..16).and_then(|hex| u64::from_str_radix(hex, 16).ok());
    lot.ok_or_else(|| Failure::internal("a mark is no number"))
}

/// Who scores a visit a second time: a reviewer who neither filed nor took it, nor scored it `before`, or a firm admin where there is none. Every
/// visit ranks them anew, so that each gets as many.
async fn scorer(
    app: &App,
    tx: &DatabaseTransaction,
    row: &visit::Model,
    before: Option<Uuid>,
) -> Result<Option<Uuid>, Failure> {
    let mut concerned = Vec::new();
    for id in [Some(row.auditor_id), row.reviewer_id, before].into_iter().flatten() {
        concerned.extend(membership_by_id(tx, row.firm_id, id).await?.map(|row| row.user_id));
    }
    let mut free = store::reviewers(tx, row.firm_id).await?;
    free.retain(|reviewer| !concerned.contains(&reviewer.user_id));
    let is_reviewer = |reviewer: &membership::Model| reviewer.role == Role::Reviewer;
    if free.iter().any(is_reviewer) {
        free.retain(is_reviewer);
    }
    let mut best: Option<(u64, Uuid)> = None;
    for reviewer in free {
        let rank = lot(app, row, &reviewer.id.to_string()).await?;
        best = best.max(Some((rank, reviewer.id)));
    }
    Ok(best.map(|(_, id)| id))
}

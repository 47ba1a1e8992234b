//! Appeals in short, for results, scorecards, plans and reports.

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::app::App;
use crate::appeals::store;
use crate::appeals::types::{AppealChange, AppealCounts, AppealLine};
use crate::entity::{appeal, branch, score, visit};
use crate::failure::Failure;
use crate::scorecards::store::{Within, scores_of_visits};
use crate::visits::day::zone_of;
use crate::visits::store::visits_by_ids;

/// The appeals against a visit.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn of_visit(app: &App, visit: &visit::Model, branch: &branch::Model) -> Result<Vec<AppealLine>, Failure> {
    let rows = store::of_visit(app.db.reader(), visit.firm_id, visit.id).await?;
    let scores = scores_for(app.db.reader(), visit.firm_id, &rows).await?;
    Ok(rows.iter().map(|row| line(row, visit.public_id, branch, &scores)).collect())
}

/// The appeals against published results of a branch in a wave, with what they are about.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn of_branch(
    app: &App,
    branch: &branch::Model,
    wave_id: Uuid,
) -> Result<Vec<(AppealLine, visit::Model)>, Failure> {
    let (db, firm_id) = (app.db.reader(), branch.firm_id);
    let rows = store::of_branch(db, firm_id, branch.id, wave_id).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = rows.iter().map(|row| row.visit_id).collect();
    let visits = visits_by_ids(db, firm_id, &ids).await?;
    let scores = scores_for(db, firm_id, &rows).await?;
    let with_visit = |row: &appeal::Model| {
        let visit = visits.iter().find(|visit| visit.id == row.visit_id)?;
        Some((line(row, visit.public_id, branch, &scores), visit.clone()))
    };
    Ok(rows.iter().filter_map(with_visit).collect())
}

/// How many appeals against published results of a wave there are.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn counts(app: &App, firm_id: Uuid, wave_id: Uuid, of: &Within) -> Result<AppealCounts, Failure> {
    let mut counts = AppealCounts::default();
    for (state, n) in store::counts(app.db.reader(), firm_id, wave_id, of).await? {
        counts.add(state, n);
    }
    Ok(counts)
}

/// The scores that upheld appeals changed.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn scores_for(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    rows: &[appeal::Model],
) -> Result<Vec<score::Model>, Failure> {
    let changed = rows.iter().filter(|row| row.new_score_version.is_some());
    let ids: Vec<_> = changed.map(|row| row.visit_id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(scores_of_visits(db, firm_id, &ids).await?)
}

/// An appeal in short.
pub fn line(row: &appeal::Model, result_id: Uuid, branch: &branch::Model, scores: &[score::Model]) -> AppealLine {
    let zone = zone_of(branch);
    let score = |version| scores.iter().find(|score| (score.visit_id, score.score_version) == (row.visit_id, version));
    AppealLine {
        id: row.id,
        result_id,
        item_id: row.item_id.clone(),
        state: row.state,
        filed_on: row.filed_at.with_timezone(&zone).date_naive(),
        decided_on: row.decided_at.map(|at| at.with_timezone(&zone).date_naive()),
        decision: row.decision.clone(),
        change: row.new_score_version.map(|to| AppealChange {
            from_version: row.score_version,
            from_bp: score(row.score_version).and_then(|score| score.score_bp),
            to_version: to,
            to_bp: score(to).and_then(|score| score.score_bp),
        }),
    }
}

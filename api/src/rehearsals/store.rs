//! Queries on rehearsals, and on the history they score again.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, FromQueryResult,
    IntoActiveModel, JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use crate::entity::{rehearsal, revision, score, visit, wave};
use crate::words::{Outcome, RehearsalState, Reporting, VisitState, WaveKind};

/// Adds a rehearsal.
pub async fn insert(tx: &DatabaseTransaction, row: rehearsal::Model) -> Result<(), DbErr> {
    row.into_active_model().insert(tx).await.map(drop)
}

/// A rehearsal.
pub async fn by_id(db: &impl ConnectionTrait, firm_id: Uuid, id: Uuid) -> Result<Option<rehearsal::Model>, DbErr> {
    rehearsal::Entity::find_by_id((firm_id, id)).one(db).await
}

/// Rehearsals after an id.
pub async fn list(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<rehearsal::Model>, DbErr> {
    rehearsal::Entity::find()
        .filter(rehearsal::Column::FirmId.eq(firm_id))
        .apply_if(after, |query, after| query.filter(rehearsal::Column::Id.gt(after)))
        .order_by_asc(rehearsal::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// How many rehearsals of a firm have not ended.
pub async fn count_open(db: &impl ConnectionTrait, firm_id: Uuid) -> Result<u64, DbErr> {
    rehearsal::Entity::find()
        .filter(rehearsal::Column::FirmId.eq(firm_id))
        .filter(rehearsal::Column::State.is_in([RehearsalState::Queued, RehearsalState::Running]))
        .count(db)
        .await
}

/// Notes how far a rehearsal has come.
pub async fn note_progress(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    id: Uuid,
    visits_total: i64,
    visits_done: i64,
) -> Result<(), DbErr> {
    rehearsal::Entity::update_many()
        .col_expr(rehearsal::Column::State, Expr::value(RehearsalState::Running))
        .col_expr(rehearsal::Column::VisitsTotal, Expr::value(visits_total))
        .col_expr(rehearsal::Column::VisitsDone, Expr::value(visits_done))
        .filter(rehearsal::Column::FirmId.eq(firm_id))
        .filter(rehearsal::Column::Id.eq(id))
        .exec(tx)
        .await
        .map(drop)
}

/// Ends a rehearsal, with its report or with why there is none.
pub async fn finish(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    id: Uuid,
    outcome: Result<String, String>,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (state, report, failure) = match outcome {
        Ok(report) => (RehearsalState::Done, Some(report), None),
        Err(failure) => (RehearsalState::Failed, None, Some(failure)),
    };
    rehearsal::Entity::update_many()
        .col_expr(rehearsal::Column::State, Expr::value(state))
        .col_expr(rehearsal::Column::Report, Expr::value(report))
        .col_expr(rehearsal::Column::Failure, Expr::value(failure))
        .col_expr(rehearsal::Column::FinishedAt, Expr::value(at))
        .filter(rehearsal::Column::FirmId.eq(firm_id))
        .filter(rehearsal::Column::Id.eq(id))
        .exec(tx)
        .await
        .map(drop)
}

/// Lets a rehearsal that failed wait again.
pub async fn queue_again(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid) -> Result<(), DbErr> {
    rehearsal::Entity::update_many()
        .col_expr(rehearsal::Column::State, Expr::value(RehearsalState::Queued))
        .col_expr(rehearsal::Column::Failure, Expr::value(Option::<String>::None))
        .col_expr(rehearsal::Column::FinishedAt, Expr::value(Option::<DateTime<Utc>>::None))
        .filter(rehearsal::Column::FirmId.eq(firm_id))
        .filter(rehearsal::Column::Id.eq(id))
        .filter(rehearsal::Column::State.eq(RehearsalState::Failed))
        .exec(tx)
        .await
        .map(drop)
}

/// Which published visits are scored again.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// The firm.
    pub firm_id: Uuid,
    /// The standard they were filed under, in any version.
    pub standard_id: &'a str,
    /// Of this chain; of all if absent.
    pub chain_id: Option<Uuid>,
}

impl History<'_> {
    // Visits that chains read: published, made, counted, and not at a competitor.
    fn visits(self) -> Select<visit::Entity> {
        // Naming the waves lets the index on waves and branches be used.
        let waves = Query::select()
            .column(wave::Column::Id)
            .from(wave::Entity)
            .and_where(wave::Column::FirmId.eq(self.firm_id))
            .and_where(wave::Column::Kind.ne(WaveKind::Competitor))
            .apply_if(self.chain_id, |query, id| {
                query.and_where(wave::Column::ChainId.eq(id));
            })
            .to_owned();
        visit::Entity::find()
            .select_only()
            .filter(visit::Column::FirmId.eq(self.firm_id))
            .filter(visit::Column::WaveId.in_subquery(waves))
            .filter(visit::Column::State.eq(VisitState::Published))
            .filter(visit::Column::Outcome.eq(Outcome::Completed))
            .filter(visit::Column::Reporting.eq(Reporting::Included))
            .filter(visit::Column::StandardId.eq(self.standard_id))
    }
}

/// How many visits there are in a history.
pub async fn count_history(db: &impl ConnectionTrait, history: History<'_>) -> Result<u64, DbErr> {
    let counted: Option<i64> =
        history.visits().column_as(visit::Column::Id.count(), "visits").into_tuple().one(db).await?;
    Ok(counted.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
}

/// The chains that have visits in a history.
pub async fn chains_of_history(db: &impl ConnectionTrait, history: History<'_>) -> Result<Vec<Uuid>, DbErr> {
    history.visits().distinct().column(visit::Column::ClientChainId).into_tuple().all(db).await
}

/// The standards that have published visits, for who named one that has none.
pub async fn standards_with_history(db: &impl ConnectionTrait, firm_id: Uuid) -> Result<Vec<String>, DbErr> {
    visit::Entity::find()
        .select_only()
        .distinct()
        .column(visit::Column::StandardId)
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::State.eq(VisitState::Published))
        .into_tuple()
        .all(db)
        .await
}

/// A visit as it is published.
#[derive(Clone, Debug, FromQueryResult)]
pub struct PublishedVisit {
    /// The visit.
    pub id: Uuid,
    /// The version that it is scored by.
    pub standard_version: i32,
    /// The answers in force, as JSON.
    pub answers: String,
    /// The score in force.
    pub score_bp: Option<i32>,
    /// Whether too little was scored.
    pub insufficient: bool,
    /// The share of the weight that was scored.
    pub scored_share_bp: Option<i32>,
}

/// Visits of a branch, in pages.
pub async fn published_after(
    db: &impl ConnectionTrait,
    history: History<'_>,
    branch_id: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<PublishedVisit>, DbErr> {
    let of_revision = visit::Entity::belongs_to(revision::Entity)
        .from((visit::Column::FirmId, visit::Column::Id, visit::Column::CurrentRevision))
        .to((revision::Column::FirmId, revision::Column::VisitId, revision::Column::Revision));
    let of_score = visit::Entity::belongs_to(score::Entity)
        .from((visit::Column::FirmId, visit::Column::Id, visit::Column::CurrentScoreVersion))
        .to((score::Column::FirmId, score::Column::VisitId, score::Column::ScoreVersion));
    history
        .visits()
        .join(JoinType::InnerJoin, of_revision.into())
        .join(JoinType::InnerJoin, of_score.into())
        .columns([visit::Column::Id, visit::Column::StandardVersion])
        .column(revision::Column::Answers)
        .columns([score::Column::ScoreBp, score::Column::Insufficient, score::Column::ScoredShareBp])
        .filter(visit::Column::BranchId.eq(branch_id))
        .apply_if(after, |query, id| query.filter(visit::Column::Id.gt(id)))
        .order_by_asc(visit::Column::Id)
        .limit(limit)
        .into_model()
        .all(db)
        .await
}

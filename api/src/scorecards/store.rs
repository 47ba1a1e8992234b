//! Queries on totals.

use sea_orm::sea_query::{Expr, ExprTrait, LockType, OnConflict, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, FromQueryResult, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::entity::{branch, score, total, visit, wave};
use crate::scorecards::totals::{ATTEMPTED, INSUFFICIENT, VISIT};
use crate::words::VisitState;

/// Rows in one statement; nine bound values each.
const ROWS_AT_ONCE: usize = 1000;

/// Locks a branch against others that change its totals. On SQLite the transaction is the only writer anyway.
pub async fn lock_branch(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid) -> Result<(), DbErr> {
    if tx.get_database_backend() == DbBackend::Postgres {
        // Weaker than an exclusive lock: visits and assignments of the branch can still be written.
        branch::Entity::find_by_id((firm_id, id)).lock(LockType::NoKeyUpdate).one(tx).await?;
    }
    Ok(())
}

/// Adds to totals, making the rows that are not there yet.
pub async fn add_totals(tx: &DatabaseTransaction, rows: Vec<total::Model>) -> Result<(), DbErr> {
    use total::Column::{BranchId, FirmId, Metric, N, SeriesId, StandardId, StandardVersion, Sum, SumSquares};
    let grown = |column: total::Column| Expr::col((total::Entity, column)).add(Expr::col(("excluded", column)));
    for rows in rows.chunks(ROWS_AT_ONCE) {
        total::Entity::insert_many(rows.iter().cloned().map(IntoActiveModel::into_active_model))
            .on_conflict(
                OnConflict::columns([FirmId, BranchId, SeriesId, StandardId, StandardVersion, Metric])
                    .values([N, Sum, SumSquares].map(|column| (column, grown(column))))
                    .to_owned(),
            )
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

/// Deletes the totals of a visit's branch, wave and standard that no visit adds to any more.
pub async fn delete_empty_totals(tx: &DatabaseTransaction, visit: &visit::Model) -> Result<(), DbErr> {
    total::Entity::delete_many()
        .filter(total::Column::FirmId.eq(visit.firm_id))
        .filter(total::Column::BranchId.eq(visit.branch_id))
        .filter(total::Column::SeriesId.eq(visit.wave_id))
        .filter(total::Column::StandardId.eq(visit.standard_id.as_str()))
        .filter(total::Column::StandardVersion.eq(visit.standard_version))
        .filter(total::Column::N.eq(0))
        .exec(tx)
        .await
        .map(drop)
}

/// Deletes all totals of a branch.
pub async fn delete_totals_of_branch(tx: &DatabaseTransaction, firm_id: Uuid, branch_id: Uuid) -> Result<(), DbErr> {
    total::Entity::delete_many()
        .filter(total::Column::FirmId.eq(firm_id))
        .filter(total::Column::BranchId.eq(branch_id))
        .exec(tx)
        .await
        .map(drop)
}

/// Ids of all branches of a firm, in pages.
pub async fn branch_ids_after(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    branch::Entity::find()
        .select_only()
        .column(branch::Column::Id)
        .filter(branch::Column::FirmId.eq(firm_id))
        .apply_if(after, |query, after| query.filter(branch::Column::Id.gt(after)))
        .order_by_asc(branch::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// Published visits of a branch, in pages.
pub async fn published_visits_after(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    branch_id: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<visit::Model>, DbErr> {
    // Naming the waves lets the index on waves and branches be used.
    let waves = Query::select()
        .column(wave::Column::Id)
        .from(wave::Entity)
        .and_where(wave::Column::FirmId.eq(firm_id))
        .to_owned();
    visit::Entity::find()
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::WaveId.in_subquery(waves))
        .filter(visit::Column::BranchId.eq(branch_id))
        .filter(visit::Column::State.eq(VisitState::Published))
        .apply_if(after, |query, after| query.filter(visit::Column::Id.gt(after)))
        .order_by_asc(visit::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Which branches a sum is over.
#[derive(Clone, Debug)]
pub enum Within {
    /// All that were visited in the series.
    All,
    /// These.
    Branches(Vec<Uuid>),
}

/// A sum of totals over branches.
#[derive(Clone, Debug, FromQueryResult)]
pub struct SumRow {
    /// The standard.
    pub standard_id: String,
    /// Its version.
    pub standard_version: i32,
    /// The metric.
    pub metric: String,
    /// How many values.
    pub n: i64,
    /// Their sum.
    pub sum: i64,
}

/// The totals of a series, summed over branches.
pub async fn sums(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    series_id: Uuid,
    within: &Within,
) -> Result<Vec<SumRow>, DbErr> {
    // A sum of 64-bit numbers is a decimal on PostgreSQL; the cast makes it the same on both.
    let summed = |column: total::Column| Expr::col((total::Entity, column)).sum().cast_as("bigint");
    within_series(firm_id, series_id, within)
        .select_only()
        .column(total::Column::StandardId)
        .column(total::Column::StandardVersion)
        .column(total::Column::Metric)
        .expr_as(summed(total::Column::N), "n")
        .expr_as(summed(total::Column::Sum), "sum")
        .group_by(total::Column::StandardId)
        .group_by(total::Column::StandardVersion)
        .group_by(total::Column::Metric)
        .into_model::<SumRow>()
        .all(db)
        .await
}

/// The visit scores of a series, by branch: `(branch, n, sum)`, a row a standard version.
pub async fn visit_totals_by_branch(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    series_id: Uuid,
    within: &Within,
) -> Result<Vec<(Uuid, i64, i64)>, DbErr> {
    within_series(firm_id, series_id, within)
        .select_only()
        .column(total::Column::BranchId)
        .column(total::Column::N)
        .column(total::Column::Sum)
        .filter(total::Column::Metric.eq(VISIT))
        .into_tuple()
        .all(db)
        .await
}

/// Whether anything was published in a series.
pub async fn has_totals(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    series_id: Uuid,
    within: &Within,
) -> Result<bool, DbErr> {
    let found = within_series(firm_id, series_id, within)
        .filter(total::Column::Metric.is_in([VISIT, INSUFFICIENT, ATTEMPTED]))
        .one(db)
        .await?;
    Ok(found.is_some())
}

fn within_series(firm_id: Uuid, series_id: Uuid, within: &Within) -> sea_orm::Select<total::Entity> {
    let query =
        total::Entity::find().filter(total::Column::FirmId.eq(firm_id)).filter(total::Column::SeriesId.eq(series_id));
    match within {
        Within::All => query,
        Within::Branches(ids) => query.filter(total::Column::BranchId.is_in(ids.iter().copied())),
    }
}

/// The published visits of a branch in a wave.
pub async fn published_visits_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    branch_id: Uuid,
    wave_id: Uuid,
) -> Result<Vec<visit::Model>, DbErr> {
    visit::Entity::find()
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::WaveId.eq(wave_id))
        .filter(visit::Column::BranchId.eq(branch_id))
        .filter(visit::Column::State.eq(VisitState::Published))
        .order_by_asc(visit::Column::Id)
        .all(db)
        .await
}

/// All scores of some visits of a branch.
pub async fn scores_of_visits(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_ids: &[Uuid],
) -> Result<Vec<score::Model>, DbErr> {
    score::Entity::find()
        .filter(score::Column::FirmId.eq(firm_id))
        .filter(score::Column::VisitId.is_in(visit_ids.iter().copied()))
        .all(db)
        .await
}

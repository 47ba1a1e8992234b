//! Queries on appeals and their files.

use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use crate::chains::store::{BranchFilter, in_region_now};
use crate::entity::{appeal, appeal_file, visit};
use crate::scorecards::store::Within;
use crate::visits::store::insert_all;
use crate::words::{AppealState, Reporting, VisitState};

/// Which appeals a list is about. Every part that is there narrows it.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<AppealState>,
    /// Of this wave.
    pub wave_id: Option<Uuid>,
    /// Of this branch.
    pub branch_id: Option<Uuid>,
    /// Against this result.
    pub result_id: Option<Uuid>,
}

/// Appeals within a reach after an id.
pub async fn list(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    reach: BranchFilter,
    filter: &Filter,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<appeal::Model>, DbErr> {
    within(firm_id, reach)
        .apply_if(filter.state, |query, state| query.filter(appeal::Column::State.eq(state)))
        .apply_if(filter.wave_id, |query, id| query.filter(appeal::Column::WaveId.eq(id)))
        .apply_if(filter.branch_id, |query, id| query.filter(appeal::Column::BranchId.eq(id)))
        .apply_if(filter.result_id, |query, id| {
            let of_result = Query::select()
                .column(visit::Column::Id)
                .from(visit::Entity)
                .and_where(visit::Column::FirmId.eq(firm_id))
                .and_where(visit::Column::PublicId.eq(id))
                .take();
            query.filter(appeal::Column::VisitId.in_subquery(of_result))
        })
        .apply_if(after, |query, after| query.filter(appeal::Column::Id.gt(after)))
        .order_by_asc(appeal::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// An appeal within a reach.
pub async fn by_id(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    reach: BranchFilter,
    id: Uuid,
) -> Result<Option<appeal::Model>, DbErr> {
    within(firm_id, reach).filter(appeal::Column::Id.eq(id)).one(db).await
}

/// Whose an appeal is: as its result.
fn within(firm_id: Uuid, reach: BranchFilter) -> Select<appeal::Entity> {
    let BranchFilter { chain_id, region_id, ids, auditor_id } = reach;
    appeal::Entity::find()
        .filter(appeal::Column::FirmId.eq(firm_id))
        .apply_if(chain_id, |query, id| query.filter(appeal::Column::ClientChainId.eq(id)))
        .apply_if(region_id, |query, id| query.filter(appeal::Column::BranchId.in_subquery(in_region_now(firm_id, id))))
        .apply_if(ids, |query, ids| query.filter(appeal::Column::BranchId.is_in(ids)))
        .apply_if(auditor_id, |query, id| query.filter(appeal::Column::AuditorId.eq(id)))
}

/// An appeal, locked until the transaction ends. The visit is locked before.
pub async fn lock(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid) -> Result<Option<appeal::Model>, DbErr> {
    appeal::Entity::find_by_id((firm_id, id)).lock_exclusive().one(tx).await
}

/// Adds appeals.
pub async fn insert(tx: &DatabaseTransaction, rows: Vec<appeal::Model>) -> Result<(), DbErr> {
    insert_all::<appeal::Entity, _>(tx, rows).await
}

/// Writes an appeal that is locked.
pub async fn update(tx: &DatabaseTransaction, row: appeal::Model) -> Result<(), DbErr> {
    appeal::Entity::update(row.into_active_model().reset_all()).exec(tx).await.map(drop)
}

/// Appeals in the order they were filed, those filed at once by their items: their ids are random.
fn as_filed(mut rows: Vec<appeal::Model>) -> Vec<appeal::Model> {
    rows.sort_by(|a, b| (a.filed_at, a.visit_id, &a.item_id, a.id).cmp(&(b.filed_at, b.visit_id, &b.item_id, b.id)));
    rows
}

/// All appeals against a visit, in the order they were filed.
pub async fn of_visit(db: &impl ConnectionTrait, firm_id: Uuid, visit_id: Uuid) -> Result<Vec<appeal::Model>, DbErr> {
    let rows = appeal::Entity::find()
        .filter(appeal::Column::FirmId.eq(firm_id))
        .filter(appeal::Column::VisitId.eq(visit_id))
        .all(db)
        .await?;
    Ok(as_filed(rows))
}

/// Takes what these memberships wrote in an appeal, and says whether that was anything.
pub async fn clear_texts_by(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    id: Uuid,
    memberships: &[Uuid],
) -> Result<u64, DbErr> {
    let this =
        || appeal::Entity::update_many().filter(appeal::Column::FirmId.eq(firm_id)).filter(appeal::Column::Id.eq(id));
    let reasons = this()
        .col_expr(appeal::Column::Reason, Expr::value(""))
        .filter(appeal::Column::FiledBy.is_in(memberships.iter().copied()))
        .filter(appeal::Column::Reason.ne(""))
        .exec(tx)
        .await?;
    let decisions = this()
        .col_expr(appeal::Column::Decision, Expr::value(None::<String>))
        .filter(appeal::Column::DecidedBy.is_in(memberships.iter().copied()))
        .filter(appeal::Column::Decision.is_not_null())
        .exec(tx)
        .await?;
    Ok(Ord::min(reasons.rows_affected + decisions.rows_affected, 1))
}

/// The appeals against published results of a branch in a wave, in the order they were filed.
pub async fn of_branch(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    branch_id: Uuid,
    wave_id: Uuid,
) -> Result<Vec<appeal::Model>, DbErr> {
    let rows = appeal::Entity::find()
        .filter(appeal::Column::FirmId.eq(firm_id))
        .filter(appeal::Column::WaveId.eq(wave_id))
        .filter(appeal::Column::BranchId.eq(branch_id))
        .filter(appeal::Column::VisitId.in_subquery(published(firm_id, wave_id)))
        .all(db)
        .await?;
    Ok(as_filed(rows))
}

/// How many appeals against published results of a wave there are in each state.
pub async fn counts(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    wave_id: Uuid,
    of: &Within,
) -> Result<Vec<(AppealState, i64)>, DbErr> {
    let query = appeal::Entity::find()
        .select_only()
        .column(appeal::Column::State)
        .expr_as(appeal::Column::Id.count(), "n")
        .filter(appeal::Column::FirmId.eq(firm_id))
        .filter(appeal::Column::WaveId.eq(wave_id))
        .filter(appeal::Column::VisitId.in_subquery(published(firm_id, wave_id)))
        .group_by(appeal::Column::State);
    let query = match of {
        Within::All => query,
        Within::Branches(ids) => query.filter(appeal::Column::BranchId.is_in(ids.iter().copied())),
    };
    query.into_tuple().all(db).await
}

/// The published visits of a wave that count in reports.
fn published(firm_id: Uuid, wave_id: Uuid) -> SelectStatement {
    Query::select()
        .column(visit::Column::Id)
        .from(visit::Entity)
        .and_where(visit::Column::FirmId.eq(firm_id))
        .and_where(visit::Column::WaveId.eq(wave_id))
        .and_where(visit::Column::State.eq(VisitState::Published))
        .and_where(visit::Column::Reporting.eq(Reporting::Included))
        .take()
}

/// How many appeals about an item there are in each state.
pub async fn counts_by_item(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    wave_id: Option<Uuid>,
) -> Result<Vec<(String, String, AppealState, i64)>, DbErr> {
    appeal::Entity::find()
        .select_only()
        .column_as(Expr::col((visit::Entity, visit::Column::StandardId)), "standard_id")
        .column(appeal::Column::ItemId)
        .column(appeal::Column::State)
        .expr_as(appeal::Column::Id.count(), "n")
        .join(
            sea_orm::JoinType::InnerJoin,
            appeal::Entity::belongs_to(visit::Entity)
                .from((appeal::Column::FirmId, appeal::Column::VisitId))
                .to((visit::Column::FirmId, visit::Column::Id))
                .into(),
        )
        .filter(appeal::Column::FirmId.eq(firm_id))
        .apply_if(wave_id, |query, id| query.filter(appeal::Column::WaveId.eq(id)))
        .group_by(Expr::col((visit::Entity, visit::Column::StandardId)))
        .group_by(appeal::Column::ItemId)
        .group_by(appeal::Column::State)
        .into_tuple()
        .all(db)
        .await
}

/// How many appeals there are in each state by what stands in a column.
pub async fn counts_by(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    column: appeal::Column,
    wave_id: Option<Uuid>,
) -> Result<Vec<(Option<Uuid>, AppealState, i64)>, DbErr> {
    appeal::Entity::find()
        .select_only()
        .column(column)
        .column(appeal::Column::State)
        .expr_as(appeal::Column::Id.count(), "n")
        .filter(appeal::Column::FirmId.eq(firm_id))
        .apply_if(wave_id, |query, id| query.filter(appeal::Column::WaveId.eq(id)))
        .group_by(column)
        .group_by(appeal::Column::State)
        .into_tuple()
        .all(db)
        .await
}

/// The files of some appeals, in the order they came.
pub async fn files_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    appeal_ids: &[Uuid],
) -> Result<Vec<appeal_file::Model>, DbErr> {
    if appeal_ids.is_empty() {
        return Ok(Vec::new());
    }
    appeal_file::Entity::find()
        .filter(appeal_file::Column::FirmId.eq(firm_id))
        .filter(appeal_file::Column::AppealId.is_in(appeal_ids.iter().copied()))
        .order_by_asc(appeal_file::Column::StoredAt)
        .order_by_asc(appeal_file::Column::Id)
        .all(db)
        .await
}

/// A file of an appeal.
pub async fn file_by_id(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    id: Uuid,
) -> Result<Option<appeal_file::Model>, DbErr> {
    appeal_file::Entity::find_by_id((firm_id, id)).one(db).await
}

/// The files of appeals that have these bytes.
pub async fn files_with(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    sha256: &str,
) -> Result<Vec<appeal_file::Model>, DbErr> {
    appeal_file::Entity::find()
        .filter(appeal_file::Column::FirmId.eq(firm_id))
        .filter(appeal_file::Column::Sha256.eq(sha256))
        .order_by_asc(appeal_file::Column::Id)
        .all(db)
        .await
}

/// Adds a file.
pub async fn insert_file(tx: &DatabaseTransaction, row: appeal_file::Model) -> Result<(), DbErr> {
    appeal_file::Entity::insert(row.into_active_model()).exec_without_returning(tx).await.map(drop)
}

/// Removes the files of all appeals against a visit; gives the hashes of their bytes.
pub async fn remove_files(tx: &DatabaseTransaction, firm_id: Uuid, visit_id: Uuid) -> Result<Vec<String>, DbErr> {
    let ids: Vec<_> = of_visit(tx, firm_id, visit_id).await?.into_iter().map(|row| row.id).collect();
    let files = files_of(tx, firm_id, &ids).await?;
    if files.is_empty() {
        return Ok(Vec::new());
    }
    appeal_file::Entity::delete_many()
        .filter(appeal_file::Column::FirmId.eq(firm_id))
        .filter(appeal_file::Column::AppealId.is_in(ids))
        .exec(tx)
        .await?;
    Ok(files.into_iter().map(|file| file.sha256).collect())
}

/// Takes away what was said in appeals against a visit; that they were filed and how they ended stays.
pub async fn clear_texts(tx: &DatabaseTransaction, firm_id: Uuid, visit_id: Uuid) -> Result<u64, DbErr> {
    let cleared = appeal::Entity::update_many()
        .col_expr(appeal::Column::Reason, Expr::value(""))
        .col_expr(appeal::Column::Decision, Expr::value(None::<String>))
        .filter(appeal::Column::FirmId.eq(firm_id))
        .filter(appeal::Column::VisitId.eq(visit_id))
        .filter(appeal::Column::Reason.ne("").or(appeal::Column::Decision.is_not_null()))
        .exec(tx)
        .await?;
    Ok(cleared.rows_affected)
}

//! Queries on chains, regions and branches.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::entity::{branch, branch_region, chain, region};
use crate::fieldwork::store::branches_of_auditor;

/// Ids in one `IN (..)`, well below what either database can bind.
const IDS_AT_ONCE: usize = 10_000;

/// Which branches a list is about. Every part that is there narrows it.
#[derive(Clone, Debug, Default)]
pub struct BranchFilter {
    /// Of this chain.
    pub chain_id: Option<Uuid>,
    /// In this region now.
    pub region_id: Option<Uuid>,
    /// Among these.
    pub ids: Option<Vec<Uuid>>,
    /// That this auditor visits, or could.
    pub auditor_id: Option<Uuid>,
}

/// Adds a chain.
pub async fn insert_chain(tx: &DatabaseTransaction, row: chain::Model) -> Result<(), DbErr> {
    row.into_active_model().insert(tx).await.map(drop)
}

/// Writes what can change of a chain.
pub async fn update_chain(tx: &DatabaseTransaction, row: chain::Model) -> Result<(), DbErr> {
    chain::Entity::update(row.into_active_model().reset_all()).exec(tx).await.map(drop)
}

/// A chain.
pub async fn chain_by_id(db: &impl ConnectionTrait, firm_id: Uuid, id: Uuid) -> Result<Option<chain::Model>, DbErr> {
    chain::Entity::find_by_id((firm_id, id)).one(db).await
}

/// Chains by id.
pub async fn chains_by_ids(db: &impl ConnectionTrait, firm_id: Uuid, ids: &[Uuid]) -> Result<Vec<chain::Model>, DbErr> {
    let mut rows = Vec::new();
    for ids in ids.chunks(IDS_AT_ONCE) {
        let found = chain::Entity::find()
            .filter(chain::Column::FirmId.eq(firm_id))
            .filter(chain::Column::Id.is_in(ids.iter().copied()));
        rows.extend(found.all(db).await?);
    }
    Ok(rows)
}

/// The chains with this code: one, or none.
pub async fn chains_by_code(db: &impl ConnectionTrait, firm_id: Uuid, code: &str) -> Result<Vec<chain::Model>, DbErr> {
    chain::Entity::find().filter(chain::Column::FirmId.eq(firm_id)).filter(chain::Column::Code.eq(code)).all(db).await
}

/// Chains after an id; only one of them if `only` names it, and only those with branches that an auditor visits, or
/// could, if `auditor_id` does.
pub async fn list_chains(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    only: Option<Uuid>,
    auditor_id: Option<Uuid>,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<chain::Model>, DbErr> {
    chain::Entity::find()
        .filter(chain::Column::FirmId.eq(firm_id))
        .apply_if(only, |query, id| query.filter(chain::Column::Id.eq(id)))
        .apply_if(auditor_id, |query, id| {
            let chains = Query::select()
                .column(branch::Column::ChainId)
                .from(branch::Entity)
                .and_where(branch::Column::FirmId.eq(firm_id))
                .and_where(branch::Column::Id.in_subquery(branches_of_auditor(firm_id, id)))
                .take();
            query.filter(chain::Column::Id.in_subquery(chains))
        })
        .apply_if(after, |query, after| query.filter(chain::Column::Id.gt(after)))
        .order_by_asc(chain::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Adds regions: at most as many as one request brings.
pub async fn insert_regions(tx: &DatabaseTransaction, rows: Vec<region::Model>) -> Result<(), DbErr> {
    region::Entity::insert_many(rows.into_iter().map(IntoActiveModel::into_active_model))
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// A region.
pub async fn region_by_id(db: &impl ConnectionTrait, firm_id: Uuid, id: Uuid) -> Result<Option<region::Model>, DbErr> {
    region::Entity::find_by_id((firm_id, id)).one(db).await
}

/// All regions of a chain, in the order they were added.
pub async fn regions_of_chain(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    chain_id: Uuid,
) -> Result<Vec<region::Model>, DbErr> {
    region::Entity::find()
        .filter(region::Column::FirmId.eq(firm_id))
        .filter(region::Column::ChainId.eq(chain_id))
        .order_by_asc(region::Column::Id)
        .all(db)
        .await
}

/// Regions of a chain after an id; only some of them if `only` names them.
pub async fn list_regions(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    chain_id: Uuid,
    only: Option<Vec<Uuid>>,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<region::Model>, DbErr> {
    region::Entity::find()
        .filter(region::Column::FirmId.eq(firm_id))
        .filter(region::Column::ChainId.eq(chain_id))
        .apply_if(only, |query, ids| query.filter(region::Column::Id.is_in(ids)))
        .apply_if(after, |query, after| query.filter(region::Column::Id.gt(after)))
        .order_by_asc(region::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Adds branches: at most as many as one request brings.
pub async fn insert_branches(tx: &DatabaseTransaction, rows: Vec<branch::Model>) -> Result<(), DbErr> {
    branch::Entity::insert_many(rows.into_iter().map(IntoActiveModel::into_active_model))
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Says which regions branches are in from a day on.
pub async fn insert_branch_regions(tx: &DatabaseTransaction, rows: Vec<branch_region::Model>) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    branch_region::Entity::insert_many(rows.into_iter().map(IntoActiveModel::into_active_model))
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// A branch.
pub async fn branch_by_id(db: &impl ConnectionTrait, firm_id: Uuid, id: Uuid) -> Result<Option<branch::Model>, DbErr> {
    branch::Entity::find_by_id((firm_id, id)).one(db).await
}

/// Branches by id.
pub async fn branches_by_ids(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<branch::Model>, DbErr> {
    let mut rows = Vec::new();
    for ids in ids.chunks(IDS_AT_ONCE) {
        let found = branch::Entity::find()
            .filter(branch::Column::FirmId.eq(firm_id))
            .filter(branch::Column::Id.is_in(ids.iter().copied()));
        rows.extend(found.all(db).await?);
    }
    Ok(rows)
}

/// The branches with this code, of any chain of the firm.
pub async fn branches_by_code(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    code: &str,
) -> Result<Vec<branch::Model>, DbErr> {
    branch::Entity::find()
        .filter(branch::Column::FirmId.eq(firm_id))
        .filter(branch::Column::Code.eq(code))
        .order_by_asc(branch::Column::Id)
        .all(db)
        .await
}

/// Which of these codes branches of the chain already have.
pub async fn taken_branch_codes(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    chain_id: Uuid,
    codes: &[&str],
) -> Result<Vec<String>, DbErr> {
    branch::Entity::find()
        .select_only()
        .column(branch::Column::Code)
        .filter(branch::Column::FirmId.eq(firm_id))
        .filter(branch::Column::ChainId.eq(chain_id))
        .filter(branch::Column::Code.is_in(codes.iter().copied()))
        .into_tuple()
        .all(db)
        .await
}

/// All branches that are in a region now, in the order they were added.
pub async fn branches_of_region(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    region_id: Uuid,
) -> Result<Vec<branch::Model>, DbErr> {
    let filter = BranchFilter { region_id: Some(region_id), ..BranchFilter::default() };
    matching(firm_id, filter).all(db).await
}

/// Branches after an id.
pub async fn list_branches(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    filter: BranchFilter,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<branch::Model>, DbErr> {
    matching(firm_id, filter)
        .apply_if(after, |query, after| query.filter(branch::Column::Id.gt(after)))
        .limit(limit)
        .all(db)
        .await
}

/// The region that a branch is in now.
pub async fn current_region_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    branch_id: Uuid,
) -> Result<Option<Uuid>, DbErr> {
    Ok(current_regions_of(db, firm_id, &[branch_id]).await?.remove(&branch_id))
}

/// The regions that branches are in now; a branch without one is not in the map.
pub async fn current_regions_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    branch_ids: &[Uuid],
) -> Result<BTreeMap<Uuid, Uuid>, DbErr> {
    let mut regions = BTreeMap::new();
    for ids in branch_ids.chunks(IDS_AT_ONCE) {
        let rows = branch_region::Entity::find()
            .filter(branch_region::Column::FirmId.eq(firm_id))
            .filter(branch_region::Column::BranchId.is_in(ids.iter().copied()))
            .order_by_asc(branch_region::Column::ValidFrom)
            .all(db)
            .await?;
        // Later rows come later and win.
        regions.extend(rows.into_iter().map(|row| (row.branch_id, row.region_id)));
    }
    Ok(regions)
}

/// The branches of a filter, by id.
fn matching(firm_id: Uuid, filter: BranchFilter) -> sea_orm::Select<branch::Entity> {
    let mut condition = Condition::all().add(branch::Column::FirmId.eq(firm_id));
    if let Some(chain_id) = filter.chain_id {
        condition = condition.add(branch::Column::ChainId.eq(chain_id));
    }
    if let Some(region_id) = filter.region_id {
        condition = condition.add(branch::Column::Id.in_subquery(in_region_now(firm_id, region_id)));
    }
    if let Some(ids) = filter.ids {
        condition = condition.add(branch::Column::Id.is_in(ids));
    }
    if let Some(id) = filter.auditor_id {
        condition = condition.add(branch::Column::Id.in_subquery(branches_of_auditor(firm_id, id)));
    }
    branch::Entity::find().filter(condition).order_by_asc(branch::Column::Id)
}

/// Ids of the branches whose latest region is this one.
pub fn in_region_now(firm_id: Uuid, region_id: Uuid) -> SelectStatement {
    use branch_region::Column::{BranchId, FirmId, RegionId, ValidFrom};
    let later = Query::select()
        .expr(Expr::val(1))
        .from_as(branch_region::Entity, "later")
        .and_where(Expr::col(("later", FirmId)).eq(firm_id))
        .and_where(Expr::col(("later", BranchId)).equals((branch_region::Entity, BranchId)))
        .and_where(Expr::col(("later", ValidFrom)).gt(Expr::col((branch_region::Entity, ValidFrom))))
        .take();
    Query::select()
        .column((branch_region::Entity, BranchId))
        .from(branch_region::Entity)
        .and_where(Expr::col((branch_region::Entity, FirmId)).eq(firm_id))
        .and_where(Expr::col((branch_region::Entity, RegionId)).eq(region_id))
        .and_where(Expr::exists(later).not())
        .take()
}

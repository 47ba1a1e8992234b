//! Queries on published visits.

use sea_orm::sea_query::Query;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::chains::store::{BranchFilter, in_region_now};
use crate::entity::{visit, withdrawal};
use crate::words::{Reporting, VisitState};

/// Which results a list is about. Every part that is there narrows it.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this wave.
    pub wave_id: Option<Uuid>,
    /// Of this branch.
    pub branch_id: Option<Uuid>,
}

/// Published visits within a reach after a public id.
pub async fn list(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    reach: BranchFilter,
    filter: &Filter,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<visit::Model>, DbErr> {
    published(firm_id, reach)
        .apply_if(filter.wave_id, |query, id| query.filter(visit::Column::WaveId.eq(id)))
        .apply_if(filter.branch_id, |query, id| query.filter(visit::Column::BranchId.eq(id)))
        .apply_if(after, |query, after| query.filter(visit::Column::PublicId.gt(after)))
        .order_by_asc(visit::Column::PublicId)
        .limit(limit)
        .all(db)
        .await
}

/// A published visit within a reach.
pub async fn by_public_id(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    reach: BranchFilter,
    public_id: Uuid,
) -> Result<Option<visit::Model>, DbErr> {
    published(firm_id, reach).filter(visit::Column::PublicId.eq(public_id)).one(db).await
}

/// Visits within a reach whose results were taken back, after a public id.
pub async fn withdrawn(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    reach: BranchFilter,
    filter: &Filter,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<visit::Model>, DbErr> {
    taken_back(firm_id, reach)
        .apply_if(filter.wave_id, |query, id| query.filter(visit::Column::WaveId.eq(id)))
        .apply_if(filter.branch_id, |query, id| query.filter(visit::Column::BranchId.eq(id)))
        .apply_if(after, |query, after| query.filter(visit::Column::PublicId.gt(after)))
        .order_by_asc(visit::Column::PublicId)
        .limit(limit)
        .all(db)
        .await
}

/// A visit within a reach whose result was taken back.
pub async fn withdrawn_by_public_id(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    reach: BranchFilter,
    public_id: Uuid,
) -> Result<Option<visit::Model>, DbErr> {
    taken_back(firm_id, reach).filter(visit::Column::PublicId.eq(public_id)).one(db).await
}

/// Visits that were published and are not any more, or are left out of reports since, of a reach.
fn taken_back(firm_id: Uuid, reach: BranchFilter) -> sea_orm::Select<visit::Entity> {
    let withdrawn = Query::select()
        .column(withdrawal::Column::Id)
        .from(withdrawal::Entity)
        .and_where(withdrawal::Column::FirmId.eq(firm_id))
        .take();
    let query = visit::Entity::find()
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(
            Condition::any()
                .add(visit::Column::State.ne(VisitState::Published))
                .add(visit::Column::Reporting.eq(Reporting::Excluded)),
        )
        .filter(visit::Column::Id.in_subquery(withdrawn));
    within(query, firm_id, reach)
}

/// The one place that says what a result is: published visits that count in reports.
fn published(firm_id: Uuid, reach: BranchFilter) -> sea_orm::Select<visit::Entity> {
    let query = visit::Entity::find()
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::State.eq(VisitState::Published))
        // It follows from the state; said in these words, it lets the indexes on published visits be used.
        .filter(visit::Column::PublishedAt.is_not_null())
        .filter(visit::Column::Reporting.eq(Reporting::Included))
        .filter(visit::Column::QuarantineReason.is_null());
    within(query, firm_id, reach)
}

/// The one place that says whose a result is: of waves of the reach's chain, at branches that are in its region now or
/// among its branches.
fn within(query: sea_orm::Select<visit::Entity>, firm_id: Uuid, reach: BranchFilter) -> sea_orm::Select<visit::Entity> {
    let BranchFilter { chain_id, region_id, ids, auditor_id } = reach;
    query
        // The wave's chain, not the branch's: a rival's branch is seen by the client who had it visited.
        .apply_if(chain_id, |query, id| query.filter(visit::Column::ClientChainId.eq(id)))
        .apply_if(region_id, |query, id| query.filter(visit::Column::BranchId.in_subquery(in_region_now(firm_id, id))))
        .apply_if(ids, |query, ids| query.filter(visit::Column::BranchId.is_in(ids)))
        // Auditors read no results; if they ever do, these are not other people's.
        .apply_if(auditor_id, |query, id| query.filter(visit::Column::AuditorId.eq(id)))
}

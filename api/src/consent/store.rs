//! Queries on consents.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::entity::{consent, visit};
use crate::words::ConsentScope;

/// Adds consents.
pub async fn insert(tx: &DatabaseTransaction, rows: Vec<consent::Model>) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
    consent::Entity::insert_many(rows).exec_without_returning(tx).await.map(drop)
}

/// One consent.
pub async fn by_id(db: &impl ConnectionTrait, firm_id: Uuid, id: Uuid) -> Result<Option<consent::Model>, DbErr> {
    consent::Entity::find_by_id((firm_id, id)).one(db).await
}

/// One consent, locked until the transaction ends.
pub async fn lock(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid) -> Result<Option<consent::Model>, DbErr> {
    consent::Entity::find_by_id((firm_id, id)).lock_exclusive().one(tx).await
}

/// Notes that a consent was withdrawn.
pub async fn withdraw(
    tx: &DatabaseTransaction,
    row: &consent::Model,
    by: Uuid,
    at: DateTime<Utc>,
    reason: &str,
) -> Result<(), DbErr> {
    consent::Entity::update_many()
        .col_expr(consent::Column::WithdrawnBy, Expr::value(by))
        .col_expr(consent::Column::WithdrawnAt, Expr::value(at))
        .col_expr(consent::Column::WithdrawalReason, Expr::value(reason))
        .filter(consent::Column::FirmId.eq(row.firm_id))
        .filter(consent::Column::Id.eq(row.id))
        .exec(tx)
        .await
        .map(drop)
}

/// The consents that may be about recordings of these visits, at these branches, of these chains.
pub async fn about(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_ids: Vec<Uuid>,
    branch_ids: Vec<Uuid>,
    chain_ids: Vec<Uuid>,
) -> Result<Vec<consent::Model>, DbErr> {
    let any = Condition::any()
        .add(consent::Column::VisitId.is_in(visit_ids))
        .add(consent::Column::BranchId.is_in(branch_ids).and(consent::Column::Scope.eq(ConsentScope::Branch)))
        .add(consent::Column::ChainId.is_in(chain_ids).and(consent::Column::Scope.eq(ConsentScope::Chain)));
    consent::Entity::find().filter(consent::Column::FirmId.eq(firm_id)).filter(any).all(db).await
}

/// Which of these files have a consent of their own, withdrawn or not.
pub async fn files_with_own(tx: &DatabaseTransaction, firm_id: Uuid, visit_ids: &[Uuid]) -> Result<Vec<Uuid>, DbErr> {
    let found: Vec<Option<Uuid>> = consent::Entity::find()
        .select_only()
        .column(consent::Column::EvidenceId)
        .filter(consent::Column::FirmId.eq(firm_id))
        .filter(consent::Column::VisitId.is_in(visit_ids.iter().copied()))
        .filter(consent::Column::EvidenceId.is_not_null())
        .into_tuple()
        .all(tx)
        .await?;
    Ok(found.into_iter().flatten().collect())
}

/// Which consents a list is about. Every part that is there narrows it.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// At branches of this chain.
    pub chain_id: Option<Uuid>,
    /// At this branch.
    pub branch_id: Option<Uuid>,
    /// Of this visit.
    pub visit_id: Option<Uuid>,
    /// Of visits of this auditor.
    pub auditor_id: Option<Uuid>,
}

/// Consents after an id.
pub async fn list(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    filter: &Filter,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<consent::Model>, DbErr> {
    consent::Entity::find()
        .filter(consent::Column::FirmId.eq(firm_id))
        .apply_if(filter.chain_id, |query, id| query.filter(consent::Column::ChainId.eq(id)))
        .apply_if(filter.branch_id, |query, id| query.filter(consent::Column::BranchId.eq(id)))
        .apply_if(filter.visit_id, |query, id| query.filter(consent::Column::VisitId.eq(id)))
        .apply_if(filter.auditor_id, |query, id| {
            let own = Query::select()
                .column(visit::Column::Id)
                .from(visit::Entity)
                .and_where(visit::Column::FirmId.eq(firm_id))
                .and_where(visit::Column::AuditorId.eq(id))
                .take();
            query.filter(consent::Column::VisitId.in_subquery(own))
        })
        .apply_if(after, |query, after| query.filter(consent::Column::Id.gt(after)))
        .order_by_asc(consent::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

//! Queries on consents.

use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
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

/// Writes a consent's row.
pub async fn update(tx: &DatabaseTransaction, row: consent::Model) -> Result<(), DbErr> {
    consent::Entity::update(row.into_active_model().reset_all()).exec(tx).await.map(drop)
}

/// The consents that may be about recordings of these visits, at these branches, of these chains. Each by its own index:
/// SQLite reads all consents of the firm for one condition with OR.
pub async fn about(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_ids: Vec<Uuid>,
    branch_ids: Vec<Uuid>,
    chain_ids: Vec<Uuid>,
) -> Result<Vec<consent::Model>, DbErr> {
    let of_firm = || consent::Entity::find().filter(consent::Column::FirmId.eq(firm_id));
    let of_scope = |scope| of_firm().filter(consent::Column::Scope.eq(scope));
    let mut found = of_firm().filter(consent::Column::VisitId.is_in(visit_ids)).all(db).await?;
    let of_branches = of_scope(ConsentScope::Branch).filter(consent::Column::BranchId.is_in(branch_ids));
    found.extend(of_branches.all(db).await?);
    let of_chains = of_scope(ConsentScope::Chain).filter(consent::Column::ChainId.is_in(chain_ids));
    found.extend(of_chains.all(db).await?);
    Ok(found)
}

/// The consents of a visit and of its recordings.
pub async fn of_visit(db: &impl ConnectionTrait, firm_id: Uuid, visit_id: Uuid) -> Result<Vec<consent::Model>, DbErr> {
    consent::Entity::find()
        .filter(consent::Column::FirmId.eq(firm_id))
        .filter(consent::Column::VisitId.eq(visit_id))
        .order_by_asc(consent::Column::Id)
        .all(db)
        .await
}

/// Takes away what people wrote on the consents of a visit. On what they rest, when, and that they were withdrawn stays.
pub async fn clear_texts(tx: &DatabaseTransaction, firm_id: Uuid, visit_id: Uuid) -> Result<u64, DbErr> {
    let any = Condition::any()
        .add(consent::Column::GivenBy.is_not_null())
        .add(consent::Column::Notice.ne(""))
        .add(consent::Column::WithdrawalReason.is_not_null());
    let cleared = consent::Entity::update_many()
        .col_expr(consent::Column::GivenBy, Expr::value(None::<String>))
        .col_expr(consent::Column::Notice, Expr::value(""))
        .col_expr(consent::Column::WithdrawalReason, Expr::value(None::<String>))
        .filter(consent::Column::FirmId.eq(firm_id))
        .filter(consent::Column::VisitId.eq(visit_id))
        .filter(any)
        .exec(tx)
        .await?;
    Ok(cleared.rows_affected)
}

/// Whether a consent of a visit or of one of its recordings was withdrawn.
pub async fn has_withdrawn(tx: &DatabaseTransaction, firm_id: Uuid, visit_id: Uuid) -> Result<bool, DbErr> {
    let withdrawn = consent::Entity::find()
        .filter(consent::Column::FirmId.eq(firm_id))
        .filter(consent::Column::VisitId.eq(visit_id))
        .filter(consent::Column::WithdrawnAt.is_not_null());
    Ok(withdrawn.count(tx).await? > 0)
}

/// The files of some visits that have a consent of their own, withdrawn or not.
pub async fn files_with_own(tx: &DatabaseTransaction, firm_id: Uuid, visit_ids: &[Uuid]) -> Result<Vec<Uuid>, DbErr> {
    if visit_ids.is_empty() {
        return Ok(Vec::new());
    }
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

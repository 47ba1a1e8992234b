//! Queries of retention: rules, holds, purges, and the visits that are due.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    FromQueryResult, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait, TryInsertResult,
};
use uuid::Uuid;

use crate::entity::{hold, idempotency_key, membership, purge, purge_line, retention_rule, visit};
use crate::retention::classes::ALL;
use crate::words::{MembershipState, Role, VisitState};

/// The rules of a firm.
pub async fn rules(db: &impl ConnectionTrait, firm_id: Uuid) -> Result<Vec<retention_rule::Model>, DbErr> {
    retention_rule::Entity::find().filter(retention_rule::Column::FirmId.eq(firm_id)).all(db).await
}

/// Adds a rule.
pub async fn insert_rule(tx: &DatabaseTransaction, row: retention_rule::Model) -> Result<(), DbErr> {
    row.into_active_model().insert(tx).await.map(drop)
}

/// Takes a rule away.
pub async fn remove_rule(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid) -> Result<(), DbErr> {
    retention_rule::Entity::delete_by_id((firm_id, id)).exec(tx).await.map(drop)
}

/// Published visits of a chain of which exactly these bits were purged, and whose clock started until a time; in the order
/// of that.
pub async fn published_with(
    db: &impl ConnectionTrait,
    (firm_id, chain_id): (Uuid, Uuid),
    purged: i32,
    until: DateTime<Utc>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: u64,
) -> Result<Vec<visit::Model>, DbErr> {
    visit::Entity::find()
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::ClientChainId.eq(chain_id))
        .filter(visit::Column::Purged.eq(purged))
        .filter(visit::Column::PublishedAt.is_not_null())
        .filter(visit::Column::PublishedAt.lte(until))
        .apply_if(after, |query, (at, id)| {
            let same = Condition::all().add(visit::Column::PublishedAt.eq(at)).add(visit::Column::Id.gt(id));
            query
                .filter(visit::Column::PublishedAt.gte(at))
                .filter(Condition::any().add(visit::Column::PublishedAt.gt(at)).add(same))
        })
        .order_by_asc(visit::Column::PublishedAt)
        .order_by_asc(visit::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Visits of a chain in a state other than published, whose clock started until a time, by id.
pub async fn unpublished_in(
    db: &impl ConnectionTrait,
    (firm_id, chain_id): (Uuid, Uuid),
    state: VisitState,
    until: DateTime<Utc>,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<visit::Model>, DbErr> {
    let started = match state {
        VisitState::Draft => visit::Column::ReceivedAt.lte(until),
        _ => visit::Column::SubmittedAt.lte(until),
    };
    visit::Entity::find()
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::State.eq(state))
        .filter(started)
        .filter(visit::Column::ClientChainId.eq(chain_id))
        .apply_if(after, |query, after| query.filter(visit::Column::Id.gt(after)))
        .order_by_asc(visit::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Writes a visit that is locked.
pub async fn update_visit(tx: &DatabaseTransaction, row: visit::Model) -> Result<(), DbErr> {
    visit::Entity::update(row.into_active_model().reset_all()).exec(tx).await.map(drop)
}

/// Has some classes of a visit purged anew, by their bits, because something of them has come. The visit is locked.
pub async fn reopen(tx: &DatabaseTransaction, firm_id: Uuid, visit_id: Uuid, bits: i32) -> Result<(), DbErr> {
    visit::Entity::update_many()
        .col_expr(visit::Column::Purged, Expr::col(visit::Column::Purged).bit_and(ALL & !bits))
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::Id.eq(visit_id))
        .filter(visit::Column::Purged.ne(0))
        .exec(tx)
        .await
        .map(drop)
}

/// Adds a hold.
pub async fn insert_hold(tx: &DatabaseTransaction, row: hold::Model) -> Result<(), DbErr> {
    row.into_active_model().insert(tx).await.map(drop)
}

/// A hold, locked until the transaction ends.
pub async fn lock_hold(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid) -> Result<Option<hold::Model>, DbErr> {
    hold::Entity::find_by_id((firm_id, id)).lock_exclusive().one(tx).await
}

/// Writes a hold.
pub async fn update_hold(tx: &DatabaseTransaction, row: hold::Model) -> Result<(), DbErr> {
    hold::Entity::update(row.into_active_model().reset_all()).exec(tx).await.map(drop)
}

/// Holds of a firm after an id: all, or those in force, or those that ended.
pub async fn list_holds(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    in_force: Option<bool>,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<hold::Model>, DbErr> {
    let released = hold::Column::ReleasedAt;
    hold::Entity::find()
        .filter(hold::Column::FirmId.eq(firm_id))
        .apply_if(in_force, |query, yes| query.filter(if yes { released.is_null() } else { released.is_not_null() }))
        .apply_if(after, |query, after| query.filter(hold::Column::Id.gt(after)))
        .order_by_asc(hold::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// The holds in force on any of some objects, oldest first.
pub async fn holds_on(db: &impl ConnectionTrait, firm_id: Uuid, objects: &[Uuid]) -> Result<Vec<hold::Model>, DbErr> {
    hold::Entity::find()
        .filter(hold::Column::FirmId.eq(firm_id))
        .filter(hold::Column::ObjectId.is_in(objects.iter().copied()))
        .filter(hold::Column::ReleasedAt.is_null())
        .order_by_asc(hold::Column::Id)
        .all(db)
        .await
}

/// All memberships in a firm of the person who has this one.
pub async fn memberships_beside(db: &impl ConnectionTrait, firm_id: Uuid, id: Uuid) -> Result<Vec<Uuid>, DbErr> {
    let Some(own) = membership::Entity::find_by_id((firm_id, id)).one(db).await? else { return Ok(Vec::new()) };
    membership::Entity::find()
        .select_only()
        .column(membership::Column::Id)
        .filter(membership::Column::UserId.eq(own.user_id))
        .filter(membership::Column::FirmId.eq(firm_id))
        .order_by_asc(membership::Column::Id)
        .into_tuple()
        .all(db)
        .await
}

/// Begins a purge, unless there is one of its night; true when it is new.
pub async fn insert_purge(tx: &DatabaseTransaction, row: purge::Model) -> Result<bool, DbErr> {
    let inserted = purge::Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .try_insert()
        .exec_without_returning(tx)
        .await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(rows) if rows > 0))
}

/// A purge.
pub async fn purge_by_id(db: &impl ConnectionTrait, firm_id: Uuid, id: Uuid) -> Result<Option<purge::Model>, DbErr> {
    purge::Entity::find_by_id((firm_id, id)).one(db).await
}

/// A purge, locked until the transaction ends.
pub async fn lock_purge(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid) -> Result<Option<purge::Model>, DbErr> {
    purge::Entity::find_by_id((firm_id, id)).lock_exclusive().one(tx).await
}

/// Writes a purge.
pub async fn update_purge(tx: &DatabaseTransaction, row: purge::Model) -> Result<(), DbErr> {
    purge::Entity::update(row.into_active_model().reset_all()).exec(tx).await.map(drop)
}

/// Whether a firm has a purge of a night.
pub async fn has_purge_of(db: &impl ConnectionTrait, firm_id: Uuid, day: NaiveDate) -> Result<bool, DbErr> {
    let found = purge::Entity::find()
        .filter(purge::Column::FirmId.eq(firm_id))
        .filter(purge::Column::Day.eq(day))
        .one(db)
        .await?;
    Ok(found.is_some())
}

/// Purges of a firm before an id, newest first.
pub async fn list_purges(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<purge::Model>, DbErr> {
    purge::Entity::find()
        .filter(purge::Column::FirmId.eq(firm_id))
        .apply_if(before, |query, before| query.filter(purge::Column::Id.lt(before)))
        .order_by_desc(purge::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Adds a signed line.
pub async fn insert_line(tx: &DatabaseTransaction, row: purge_line::Model) -> Result<(), DbErr> {
    row.into_active_model().insert(tx).await.map(drop)
}

/// The lines of a purge after an id.
pub async fn lines(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    purge_id: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<purge_line::Model>, DbErr> {
    purge_line::Entity::find()
        .filter(purge_line::Column::FirmId.eq(firm_id))
        .filter(purge_line::Column::PurgeId.eq(purge_id))
        .apply_if(after, |query, after| query.filter(purge_line::Column::Id.gt(after)))
        .order_by_asc(purge_line::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Auditors of a firm who are disabled and not erased.
pub async fn auditors_who_left(db: &impl ConnectionTrait, firm_id: Uuid) -> Result<Vec<membership::Model>, DbErr> {
    membership::Entity::find()
        .filter(membership::Column::FirmId.eq(firm_id))
        .filter(membership::Column::Role.eq(Role::Auditor))
        .filter(membership::Column::State.eq(MembershipState::Disabled))
        .filter(membership::Column::ErasedAt.is_null())
        .order_by_asc(membership::Column::Id)
        .all(db)
        .await
}

/// The last visits of an auditor to a chain.
#[derive(Debug, FromQueryResult)]
pub struct LastVisits {
    /// The chain.
    pub client_chain_id: Uuid,
    published: Option<DateTime<Utc>>,
    submitted: Option<DateTime<Utc>>,
    received: Option<DateTime<Utc>>,
}

impl LastVisits {
    /// The last thing that happened to any of them.
    pub fn at(&self) -> DateTime<Utc> {
        [self.published, self.submitted, self.received].into_iter().max().flatten().unwrap_or_default()
    }
}

/// The chains that an auditor visited, and when last.
pub async fn visited_chains(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    auditor_id: Uuid,
) -> Result<Vec<LastVisits>, DbErr> {
    visit::Entity::find()
        .select_only()
        .column(visit::Column::ClientChainId)
        .expr_as(Expr::col(visit::Column::PublishedAt).max(), "published")
        .expr_as(Expr::col(visit::Column::SubmittedAt).max(), "submitted")
        .expr_as(Expr::col(visit::Column::ReceivedAt).max(), "received")
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::AuditorId.eq(auditor_id))
        .group_by(visit::Column::ClientChainId)
        .into_model()
        .all(db)
        .await
}

/// Takes the kept answers of an operation that name an object; repeating such a request is a new one then.
pub async fn forget_answers(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    operation: &str,
    named: Uuid,
) -> Result<(), DbErr> {
    idempotency_key::Entity::delete_many()
        .filter(idempotency_key::Column::FirmId.eq(firm_id))
        .filter(idempotency_key::Column::Operation.eq(operation))
        .filter(idempotency_key::Column::Answer.contains(named.to_string()))
        .exec(tx)
        .await
        .map(drop)
}

//! Queries on API keys.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    FromQueryResult, IntoActiveModel, JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::entity::{api_key, firm, membership};
use crate::words::{MembershipState, Role};

/// A key with the membership that it acts under.
#[derive(Debug, FromQueryResult)]
pub struct KeyRow {
    pub id: Uuid,
    pub firm_id: Uuid,
    pub membership_id: Uuid,
    pub rights: String,
    pub expires_at: DateTime<Utc>,
    pub used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub user_id: Uuid,
    pub role: Role,
    pub scope: String,
    pub second_factor: bool,
    pub require_totp: bool,
}

/// A key by its hash, with its membership while that is active and what its firm demands: a single indexed join.
pub async fn key_by_hash(db: &impl ConnectionTrait, sha256: &str) -> Result<Option<KeyRow>, DbErr> {
    api_key::Entity::find()
        .select_only()
        .columns([
            api_key::Column::Id,
            api_key::Column::FirmId,
            api_key::Column::MembershipId,
            api_key::Column::Rights,
            api_key::Column::SecondFactor,
            api_key::Column::ExpiresAt,
            api_key::Column::UsedAt,
            api_key::Column::RevokedAt,
        ])
        .column_as(membership::Column::UserId, "user_id")
        .column_as(membership::Column::Role, "role")
        .column_as(membership::Column::Scope, "scope")
        .column_as(firm::Column::RequireTotp, "require_totp")
        .join(
            JoinType::InnerJoin,
            api_key::Entity::belongs_to(membership::Entity)
                .from((api_key::Column::FirmId, api_key::Column::MembershipId))
                .to((membership::Column::FirmId, membership::Column::Id))
                .on_condition(|_, _| membership::Column::State.eq(MembershipState::Active).into())
                .into(),
        )
        .join(
            JoinType::InnerJoin,
            api_key::Entity::belongs_to(firm::Entity).from(api_key::Column::FirmId).to(firm::Column::Id).into(),
        )
        .filter(api_key::Column::KeySha256.eq(sha256))
        .into_model::<KeyRow>()
        .one(db)
        .await
}

/// Adds a key.
pub async fn insert(tx: &DatabaseTransaction, row: api_key::Model) -> Result<(), DbErr> {
    row.into_active_model().insert(tx).await.map(drop)
}

/// How many live keys a membership has.
pub async fn count_live(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    membership_id: Uuid,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    api_key::Entity::find()
        .filter(api_key::Column::FirmId.eq(firm_id))
        .filter(api_key::Column::MembershipId.eq(membership_id))
        .filter(api_key::Column::RevokedAt.is_null())
        .filter(api_key::Column::ExpiresAt.gt(now))
        .count(tx)
        .await
}

/// Keys of a firm after an id: of one membership, or of all.
pub async fn list(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    membership_id: Option<Uuid>,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<api_key::Model>, DbErr> {
    api_key::Entity::find()
        .filter(api_key::Column::FirmId.eq(firm_id))
        .apply_if(membership_id, |query, id| query.filter(api_key::Column::MembershipId.eq(id)))
        .apply_if(after, |query, after| query.filter(api_key::Column::Id.gt(after)))
        .order_by_asc(api_key::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Revokes a key of a firm: of one membership, or of any; false when there is none to revoke.
pub async fn revoke(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    membership_id: Option<Uuid>,
    id: Uuid,
    at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let mut update = api_key::Entity::update_many()
        .col_expr(api_key::Column::RevokedAt, Expr::value(at))
        .filter(api_key::Column::FirmId.eq(firm_id))
        .filter(api_key::Column::Id.eq(id))
        .filter(api_key::Column::RevokedAt.is_null());
    if let Some(id) = membership_id {
        update = update.filter(api_key::Column::MembershipId.eq(id));
    }
    Ok(update.exec(tx).await?.rows_affected == 1)
}

/// Revokes all live keys of a membership, and gives their ids.
pub async fn revoke_all(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    membership_id: Uuid,
    at: DateTime<Utc>,
) -> Result<Vec<Uuid>, DbErr> {
    let ids: Vec<Uuid> = api_key::Entity::find()
        .select_only()
        .column(api_key::Column::Id)
        .filter(api_key::Column::FirmId.eq(firm_id))
        .filter(api_key::Column::MembershipId.eq(membership_id))
        .filter(api_key::Column::RevokedAt.is_null())
        .filter(api_key::Column::ExpiresAt.gt(at))
        .order_by_asc(api_key::Column::Id)
        .into_tuple()
        .all(tx)
        .await?;
    if !ids.is_empty() {
        api_key::Entity::update_many()
            .col_expr(api_key::Column::RevokedAt, Expr::value(at))
            .filter(api_key::Column::FirmId.eq(firm_id))
            .filter(api_key::Column::Id.is_in(ids.iter().copied()))
            .exec(tx)
            .await?;
    }
    Ok(ids)
}

/// Notes that a key was used, unless it was noted since `before`.
pub async fn note_use(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    id: Uuid,
    at: DateTime<Utc>,
    before: DateTime<Utc>,
) -> Result<(), DbErr> {
    let is_old = Condition::any().add(api_key::Column::UsedAt.is_null()).add(api_key::Column::UsedAt.lte(before));
    api_key::Entity::update_many()
        .col_expr(api_key::Column::UsedAt, Expr::value(at))
        .filter(api_key::Column::FirmId.eq(firm_id))
        .filter(api_key::Column::Id.eq(id))
        .filter(is_old)
        .exec(tx)
        .await
        .map(drop)
}

/// Whether a key was not revoked.
pub async fn is_live(db: &impl ConnectionTrait, firm_id: Uuid, id: Uuid) -> Result<bool, DbErr> {
    let row = api_key::Entity::find_by_id((firm_id, id)).one(db).await?;
    Ok(row.is_some_and(|row| row.revoked_at.is_none()))
}

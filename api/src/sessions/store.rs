//! Queries on sessions.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, LockType, SimpleExpr};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    FromQueryResult, IntoActiveModel, JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::entity::{firm, membership, session, user};
use crate::words::{MembershipState, Role};

/// A session joined with one active membership of its person, if there is any.
#[derive(Debug, FromQueryResult)]
pub struct SessionRow {
    pub id: Uuid,
    pub family_id: Uuid,
    pub user_id: Uuid,
    pub session_membership_id: Option<Uuid>,
    pub second_factor: bool,
    pub signed_in_at: DateTime<Utc>,
    pub access_expires_at: DateTime<Utc>,
    pub used_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub membership_id: Option<Uuid>,
    pub firm_id: Option<Uuid>,
    pub role: Option<Role>,
    pub scope: Option<String>,
    pub sessions_after: Option<DateTime<Utc>>,
    pub require_totp: Option<bool>,
}

/// The session of a token with the person's active memberships, one row each: a single indexed join.
pub async fn session_by_access(db: &impl ConnectionTrait, access_sha256: &str) -> Result<Vec<SessionRow>, DbErr> {
    session::Entity::find()
        .select_only()
        .columns([
            session::Column::Id,
            session::Column::FamilyId,
            session::Column::UserId,
            session::Column::SecondFactor,
            session::Column::SignedInAt,
            session::Column::AccessExpiresAt,
            session::Column::UsedAt,
            session::Column::EndedAt,
        ])
        .column_as(session::Column::MembershipId, "session_membership_id")
        .column_as(membership::Column::Id, "membership_id")
        .column_as(membership::Column::FirmId, "firm_id")
        .column_as(membership::Column::Role, "role")
        .column_as(membership::Column::Scope, "scope")
        .column_as(membership::Column::SessionsAfter, "sessions_after")
        .column_as(firm::Column::RequireTotp, "require_totp")
        .join(
            JoinType::LeftJoin,
            session::Entity::belongs_to(membership::Entity)
                .from(session::Column::UserId)
                .to(membership::Column::UserId)
                .on_condition(|_, _| membership::Column::State.eq(MembershipState::Active).into())
                .into(),
        )
        .join(
            JoinType::LeftJoin,
            membership::Entity::belongs_to(firm::Entity).from(membership::Column::FirmId).to(firm::Column::Id).into(),
        )
        .filter(session::Column::AccessSha256.eq(access_sha256))
        .into_model::<SessionRow>()
        .all(db)
        .await
}

/// Adds a session.
pub async fn insert(tx: &DatabaseTransaction, row: session::Model) -> Result<(), DbErr> {
    row.into_active_model().insert(tx).await.map(drop)
}

/// The person's row, locked until the transaction ends. Everything that changes sessions, credentials and links of a
/// person locks it first; a membership of theirs may be added meanwhile.
pub async fn lock_user(tx: &DatabaseTransaction, user_id: Uuid) -> Result<Option<user::Model>, DbErr> {
    user::Entity::find_by_id(user_id).lock(LockType::NoKeyUpdate).one(tx).await
}

/// A session by the hash of its refresh token.
pub async fn session_by_refresh(db: &impl ConnectionTrait, sha256: &str) -> Result<Option<session::Model>, DbErr> {
    session::Entity::find().filter(session::Column::RefreshSha256.eq(sha256)).one(db).await
}

/// The newest session of the device whose refresh tokens have this part in common, while it is signed in.
pub async fn live_by_device(
    db: &impl ConnectionTrait,
    device_sha256: &str,
    now: DateTime<Utc>,
) -> Result<Option<session::Model>, DbErr> {
    session::Entity::find()
        .filter(session::Column::DeviceSha256.eq(device_sha256))
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::RefreshExpiresAt.gt(now))
        .order_by_desc(session::Column::Id)
        .limit(1)
        .one(db)
        .await
}

/// The session of a device that took the place of one which seemed lost: the next one that was not superseded itself.
pub async fn twin_of(db: &impl ConnectionTrait, row: &session::Model) -> Result<Option<session::Model>, DbErr> {
    session::Entity::find()
        .filter(session::Column::FamilyId.eq(row.family_id))
        .filter(session::Column::Id.gt(row.id))
        .filter(session::Column::Superseded.eq(false))
        .order_by_asc(session::Column::Id)
        .limit(1)
        .one(db)
        .await
}

/// Notes that a superseded session was asked for, so that it is told once.
pub async fn note_told(tx: &DatabaseTransaction, id: Uuid) -> Result<(), DbErr> {
    session::Entity::update_many()
        .col_expr(session::Column::Refreshes, Expr::col(session::Column::Refreshes).add(1))
        .filter(session::Column::Id.eq(id))
        .exec(tx)
        .await
        .map(drop)
}

/// A session.
pub async fn session_by_id(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<session::Model>, DbErr> {
    session::Entity::find_by_id(id).one(db).await
}

/// Notes that a refresh token was exchanged for those of another session.
pub async fn set_replaced(tx: &DatabaseTransaction, id: Uuid, by: Uuid, at: DateTime<Utc>) -> Result<(), DbErr> {
    session::Entity::update_many()
        .col_expr(session::Column::ReplacedBy, Expr::value(by))
        .col_expr(session::Column::Refreshes, Expr::col(session::Column::Refreshes).add(1))
        .col_expr(session::Column::RefreshedAt, Expr::value(at))
        .filter(session::Column::Id.eq(id))
        .exec(tx)
        .await
        .map(drop)
}

/// Ends a session whose tokens nobody used, because others were given instead.
pub async fn supersede(tx: &DatabaseTransaction, id: Uuid, at: DateTime<Utc>) -> Result<(), DbErr> {
    session::Entity::update_many()
        .col_expr(session::Column::Superseded, Expr::value(true))
        .col_expr(session::Column::EndedAt, Expr::value(at))
        .filter(session::Column::Id.eq(id))
        .exec(tx)
        .await
        .map(drop)
}

/// Notes that a session was used, unless it was noted since `before`.
pub async fn note_use(
    tx: &DatabaseTransaction,
    id: Uuid,
    at: DateTime<Utc>,
    before: DateTime<Utc>,
) -> Result<(), DbErr> {
    let is_old = Condition::any().add(session::Column::UsedAt.is_null()).add(session::Column::UsedAt.lte(before));
    session::Entity::update_many()
        .col_expr(session::Column::UsedAt, Expr::value(at))
        .filter(session::Column::Id.eq(id))
        .filter(is_old)
        .exec(tx)
        .await
        .map(drop)
}

/// Which sessions of a person to end.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// All.
    All,
    /// Those of one device.
    Family(Uuid),
    /// Those of all other devices.
    AllBut(Uuid),
}

/// Ends sessions of a person; false when none was left to end.
pub async fn end(tx: &DatabaseTransaction, user_id: Uuid, which: Which, at: DateTime<Utc>) -> Result<bool, DbErr> {
    let family = session::Column::FamilyId;
    let which = match which {
        Which::All => Condition::all(),
        Which::Family(id) => Condition::all().add(family.eq(id)),
        Which::AllBut(id) => Condition::all().add(family.ne(id)),
    };
    let ended = session::Entity::update_many()
        .col_expr(session::Column::EndedAt, Expr::value(at))
        .filter(session::Column::UserId.eq(user_id))
        .filter(which)
        .filter(session::Column::EndedAt.is_null())
        .exec(tx)
        .await?;
    Ok(ended.rows_affected > 0)
}

/// Forgets all sessions of a person, and with them the devices and places they came from.
pub async fn forget_all(tx: &DatabaseTransaction, user_id: Uuid) -> Result<(), DbErr> {
    session::Entity::delete_many().filter(session::Column::UserId.eq(user_id)).exec(tx).await.map(drop)
}

/// Whether a device is signed in, since after `after` if that is given. Ask with the person locked.
pub async fn is_live(db: &impl ConnectionTrait, family_id: Uuid, after: Option<DateTime<Utc>>) -> Result<bool, DbErr> {
    let count = session::Entity::find()
        .filter(session::Column::FamilyId.eq(family_id))
        .filter(session::Column::EndedAt.is_null())
        .apply_if(after, |query, after| query.filter(session::Column::SignedInAt.gt(after)))
        .count(db)
        .await?;
    Ok(count > 0)
}

/// Notes for a device, or for all of a person, whether a second factor was shown.
pub async fn set_second_factor(
    tx: &DatabaseTransaction,
    user_id: Uuid,
    family_id: Option<Uuid>,
    shown: bool,
) -> Result<(), DbErr> {
    let mut update = session::Entity::update_many()
        .col_expr(session::Column::SecondFactor, Expr::value(shown))
        .filter(session::Column::UserId.eq(user_id));
    if let Some(id) = family_id {
        update = update.filter(session::Column::FamilyId.eq(id));
    }
    update.exec(tx).await.map(drop)
}

/// The newest session of each live device of a person, in the order they signed in.
pub async fn devices(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<session::Model>, DbErr> {
    session::Entity::find()
        .filter(session::Column::UserId.eq(user_id))
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::ReplacedBy.is_null())
        .filter(session::Column::RefreshExpiresAt.gt(now))
        .order_by_asc(session::Column::FamilyId)
        .limit(limit)
        .all(db)
        .await
}

/// The device of a person whose refresh tokens have this part in common, signed in or not.
pub async fn family_of(db: &impl ConnectionTrait, user_id: Uuid, device_sha256: &str) -> Result<Option<Uuid>, DbErr> {
    let row = session::Entity::find()
        .filter(session::Column::UserId.eq(user_id))
        .filter(session::Column::DeviceSha256.eq(device_sha256))
        .one(db)
        .await?;
    Ok(row.map(|row| row.family_id))
}

/// Whether somebody signed in to an account from a place before.
pub async fn is_known_place(db: &impl ConnectionTrait, email: &str, address_sha256: &str) -> Result<bool, DbErr> {
    is_known(db, email, session::Column::AddressSha256.eq(address_sha256)).await
}

/// Whether somebody signed in to an account with the device whose refresh tokens have this part in common.
pub async fn is_known_device(db: &impl ConnectionTrait, email: &str, device_sha256: &str) -> Result<bool, DbErr> {
    is_known(db, email, session::Column::DeviceSha256.eq(device_sha256)).await
}

async fn is_known(db: &impl ConnectionTrait, email: &str, known: SimpleExpr) -> Result<bool, DbErr> {
    let count = session::Entity::find()
        .join(
            JoinType::InnerJoin,
            session::Entity::belongs_to(user::Entity).from(session::Column::UserId).to(user::Column::Id).into(),
        )
        .filter(user::Column::Email.eq(email))
        .filter(known)
        .count(db)
        .await?;
    Ok(count > 0)
}

/// Forgets what nothing depends on any more: tokens of a person that have run out, and tokens exchanged some time ago.
/// Whoever still sends one of those is known by the part that all tokens of the device share ([`live_by_device`]): the
/// newest row of a device stays as long as the device may be signed in.
pub async fn forget(
    tx: &DatabaseTransaction,
    user_id: Uuid,
    now: DateTime<Utc>,
    exchanged_before: DateTime<Utc>,
) -> Result<(), DbErr> {
    let exchanged = Condition::all()
        .add(session::Column::ReplacedBy.is_not_null())
        .add(session::Column::RefreshedAt.lt(exchanged_before))
        .add(session::Column::AccessExpiresAt.lt(now));
    session::Entity::delete_many()
        .filter(session::Column::UserId.eq(user_id))
        .filter(Condition::any().add(session::Column::RefreshExpiresAt.lt(now)).add(exchanged))
        .exec(tx)
        .await
        .map(drop)
}

//! Queries on people, memberships and sessions.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, FromQueryResult,
    IntoActiveModel, JoinType, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::entity::{credential, firm, membership, session, user};
use crate::words::{CredentialKind, MembershipState, Role};

/// A live session joined with one active membership of its person, if there is any.
#[derive(Debug, FromQueryResult)]
pub struct SessionRow {
    pub session_id: Uuid,
    pub user_id: Uuid,
    pub session_membership_id: Option<Uuid>,
    pub access_expires_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub membership_id: Option<Uuid>,
    pub firm_id: Option<Uuid>,
    pub role: Option<Role>,
    pub scope: Option<String>,
}

/// The session of a token with the person's active memberships, one row each: a single indexed join.
pub async fn session_by_token(db: &impl ConnectionTrait, access_sha256: &str) -> Result<Vec<SessionRow>, DbErr> {
    session::Entity::find()
        .select_only()
        .column_as(session::Column::Id, "session_id")
        .column(session::Column::UserId)
        .column_as(session::Column::MembershipId, "session_membership_id")
        .column(session::Column::AccessExpiresAt)
        .column(session::Column::EndedAt)
        .column_as(membership::Column::Id, "membership_id")
        .column_as(membership::Column::FirmId, "firm_id")
        .column_as(membership::Column::Role, "role")
        .column_as(membership::Column::Scope, "scope")
        .join(
            JoinType::LeftJoin,
            session::Entity::belongs_to(membership::Entity)
                .from(session::Column::UserId)
                .to(membership::Column::UserId)
                .on_condition(|_, _| membership::Column::State.eq(MembershipState::Active).into())
                .into(),
        )
        .filter(session::Column::AccessSha256.eq(access_sha256))
        .into_model::<SessionRow>()
        .all(db)
        .await
}

/// Adds a session.
pub async fn insert_session(tx: &DatabaseTransaction, row: session::Model) -> Result<(), DbErr> {
    row.into_active_model().insert(tx).await.map(drop)
}

/// Ends a session.
pub async fn end_session(tx: &DatabaseTransaction, id: Uuid, at: DateTime<Utc>) -> Result<(), DbErr> {
    session::Entity::update_many()
        .col_expr(session::Column::EndedAt, Expr::value(at))
        .filter(session::Column::Id.eq(id))
        .filter(session::Column::EndedAt.is_null())
        .exec(tx)
        .await
        .map(drop)
}

/// A person by e-mail address, which is kept in lower case.
pub async fn user_by_email(db: &impl ConnectionTrait, email: &str) -> Result<Option<user::Model>, DbErr> {
    user::Entity::find().filter(user::Column::Email.eq(email)).one(db).await
}

/// A person.
pub async fn user_by_id(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<user::Model>, DbErr> {
    user::Entity::find_by_id(id).one(db).await
}

/// Adds a person unless somebody has the address, and answers with whoever has it then. Another firm that is adding the
/// same address is waited for.
pub async fn insert_user(tx: &DatabaseTransaction, row: user::Model) -> Result<user::Model, DbErr> {
    let free = OnConflict::column(user::Column::Email).do_nothing().to_owned();
    user::Entity::insert(row.clone().into_active_model()).on_conflict(free).exec_without_returning(tx).await?;
    let found = user_by_email(tx, &row.email).await?;
    found.ok_or_else(|| DbErr::RecordNotFound(format!("users {}", row.id)))
}

/// Adds a credential.
pub async fn insert_credential(tx: &DatabaseTransaction, row: credential::Model) -> Result<(), DbErr> {
    row.into_active_model().insert(tx).await.map(drop)
}

/// The stored hash of a person's password.
pub async fn password_hash(db: &impl ConnectionTrait, user_id: Uuid) -> Result<Option<String>, DbErr> {
    let row = credential::Entity::find()
        .filter(credential::Column::UserId.eq(user_id))
        .filter(credential::Column::Kind.eq(CredentialKind::Password))
        .one(db)
        .await?;
    Ok(row.map(|row| row.secret))
}

/// The memberships of a person that have come so far, with the names of their firms.
pub async fn memberships_of(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    state: MembershipState,
) -> Result<Vec<(membership::Model, String)>, DbErr> {
    let rows = membership::Entity::find()
        .filter(membership::Column::UserId.eq(user_id))
        .filter(membership::Column::State.eq(state))
        .order_by_asc(membership::Column::Id)
        .all(db)
        .await?;
    let firms = firm::Entity::find().filter(firm::Column::Id.is_in(rows.iter().map(|row| row.firm_id))).all(db).await?;
    let name = |id| firms.iter().find(|firm| firm.id == id).map(|firm| firm.name.clone()).unwrap_or_default();
    Ok(rows
        .into_iter()
        .map(|row| {
            let name = name(row.firm_id);
            (row, name)
        })
        .collect())
}

/// Makes a pending membership of a firm active; false when it is not pending any more.
pub async fn activate_membership(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid) -> Result<bool, DbErr> {
    let done = membership::Entity::update_many()
        .col_expr(membership::Column::State, Expr::value(MembershipState::Active))
        .filter(membership::Column::FirmId.eq(firm_id))
        .filter(membership::Column::Id.eq(id))
        .filter(membership::Column::State.eq(MembershipState::Pending))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Adds a membership.
pub async fn insert_membership(tx: &DatabaseTransaction, row: membership::Model) -> Result<(), DbErr> {
    row.into_active_model().insert(tx).await.map(drop)
}

/// A membership of a person in a firm with this role, if there is one.
pub async fn membership_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    user_id: Uuid,
    role: Role,
) -> Result<Option<membership::Model>, DbErr> {
    membership::Entity::find()
        .filter(membership::Column::FirmId.eq(firm_id))
        .filter(membership::Column::UserId.eq(user_id))
        .filter(membership::Column::Role.eq(role))
        .one(db)
        .await
}

/// Memberships of a firm with a role, by id.
pub async fn memberships_with_role(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    role: Role,
    ids: &[Uuid],
) -> Result<Vec<Uuid>, DbErr> {
    membership::Entity::find()
        .select_only()
        .column(membership::Column::Id)
        .filter(membership::Column::FirmId.eq(firm_id))
        .filter(membership::Column::Role.eq(role))
        .filter(membership::Column::State.eq(MembershipState::Active))
        .filter(membership::Column::Id.is_in(ids.iter().copied()))
        .into_tuple()
        .all(db)
        .await
}

/// People of a firm after an id, with their e-mail addresses.
pub async fn list_users(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    role: Option<Role>,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<(membership::Model, String)>, DbErr> {
    let rows = membership::Entity::find()
        .filter(membership::Column::FirmId.eq(firm_id))
        .apply_if(role, |query, role| query.filter(membership::Column::Role.eq(role)))
        .apply_if(after, |query, after| query.filter(membership::Column::Id.gt(after)))
        .order_by_asc(membership::Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    let users = user::Entity::find().filter(user::Column::Id.is_in(rows.iter().map(|row| row.user_id))).all(db).await?;
    let email = |id| users.iter().find(|user| user.id == id).map(|user| user.email.clone()).unwrap_or_default();
    Ok(rows
        .into_iter()
        .map(|row| {
            let email = email(row.user_id);
            (row, email)
        })
        .collect())
}

/// Adds a firm.
pub async fn insert_firm(tx: &DatabaseTransaction, row: firm::Model) -> Result<(), DbErr> {
    row.into_active_model().insert(tx).await.map(drop)
}

/// All firms, by code; commands that need one firm choose from them.
pub async fn list_firms(db: &impl ConnectionTrait) -> Result<Vec<firm::Model>, DbErr> {
    firm::Entity::find().order_by_asc(firm::Column::Code).all(db).await
}

/// A firm.
pub async fn firm_by_id(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<firm::Model>, DbErr> {
    firm::Entity::find_by_id(id).one(db).await
}

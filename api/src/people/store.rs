//! Queries on people, memberships and firms.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, JoinType,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::entity::{firm, membership, user};
use crate::words::{MembershipState, Role};

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

/// The memberships of a person in any state, each with its firm first.
pub async fn membership_ids_of(db: &impl ConnectionTrait, user_id: Uuid) -> Result<Vec<(Uuid, Uuid)>, DbErr> {
    membership::Entity::find()
        .select_only()
        .column(membership::Column::FirmId)
        .column(membership::Column::Id)
        .filter(membership::Column::UserId.eq(user_id))
        .into_tuple()
        .all(db)
        .await
}

/// Makes a pending membership of a firm active; false when it is not pending any more.
pub async fn activate_membership(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    id: Uuid,
    at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let done = membership::Entity::update_many()
        .col_expr(membership::Column::AcceptedAt, Expr::value(at))
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

/// A membership of a firm.
pub async fn membership_by_id(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    id: Uuid,
) -> Result<Option<membership::Model>, DbErr> {
    membership::Entity::find_by_id((firm_id, id)).one(db).await
}

/// Writes what the firm may change of a membership.
pub async fn change_membership(tx: &DatabaseTransaction, row: &membership::Model) -> Result<(), DbErr> {
    membership::Entity::update_many()
        .col_expr(membership::Column::Name, Expr::value(row.name.as_str()))
        .col_expr(membership::Column::Role, Expr::value(row.role))
        .col_expr(membership::Column::Scope, Expr::value(row.scope.as_str()))
        .col_expr(membership::Column::State, Expr::value(row.state))
        .filter(membership::Column::FirmId.eq(row.firm_id))
        .filter(membership::Column::Id.eq(row.id))
        .exec(tx)
        .await
        .map(drop)
}

/// Ends all sessions of a membership that were begun until `at`.
pub async fn end_sessions_of(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    id: Uuid,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    membership::Entity::update_many()
        .col_expr(membership::Column::SessionsAfter, Expr::value(at))
        .filter(membership::Column::FirmId.eq(firm_id))
        .filter(membership::Column::Id.eq(id))
        .exec(tx)
        .await
        .map(drop)
}

/// Whether a person is active in another firm. One that only invites them does not show here: a firm could see by it
/// what another one does.
pub async fn has_other_firm(tx: &DatabaseTransaction, user_id: Uuid, firm_id: Uuid) -> Result<bool, DbErr> {
    let count = membership::Entity::find()
        .filter(membership::Column::UserId.eq(user_id))
        .filter(membership::Column::FirmId.ne(firm_id))
        .filter(membership::Column::State.eq(MembershipState::Active))
        .count(tx)
        .await?;
    Ok(count > 0)
}

/// How many active firm admins a firm has beside one membership.
pub async fn count_other_admins(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid) -> Result<u64, DbErr> {
    membership::Entity::find()
        .filter(membership::Column::FirmId.eq(firm_id))
        .filter(membership::Column::Role.eq(Role::FirmAdmin))
        .filter(membership::Column::State.eq(MembershipState::Active))
        .filter(membership::Column::Id.ne(id))
        .count(tx)
        .await
}

/// The firms and roles of a person's active memberships, and whether the firm demands a second factor.
pub async fn demands_on(db: &impl ConnectionTrait, user_id: Uuid) -> Result<Vec<(Role, bool)>, DbErr> {
    membership::Entity::find()
        .select_only()
        .column(membership::Column::Role)
        .column(firm::Column::RequireTotp)
        .join(
            JoinType::InnerJoin,
            membership::Entity::belongs_to(firm::Entity).from(membership::Column::FirmId).to(firm::Column::Id).into(),
        )
        .filter(membership::Column::UserId.eq(user_id))
        .filter(membership::Column::State.eq(MembershipState::Active))
        .into_tuple()
        .all(db)
        .await
}

/// Writes what may be changed of a firm.
pub async fn change_firm(tx: &DatabaseTransaction, row: &firm::Model) -> Result<(), DbErr> {
    firm::Entity::update_many()
        .col_expr(firm::Column::Name, Expr::value(row.name.as_str()))
        .col_expr(firm::Column::RequireTotp, Expr::value(row.require_totp))
        .filter(firm::Column::Id.eq(row.id))
        .exec(tx)
        .await
        .map(drop)
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

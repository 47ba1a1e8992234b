//! Queries on credentials and one-time links.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    FromQueryResult, IntoActiveModel, JoinType, PaginatorTrait, QueryFilter, QuerySelect,
};
use uuid::Uuid;

use crate::entity::{credential, firm, link, membership, user};
use crate::words::{CredentialKind, LinkKind, MembershipState};

/// A person with the hash of the password, if there is one.
#[derive(Clone, FromQueryResult)]
pub struct Account {
    pub user_id: Uuid,
    pub password_hash: Option<String>,
}

/// The account of an e-mail address, which is kept in lower case. One query, whoever it is.
pub async fn account_by_email(db: &impl ConnectionTrait, email: &str) -> Result<Option<Account>, DbErr> {
    user::Entity::find()
        .select_only()
        .column_as(user::Column::Id, "user_id")
        .column_as(credential::Column::Secret, "password_hash")
        .join(
            JoinType::LeftJoin,
            user::Entity::belongs_to(credential::Entity)
                .from(user::Column::Id)
                .to(credential::Column::UserId)
                .on_condition(|_, _| credential::Column::Kind.eq(CredentialKind::Password).into())
                .into(),
        )
        .filter(user::Column::Email.eq(email))
        .into_model::<Account>()
        .one(db)
        .await
}

/// A person's credentials of a kind.
pub async fn credentials(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    kind: CredentialKind,
) -> Result<Vec<credential::Model>, DbErr> {
    credential::Entity::find()
        .filter(credential::Column::UserId.eq(user_id))
        .filter(credential::Column::Kind.eq(kind))
        .all(db)
        .await
}

/// How many credentials of a kind a person has.
pub async fn count_credentials(db: &impl ConnectionTrait, user_id: Uuid, kind: CredentialKind) -> Result<u64, DbErr> {
    credential::Entity::find()
        .filter(credential::Column::UserId.eq(user_id))
        .filter(credential::Column::Kind.eq(kind))
        .count(db)
        .await
}

/// Adds credentials.
pub async fn insert_credentials(tx: &DatabaseTransaction, rows: Vec<credential::Model>) -> Result<(), DbErr> {
    let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
    credential::Entity::insert_many(rows).exec_without_returning(tx).await.map(drop)
}

/// Removes a person's credentials of some kinds.
pub async fn remove_credentials(
    tx: &DatabaseTransaction,
    user_id: Uuid,
    kinds: &[CredentialKind],
) -> Result<(), DbErr> {
    credential::Entity::delete_many()
        .filter(credential::Column::UserId.eq(user_id))
        .filter(credential::Column::Kind.is_in(kinds.iter().copied()))
        .exec(tx)
        .await
        .map(drop)
}

/// Gives a person this password, in place of the one they had.
pub async fn set_password(
    tx: &DatabaseTransaction,
    id: Uuid,
    user_id: Uuid,
    hash: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    remove_credentials(tx, user_id, &[CredentialKind::Password]).await?;
    let (kind, secret) = (CredentialKind::Password, hash.to_owned());
    let row =
        credential::Model { id, user_id, kind, secret, created_at: now, confirmed_at: Some(now), last_step: None };
    row.into_active_model().insert(tx).await.map(drop)
}

/// Uses a step of a second factor; false when it or a later one was used before.
pub async fn use_step(tx: &DatabaseTransaction, id: Uuid, step: i64) -> Result<bool, DbErr> {
    let last = credential::Column::LastStep;
    let used = credential::Entity::update_many()
        .col_expr(last, Expr::value(step))
        .filter(credential::Column::Id.eq(id))
        .filter(Condition::any().add(last.is_null()).add(last.lt(step)))
        .exec(tx)
        .await?;
    Ok(used.rows_affected == 1)
}

/// Notes that a second factor works, and the step that showed it.
pub async fn confirm(tx: &DatabaseTransaction, id: Uuid, step: i64, now: DateTime<Utc>) -> Result<(), DbErr> {
    credential::Entity::update_many()
        .col_expr(credential::Column::ConfirmedAt, Expr::value(now))
        .col_expr(credential::Column::LastStep, Expr::value(step))
        .filter(credential::Column::Id.eq(id))
        .exec(tx)
        .await
        .map(drop)
}

/// Uses a recovery code; false when there is none like it.
pub async fn use_recovery_code(tx: &DatabaseTransaction, user_id: Uuid, sha256: &str) -> Result<bool, DbErr> {
    let used = credential::Entity::delete_many()
        .filter(credential::Column::UserId.eq(user_id))
        .filter(credential::Column::Kind.eq(CredentialKind::RecoveryCode))
        .filter(credential::Column::Secret.eq(sha256))
        .exec(tx)
        .await?;
    Ok(used.rows_affected > 0)
}

/// Adds a link, in place of one with the same id.
pub async fn put_link(tx: &DatabaseTransaction, row: link::Model) -> Result<(), DbErr> {
    link::Entity::delete_by_id(row.id).exec(tx).await?;
    // What ran out long ago helps nobody.
    link::Entity::delete_many()
        .filter(link::Column::UserId.eq(row.user_id))
        .filter(link::Column::ExpiresAt.lt(row.created_at))
        .exec(tx)
        .await?;
    row.into_active_model().insert(tx).await.map(drop)
}

/// A link that can still be used.
pub async fn usable_link(
    db: &impl ConnectionTrait,
    kind: LinkKind,
    token_sha256: &str,
    now: DateTime<Utc>,
) -> Result<Option<link::Model>, DbErr> {
    link::Entity::find()
        .filter(link::Column::TokenSha256.eq(token_sha256))
        .filter(link::Column::Kind.eq(kind))
        .filter(link::Column::UsedAt.is_null())
        .filter(link::Column::ExpiresAt.gt(now))
        .one(db)
        .await
}

/// Uses up all links of a person of a kind and, for invitations, of a membership.
pub async fn use_links(
    tx: &DatabaseTransaction,
    user_id: Uuid,
    kind: LinkKind,
    membership_id: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let mut update = link::Entity::update_many()
        .col_expr(link::Column::UsedAt, Expr::value(now))
        .filter(link::Column::UserId.eq(user_id))
        .filter(link::Column::Kind.eq(kind))
        .filter(link::Column::UsedAt.is_null());
    if let Some(id) = membership_id {
        update = update.filter(link::Column::MembershipId.eq(id));
    }
    update.exec(tx).await.map(drop)
}

/// Notes that a person's address is theirs.
pub async fn set_proven(tx: &DatabaseTransaction, user_id: Uuid, at: DateTime<Utc>) -> Result<(), DbErr> {
    user::Entity::update_many()
        .col_expr(user::Column::ProvenAt, Expr::value(at))
        .filter(user::Column::Id.eq(user_id))
        .exec(tx)
        .await
        .map(drop)
}

/// How a person wants to be called.
pub async fn set_name(tx: &DatabaseTransaction, user_id: Uuid, name: &str) -> Result<(), DbErr> {
    user::Entity::update_many()
        .col_expr(user::Column::Name, Expr::value(name))
        .filter(user::Column::Id.eq(user_id))
        .exec(tx)
        .await
        .map(drop)
}

/// The names of the firms in which a person is active. Those that only invite are not in it: whoever holds an account
/// could find out by passwords which are refused.
pub async fn firm_names(db: &impl ConnectionTrait, user_id: Uuid) -> Result<Vec<String>, DbErr> {
    membership::Entity::find()
        .select_only()
        .column(firm::Column::Name)
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

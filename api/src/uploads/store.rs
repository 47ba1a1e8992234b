//! Queries on uploads.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    FromQueryResult, IntoActiveModel, JoinType, QueryFilter, QueryOrder, QuerySelect, UpdateMany,
};
use uuid::Uuid;

use crate::entity::{evidence, membership, upload};
use crate::http::limits::FILE_LIMIT_BYTES;
use crate::words::{MembershipState, Role, UploadState};

/// Whose an upload is, and whether they still may.
#[derive(Debug, FromQueryResult)]
pub struct Owner {
    /// The firm.
    pub firm_id: Uuid,
    /// The upload.
    pub id: Uuid,
    /// The state of the membership that began it.
    pub state: MembershipState,
    /// Its role.
    pub role: Role,
}

/// Whose the upload with a code is. The code is all that a request names, and unguessable, so there is no firm to ask
/// for first.
pub async fn owner_by_code(db: &impl ConnectionTrait, code_sha256: &str) -> Result<Option<Owner>, DbErr> {
    upload::Entity::find()
        .select_only()
        .columns([upload::Column::FirmId, upload::Column::Id])
        .column_as(membership::Column::State, "state")
        .column_as(membership::Column::Role, "role")
        .join(
            JoinType::InnerJoin,
            upload::Entity::belongs_to(membership::Entity)
                .from((upload::Column::FirmId, upload::Column::MembershipId))
                .to((membership::Column::FirmId, membership::Column::Id))
                .into(),
        )
        .filter(upload::Column::CodeSha256.eq(code_sha256))
        .into_model::<Owner>()
        .one(db)
        .await
}

/// One upload.
pub async fn upload_by_id(db: &impl ConnectionTrait, firm_id: Uuid, id: Uuid) -> Result<Option<upload::Model>, DbErr> {
    upload::Entity::find_by_id((firm_id, id)).one(db).await
}

/// The newest upload of a file that came to its end or is on the way.
pub async fn upload_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    evidence_id: Uuid,
    state: UploadState,
) -> Result<Option<upload::Model>, DbErr> {
    upload::Entity::find()
        .filter(upload::Column::FirmId.eq(firm_id))
        .filter(upload::Column::EvidenceId.eq(evidence_id))
        .filter(upload::Column::State.eq(state))
        .order_by_desc(upload::Column::Id)
        .one(db)
        .await
}

/// What a membership has still to send by its open uploads of other files than one, in bytes.
pub async fn open_bytes(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    membership_id: Uuid,
    evidence_id: Uuid,
    now: DateTime<Utc>,
) -> Result<i64, DbErr> {
    let open: Vec<(Option<i64>, i64, Option<i64>)> = upload::Entity::find()
        .select_only()
        .columns([upload::Column::Length, upload::Column::Received])
        .column(evidence::Column::Bytes)
        .join(
            JoinType::InnerJoin,
            upload::Entity::belongs_to(evidence::Entity)
                .from((upload::Column::FirmId, upload::Column::EvidenceId))
                .to((evidence::Column::FirmId, evidence::Column::Id))
                .into(),
        )
        .filter(upload::Column::FirmId.eq(firm_id))
        .filter(upload::Column::MembershipId.eq(membership_id))
        .filter(upload::Column::State.eq(UploadState::Open))
        .filter(upload::Column::EvidenceId.ne(evidence_id))
        .filter(upload::Column::ExpiresAt.gt(now))
        .into_tuple()
        .all(db)
        .await?;
    let most = i64::try_from(FILE_LIMIT_BYTES).unwrap_or(i64::MAX);
    let to_come = |(length, received, announced): (Option<i64>, i64, Option<i64>)| {
        length.or(announced).unwrap_or(most).saturating_sub(received).max(0)
    };
    Ok(open.into_iter().map(to_come).sum())
}

/// Adds an upload.
pub async fn insert(tx: &DatabaseTransaction, row: upload::Model) -> Result<(), DbErr> {
    row.into_active_model().insert(tx).await.map(drop)
}

/// A change of one upload.
fn change(firm_id: Uuid, id: Uuid) -> UpdateMany<upload::Entity> {
    upload::Entity::update_many().filter(upload::Column::FirmId.eq(firm_id)).filter(upload::Column::Id.eq(id))
}

/// Notes how far an open upload is, under the name of who holds it if that counts; false when it is not theirs any more.
pub async fn save(tx: &DatabaseTransaction, row: &upload::Model, holder: Option<Uuid>) -> Result<bool, DbErr> {
    let mut saved = change(row.firm_id, row.id)
        .col_expr(upload::Column::Length, Expr::value(row.length))
        .col_expr(upload::Column::Received, Expr::value(row.received))
        .col_expr(upload::Column::HashState, Expr::value(row.hash_state.clone()))
        .col_expr(upload::Column::UncheckedFrom, Expr::value(row.unchecked_from))
        .col_expr(upload::Column::Parts, Expr::value(row.parts.clone()))
        .filter(upload::Column::State.eq(UploadState::Open));
    if let Some(holder) = holder {
        saved = saved.filter(upload::Column::Holder.eq(holder));
    }
    Ok(saved.exec(tx).await?.rows_affected > 0)
}

/// Makes `holder` the one that works on an open upload until a time; false when somebody else does.
pub async fn take_lease(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    id: Uuid,
    holder: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let free = Condition::any().add(upload::Column::Holder.is_null()).add(upload::Column::HeldUntil.lt(now));
    let taken = change(firm_id, id)
        .col_expr(upload::Column::Holder, Expr::value(holder))
        .col_expr(upload::Column::HeldUntil, Expr::value(until))
        .col_expr(upload::Column::Wanted, Expr::value(false))
        .filter(free)
        .exec(tx)
        .await?;
    Ok(taken.rows_affected > 0)
}

/// Says that somebody waits for an upload.
pub async fn want(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid) -> Result<(), DbErr> {
    change(firm_id, id)
        .col_expr(upload::Column::Wanted, Expr::value(true))
        .filter(upload::Column::Wanted.eq(false))
        .exec(tx)
        .await
        .map(drop)
}

/// Whether a holder works on an upload.
pub async fn is_held_by(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid, holder: Uuid) -> Result<bool, DbErr> {
    Ok(lease(tx, firm_id, id).await?.is_some_and(|(found, _)| found == Some(holder)))
}

/// Who works on an upload, and whether somebody waits for it.
pub async fn lease(db: &impl ConnectionTrait, firm_id: Uuid, id: Uuid) -> Result<Option<(Option<Uuid>, bool)>, DbErr> {
    upload::Entity::find_by_id((firm_id, id))
        .select_only()
        .columns([upload::Column::Holder, upload::Column::Wanted])
        .into_tuple()
        .one(db)
        .await
}

/// Lets a holder work on an upload for longer.
pub async fn renew_lease(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    id: Uuid,
    holder: Uuid,
    until: DateTime<Utc>,
) -> Result<(), DbErr> {
    change(firm_id, id)
        .col_expr(upload::Column::HeldUntil, Expr::value(until))
        .filter(upload::Column::Holder.eq(holder))
        .exec(tx)
        .await
        .map(drop)
}

/// Ends the lease of a holder.
pub async fn release_lease(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid, holder: Uuid) -> Result<(), DbErr> {
    change(firm_id, id)
        .col_expr(upload::Column::Holder, Expr::value(None::<Uuid>))
        .col_expr(upload::Column::HeldUntil, Expr::value(None::<DateTime<Utc>>))
        .filter(upload::Column::Holder.eq(holder))
        .exec(tx)
        .await
        .map(drop)
}

/// Ends an open upload; false when it has ended already.
pub async fn settle(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid, state: UploadState) -> Result<bool, DbErr> {
    let settled = change(firm_id, id)
        .col_expr(upload::Column::State, Expr::value(state))
        .filter(upload::Column::State.eq(UploadState::Open))
        .exec(tx)
        .await?;
    Ok(settled.rows_affected > 0)
}

/// Finishes an open upload: its file is stored, however the bytes came.
pub async fn finish(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid, bytes: i64) -> Result<(), DbErr> {
    change(firm_id, id)
        .col_expr(upload::Column::State, Expr::value(UploadState::Finished))
        .col_expr(upload::Column::Length, Expr::value(bytes))
        .col_expr(upload::Column::Received, Expr::value(bytes))
        .filter(upload::Column::State.eq(UploadState::Open))
        .exec(tx)
        .await
        .map(drop)
}

/// Replaces the code of an upload.
pub async fn set_code(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid, code_sha256: &str) -> Result<(), DbErr> {
    change(firm_id, id).col_expr(upload::Column::CodeSha256, Expr::value(code_sha256)).exec(tx).await.map(drop)
}

/// The next uploads of the installation after one, by id, that are open or whose files were dropped.
pub async fn unsettled_uploads(
    db: &impl ConnectionTrait,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<upload::Model>, DbErr> {
    let unsettled = upload::Column::State.is_in([UploadState::Open, UploadState::Dropped]);
    let mut some = upload::Entity::find().filter(unsettled);
    if let Some(after) = after {
        some = some.filter(upload::Column::Id.gt(after));
    }
    some.order_by_asc(upload::Column::Id).limit(limit).all(db).await
}

/// Notes that a draft no longer names some files: their uploads end, and the sweep clears away what came of them.
pub async fn drop_of(tx: &DatabaseTransaction, firm_id: Uuid, evidence_ids: &[Uuid]) -> Result<(), DbErr> {
    upload::Entity::update_many()
        .col_expr(upload::Column::State, Expr::value(UploadState::Dropped))
        .filter(upload::Column::FirmId.eq(firm_id))
        .filter(upload::Column::EvidenceId.is_in(evidence_ids.iter().copied()))
        .filter(upload::Column::State.is_in([UploadState::Open, UploadState::Finished]))
        .exec(tx)
        .await
        .map(drop)
}

/// Takes away what phones said of some files.
pub async fn clear_metadata(tx: &DatabaseTransaction, firm_id: Uuid, evidence_ids: &[Uuid]) -> Result<u64, DbErr> {
    let cleared = upload::Entity::update_many()
        .col_expr(upload::Column::Metadata, Expr::value(""))
        .filter(upload::Column::FirmId.eq(firm_id))
        .filter(upload::Column::EvidenceId.is_in(evidence_ids.iter().copied()))
        .filter(upload::Column::Metadata.ne(""))
        .exec(tx)
        .await?;
    Ok(cleared.rows_affected)
}

/// Notes that what came of a dropped upload is cleared away.
pub async fn forget_dropped(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid) -> Result<(), DbErr> {
    change(firm_id, id)
        .col_expr(upload::Column::State, Expr::value(UploadState::Ended))
        .filter(upload::Column::State.eq(UploadState::Dropped))
        .exec(tx)
        .await
        .map(drop)
}

/// Which of some uploads are open.
pub async fn still_open(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<Uuid>, DbErr> {
    upload::Entity::find()
        .select_only()
        .column(upload::Column::Id)
        .filter(upload::Column::Id.is_in(ids.iter().copied()))
        .filter(upload::Column::State.eq(UploadState::Open))
        .into_tuple()
        .all(db)
        .await
}

/// Forgets uploads that came to their end and expired before a time.
pub async fn forget(tx: &DatabaseTransaction, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let forgotten = upload::Entity::delete_many()
        .filter(upload::Column::State.ne(UploadState::Open))
        .filter(upload::Column::ExpiresAt.lt(before))
        .exec(tx)
        .await?;
    Ok(forgotten.rows_affected)
}

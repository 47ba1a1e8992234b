//! Queries on evidence and stored files.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, LockType, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::entity::{blob, evidence, upload_day};

/// References to bytes that were swept not long ago.
const SWEPT: i32 = -1;

/// The files of some visits, in the order of their visits and ids.
pub async fn evidence_of_visits(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_ids: &[Uuid],
) -> Result<Vec<evidence::Model>, DbErr> {
    if visit_ids.is_empty() {
        return Ok(Vec::new());
    }
    evidence::Entity::find()
        .filter(evidence::Column::FirmId.eq(firm_id))
        .filter(evidence::Column::VisitId.is_in(visit_ids.iter().copied()))
        .order_by_asc(evidence::Column::VisitId)
        .order_by_asc(evidence::Column::Id)
        .all(db)
        .await
}

/// One file.
pub async fn evidence_by_id(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    id: Uuid,
) -> Result<Option<evidence::Model>, DbErr> {
    evidence::Entity::find_by_id((firm_id, id)).one(db).await
}

/// One file, locked until the transaction ends.
pub async fn lock_evidence(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    id: Uuid,
) -> Result<Option<evidence::Model>, DbErr> {
    evidence::Entity::find_by_id((firm_id, id)).lock_exclusive().one(tx).await
}

/// Writes a file's row.
pub async fn update(tx: &DatabaseTransaction, row: evidence::Model) -> Result<(), DbErr> {
    evidence::Entity::update(row.into_active_model().reset_all()).exec(tx).await.map(drop)
}

/// The bytes of the files of a visit that are stored.
pub async fn stored_bytes_of_visit(db: &impl ConnectionTrait, firm_id: Uuid, visit_id: Uuid) -> Result<i64, DbErr> {
    let rows: Vec<Option<i64>> = evidence::Entity::find()
        .select_only()
        .column(evidence::Column::Bytes)
        .filter(evidence::Column::FirmId.eq(firm_id))
        .filter(evidence::Column::VisitId.eq(visit_id))
        .filter(evidence::Column::StoredAt.is_not_null())
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().flatten().sum())
}

/// What a membership has sent on a day, in bytes.
pub async fn bytes_of_day(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    membership_id: Uuid,
    day: NaiveDate,
) -> Result<i64, DbErr> {
    let row = upload_day::Entity::find_by_id((firm_id, membership_id, day)).one(db).await?;
    Ok(row.map_or(0, |row| row.bytes))
}

/// Adds to what a membership has sent on a day.
pub async fn add_to_day(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    membership_id: Uuid,
    day: NaiveDate,
    bytes: i64,
) -> Result<(), DbErr> {
    let row = upload_day::Model { firm_id, membership_id, day, bytes };
    let more = Expr::col((upload_day::Entity, upload_day::Column::Bytes)).add(bytes);
    let key = [upload_day::Column::FirmId, upload_day::Column::MembershipId, upload_day::Column::Day];
    upload_day::Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::columns(key).value(upload_day::Column::Bytes, more).to_owned())
        .exec_without_returning(tx)
        .await
        .map(drop)
}

/// The next stored files of a firm after one, in the order of their hashes.
pub async fn blobs_after(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    sha256: &str,
    limit: u64,
) -> Result<Vec<blob::Model>, DbErr> {
    blob::Entity::find()
        .filter(blob::Column::FirmId.eq(firm_id))
        .filter(blob::Column::Sha256.gt(sha256))
        .order_by_asc(blob::Column::Sha256)
        .limit(limit)
        .all(db)
        .await
}

/// The evidence that refers to stored bytes, as the file or as a preview of it.
pub async fn evidence_with(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    sha256: &str,
) -> Result<Vec<evidence::Model>, DbErr> {
    let any = Condition::any()
        .add(evidence::Column::Sha256.eq(sha256))
        .add(evidence::Column::Preview320Sha256.eq(sha256))
        .add(evidence::Column::Preview1600Sha256.eq(sha256))
        .add(evidence::Column::ReportSha256.eq(sha256));
    evidence::Entity::find()
        .filter(evidence::Column::FirmId.eq(firm_id))
        .filter(any)
        .order_by_asc(evidence::Column::Id)
        .all(db)
        .await
}

/// Stored bytes of the installation that nothing refers to and that were stored before a time.
pub async fn unreferred(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<blob::Model>, DbErr> {
    blob::Entity::find()
        .filter(blob::Column::Refs.eq(0))
        .filter(blob::Column::CreatedAt.lt(before))
        .limit(limit)
        .all(db)
        .await
}

/// Marks stored bytes as swept, unless something refers to them by now; whoever wants to waits until the transaction
/// ends, and then knows.
pub async fn mark_swept(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    sha256: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let marked = blob::Entity::update_many()
        .col_expr(blob::Column::Refs, Expr::value(SWEPT))
        .col_expr(blob::Column::CreatedAt, Expr::value(now))
        .filter(blob::Column::FirmId.eq(firm_id))
        .filter(blob::Column::Sha256.eq(sha256))
        .filter(blob::Column::Refs.eq(0))
        .exec(tx)
        .await?;
    Ok(marked.rows_affected > 0)
}

/// Forgets bytes that were swept before a time.
pub async fn forget_swept(tx: &DatabaseTransaction, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let forgotten = blob::Entity::delete_many()
        .filter(blob::Column::Refs.eq(SWEPT))
        .filter(blob::Column::CreatedAt.lt(before))
        .exec(tx)
        .await?;
    Ok(forgotten.rows_affected)
}

/// Counts one more reference to stored bytes, which are locked until the transaction ends. True when they were swept not
/// long ago, perhaps after they were given their place again.
pub async fn refer(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    sha256: &str,
    bytes: i64,
    at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let before = blob::Entity::find_by_id((firm_id, sha256.to_owned())).lock(LockType::NoKeyUpdate).one(tx).await?;
    insert_or(tx, firm_id, (sha256, bytes), 1, |refs| refs.add(1), at).await?;
    Ok(before.is_some_and(|before| before.refs == SWEPT))
}

/// Notes bytes that were stored for nothing, so that the sweep finds them; leaves those alone that are referred to.
pub async fn note_unreferred(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    sha256: &str,
    bytes: i64,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    insert_or(tx, firm_id, (sha256, bytes), 0, |refs| refs, at).await
}

/// Adds stored bytes with some references; those that are there get what `change` makes of theirs, or the same as new
/// ones if they were swept.
async fn insert_or(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    (sha256, bytes): (&str, i64),
    refs: i32,
    change: impl FnOnce(Expr) -> Expr,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let there = || Expr::col((blob::Entity, blob::Column::Refs));
    let changed = Expr::case(there().eq(SWEPT), refs).finally(change(there()));
    let row = blob::Model { firm_id, sha256: sha256.to_owned(), bytes, refs, created_at: at };
    blob::Entity::insert(row.into_active_model())
        .on_conflict(
            OnConflict::columns([blob::Column::FirmId, blob::Column::Sha256])
                .value(blob::Column::Refs, changed)
                .to_owned(),
        )
        .exec_without_returning(tx)
        .await
        .map(drop)
}

/// Counts one reference less to stored bytes for each of `sha256s`, which may name the same bytes twice; never below
/// none. The bytes stay on disk.
pub async fn unrefer(tx: &DatabaseTransaction, firm_id: Uuid, sha256s: &[String]) -> Result<(), DbErr> {
    for sha256 in sha256s {
        blob::Entity::update_many()
            .col_expr(blob::Column::Refs, Expr::col(blob::Column::Refs).sub(1))
            .filter(blob::Column::FirmId.eq(firm_id))
            .filter(blob::Column::Sha256.eq(sha256))
            .filter(blob::Column::Refs.gt(0))
            .exec(tx)
            .await?;
    }
    Ok(())
}

//! Queries on evidence and stored files.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, LockType, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::entity::{blob, evidence, upload_day, waveform};

/// What the sweep has written in place of the references of stored bytes, and since when in place of their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobMark {
    /// Nothing; they may be referred to.
    None,
    /// They are being removed.
    Removing,
    /// They were removed, as the store says.
    Removed,
}

impl BlobMark {
    /// As the row has it.
    pub fn refs(self) -> i32 {
        match self {
            Self::None => 0,
            Self::Removing => -1,
            Self::Removed => -2,
        }
    }
}

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

/// Some files, in the order of their ids: at most a page of them.
pub async fn evidence_by_ids(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<evidence::Model>, DbErr> {
    evidence::Entity::find()
        .filter(evidence::Column::FirmId.eq(firm_id))
        .filter(evidence::Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(evidence::Column::Id)
        .all(db)
        .await
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

/// The waveform of a recording, if it has one.
pub async fn waveform_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    evidence_id: Uuid,
) -> Result<Option<waveform::Model>, DbErr> {
    waveform::Entity::find_by_id((firm_id, evidence_id)).one(db).await
}

/// Writes a waveform in place of any that is there.
pub async fn put_waveform(tx: &DatabaseTransaction, row: waveform::Model) -> Result<(), DbErr> {
    drop_waveforms(tx, row.firm_id, [row.evidence_id]).await?;
    waveform::Entity::insert(row.into_active_model()).exec_without_returning(tx).await.map(drop)
}

/// Removes the waveforms of files.
pub async fn drop_waveforms(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    evidence_ids: impl IntoIterator<Item = Uuid>,
) -> Result<(), DbErr> {
    waveform::Entity::delete_many()
        .filter(waveform::Column::FirmId.eq(firm_id))
        .filter(waveform::Column::EvidenceId.is_in(evidence_ids))
        .exec(tx)
        .await
        .map(drop)
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

/// Which of some bytes there are rows of.
pub async fn known_blobs(db: &impl ConnectionTrait, firm_id: Uuid, sha256s: &[&str]) -> Result<HashSet<String>, DbErr> {
    let known: Vec<String> = blob::Entity::find()
        .select_only()
        .column(blob::Column::Sha256)
        .filter(blob::Column::FirmId.eq(firm_id))
        .filter(blob::Column::Sha256.is_in(sha256s.iter().copied()))
        .into_tuple()
        .all(db)
        .await?;
    Ok(known.into_iter().collect())
}

/// Bytes that were marked before a time.
pub async fn marked(db: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<Vec<blob::Model>, DbErr> {
    blob::Entity::find().filter(blob::Column::Refs.lt(0)).filter(blob::Column::CreatedAt.lt(before)).all(db).await
}

/// Marks bytes that are as they were read; false when somebody was quicker.
pub async fn mark(
    tx: &DatabaseTransaction,
    row: &blob::Model,
    mark: BlobMark,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let marked = blob::Entity::update_many()
        .col_expr(blob::Column::Refs, Expr::value(mark.refs()))
        .col_expr(blob::Column::CreatedAt, Expr::value(now))
        .filter(as_read(row))
        .exec(tx)
        .await?;
    Ok(marked.rows_affected > 0)
}

/// Forgets bytes that are as they were read.
pub async fn forget(tx: &DatabaseTransaction, row: &blob::Model) -> Result<(), DbErr> {
    blob::Entity::delete_many().filter(as_read(row)).exec(tx).await.map(drop)
}

fn as_read(row: &blob::Model) -> Condition {
    Condition::all()
        .add(blob::Column::FirmId.eq(row.firm_id))
        .add(blob::Column::Sha256.eq(&row.sha256))
        .add(blob::Column::Refs.eq(row.refs))
        .add(blob::Column::CreatedAt.eq(row.created_at))
}

/// Whether bytes are marked at this moment, so that nothing can refer to them.
pub async fn is_marked(db: &impl ConnectionTrait, firm_id: Uuid, sha256: &str) -> Result<bool, DbErr> {
    let row = blob::Entity::find_by_id((firm_id, sha256.to_owned())).one(db).await?;
    Ok(row.is_some_and(|row| row.refs < 0))
}

/// Counts one more reference to stored bytes, which are locked until the transaction ends; false when they are marked.
pub async fn refer(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    sha256: &str,
    bytes: i64,
    at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let before = blob::Entity::find_by_id((firm_id, sha256.to_owned())).lock(LockType::NoKeyUpdate).one(tx).await?;
    if before.is_some_and(|before| before.refs < 0) {
        return Ok(false);
    }
    let row = blob::Model { firm_id, sha256: sha256.to_owned(), bytes, refs: 1, created_at: at };
    let one_more = Expr::col((blob::Entity, blob::Column::Refs)).add(1);
    blob::Entity::insert(row.into_active_model())
        .on_conflict(
            OnConflict::columns([blob::Column::FirmId, blob::Column::Sha256])
                .value(blob::Column::Refs, one_more)
                .to_owned(),
        )
        .exec_without_returning(tx)
        .await?;
    Ok(true)
}

/// Notes bytes that were stored for nothing, so that the sweep finds them; leaves those alone that are known.
pub async fn note_unreferred(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    sha256: &str,
    bytes: i64,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = blob::Model { firm_id, sha256: sha256.to_owned(), bytes, refs: 0, created_at: at };
    blob::Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::columns([blob::Column::FirmId, blob::Column::Sha256]).do_nothing().to_owned())
        .try_insert()
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

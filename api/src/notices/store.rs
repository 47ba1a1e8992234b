//! Queries on notices, on how people want to be told, and on the cursor.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use crate::entity::{event, membership, notice, notice_cursor, notice_setting, visit};
use crate::words::{MembershipState, Role};

/// Rows of one statement.
const INSERTED_AT_ONCE: usize = 500;

/// The number of the last fact that was looked at, locked until the transaction ends; 0 for a new firm.
pub async fn lock_cursor(tx: &DatabaseTransaction, firm_id: Uuid) -> Result<i64, DbErr> {
    let first = notice_cursor::Model { firm_id, seq: 0 };
    notice_cursor::Entity::insert(first.into_active_model())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .try_insert()
        .exec_without_returning(tx)
        .await?;
    let row = notice_cursor::Entity::find_by_id(firm_id).lock_exclusive().one(tx).await?;
    row.map(|row| row.seq).ok_or_else(|| DbErr::RecordNotFound(format!("notice_cursors {firm_id}")))
}

/// Moves the cursor, which is locked.
pub async fn set_cursor(tx: &DatabaseTransaction, firm_id: Uuid, seq: i64) -> Result<(), DbErr> {
    notice_cursor::Entity::update_many()
        .col_expr(notice_cursor::Column::Seq, Expr::value(seq))
        .filter(notice_cursor::Column::FirmId.eq(firm_id))
        .exec(tx)
        .await
        .map(drop)
}

/// The next facts of some kinds after a number and up to one, oldest first.
pub async fn facts(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    (after, to): (i64, i64),
    kinds: impl IntoIterator<Item = &'static str>,
    limit: u64,
) -> Result<Vec<event::Model>, DbErr> {
    event::Entity::find()
        .filter(event::Column::FirmId.eq(firm_id))
        .filter(event::Column::Seq.gt(after))
        .filter(event::Column::Seq.lte(to))
        .filter(event::Column::Kind.is_in(kinds))
        .order_by_asc(event::Column::Seq)
        .limit(limit)
        .all(tx)
        .await
}

/// Active memberships whose roles are told of more than what is their own.
pub async fn told_by_role(tx: &DatabaseTransaction, firm_id: Uuid) -> Result<Vec<membership::Model>, DbErr> {
    membership::Entity::find()
        .filter(membership::Column::FirmId.eq(firm_id))
        .filter(membership::Column::State.eq(MembershipState::Active))
        .filter(membership::Column::Role.ne(Role::Auditor))
        .order_by_asc(membership::Column::Id)
        .all(tx)
        .await
}

/// A published visit by the id under which its chain knows it.
pub async fn visit_by_public_id(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    public_id: Uuid,
) -> Result<Option<visit::Model>, DbErr> {
    visit::Entity::find()
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::PublicId.eq(public_id))
        // In the words of the index.
        .filter(visit::Column::PublishedAt.is_not_null())
        .one(db)
        .await
}

/// Adds notices; one that somebody has of the same fact already stays as it is.
pub async fn insert(tx: &DatabaseTransaction, rows: Vec<notice::Model>) -> Result<(), DbErr> {
    for some in rows.chunks(INSERTED_AT_ONCE) {
        notice::Entity::insert_many(some.iter().cloned().map(IntoActiveModel::into_active_model))
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .try_insert()
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

/// Removes notices of a firm from before a time.
pub async fn remove_before(tx: &DatabaseTransaction, firm_id: Uuid, at: DateTime<Utc>) -> Result<(), DbErr> {
    notice::Entity::delete_many()
        .filter(notice::Column::FirmId.eq(firm_id))
        .filter(notice::Column::At.lt(at))
        .exec(tx)
        .await
        .map(drop)
}

fn of_person(firm_id: Uuid, membership_id: Uuid) -> Select<notice::Entity> {
    notice::Entity::find()
        .filter(notice::Column::FirmId.eq(firm_id))
        .filter(notice::Column::MembershipId.eq(membership_id))
}

/// Somebody's notices in the app before a number of the history, the newest first. A fact tells somebody once, so the
/// number names the notice.
pub async fn list(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    membership_id: Uuid,
    unread: bool,
    before: Option<i64>,
    limit: u64,
) -> Result<Vec<notice::Model>, DbErr> {
    of_person(firm_id, membership_id)
        .filter(notice::Column::InApp.eq(true))
        .apply_if(unread.then_some(()), |query, ()| query.filter(notice::Column::ReadAt.is_null()))
        .apply_if(before, |query, before| query.filter(notice::Column::Seq.lt(before)))
        .order_by_desc(notice::Column::Seq)
        .limit(limit)
        .all(db)
        .await
}

/// A notice of somebody in the app.
pub async fn by_id(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    membership_id: Uuid,
    id: Uuid,
) -> Result<Option<notice::Model>, DbErr> {
    of_person(firm_id, membership_id)
        .filter(notice::Column::InApp.eq(true))
        .filter(notice::Column::Id.eq(id))
        .one(db)
        .await
}

/// Notes that somebody has read the notice of a fact, or of all up to it; how many had not been read.
pub async fn set_read(
    tx: &DatabaseTransaction,
    (firm_id, membership_id): (Uuid, Uuid),
    seq: i64,
    and_before: bool,
    at: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let which = if and_before { notice::Column::Seq.lte(seq) } else { notice::Column::Seq.eq(seq) };
    let read = notice::Entity::update_many()
        .col_expr(notice::Column::ReadAt, Expr::value(at))
        .filter(notice::Column::FirmId.eq(firm_id))
        .filter(notice::Column::MembershipId.eq(membership_id))
        .filter(notice::Column::InApp.eq(true))
        .filter(notice::Column::ReadAt.is_null())
        .filter(which)
        .exec(tx)
        .await?;
    Ok(read.rows_affected)
}

/// How somebody wants to be told, if they said so.
pub async fn settings(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    membership_id: Uuid,
) -> Result<Option<notice_setting::Model>, DbErr> {
    notice_setting::Entity::find_by_id((firm_id, membership_id)).one(db).await
}

/// How some want to be told who said so.
pub async fn settings_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    membership_ids: &[Uuid],
) -> Result<Vec<notice_setting::Model>, DbErr> {
    notice_setting::Entity::find()
        .filter(notice_setting::Column::FirmId.eq(firm_id))
        .filter(notice_setting::Column::MembershipId.is_in(membership_ids.iter().copied()))
        .all(db)
        .await
}

/// Keeps how somebody wants to be told.
pub async fn put_settings(tx: &DatabaseTransaction, row: notice_setting::Model) -> Result<(), DbErr> {
    use notice_setting::Column::{ChangedAt, Digest, FirmId, Kinds, MembershipId};
    let again = OnConflict::columns([FirmId, MembershipId]).update_columns([Digest, Kinds, ChangedAt]).to_owned();
    notice_setting::Entity::insert(row.into_active_model()).on_conflict(again).exec_without_returning(tx).await?;
    Ok(())
}

/// Memberships with notices that are due by mail.
pub async fn due(db: &impl ConnectionTrait, now: DateTime<Utc>, limit: u64) -> Result<Vec<(Uuid, Uuid)>, DbErr> {
    notice::Entity::find()
        .select_only()
        .column(notice::Column::FirmId)
        .column(notice::Column::MembershipId)
        .distinct()
        // It follows from the next; said in these words, it lets the index be used.
        .filter(notice::Column::MailAt.is_not_null())
        .filter(notice::Column::LetterId.is_null())
        .filter(notice::Column::MailAt.lte(now))
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// Puts what is due for somebody into a letter, and leaves out what they have read meanwhile; how many it holds.
pub async fn put_into_letter(
    tx: &DatabaseTransaction,
    (firm_id, membership_id): (Uuid, Uuid),
    letter_id: Uuid,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let due = || {
        notice::Entity::update_many()
            .filter(notice::Column::MailAt.is_not_null())
            .filter(notice::Column::LetterId.is_null())
            .filter(notice::Column::MailAt.lte(now))
            .filter(notice::Column::FirmId.eq(firm_id))
            .filter(notice::Column::MembershipId.eq(membership_id))
    };
    let nothing = Expr::value(None::<DateTime<Utc>>);
    let read = notice::Column::ReadAt.is_not_null();
    due().col_expr(notice::Column::MailAt, nothing).filter(read).exec(tx).await?;
    let put = due().col_expr(notice::Column::LetterId, Expr::value(letter_id)).exec(tx).await?;
    Ok(put.rows_affected)
}

/// What a letter holds, in the order in which it happened.
pub async fn of_letter(db: &impl ConnectionTrait, firm_id: Uuid, letter_id: Uuid) -> Result<Vec<notice::Model>, DbErr> {
    notice::Entity::find()
        .filter(notice::Column::FirmId.eq(firm_id))
        .filter(notice::Column::LetterId.is_not_null())
        .filter(notice::Column::LetterId.eq(letter_id))
        .order_by_asc(notice::Column::Seq)
        .all(db)
        .await
}

/// All notices of some memberships after an id.
pub async fn of_people(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<notice::Model>, DbErr> {
    notice::Entity::find()
        .filter(notice::Column::FirmId.eq(firm_id))
        .filter(notice::Column::MembershipId.is_in(ids.iter().copied()))
        .apply_if(after, |query, after| query.filter(notice::Column::Id.gt(after)))
        .order_by_asc(notice::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Removes everything that some memberships were told, and how they wanted to be; how many rows.
pub async fn forget(tx: &DatabaseTransaction, firm_id: Uuid, ids: &[Uuid]) -> Result<u64, DbErr> {
    let notices = notice::Entity::delete_many()
        .filter(notice::Column::FirmId.eq(firm_id))
        .filter(notice::Column::MembershipId.is_in(ids.iter().copied()))
        .exec(tx)
        .await?;
    let settings = notice_setting::Entity::delete_many()
        .filter(notice_setting::Column::FirmId.eq(firm_id))
        .filter(notice_setting::Column::MembershipId.is_in(ids.iter().copied()))
        .exec(tx)
        .await?;
    Ok(notices.rows_affected + settings.rows_affected)
}

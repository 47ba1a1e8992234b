//! Queries on events and heads.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use crate::entity::{event, firm, firm_head};
use crate::events::verify::Head;

/// Rows of one statement: databases take no more than some ten thousand values in one.
const INSERTED_AT_ONCE: usize = 500;

/// Makes the head row of a new firm.
pub async fn insert_head(tx: &DatabaseTransaction, firm_id: Uuid) -> Result<(), DbErr> {
    let Head { seq, hash } = Head::before_all(firm_id);
    let head = firm_head::Model { firm_id, seq, hash };
    firm_head::Entity::insert(head.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// The firm's head, locked until the transaction ends.
pub async fn lock_head(tx: &DatabaseTransaction, firm_id: Uuid) -> Result<firm_head::Model, DbErr> {
    // SQLite has no row locks and needs none: the transaction is its only writer.
    firm_head::Entity::find_by_id(firm_id)
        .lock_exclusive()
        .one(tx)
        .await?
        .ok_or_else(|| DbErr::RecordNotFound(format!("firm_heads {firm_id}")))
}

/// The firm's head as it is now.
pub async fn head(db: &impl ConnectionTrait, firm_id: Uuid) -> Result<Option<Head>, DbErr> {
    let row = firm_head::Entity::find_by_id(firm_id).one(db).await?;
    Ok(row.map(|row| Head { seq: row.seq, hash: row.hash }))
}

/// Moves the firm's head.
pub async fn set_head(tx: &DatabaseTransaction, head: firm_head::Model) -> Result<(), DbErr> {
    firm_head::Entity::update_many()
        .col_expr(firm_head::Column::Seq, Expr::value(head.seq))
        .col_expr(firm_head::Column::Hash, Expr::value(head.hash))
        .filter(firm_head::Column::FirmId.eq(head.firm_id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Whether anything that happened to an object concerned an auditor.
pub async fn has_concerned(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    object: &str,
    auditor_id: Uuid,
) -> Result<bool, DbErr> {
    let found: Option<i64> = event::Entity::find()
        .select_only()
        .column(event::Column::Seq)
        .filter(event::Column::FirmId.eq(firm_id))
        .filter(event::Column::Object.eq(object))
        .filter(event::Column::AudienceId.eq(auditor_id))
        .limit(1)
        .into_tuple()
        .one(db)
        .await?;
    Ok(found.is_some())
}

/// Adds events.
pub async fn insert(tx: &DatabaseTransaction, rows: Vec<event::Model>) -> Result<(), DbErr> {
    for some in rows.chunks(INSERTED_AT_ONCE) {
        let rows = some.iter().cloned().map(IntoActiveModel::into_active_model);
        event::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Events after a number, oldest first.
pub async fn list_after(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    after: i64,
    limit: u64,
) -> Result<Vec<event::Model>, DbErr> {
    event::Entity::find()
        .filter(event::Column::FirmId.eq(firm_id))
        .filter(event::Column::Seq.gt(after))
        .order_by_asc(event::Column::Seq)
        .limit(limit)
        .all(db)
        .await
}

/// The events of some objects, oldest first.
pub async fn of_objects(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    objects: &[String],
) -> Result<Vec<event::Model>, DbErr> {
    event::Entity::find()
        .filter(event::Column::FirmId.eq(firm_id))
        .filter(event::Column::Object.is_in(objects))
        .order_by_asc(event::Column::Seq)
        .all(db)
        .await
}

/// Takes the payload of an event away, with the salt that was hashed with it.
pub async fn erase_payload(tx: &DatabaseTransaction, firm_id: Uuid, seq: i64) -> Result<(), DbErr> {
    event::Entity::update_many()
        .col_expr(event::Column::Payload, Expr::value(None::<String>))
        .col_expr(event::Column::Salt, Expr::value(None::<String>))
        .filter(event::Column::FirmId.eq(firm_id))
        .filter(event::Column::Seq.eq(seq))
        .exec(tx)
        .await
        .map(drop)
}

/// Events from a number on, whatever number that is, oldest first.
pub async fn list_from(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    from: i64,
    limit: u64,
) -> Result<Vec<event::Model>, DbErr> {
    event::Entity::find()
        .filter(event::Column::FirmId.eq(firm_id))
        .filter(event::Column::Seq.gte(from))
        .order_by_asc(event::Column::Seq)
        .limit(limit)
        .all(db)
        .await
}

/// Number, time and mark of the feed of events as texts, as they are stored.
pub async fn stored_forms(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    from: i64,
    to: i64,
) -> Result<Vec<(i64, Option<String>, Option<String>)>, DbErr> {
    let as_text = |column| Expr::col(column).cast_as("text");
    event::Entity::find()
        .select_only()
        .column(event::Column::Seq)
        .column_as(as_text(event::Column::At), "stored_at")
        .column_as(as_text(event::Column::Feed), "stored_feed")
        .filter(event::Column::FirmId.eq(firm_id))
        .filter(event::Column::Seq.between(from, to))
        .order_by_asc(event::Column::Seq)
        .into_tuple()
        .all(db)
        .await
}

/// Every firm that has a row, a head or an event, with its row: none can be left out by taking away one of them.
pub async fn all_firms(db: &impl ConnectionTrait) -> Result<BTreeMap<Uuid, Option<firm::Model>>, DbErr> {
    let of_events = event::Entity::find().select_only().column(event::Column::FirmId).distinct();
    let of_heads = firm_head::Entity::find().select_only().column(firm_head::Column::FirmId);
    let mut ids: Vec<Uuid> = of_events.into_tuple().all(db).await?;
    ids.extend(of_heads.into_tuple::<Uuid>().all(db).await?);
    let mut firms: BTreeMap<_, _> = ids.into_iter().map(|id| (id, None)).collect();
    firms.extend(firm::Entity::find().all(db).await?.into_iter().map(|row| (row.id, Some(row))));
    Ok(firms)
}

//! Queries on events and heads.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use crate::entity::{event, firm_head};
use crate::events::verify::Head;

/// The hash before the first event.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Makes the head row of a new firm.
pub async fn insert_head(tx: &DatabaseTransaction, firm_id: Uuid) -> Result<(), DbErr> {
    let head = firm_head::Model { firm_id, seq: 0, hash: GENESIS.to_owned() };
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

/// Adds events.
pub async fn insert(tx: &DatabaseTransaction, rows: Vec<event::Model>) -> Result<(), DbErr> {
    event::Entity::insert_many(rows.into_iter().map(IntoActiveModel::into_active_model))
        .exec_without_returning(tx)
        .await?;
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

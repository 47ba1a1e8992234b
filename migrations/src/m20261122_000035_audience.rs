//! Whom a fact of the history concerns, so that a phone asking what changed reads its own facts and no others.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{boolean_null, uuid_null};

use crate::table::index;

/// Whom a fact of the history concerns.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [uuid_null("audience_id"), boolean_null("on_board")] {
            manager.alter_table(Table::alter().table("events").add_column(column).take()).await?;
        }
        // Most facts concern no auditor and stand in neither index.
        let mut own = index("events_by_audience", "events", &["firm_id", "audience_id", "seq"]);
        own.cond_where(Expr::col("audience_id").is_not_null());
        let mut board = index("events_on_board", "events", &["firm_id", "on_board", "seq"]);
        board.cond_where(Expr::col("on_board").is_not_null());
        // Queries have to say it in the same words, or SQLite does not see that the index has all they ask for.
        let mut open = index("assignments_on_board", "assignments", &["firm_id", "state", "id"]);
        open.cond_where(Expr::col("auditor_id").is_null());
        for index in [own, board, open] {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table) in
            [("assignments_on_board", "assignments"), ("events_on_board", "events"), ("events_by_audience", "events")]
        {
            manager.drop_index(Index::drop().name(name).table(table).to_owned()).await?;
        }
        for column in ["on_board", "audience_id"] {
            manager.alter_table(Table::alter().table("events").drop_column(column).take()).await?;
        }
        Ok(())
    }
}

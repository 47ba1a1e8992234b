//! What a firm demands of its members, and since when a membership counts.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{boolean, timestamp_with_time_zone_null};

/// What a firm demands of its members, and since when a membership counts.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let alter = |table: &'static str| Table::alter().table(table).take();
        manager.alter_table(alter("firms").add_column(boolean("require_totp").default(false)).take()).await?;
        for column in ["accepted_at", "sessions_after"] {
            let column = timestamp_with_time_zone_null(column);
            manager.alter_table(alter("memberships").add_column(column).take()).await?;
        }
        let accepted = Query::update()
            .table("memberships")
            .value("accepted_at", Expr::col("created_at"))
            .and_where(Expr::col("state").eq("active"))
            .take();
        manager.execute(accepted).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in
            [("memberships", "sessions_after"), ("memberships", "accepted_at"), ("firms", "require_totp")]
        {
            manager.alter_table(Table::alter().table(table).drop_column(column).take()).await?;
        }
        Ok(())
    }
}

//! Scenarios of a firm, of which no version ever changes, and the version that an assignment was made with.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{integer, integer_null, string_len, text, timestamp_with_time_zone, uuid};

use crate::table::{create, drop_tables, sha256};

/// Scenarios, and the version that an assignment was made with.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create(
            manager,
            vec![
                Table::create()
                    .table("scenarios")
                    .col(uuid("firm_id"))
                    .col(string_len("id", 64))
                    .col(integer("version"))
                    .col(text("body"))
                    .col(sha256("body_sha256"))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().col("firm_id").col("id").col("version"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("scenarios", "firm_id")
                            .to("firms", "id")
                            .on_delete(ForeignKeyAction::Restrict),
                    )
                    .take(),
            ],
            vec![],
        )
        .await?;
        // No foreign key: assignments that are there name scenarios which no firm had until now, and SQLite cannot add one.
        let version = integer_null("scenario_version");
        manager.alter_table(Table::alter().table("assignments").add_column(version).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("assignments").drop_column("scenario_version").take()).await?;
        drop_tables(manager, &["scenarios"]).await
    }
}

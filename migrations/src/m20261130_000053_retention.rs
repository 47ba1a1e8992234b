//! How long each class of data is kept, and what must not be deleted for now.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    string_len, text, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::table::{create, drop_tables, firm_table, index, unique, within_firm, words};

/// How long each class of data is kept, and what must not be deleted for now.
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
                firm_table("retention_rules")
                    // None: the firm's own, for chains that have none.
                    .col(uuid_null("chain_id"))
                    // Days by class, as JSON; a class that is not named is kept.
                    .col(text("days"))
                    .col(uuid("changed_by"))
                    .col(timestamp_with_time_zone("changed_at"))
                    .foreign_key(&mut within_firm("retention_rules", "chain_id", "chains"))
                    .foreign_key(&mut within_firm("retention_rules", "changed_by", "memberships"))
                    .take(),
                firm_table("holds")
                    .col(words("on_what", &["visit", "branch", "chain", "person"]))
                    // A row of one of four tables.
                    .col(uuid("object_id"))
                    .col(string_len("reason", 1000))
                    .col(uuid("created_by"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(uuid_null("released_by"))
                    .col(timestamp_with_time_zone_null("released_at"))
                    .foreign_key(&mut within_firm("holds", "created_by", "memberships"))
                    .foreign_key(&mut within_firm("holds", "released_by", "memberships"))
                    .take(),
            ],
            vec![
                unique("retention_rules_by_chain", "retention_rules", &["firm_id", "chain_id"]),
                // Two chains that are null are not the same to a unique index.
                unique("retention_rules_of_firm", "retention_rules", &["firm_id"])
                    .cond_where(Expr::col("chain_id").is_null())
                    .take(),
                index("holds_in_force", "holds", &["firm_id", "object_id"])
                    .cond_where(Expr::col("released_at").is_null())
                    .take(),
            ],
        )
        .await?;
        let column = timestamp_with_time_zone_null("closed_at");
        manager.alter_table(Table::alter().table("waves").add_column(column).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("waves").drop_column("closed_at").take()).await?;
        drop_tables(manager, &["holds", "retention_rules"]).await
    }
}

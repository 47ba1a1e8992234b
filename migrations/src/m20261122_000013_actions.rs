//! What a branch is asked to do after a wave.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, boolean, date_null, integer, string_len, string_len_null, timestamp_with_time_zone, uuid,
};

use crate::table::{create, drop_tables, firm_table, unique, within_firm, words};

/// What a branch is asked to do after a wave.
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
                firm_table("actions")
                    .col(uuid("branch_id"))
                    .col(uuid("wave_id"))
                    .col(string_len("standard_id", 64))
                    .col(integer("standard_version"))
                    .col(string_len("item_id", 64))
                    .col(words(
                        "state",
                        &["proposed", "open", "in_progress", "done", "verified", "reopened", "dropped"],
                    ))
                    .col(integer("position"))
                    .col(boolean("critical"))
                    .col(big_integer("lost_ppm"))
                    .col(integer("asked"))
                    .col(integer("failed"))
                    .col(integer("repeats"))
                    .col(string_len_null("owner", 200))
                    .col(date_null("due_on"))
                    .col(string_len_null("drop_reason", 1000))
                    .col(integer("edit_number"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .foreign_key(&mut within_firm("actions", "branch_id", "branches"))
                    .foreign_key(&mut within_firm("actions", "wave_id", "waves"))
                    .take(),
            ],
            vec![unique(
                "actions_by_item",
                "actions",
                &["firm_id", "branch_id", "wave_id", "standard_id", "standard_version", "item_id"],
            )],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["actions"]).await
    }
}

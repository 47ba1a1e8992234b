//! Firms, and the people who work in them or read their results.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string_len, text, timestamp_with_time_zone, uuid};

use crate::table::{create, drop_tables, firm_table, index, unique, words};

/// Firms, and the people who work in them or read their results.
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
                    .table("firms")
                    .col(uuid("id").primary_key())
                    .col(string_len("code", 64))
                    .col(string_len("name", 200))
                    .col(timestamp_with_time_zone("created_at"))
                    .take(),
                firm_table("memberships")
                    .col(uuid("user_id"))
                    .col(string_len("name", 200))
                    .col(words("role", &["firm_admin", "reviewer", "auditor", "chain_viewer", "branch_manager"]))
                    .col(text("scope"))
                    .col(words("state", &["pending", "active", "disabled"]))
                    .col(timestamp_with_time_zone("created_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("memberships", "user_id")
                            .to("users", "id")
                            .on_delete(ForeignKeyAction::Restrict),
                    )
                    .take(),
            ],
            vec![
                unique("firms_by_code", "firms", &["code"]),
                index("memberships_by_user", "memberships", &["user_id"]),
                unique("memberships_by_role", "memberships", &["firm_id", "user_id", "role"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["memberships", "firms"]).await
    }
}

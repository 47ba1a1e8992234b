//! API keys: programs that act under a membership, with less than its rights and for a limited time.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string_len, text, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid};

use crate::table::{create, drop_tables, firm_table, index, sha256, unique, within_firm};

/// API keys: programs that act under a membership, with less than its rights and for a limited time.
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
                firm_table("api_keys")
                    .col(uuid("membership_id"))
                    .col(string_len("name", 200))
                    .col(sha256("key_sha256"))
                    .col(text("rights"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .col(timestamp_with_time_zone_null("used_at"))
                    .col(timestamp_with_time_zone_null("revoked_at"))
                    .foreign_key(&mut within_firm("api_keys", "membership_id", "memberships"))
                    .take(),
            ],
            vec![
                unique("api_keys_by_key", "api_keys", &["key_sha256"]),
                index("api_keys_by_membership", "api_keys", &["firm_id", "membership_id"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["api_keys"]).await
    }
}

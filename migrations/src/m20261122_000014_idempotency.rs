//! Answers already given to requests that carry an Idempotency-Key.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string_len, text, timestamp_with_time_zone, uuid};

use crate::table::{create, drop_tables, index, sha256, within_firm};

/// Answers already given to requests that carry an Idempotency-Key.
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
                    .table("idempotency_keys")
                    .col(uuid("firm_id"))
                    .col(uuid("membership_id"))
                    .col(string_len("operation", 64))
                    .col(string_len("key", 128))
                    .col(sha256("body_sha256"))
                    .col(text("answer"))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().col("firm_id").col("membership_id").col("operation").col("key"))
                    .foreign_key(&mut within_firm("idempotency_keys", "membership_id", "memberships"))
                    .take(),
            ],
            vec![index("idempotency_keys_by_age", "idempotency_keys", &["created_at"])],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["idempotency_keys"]).await
    }
}

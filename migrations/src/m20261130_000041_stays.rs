//! When and where an auditor was, by their phone: one row a visit, kept apart so that it can be purged by itself.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer_null, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
};

use crate::table::{create, drop_tables, index, sha256_null, within_firm};

/// When and where an auditor was.
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
                    .table("stays")
                    .col(uuid("firm_id"))
                    .col(uuid("visit_id"))
                    // Of the visit, so that the stays of one auditor and the auditors of one phone are index ranges.
                    .col(uuid("auditor_id"))
                    .col(timestamp_with_time_zone_null("arrived_at"))
                    .col(timestamp_with_time_zone_null("left_at"))
                    .col(big_integer_null("answering_ms"))
                    // A list as the phone sent it; null once it was purged.
                    .col(text_null("positions"))
                    // sha256 of the firm and the phone's own id, so that phones can be told apart and not followed.
                    .col(sha256_null("device_sha256"))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().col("firm_id").col("visit_id"))
                    .foreign_key(&mut within_firm("stays", "visit_id", "visits"))
                    .foreign_key(&mut within_firm("stays", "auditor_id", "memberships"))
                    .take(),
            ],
            vec![
                index("stays_by_device", "stays", &["firm_id", "device_sha256", "auditor_id", "created_at"]),
                index("stays_by_auditor", "stays", &["firm_id", "auditor_id", "arrived_at"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["stays"]).await
    }
}

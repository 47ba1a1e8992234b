//! What is heard in a recording and when: one row a recording, kept apart so that it goes with the recording.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{integer, text, timestamp_with_time_zone, uuid};

use crate::table::{create, drop_tables, within_firm};

/// What is heard in a recording and when.
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
                    .table("waveforms")
                    .col(uuid("firm_id"))
                    .col(uuid("evidence_id"))
                    .col(integer("peak_ms"))
                    // Base64, a byte a peak.
                    .col(text("peaks"))
                    // A list of pairs of milliseconds.
                    .col(text("speech"))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().col("firm_id").col("evidence_id"))
                    .foreign_key(&mut within_firm("waveforms", "evidence_id", "evidence"))
                    .take(),
            ],
            vec![],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["waveforms"]).await
    }
}

//! Recordings that were given to a transcription service, and what came of it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    string_len, string_len_null, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::table::{create, drop_tables, within_firm, words};

/// Recordings that were given to a transcription service.
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
                    .table("transcriptions")
                    .col(uuid("firm_id"))
                    .col(uuid("evidence_id"))
                    .col(words("state", &["queued", "done", "failed"]))
                    .col(string_len("language", 35))
                    // Who asked for it; null when it was asked for by itself.
                    .col(uuid_null("author_id"))
                    .col(string_len_null("problem_code", 64))
                    .col(text_null("problem"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone_null("finished_at"))
                    .primary_key(Index::create().col("firm_id").col("evidence_id"))
                    .foreign_key(&mut within_firm("transcriptions", "evidence_id", "evidence"))
                    .take(),
            ],
            vec![],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["transcriptions"]).await
    }
}

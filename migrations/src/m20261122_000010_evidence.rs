//! Stored bytes, counted by reference, and the evidence that points at them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, integer, string_len, string_len_null, text, text_null,
    timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
};

use crate::table::{create, drop_tables, firm_table, index, sha256, sha256_null, unique, within_firm, words};

/// Stored bytes, counted by reference, and the evidence that points at them.
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
                    .table("blobs")
                    .col(uuid("firm_id"))
                    .col(sha256("sha256"))
                    .col(big_integer("bytes"))
                    // -1: being removed; -2: removed not long ago.
                    .col(integer("refs"))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().col("firm_id").col("sha256"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("blobs", "firm_id")
                            .to("firms", "id")
                            .on_delete(ForeignKeyAction::Restrict),
                    )
                    .take(),
                firm_table("evidence")
                    .col(uuid("visit_id"))
                    .col(words("kind", &["photo", "recording", "document"]))
                    .col(words(
                        "state",
                        &["declared", "uploading", "stored", "processed", "unpreviewable", "refused", "lost", "purged"],
                    ))
                    .col(integer("revision"))
                    .col(text("item_ids"))
                    .col(string_len("file_name", 255))
                    .col(sha256_null("sha256"))
                    .col(big_integer_null("bytes"))
                    .col(string_len_null("media_type", 127))
                    .col(timestamp_with_time_zone_null("captured_at"))
                    .col(boolean("chain_visible"))
                    .col(string_len_null("problem_code", 64))
                    .col(text_null("problem"))
                    .col(text_null("facts"))
                    .col(sha256_null("preview_320_sha256"))
                    .col(sha256_null("preview_1600_sha256"))
                    .col(sha256_null("report_sha256"))
                    .col(timestamp_with_time_zone("declared_at"))
                    .col(timestamp_with_time_zone_null("stored_at"))
                    .foreign_key(&mut within_firm("evidence", "visit_id", "visits"))
                    .take(),
            ],
            vec![
                unique("evidence_by_file_name", "evidence", &["firm_id", "visit_id", "file_name"]),
                index("evidence_by_sha256", "evidence", &["firm_id", "sha256"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["evidence", "blobs"]).await
    }
}

//! Uploads that go on where they broke off (tus), and how much each auditor sent a day.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, date, string_len_null, text, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::table::{create, drop_tables, firm_table, index, sha256, unique, within_firm, words};

/// Uploads that go on where they broke off, and how much each auditor sent a day.
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
                firm_table("uploads")
                    // No foreign key: it outlives a file that a draft no longer names, until its bytes are cleared away.
                    .col(uuid("evidence_id"))
                    .col(uuid("membership_id"))
                    .col(sha256("code_sha256"))
                    .col(words("state", &["open", "finished", "refused", "ended", "dropped"]))
                    .col(text("metadata"))
                    .col(big_integer_null("length"))
                    .col(big_integer("received"))
                    // The state of the sha256 over the bytes received, in base64.
                    .col(string_len_null("hash_state", 255))
                    // While a chunk with a checksum arrives: where it begins.
                    .col(big_integer_null("unchecked_from"))
                    // In a bucket: what the store has, as JSON.
                    .col(text_null("parts"))
                    // In a bucket: who works on it, until when, and whether another request waits.
                    .col(uuid_null("holder"))
                    .col(timestamp_with_time_zone_null("held_until"))
                    .col(boolean("wanted").default(false))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .foreign_key(&mut within_firm("uploads", "membership_id", "memberships"))
                    .take(),
                Table::create()
                    .table("upload_days")
                    .col(uuid("firm_id"))
                    .col(uuid("membership_id"))
                    .col(date("day"))
                    .col(big_integer("bytes"))
                    .primary_key(Index::create().col("firm_id").col("membership_id").col("day"))
                    .foreign_key(&mut within_firm("upload_days", "membership_id", "memberships"))
                    .take(),
            ],
            vec![
                unique("uploads_by_code", "uploads", &["code_sha256"]),
                unique("uploads_open_by_evidence", "uploads", &["firm_id", "evidence_id"])
                    .cond_where(Expr::col("state").eq("open"))
                    .take(),
                index("uploads_by_evidence", "uploads", &["firm_id", "evidence_id"]),
                index("uploads_dropped", "uploads", &["id"]).cond_where(Expr::col("state").eq("dropped")).take(),
                index("uploads_open_by_membership", "uploads", &["firm_id", "membership_id"])
                    .cond_where(Expr::col("state").eq("open"))
                    .take(),
                index("uploads_by_expiry", "uploads", &["expires_at"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["upload_days", "uploads"]).await
    }
}

//! What is said in a recording, and the words by which it is found.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string_len, text, timestamp_with_time_zone, uuid, uuid_null, var_binary};

use crate::table::{create, drop_tables, index, within_firm, words};

/// Longest word that is looked for, in bytes of UTF-8; longer ones are cut.
const TERM_BYTES: u32 = 64;

/// What is said in a recording, and the words by which it is found.
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
                    .table("transcripts")
                    .col(uuid("firm_id"))
                    .col(uuid("evidence_id"))
                    .col(uuid("visit_id"))
                    .col(string_len("language", 35))
                    .col(words("format", &["webvtt", "subrip", "text", "service"]))
                    // Who attached it; null when the transcription service wrote it.
                    .col(uuid_null("author_id"))
                    .col(text("cues"))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().col("firm_id").col("evidence_id"))
                    .foreign_key(&mut within_firm("transcripts", "evidence_id", "evidence"))
                    .foreign_key(&mut within_firm("transcripts", "visit_id", "visits"))
                    .take(),
                Table::create()
                    .table("transcript_terms")
                    .col(uuid("firm_id"))
                    // Bytes, because texts are ordered by the collation of the database and these must not be.
                    .col(var_binary("term", TERM_BYTES))
                    .col(uuid("evidence_id"))
                    .primary_key(Index::create().col("firm_id").col("term").col("evidence_id"))
                    .foreign_key(&mut within_firm("transcript_terms", "evidence_id", "evidence"))
                    .take(),
            ],
            vec![
                index("transcripts_by_visit", "transcripts", &["firm_id", "visit_id"]),
                // The file first: behind the firm, it would tempt a search for beginnings of words to go through all files.
                index("transcript_terms_by_evidence", "transcript_terms", &["evidence_id", "firm_id", "term"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["transcript_terms", "transcripts"]).await
    }
}

//! What was answered, and what each set of answers scored. One row a revision, never a row an answer.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    boolean, integer, integer_null, string_len, text, text_null, timestamp_with_time_zone, uuid,
};

use crate::table::{create, drop_tables, sha256, within_firm, words};

/// What was answered, and what each set of answers scored.
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
                    .table("revisions")
                    .col(uuid("firm_id"))
                    .col(uuid("visit_id"))
                    .col(integer("revision"))
                    .col(words("kind", &["submission", "resubmission", "correction", "appeal", "addition"]))
                    .col(text("answers"))
                    .col(sha256("answers_sha256"))
                    .col(text("device"))
                    .col(uuid("author_id"))
                    .col(text_null("reasons"))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().col("firm_id").col("visit_id").col("revision"))
                    .foreign_key(&mut within_firm("revisions", "visit_id", "visits"))
                    .foreign_key(&mut within_firm("revisions", "author_id", "memberships"))
                    .take(),
                Table::create()
                    .table("scores")
                    .col(uuid("firm_id"))
                    .col(uuid("visit_id"))
                    .col(integer("score_version"))
                    .col(integer("revision"))
                    .col(string_len("standard_id", 64))
                    .col(integer("standard_version"))
                    .col(string_len("engine_version", 16))
                    .col(integer_null("score_bp"))
                    .col(integer_null("raw_bp"))
                    .col(boolean("insufficient"))
                    .col(integer_null("scored_share_bp"))
                    .col(text("result"))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().col("firm_id").col("visit_id").col("score_version"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("scores", ("firm_id", "visit_id", "revision"))
                            .to("revisions", ("firm_id", "visit_id", "revision"))
                            .on_delete(ForeignKeyAction::Restrict),
                    )
                    .take(),
            ],
            vec![],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["scores", "revisions"]).await
    }
}

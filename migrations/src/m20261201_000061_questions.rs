//! Questions of reviewers to auditors, and what was written on them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    boolean, string_len_null, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::table::{create, drop_tables, firm_table, index, within_firm, words};

/// Questions of reviewers to auditors.
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
                firm_table("questions")
                    .col(uuid("visit_id"))
                    .col(string_len_null("item_id", 64))
                    .col(words("state", &["open", "answered", "closed"]))
                    .col(uuid("asked_by"))
                    .col(timestamp_with_time_zone("asked_at"))
                    .col(timestamp_with_time_zone("changed_at"))
                    .col(uuid_null("closed_by"))
                    .col(timestamp_with_time_zone_null("closed_at"))
                    .foreign_key(&mut within_firm("questions", "visit_id", "visits"))
                    .foreign_key(&mut within_firm("questions", "asked_by", "memberships"))
                    .foreign_key(&mut within_firm("questions", "closed_by", "memberships"))
                    .take(),
                firm_table("question_messages")
                    .col(uuid("question_id"))
                    .col(uuid("visit_id"))
                    .col(uuid("author_id"))
                    .col(boolean("by_auditor"))
                    // None once it is purged.
                    .col(text_null("text"))
                    .col(timestamp_with_time_zone("written_at"))
                    .foreign_key(&mut within_firm("question_messages", "question_id", "questions"))
                    .foreign_key(&mut within_firm("question_messages", "visit_id", "visits"))
                    .foreign_key(&mut within_firm("question_messages", "author_id", "memberships"))
                    .take(),
            ],
            vec![
                index("questions_of_visit", "questions", &["firm_id", "visit_id"]),
                index("question_messages_of_visit", "question_messages", &["firm_id", "visit_id"]),
                index("question_messages_by_author", "question_messages", &["firm_id", "author_id"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["question_messages", "questions"]).await
    }
}

//! Standards tried out on the history before they are published.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, integer, string_len, text, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::table::{create, drop_tables, firm_table, sha256, within_firm, words};

/// Standards tried out on the history before they are published.
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
                firm_table("rehearsals")
                    .col(words("state", &["queued", "running", "done", "failed"]))
                    .col(string_len("standard_id", 64))
                    .col(integer("standard_version"))
                    .col(text("standard"))
                    .col(sha256("standard_sha256"))
                    .col(string_len("history_of", 64))
                    .col(uuid_null("chain_id"))
                    .col(big_integer("seed"))
                    .col(big_integer_null("visits_total"))
                    .col(big_integer("visits_done"))
                    .col(text_null("failure"))
                    .col(text_null("report"))
                    .col(uuid("author_id"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone_null("finished_at"))
                    .foreign_key(&mut within_firm("rehearsals", "chain_id", "chains"))
                    .foreign_key(&mut within_firm("rehearsals", "author_id", "memberships"))
                    .take(),
            ],
            vec![],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["rehearsals"]).await
    }
}

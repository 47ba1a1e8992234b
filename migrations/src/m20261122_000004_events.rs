//! The history of a firm: audit log and change feed in one hash-chained table.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, boolean, string_len, string_len_null, text_null, timestamp_with_time_zone, uuid, uuid_null,
};

use crate::table::{create, drop_tables, index, sha256};

/// The history of a firm: audit log and change feed in one hash-chained table.
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
                    .table("firm_heads")
                    .col(uuid("firm_id").primary_key())
                    .col(big_integer("seq"))
                    .col(sha256("hash"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("firm_heads", "firm_id")
                            .to("firms", "id")
                            .on_delete(ForeignKeyAction::Restrict),
                    )
                    .take(),
                Table::create()
                    .table("events")
                    .col(uuid("firm_id"))
                    .col(big_integer("seq"))
                    .col(string_len("kind", 64))
                    .col(string_len("object", 160))
                    .col(uuid_null("actor_id"))
                    .col(timestamp_with_time_zone("at"))
                    .col(boolean("feed"))
                    .col(text_null("payload"))
                    .col(string_len_null("salt", 32))
                    .col(sha256("payload_sha256"))
                    .col(sha256("hash"))
                    .primary_key(Index::create().col("firm_id").col("seq"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("events", "firm_id")
                            .to("firms", "id")
                            .on_delete(ForeignKeyAction::Restrict),
                    )
                    .take(),
            ],
            vec![index("events_by_object", "events", &["firm_id", "object", "seq"])],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["events", "firm_heads"]).await
    }
}

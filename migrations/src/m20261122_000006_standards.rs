//! Standards and their versions. A published version never changes.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    integer, string_len, text, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
};

use crate::table::{create, drop_tables, sha256, within_firm, words};

/// Standards and their versions.
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
                    .table("standards")
                    .col(uuid("firm_id"))
                    .col(string_len("id", 64))
                    .col(words("kind", &["audit", "survey"]))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().col("firm_id").col("id"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("standards", "firm_id")
                            .to("firms", "id")
                            .on_delete(ForeignKeyAction::Restrict),
                    )
                    .take(),
                Table::create()
                    .table("standard_versions")
                    .col(uuid("firm_id"))
                    .col(string_len("standard_id", 64))
                    .col(integer("version"))
                    .col(words("state", &["draft", "published", "retired"]))
                    .col(text("body"))
                    .col(sha256("body_sha256"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone_null("published_at"))
                    .primary_key(Index::create().col("firm_id").col("standard_id").col("version"))
                    .foreign_key(&mut within_firm("standard_versions", "standard_id", "standards"))
                    .take(),
            ],
            vec![],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["standard_versions", "standards"]).await
    }
}

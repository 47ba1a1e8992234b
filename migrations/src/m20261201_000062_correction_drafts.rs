//! Corrections that reviewers are working on.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{integer, text, timestamp_with_time_zone, uuid};

use crate::table::{create, drop_tables, within_firm};

/// Corrections that reviewers are working on.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drafts = Table::create()
            .table("correction_drafts")
            .col(uuid("firm_id"))
            .col(uuid("visit_id"))
            .col(uuid("author_id"))
            .col(integer("base_revision"))
            .col(text("changes"))
            .col(timestamp_with_time_zone("saved_at"))
            .primary_key(Index::create().col("firm_id").col("visit_id").col("author_id"))
            .foreign_key(&mut within_firm("correction_drafts", "visit_id", "visits"))
            .foreign_key(&mut within_firm("correction_drafts", "author_id", "memberships"))
            .take();
        create(manager, vec![drafts], Vec::new()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["correction_drafts"]).await
    }
}

//! How long after publishing a chain may appeal.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::integer;

/// How long after publishing a chain may appeal.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let days = integer("appeal_days").default(14).take();
        manager.alter_table(Table::alter().table("chains").add_column(days).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("chains").drop_column("appeal_days").take()).await
    }
}

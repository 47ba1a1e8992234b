//! Finding stored bytes that nothing refers to without reading the others.

use sea_orm_migration::prelude::*;

use crate::table::index;

/// Finding stored bytes that nothing refers to.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let unreferred =
            index("blobs_unreferred", "blobs", &["created_at"]).cond_where(Expr::col("refs").lte(0)).take();
        manager.create_index(unreferred).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("blobs_unreferred").table("blobs").to_owned()).await
    }
}

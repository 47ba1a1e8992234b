//! Finding dead jobs without reading the others, for the figures of whoever runs the server.

use sea_orm_migration::prelude::*;

use crate::table::index;

/// Finding dead jobs without reading the others.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let dead = index("jobs_dead", "jobs", &["id"]).cond_where(Expr::col("state").eq("dead")).take();
        manager.create_index(dead).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("jobs_dead").table("jobs").to_owned()).await
    }
}

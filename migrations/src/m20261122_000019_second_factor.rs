//! What a second factor needs: whether it was confirmed, and the last step whose code was used.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer_null, timestamp_with_time_zone_null};

/// What a second factor needs: whether it was confirmed, and the last step whose code was used.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [timestamp_with_time_zone_null("confirmed_at"), big_integer_null("last_step")] {
            manager.alter_table(Table::alter().table("credentials").add_column(column).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["last_step", "confirmed_at"] {
            manager.alter_table(Table::alter().table("credentials").drop_column(column).take()).await?;
        }
        Ok(())
    }
}

//! What a review leaves on a visit: since when it is taken, what was returned with it and until when, why it could not be
//! made, and whether it is paid all the same.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{boolean, integer_null, text_null, timestamp_with_time_zone_null};

use crate::table::words_null;

/// What a review leaves on a visit.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [
            timestamp_with_time_zone_null("taken_at"),
            timestamp_with_time_zone_null("acted_at"),
            timestamp_with_time_zone_null("returned_at"),
            timestamp_with_time_zone_null("due_at"),
            // Items with what is asked of each, as JSON.
            text_null("return_items"),
            integer_null("reviewed_revision"),
            words_null("attempted_because", &["closed", "refused", "unsafe"]),
            boolean("payable").default(true).take(),
            text_null("reporting_reason"),
        ] {
            manager.alter_table(Table::alter().table("visits").add_column(column).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [
            "reporting_reason",
            "payable",
            "attempted_because",
            "reviewed_revision",
            "return_items",
            "due_at",
            "returned_at",
            "acted_at",
            "taken_at",
        ] {
            manager.alter_table(Table::alter().table("visits").drop_column(column).take()).await?;
        }
        Ok(())
    }
}

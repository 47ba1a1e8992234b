//! Results that were taken back, so that whoever read them is told.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{text_null, timestamp_with_time_zone};

use crate::table::{create, drop_tables, firm_table, within_firm};

/// Results that were taken back.
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
                // Its id is that of the visit: the last time counts, the history has the others.
                firm_table("withdrawals")
                    .col(timestamp_with_time_zone("withdrawn_at"))
                    // What the chain is told; the firm's own reason stands in the history.
                    .col(text_null("public_reason"))
                    .foreign_key(&mut within_firm("withdrawals", "id", "visits"))
                    .take(),
            ],
            vec![],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["withdrawals"]).await
    }
}

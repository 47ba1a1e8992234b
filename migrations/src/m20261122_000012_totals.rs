//! Whole-number totals of published visits: one row a branch, series, standard version and metric.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, integer, string_len, uuid};

use crate::table::{create, drop_tables, index, within_firm};

/// Whole-number totals of published visits: one row a branch, series, standard version and metric.
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
                    .table("totals")
                    .col(uuid("firm_id"))
                    .col(uuid("branch_id"))
                    .col(uuid("series_id"))
                    .col(string_len("standard_id", 64))
                    .col(integer("standard_version"))
                    .col(string_len("metric", 96))
                    .col(big_integer("n"))
                    .col(big_integer("sum"))
                    .col(big_integer("sum_squares"))
                    .primary_key(
                        Index::create()
                            .col("firm_id")
                            .col("branch_id")
                            .col("series_id")
                            .col("standard_id")
                            .col("standard_version")
                            .col("metric"),
                    )
                    .foreign_key(&mut within_firm("totals", "branch_id", "branches"))
                    .take(),
            ],
            vec![index("totals_by_series", "totals", &["firm_id", "series_id", "branch_id"])],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["totals"]).await
    }
}

//! Chains, their regions and branches, and which region a branch was in when.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{date, integer_null, string_len, timestamp_with_time_zone, uuid};

use crate::table::{create, drop_tables, firm_table, index, unique, within_firm, words};

/// Chains, their regions and branches, and which region a branch was in when.
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
                firm_table("chains")
                    .col(string_len("code", 64))
                    .col(string_len("name", 200))
                    .col(words("kind", &["client", "competitor"]))
                    .col(string_len("locale", 8))
                    .col(string_len("colour", 7))
                    .col(words("recording_policy", &["refuse", "needs_proof", "allow"]))
                    .col(timestamp_with_time_zone("created_at"))
                    .take(),
                firm_table("regions")
                    .col(uuid("chain_id"))
                    .col(string_len("code", 64))
                    .col(string_len("name", 200))
                    .col(timestamp_with_time_zone("created_at"))
                    .foreign_key(&mut within_firm("regions", "chain_id", "chains"))
                    .take(),
                firm_table("branches")
                    .col(uuid("chain_id"))
                    .col(string_len("code", 64))
                    .col(string_len("name", 200))
                    .col(string_len("address", 400))
                    .col(integer_null("latitude_e7"))
                    .col(integer_null("longitude_e7"))
                    .col(string_len("time_zone", 64))
                    .col(string_len("format", 64))
                    .col(timestamp_with_time_zone("created_at"))
                    .foreign_key(&mut within_firm("branches", "chain_id", "chains"))
                    .take(),
                Table::create()
                    .table("branch_regions")
                    .col(uuid("firm_id"))
                    .col(uuid("branch_id"))
                    .col(date("valid_from"))
                    .col(uuid("region_id"))
                    .primary_key(Index::create().col("firm_id").col("branch_id").col("valid_from"))
                    .foreign_key(&mut within_firm("branch_regions", "branch_id", "branches"))
                    .foreign_key(&mut within_firm("branch_regions", "region_id", "regions"))
                    .take(),
            ],
            vec![
                unique("chains_by_code", "chains", &["firm_id", "code"]),
                unique("regions_by_code", "regions", &["firm_id", "chain_id", "code"]),
                unique("branches_by_code", "branches", &["firm_id", "chain_id", "code"]),
                index("branch_regions_by_region", "branch_regions", &["firm_id", "region_id"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["branch_regions", "branches", "regions", "chains"]).await
    }
}

//! What of a filed visit is compared with others: marks of its answers and texts, and how long it took. One small row a
//! visit, so that comparing with the last ones is a range of an index and never a scan.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer_null, integer, string_len, text, text_null, timestamp_with_time_zone, uuid,
};

use crate::table::{create, drop_tables, index, within_firm};

/// What of a filed visit is compared with others.
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
                    .table("sketches")
                    .col(uuid("firm_id"))
                    .col(uuid("visit_id"))
                    .col(uuid("assignment_id"))
                    .col(uuid("auditor_id"))
                    .col(uuid("branch_id"))
                    .col(string_len("standard_id", 64))
                    .col(integer("standard_version"))
                    .col(integer("revision"))
                    .col(timestamp_with_time_zone("filed_at"))
                    .col(text("answers"))
                    .col(integer("longest_run"))
                    .col(text_null("text"))
                    .col(big_integer_null("answering_ms"))
                    .col(big_integer_null("stay_ms"))
                    .primary_key(Index::create().col("firm_id").col("visit_id"))
                    .foreign_key(&mut within_firm("sketches", "visit_id", "visits"))
                    .take(),
            ],
            vec![
                index("sketches_by_auditor", "sketches", &["firm_id", "auditor_id", "filed_at"]),
                index("sketches_by_branch", "sketches", &["firm_id", "branch_id", "filed_at"]),
                index("sketches_by_standard", "sketches", &["firm_id", "standard_id", "standard_version", "filed_at"]),
                index(
                    "sketches_by_auditor_and_standard",
                    "sketches",
                    &["firm_id", "auditor_id", "standard_id", "standard_version", "filed_at"],
                ),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["sketches"]).await
    }
}

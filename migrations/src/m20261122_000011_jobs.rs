//! Work to do after a commit, queued inside it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    integer, string_len, string_len_null, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
    uuid,
};

use crate::table::{create, drop_tables, index, unique, words};

/// Work to do after a commit, queued inside it.
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
                    .table("jobs")
                    .col(uuid("id").primary_key())
                    .col(uuid("firm_id"))
                    .col(string_len("kind", 64))
                    .col(text("payload"))
                    .col(words("state", &["ready", "running", "done", "dead"]))
                    .col(timestamp_with_time_zone("run_at"))
                    .col(timestamp_with_time_zone_null("lease_until"))
                    .col(integer("attempts"))
                    .col(string_len_null("dedup_key", 160))
                    .col(text_null("last_error"))
                    .col(timestamp_with_time_zone("created_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("jobs", "firm_id")
                            .to("firms", "id")
                            .on_delete(ForeignKeyAction::Restrict),
                    )
                    .take(),
            ],
            vec![
                index("jobs_ready", "jobs", &["run_at"]).cond_where(Expr::col("state").eq("ready")).take(),
                index("jobs_leased", "jobs", &["lease_until"]).cond_where(Expr::col("state").eq("running")).take(),
                unique("jobs_once", "jobs", &["dedup_key"]).cond_where(Expr::col("state").eq("ready")).take(),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["jobs"]).await
    }
}

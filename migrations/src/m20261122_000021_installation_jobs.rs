//! Jobs that belong to no firm, such as the mail of somebody who forgot the password.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    integer, string_len, string_len_null, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
    uuid, uuid_null,
};

use crate::table::{create, drop_tables, index, unique, words};

/// Jobs that belong to no firm, such as the mail of somebody who forgot the password.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    /// SQLite cannot make a column nullable, so the table is written anew; nothing refers to it.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            "id",
            "firm_id",
            "kind",
            "payload",
            "state",
            "run_at",
            "lease_until",
            "attempts",
            "dedup_key",
            "last_error",
            "created_at",
        ];
        let jobs = Table::create()
            .table("jobs_of_all")
            .col(uuid("id").primary_key())
            .col(uuid_null("firm_id"))
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
                    .from("jobs_of_all", "firm_id")
                    .to("firms", "id")
                    .on_delete(ForeignKeyAction::Restrict),
            )
            .take();
        create(manager, vec![jobs], vec![]).await?;
        let rows = Query::select().columns(columns).from("jobs").take();
        let copy = Query::insert()
            .into_table("jobs_of_all")
            .columns(columns)
            .select_from(rows)
            .map_err(|error| DbErr::Migration(error.to_string()))?
            .take();
        manager.execute(copy).await?;
        drop_tables(manager, &["jobs"]).await?;
        manager.rename_table(Table::rename().table("jobs_of_all", "jobs").take()).await?;
        let indexes = vec![
            index("jobs_ready", "jobs", &["run_at"]).cond_where(Expr::col("state").eq("ready")).take(),
            index("jobs_leased", "jobs", &["lease_until"]).cond_where(Expr::col("state").eq("running")).take(),
            unique("jobs_once", "jobs", &["dedup_key"]).cond_where(Expr::col("state").eq("ready")).take(),
        ];
        create(manager, vec![], indexes).await
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("jobs without a firm cannot be given one".to_owned()))
    }
}

//! What was purged: runs, a signed line a visit, and the marks that purges leave.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    date_null, integer, string_len, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
};

use crate::table::{create, drop_tables, firm_table, index, unique, within_firm, words};

/// What was purged: runs, a signed line a visit, and the marks that purges leave.
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
                firm_table("purges")
                    .col(words("because", &["retention", "erasure"]))
                    // The day of a nightly one; each night has one.
                    .col(date_null("day"))
                    .col(words("state", &["running", "done"]))
                    // Figures by class, and what was skipped, as JSON.
                    .col(text("counts"))
                    .col(text("skipped"))
                    .col(timestamp_with_time_zone("started_at"))
                    .col(timestamp_with_time_zone_null("finished_at"))
                    .take(),
                firm_table("purge_lines")
                    .col(uuid("purge_id"))
                    .col(string_len("object", 160))
                    // A signed document, `peegel.purge/1`.
                    .col(text("line"))
                    .foreign_key(&mut within_firm("purge_lines", "purge_id", "purges"))
                    .take(),
            ],
            vec![
                unique("purges_by_day", "purges", &["firm_id", "day"]),
                index("purge_lines_by_purge", "purge_lines", &["firm_id", "purge_id", "id"]),
            ],
        )
        .await?;
        for (table, column) in marks() {
            manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
        }
        let mut published =
            index("visits_to_purge", "visits", &["firm_id", "client_chain_id", "purged", "published_at", "id"]);
        // Filing does not pay for it. Queries have to say it in the same words, or SQLite does not see that the index has
        // all they ask for.
        published.cond_where(Expr::col("published_at").is_not_null());
        manager.create_index(published).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("visits_to_purge").table("visits").to_owned()).await?;
        for (table, column) in marks().into_iter().rev() {
            let name = column.get_column_name();
            manager.alter_table(Table::alter().table(table).drop_column(name).take()).await?;
        }
        drop_tables(manager, &["purge_lines", "purges"]).await
    }
}

fn marks() -> Vec<(&'static str, ColumnDef)> {
    vec![
        // One bit a class of data.
        ("visits", integer("purged").default(0).take()),
        ("evidence", timestamp_with_time_zone_null("purged_at")),
        // Why its bytes went, in words.
        ("evidence", text_null("purge_rule")),
        // The items whose texts were taken away, as JSON.
        ("revisions", text_null("withheld")),
    ]
}

//! People who were erased.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, string_len, text, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid_null,
};

use crate::table::{create, drop_tables, firm_table, index, within_firm, words};

/// People who were erased.
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
                firm_table("erasures")
                    // Their memberships in the firm, as JSON, and how they are called now.
                    .col(text("membership_ids"))
                    .col(string_len("label", 64))
                    .col(words("extent", &["person", "identity"]))
                    .col(words("reason", &["request", "left", "other", "retention"]))
                    .col(words("state", &["running", "waiting", "done"]))
                    .col(uuid_null("requested_by"))
                    .col(timestamp_with_time_zone("requested_at"))
                    .col(timestamp_with_time_zone_null("finished_at"))
                    .col(big_integer("visits_total"))
                    .col(big_integer("visits_done"))
                    .col(big_integer("visits_held"))
                    // The last event of the history that was looked at.
                    .col(big_integer("after_seq"))
                    .foreign_key(&mut within_firm("erasures", "requested_by", "memberships"))
                    .take(),
            ],
            vec![
                index("erasures_waiting", "erasures", &["firm_id"]).cond_where(Expr::col("state").eq("waiting")).take(),
            ],
        )
        .await?;
        let column = timestamp_with_time_zone_null("erased_at");
        manager.alter_table(Table::alter().table("memberships").add_column(column).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("memberships").drop_column("erased_at").take()).await?;
        drop_tables(manager, &["erasures"]).await
    }
}

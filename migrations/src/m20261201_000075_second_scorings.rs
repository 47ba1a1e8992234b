//! Visits that a second reviewer scores without knowing what the first one made of them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    integer, integer_null, string_len, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
    uuid_null,
};

use crate::table::{create, drop_tables, firm_table, index, unique, within_firm, words};

/// Second scorings of visits.
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
                firm_table("second_scorings")
                    .col(uuid("visit_id"))
                    .col(words("state", &["waiting", "scoring", "submitted", "dropped"]))
                    .col(uuid("scorer_id"))
                    // What the auditor filed, which both reviewers start from.
                    .col(integer("revision"))
                    .col(string_len("standard_id", 64))
                    .col(integer("standard_version"))
                    .col(timestamp_with_time_zone("drawn_at"))
                    .col(text_null("answers"))
                    .col(integer_null("score_bp"))
                    .col(timestamp_with_time_zone_null("submitted_at"))
                    .col(uuid_null("dropped_by"))
                    .col(timestamp_with_time_zone_null("dropped_at"))
                    .col(text_null("dropped_because"))
                    .foreign_key(&mut within_firm("second_scorings", "visit_id", "visits"))
                    .foreign_key(&mut within_firm("second_scorings", "scorer_id", "memberships"))
                    .foreign_key(&mut within_firm("second_scorings", "dropped_by", "memberships"))
                    .take(),
            ],
            vec![
                unique("second_scorings_of_visit", "second_scorings", &["firm_id", "visit_id"]),
                index("second_scorings_of_person", "second_scorings", &["firm_id", "scorer_id", "state", "id"]),
                index(
                    "second_scorings_of_standard",
                    "second_scorings",
                    &["firm_id", "standard_id", "standard_version", "state", "submitted_at"],
                ),
            ],
        )
        .await?;
        // In basis points, 0 to 10000.
        let share = integer("double_scoring_bp").default(0).take();
        manager.alter_table(Table::alter().table("waves").add_column(share).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("waves").drop_column("double_scoring_bp").take()).await?;
        drop_tables(manager, &["second_scorings"]).await
    }
}

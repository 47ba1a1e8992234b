//! Signs that a visit may not have been made as it was told, what its auditor says to them, and what a reviewer made
//! of them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::table::{create, drop_tables, firm_table, index, unique, within_firm, words, words_null};

const CODES: &[&str] = &[
    "outside_window",
    "short_stay",
    "outside_fence",
    "mock_position",
    "accuracy_zero",
    "impossible_travel",
    "clock_skew",
    "clock_backwards",
    "capture_time",
    "same_file",
    "near_duplicate",
    "editor_software",
    "screenshot",
    "short_recording",
    "same_text",
    "straight_lining",
    "speeding",
    "duplicate_answers",
    "shared_device",
];

/// Signs that a visit may not have been made as it was told.
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
                firm_table("signals")
                    .col(uuid("visit_id"))
                    .col(words("code", CODES))
                    // What it is about: a file of the visit, or the visit itself. One column, so that the same signal is
                    // never there twice; an absent value would be unlike any other.
                    .col(uuid("subject_id"))
                    .col(text("figures"))
                    .col(timestamp_with_time_zone("found_at"))
                    .col(timestamp_with_time_zone_null("shared_at"))
                    .col(text_null("answer"))
                    .col(timestamp_with_time_zone_null("answered_at"))
                    .col(words_null("verdict", &["right", "wrong"]))
                    .col(text_null("verdict_note"))
                    .col(uuid_null("verdict_by"))
                    .col(timestamp_with_time_zone_null("verdict_at"))
                    .foreign_key(&mut within_firm("signals", "visit_id", "visits"))
                    .foreign_key(&mut within_firm("signals", "verdict_by", "memberships"))
                    .take(),
            ],
            vec![
                unique("signals_of_visit", "signals", &["firm_id", "visit_id", "code", "subject_id"]),
                index("signals_by_time", "signals", &["firm_id", "found_at", "code", "verdict"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["signals"]).await
    }
}

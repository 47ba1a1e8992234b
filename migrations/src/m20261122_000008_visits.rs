//! Visits as auditors file them, and their drafts.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer_null, integer, string_len, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
    uuid, uuid_null,
};

use crate::table::{create, drop_tables, firm_table, index, sha256_null, within_firm, words, words_null};

/// Visits as auditors file them, and their drafts.
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
                firm_table("visits")
                    .col(uuid("assignment_id"))
                    .col(uuid("wave_id"))
                    .col(uuid("branch_id"))
                    .col(uuid("client_chain_id"))
                    .col(uuid("auditor_id"))
                    .col(string_len("standard_id", 64))
                    .col(integer("standard_version"))
                    .col(words(
                        "state",
                        &[
                            "draft",
                            "submitted",
                            "in_review",
                            "returned",
                            "resubmitted",
                            "approved",
                            "published",
                            "rejected",
                        ],
                    ))
                    .col(words("outcome", &["completed", "attempted"]))
                    .col(words("reporting", &["included", "excluded"]))
                    .col(words_null(
                        "quarantine_reason",
                        &["arrived_late", "assignment_withdrawn", "assignment_fulfilled", "wave_closed", "copy"],
                    ))
                    .col(uuid_null("reviewer_id"))
                    .col(text_null("review_reason"))
                    .col(integer("write_number"))
                    .col(sha256_null("write_sha256"))
                    .col(integer("write_status"))
                    .col(text_null("write_answer"))
                    .col(integer("current_revision"))
                    .col(integer("current_score_version"))
                    .col(timestamp_with_time_zone_null("device_at"))
                    .col(timestamp_with_time_zone("received_at"))
                    .col(big_integer_null("skew_ms"))
                    .col(timestamp_with_time_zone_null("submitted_at"))
                    .col(timestamp_with_time_zone_null("published_at"))
                    .col(uuid("public_id"))
                    .col(uuid_null("copy_of"))
                    .foreign_key(&mut within_firm("visits", "assignment_id", "assignments"))
                    .foreign_key(&mut within_firm("visits", "wave_id", "waves"))
                    .foreign_key(&mut within_firm("visits", "branch_id", "branches"))
                    .foreign_key(&mut within_firm("visits", "client_chain_id", "chains"))
                    .foreign_key(&mut within_firm("visits", "auditor_id", "memberships"))
                    .foreign_key(&mut within_firm("visits", "reviewer_id", "memberships"))
                    .foreign_key(&mut within_firm("visits", "copy_of", "visits"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("visits", ("firm_id", "standard_id", "standard_version"))
                            .to("standard_versions", ("firm_id", "standard_id", "version"))
                            .on_delete(ForeignKeyAction::Restrict),
                    )
                    .take(),
                Table::create()
                    .table("visit_drafts")
                    .col(uuid("firm_id"))
                    .col(uuid("visit_id"))
                    .col(text("body"))
                    .col(timestamp_with_time_zone("saved_at"))
                    .primary_key(Index::create().col("firm_id").col("visit_id"))
                    .foreign_key(&mut within_firm("visit_drafts", "visit_id", "visits"))
                    .take(),
            ],
            vec![
                index("visits_by_state", "visits", &["firm_id", "state", "submitted_at"]),
                index("visits_by_assignment", "visits", &["firm_id", "assignment_id"]),
                index("visits_by_wave", "visits", &["firm_id", "wave_id", "branch_id"]),
                index("visits_by_auditor", "visits", &["firm_id", "auditor_id", "state"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["visit_drafts", "visits"]).await
    }
}

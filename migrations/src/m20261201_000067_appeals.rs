//! Appeals of chains and branches against what was found, and the files that they bring.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, integer, integer_null, string_len, text, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::table::{create, drop_tables, firm_table, index, sha256, unique, within_firm, words};

/// Appeals, and the files that they bring.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut standing = unique("appeals_standing", "appeals", &["firm_id", "visit_id", "item_id"]);
        // What was decided is final; what was taken back may be brought again.
        standing.cond_where(Expr::col("state").ne("withdrawn"));
        create(
            manager,
            vec![
                firm_table("appeals")
                    .col(uuid("visit_id"))
                    .col(uuid("wave_id"))
                    .col(uuid("branch_id"))
                    .col(uuid("client_chain_id"))
                    .col(string_len("item_id", 64))
                    .col(words("state", &["open", "upheld", "declined", "withdrawn"]))
                    .col(text("reason"))
                    .col(uuid("filed_by"))
                    .col(timestamp_with_time_zone("filed_at"))
                    // Whose work it is about, as it was then: for the rates.
                    .col(uuid("auditor_id"))
                    .col(uuid_null("reviewer_id"))
                    .col(uuid_null("decided_by"))
                    .col(timestamp_with_time_zone_null("decided_at"))
                    .col(text_null("decision"))
                    .col(integer("score_version"))
                    .col(integer_null("new_score_version"))
                    .foreign_key(&mut within_firm("appeals", "visit_id", "visits"))
                    .foreign_key(&mut within_firm("appeals", "wave_id", "waves"))
                    .foreign_key(&mut within_firm("appeals", "branch_id", "branches"))
                    .foreign_key(&mut within_firm("appeals", "client_chain_id", "chains"))
                    .foreign_key(&mut within_firm("appeals", "filed_by", "memberships"))
                    .foreign_key(&mut within_firm("appeals", "auditor_id", "memberships"))
                    .foreign_key(&mut within_firm("appeals", "reviewer_id", "memberships"))
                    .foreign_key(&mut within_firm("appeals", "decided_by", "memberships"))
                    .take(),
                firm_table("appeal_files")
                    .col(uuid("appeal_id"))
                    .col(sha256("sha256"))
                    .col(big_integer("bytes"))
                    .col(string_len("media_type", 64))
                    .col(uuid("stored_by"))
                    .col(timestamp_with_time_zone("stored_at"))
                    .foreign_key(&mut within_firm("appeal_files", "appeal_id", "appeals"))
                    .foreign_key(&mut within_firm("appeal_files", "stored_by", "memberships"))
                    .take(),
            ],
            vec![
                standing,
                index("appeals_by_wave", "appeals", &["firm_id", "wave_id", "branch_id", "state"]),
                index("appeal_files_by_appeal", "appeal_files", &["firm_id", "appeal_id"]),
                index("appeal_files_by_hash", "appeal_files", &["firm_id", "sha256"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["appeal_files", "appeals"]).await
    }
}

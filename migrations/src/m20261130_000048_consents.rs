//! Consents to recordings: on what basis, by whom, to what, and whether they were withdrawn.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    string_len_null, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::table::{create, drop_tables, firm_table, index, within_firm, words};

/// Consents to recordings.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let bases = &["employee_contract", "works_agreement", "explicit_consent", "spoken_notice", "one_party_law"];
        create(
            manager,
            vec![
                firm_table("consents")
                    .col(words("scope", &["chain", "branch", "visit", "recording"]))
                    // The chain of the branch: those who work there are recorded, whoever had them visited.
                    .col(uuid("chain_id"))
                    .col(uuid_null("branch_id"))
                    .col(uuid_null("visit_id"))
                    .col(uuid_null("evidence_id"))
                    .col(words("basis", bases))
                    .col(string_len_null("given_by", 200))
                    .col(timestamp_with_time_zone("given_at"))
                    .col(text("notice"))
                    .col(string_len_null("country", 2))
                    .col(uuid_null("proof_id"))
                    .col(timestamp_with_time_zone_null("covers_from"))
                    .col(timestamp_with_time_zone_null("covers_until"))
                    .col(uuid("recorded_by"))
                    .col(timestamp_with_time_zone("recorded_at"))
                    .col(uuid_null("withdrawn_by"))
                    .col(timestamp_with_time_zone_null("withdrawn_at"))
                    .col(text_null("withdrawal_reason"))
                    .foreign_key(&mut within_firm("consents", "chain_id", "chains"))
                    .foreign_key(&mut within_firm("consents", "branch_id", "branches"))
                    .foreign_key(&mut within_firm("consents", "visit_id", "visits"))
                    .foreign_key(&mut within_firm("consents", "evidence_id", "evidence"))
                    .foreign_key(&mut within_firm("consents", "proof_id", "evidence"))
                    .foreign_key(&mut within_firm("consents", "recorded_by", "memberships"))
                    .foreign_key(&mut within_firm("consents", "withdrawn_by", "memberships"))
                    .take(),
            ],
            vec![
                index("consents_by_visit", "consents", &["firm_id", "visit_id"]),
                index("consents_by_branch", "consents", &["firm_id", "branch_id", "scope"]),
                index("consents_by_chain", "consents", &["firm_id", "chain_id", "scope"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["consents"]).await
    }
}

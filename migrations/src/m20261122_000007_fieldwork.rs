//! Waves of visits, and the assignments in them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    date, integer, string_len, string_len_null, timestamp_with_time_zone, uuid, uuid_null,
};

use crate::table::{create, drop_tables, firm_table, index, unique, within_firm, words};

/// Waves of visits, and the assignments in them.
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
                firm_table("waves")
                    .col(uuid("chain_id"))
                    .col(string_len("name", 200))
                    .col(words("kind", &["regular", "baseline", "preventive", "competitor", "dealer", "peak"]))
                    .col(words("state", &["planned", "open", "closed"]))
                    .col(date("opens_on"))
                    .col(date("closes_on"))
                    .col(timestamp_with_time_zone("created_at"))
                    .foreign_key(&mut within_firm("waves", "chain_id", "chains"))
                    .take(),
                firm_table("assignments")
                    .col(uuid("wave_id"))
                    .col(uuid("branch_id"))
                    .col(string_len("standard_id", 64))
                    .col(integer("standard_version"))
                    .col(string_len_null("scenario_id", 64))
                    .col(uuid_null("auditor_id"))
                    .col(words(
                        "state",
                        &["open", "claimed", "assigned", "started", "fulfilled", "declined", "cancelled", "expired"],
                    ))
                    .col(timestamp_with_time_zone("window_start"))
                    .col(timestamp_with_time_zone("window_end"))
                    .col(timestamp_with_time_zone("created_at"))
                    .foreign_key(&mut within_firm("assignments", "wave_id", "waves"))
                    .foreign_key(&mut within_firm("assignments", "branch_id", "branches"))
                    .foreign_key(&mut within_firm("assignments", "auditor_id", "memberships"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("assignments", ("firm_id", "standard_id", "standard_version"))
                            .to("standard_versions", ("firm_id", "standard_id", "version"))
                            .on_delete(ForeignKeyAction::Restrict),
                    )
                    .take(),
            ],
            vec![
                unique("waves_by_name", "waves", &["firm_id", "chain_id", "name"]),
                index("assignments_by_auditor", "assignments", &["firm_id", "auditor_id", "state"]),
                index("assignments_by_wave", "assignments", &["firm_id", "wave_id", "branch_id"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["assignments", "waves"]).await
    }
}

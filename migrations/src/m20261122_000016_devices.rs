//! Sessions as families: one signed-in device, one row for each pair of tokens it was given.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    boolean, integer, string_len, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::table::{create, drop_tables, index, sha256, unique};

/// Sessions as families: one signed-in device, one row for each pair of tokens it was given.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    /// Tokens of before have no checksum and are refused, so their rows are not kept.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["sessions"]).await?;
        create(
            manager,
            vec![
                Table::create()
                    .table("sessions")
                    .col(uuid("id").primary_key())
                    .col(uuid("family_id"))
                    .col(uuid("user_id"))
                    .col(uuid_null("membership_id"))
                    .col(sha256("access_sha256"))
                    .col(sha256("refresh_sha256"))
                    .col(string_len("client", 200))
                    .col(sha256("address_sha256"))
                    .col(boolean("second_factor"))
                    .col(timestamp_with_time_zone("signed_in_at"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("access_expires_at"))
                    .col(timestamp_with_time_zone("refresh_expires_at"))
                    .col(timestamp_with_time_zone_null("used_at"))
                    .col(integer("refreshes"))
                    .col(timestamp_with_time_zone_null("refreshed_at"))
                    .col(uuid_null("replaced_by"))
                    .col(boolean("superseded"))
                    .col(timestamp_with_time_zone_null("ended_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("sessions", "user_id")
                            .to("users", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            ],
            vec![
                unique("sessions_by_access", "sessions", &["access_sha256"]),
                unique("sessions_by_refresh", "sessions", &["refresh_sha256"]),
                index("sessions_by_user", "sessions", &["user_id"]),
                index("sessions_by_family", "sessions", &["family_id"]),
            ],
        )
        .await
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("there is no way back to sessions without families".to_owned()))
    }
}

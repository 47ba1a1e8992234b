//! Signed-in devices. Tokens are kept as hashes; a family is one chain of refreshes.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null};

use crate::table::{create, drop_tables, index, sha256, sha256_null, unique};

/// Signed-in devices.
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
                Table::create()
                    .table("sessions")
                    .col(uuid("id").primary_key())
                    .col(uuid("family_id"))
                    .col(uuid("user_id"))
                    .col(uuid_null("membership_id"))
                    .col(sha256("access_sha256"))
                    .col(sha256_null("refresh_sha256"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("access_expires_at"))
                    .col(timestamp_with_time_zone_null("refresh_expires_at"))
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

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["sessions"]).await
    }
}

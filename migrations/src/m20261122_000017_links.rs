//! One-time links: invitations and password resets.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null};

use crate::table::{create, drop_tables, index, sha256, unique, words};

/// One-time links: invitations and password resets.
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
                    .table("links")
                    .col(uuid("id").primary_key())
                    .col(words("kind", &["invitation", "reset", "email"]))
                    .col(sha256("token_sha256"))
                    .col(uuid("user_id"))
                    .col(uuid_null("firm_id"))
                    .col(uuid_null("membership_id"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .col(timestamp_with_time_zone_null("used_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("links", "user_id")
                            .to("users", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("links", ("firm_id", "membership_id"))
                            .to("memberships", ("firm_id", "id"))
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            ],
            vec![unique("links_by_token", "links", &["token_sha256"]), index("links_by_user", "links", &["user_id"])],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["links"]).await
    }
}

//! People and what proves who they are. They belong to the installation, not to a firm.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string_len, text, timestamp_with_time_zone, uuid};

use crate::table::{create, drop_tables, index, unique, words};

/// People and what proves who they are.
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
                    .table("users")
                    .col(uuid("id").primary_key())
                    .col(string_len("email", 254))
                    .col(string_len("name", 200))
                    .col(string_len("locale", 8))
                    .col(timestamp_with_time_zone("created_at"))
                    .take(),
                Table::create()
                    .table("credentials")
                    .col(uuid("id").primary_key())
                    .col(uuid("user_id"))
                    .col(words("kind", &["password", "totp", "recovery_code"]))
                    .col(text("secret"))
                    .col(timestamp_with_time_zone("created_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("credentials", "user_id")
                            .to("users", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .take(),
            ],
            vec![
                unique("users_by_email", "users", &["email"]),
                index("credentials_by_user", "credentials", &["user_id", "kind"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["credentials", "users"]).await
    }
}

//! What shows that a token was stolen: the part that all refresh tokens of a device share, and where each pair was asked
//! for. And whether a second factor was shown when an API key was made.
//!
//! Sessions of before have no shared part until they refresh; keys of before count as made without a second factor.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::boolean;

use crate::table::{index, sha256_null};

/// What shows that a token was stolen.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["device_sha256", "asked_from_sha256"] {
            let column = sha256_null(column);
            manager.alter_table(Table::alter().table("sessions").add_column(column).take()).await?;
        }
        manager.create_index(index("sessions_by_device", "sessions", &["device_sha256"])).await?;
        let column = boolean("second_factor").default(false).take();
        manager.alter_table(Table::alter().table("api_keys").add_column(column).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("api_keys").drop_column("second_factor").take()).await?;
        manager.drop_index(Index::drop().name("sessions_by_device").table("sessions").to_owned()).await?;
        for column in ["asked_from_sha256", "device_sha256"] {
            manager.alter_table(Table::alter().table("sessions").drop_column(column).take()).await?;
        }
        Ok(())
    }
}

//! What was found in a file and stays with the firm: the camera's claims, and how a photo looks.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer_null, text_null};

/// What was found in a file and stays with the firm.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [text_null("exif"), big_integer_null("phash")] {
            manager.alter_table(Table::alter().table("evidence").add_column(column).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["phash", "exif"] {
            manager.alter_table(Table::alter().table("evidence").drop_column(column).take()).await?;
        }
        Ok(())
    }
}

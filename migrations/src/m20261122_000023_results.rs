//! Finding published visits by the ids that their chains know, and listing those of a chain or a branch in that order.
//!
//! Only published visits are in these indexes, so filing a visit does not pay for them.

use sea_orm_migration::prelude::*;

use crate::table::{index, unique};

/// Finding published visits by their public ids.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for mut index in [
            unique("visits_by_public_id", "visits", &["firm_id", "public_id"]),
            index("visits_by_chain", "visits", &["firm_id", "client_chain_id", "public_id"]),
            index("visits_by_branch", "visits", &["firm_id", "branch_id", "public_id"]),
        ] {
            // Queries have to say it in the same words, or SQLite does not see that the index has all they ask for.
            index.cond_where(Expr::col("published_at").is_not_null());
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["visits_by_branch", "visits_by_chain", "visits_by_public_id"] {
            manager.drop_index(Index::drop().name(name).table("visits").to_owned()).await?;
        }
        Ok(())
    }
}

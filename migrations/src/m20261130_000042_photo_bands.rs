//! Photos that look alike, found without looking at all of them: the 64 bits of how a photo looks, in four bands of 16.
//! Photos that differ in at most 7 bits differ in at most one bit of some band.

use sea_orm_migration::prelude::*;

/// Photos that look alike, found by bands of bits.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// From which bit each band begins.
const BANDS: [u32; 4] = [0, 16, 32, 48];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for from in BANDS {
            // Queries have to say it in the same words (`evidence/similar.rs`).
            let statement = format!(
                "CREATE INDEX evidence_by_band_{from} ON evidence (firm_id, ((phash >> {from}) & 65535)) \
                 WHERE phash IS NOT NULL"
            );
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for from in BANDS {
            let name = format!("evidence_by_band_{from}");
            manager.drop_index(Index::drop().name(name).table("evidence").to_owned()).await?;
        }
        Ok(())
    }
}

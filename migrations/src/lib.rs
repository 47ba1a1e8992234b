//! The tables of Peegel as steps from nothing to now, one idea a file, the same on SQLite and PostgreSQL.
//!
//! A step never imports entities: those change, a step that has run must not. States and kinds are text with a
//! CHECK over the full list, because SQLite cannot change a CHECK later. The rules for a new step are in
//! CONTRIBUTING.md.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

mod m20261122_000001_people;
mod m20261122_000002_firms;
mod m20261122_000003_sessions;
mod m20261122_000004_events;
mod m20261122_000005_chains;
mod m20261122_000006_standards;
mod m20261122_000007_fieldwork;
mod m20261122_000008_visits;
mod m20261122_000009_revisions;
mod m20261122_000010_evidence;
mod m20261122_000011_jobs;
mod m20261122_000012_totals;
mod m20261122_000013_actions;
mod m20261122_000014_idempotency;
mod m20261122_000015_rehearsals;
mod m20261122_000016_devices;
mod m20261122_000017_links;
mod m20261122_000018_firm_rules;
mod m20261122_000019_second_factor;
mod m20261122_000020_api_keys;
mod m20261122_000021_installation_jobs;
mod m20261122_000022_dead_jobs;
mod m20261122_000023_results;
mod m20261122_000024_proven_people;
mod m20261122_000025_stolen_tokens;
mod m20261122_000030_uploads;
mod m20261122_000031_unreferred_blobs;
mod m20261122_000035_audience;
mod m20261130_000040_looked_into;
mod m20261130_000041_stays;
mod m20261130_000042_photo_bands;
mod m20261130_000044_waveforms;
mod m20261130_000046_transcripts;
mod m20261130_000047_transcriptions;
mod m20261130_000048_consents;
mod m20261130_000050_signals;
mod m20261130_000051_sketches;
mod m20261130_000053_retention;
mod m20261130_000054_purges;
mod m20261130_000055_erasures;
mod m20261201_000060_review;
mod m20261201_000061_questions;
mod m20261201_000062_correction_drafts;
mod m20261201_000065_appeal_days;
mod m20261201_000066_withdrawals;
mod m20261201_000067_appeals;
mod m20261201_000070_scenarios;
mod m20261201_000074_notices;
mod m20261201_000075_second_scorings;
mod table;

/// All steps in order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_people::Migration),
            Box::new(m20261122_000002_firms::Migration),
            Box::new(m20261122_000003_sessions::Migration),
            Box::new(m20261122_000004_events::Migration),
            Box::new(m20261122_000005_chains::Migration),
            Box::new(m20261122_000006_standards::Migration),
            Box::new(m20261122_000007_fieldwork::Migration),
            Box::new(m20261122_000008_visits::Migration),
            Box::new(m20261122_000009_revisions::Migration),
            Box::new(m20261122_000010_evidence::Migration),
            Box::new(m20261122_000011_jobs::Migration),
            Box::new(m20261122_000012_totals::Migration),
            Box::new(m20261122_000013_actions::Migration),
            Box::new(m20261122_000014_idempotency::Migration),
            Box::new(m20261122_000015_rehearsals::Migration),
            Box::new(m20261122_000016_devices::Migration),
            Box::new(m20261122_000017_links::Migration),
            Box::new(m20261122_000018_firm_rules::Migration),
            Box::new(m20261122_000019_second_factor::Migration),
            Box::new(m20261122_000020_api_keys::Migration),
            Box::new(m20261122_000021_installation_jobs::Migration),
            Box::new(m20261122_000022_dead_jobs::Migration),
            Box::new(m20261122_000023_results::Migration),
            Box::new(m20261122_000024_proven_people::Migration),
            Box::new(m20261122_000025_stolen_tokens::Migration),
            Box::new(m20261122_000030_uploads::Migration),
            Box::new(m20261122_000031_unreferred_blobs::Migration),
            Box::new(m20261122_000035_audience::Migration),
            Box::new(m20261130_000040_looked_into::Migration),
            Box::new(m20261130_000041_stays::Migration),
            Box::new(m20261130_000042_photo_bands::Migration),
            Box::new(m20261130_000044_waveforms::Migration),
            Box::new(m20261130_000046_transcripts::Migration),
            Box::new(m20261130_000047_transcriptions::Migration),
            Box::new(m20261130_000048_consents::Migration),
            Box::new(m20261130_000050_signals::Migration),
            Box::new(m20261130_000051_sketches::Migration),
            Box::new(m20261130_000053_retention::Migration),
            Box::new(m20261130_000054_purges::Migration),
            Box::new(m20261130_000055_erasures::Migration),
            Box::new(m20261201_000060_review::Migration),
            Box::new(m20261201_000061_questions::Migration),
            Box::new(m20261201_000062_correction_drafts::Migration),
            Box::new(m20261201_000065_appeal_days::Migration),
            Box::new(m20261201_000066_withdrawals::Migration),
            Box::new(m20261201_000067_appeals::Migration),
            Box::new(m20261201_000070_scenarios::Migration),
            Box::new(m20261201_000074_notices::Migration),
            Box::new(m20261201_000075_second_scorings::Migration),
        ]
    }
}

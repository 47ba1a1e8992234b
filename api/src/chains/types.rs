//! Chains, regions and branches in requests and in answers.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use uuid::Uuid;

use crate::entity::{branch, chain, region};
use crate::words::{ChainKind, RecordingPolicy};

/// A chain to be added.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewChain {
    /// A short code, unique in the firm.
    #[oai(validator(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"))]
    pub code: String,
    /// The name, as reports print it.
    #[oai(validator(min_length = 1, max_length = 200))]
    pub name: String,
    /// Whether it is a client or a client's rival.
    pub kind: ChainKind,
    /// The language of its reports unless another is asked for.
    #[oai(validator(pattern = "^(en|et|hu)$"))]
    pub locale: String,
    /// The colour of its reports.
    #[oai(validator(pattern = "^#[0-9A-Fa-f]{6}$"))]
    pub colour: String,
    /// What may happen to call recordings; `needs_proof` if absent.
    pub recording_policy: Option<RecordingPolicy>,
    /// Days after the day of publishing on which results may still be appealed; 14 if absent.
    #[oai(validator(minimum(value = "0"), maximum(value = "365")))]
    pub appeal_days: Option<i32>,
}

/// What to change of a chain; what is absent stays.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct ChainChange {
    /// The name, as reports print it.
    #[oai(validator(min_length = 1, max_length = 200))]
    pub name: Option<String>,
    /// The language of its reports unless another is asked for.
    #[oai(validator(pattern = "^(en|et|hu)$"))]
    pub locale: Option<String>,
    /// The colour of its reports.
    #[oai(validator(pattern = "^#[0-9A-Fa-f]{6}$"))]
    pub colour: Option<String>,
    /// What may happen to recordings, those that are stored already included.
    pub recording_policy: Option<RecordingPolicy>,
    /// Days after the day of publishing on which results may still be appealed, those that are published already
    /// included.
    #[oai(validator(minimum(value = "0"), maximum(value = "365")))]
    pub appeal_days: Option<i32>,
}

/// A chain.
#[derive(Debug, Object)]
pub struct ChainView {
    /// Its id.
    pub id: Uuid,
    /// Its code, unique in the firm.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Whether it is a client or a client's rival.
    pub kind: ChainKind,
    /// The language of its reports unless another is asked for.
    pub locale: String,
    /// The colour of its reports, as `#RRGGBB`.
    pub colour: String,
    /// What may happen to call recordings.
    pub recording_policy: RecordingPolicy,
    /// Days after the day of publishing on which results may still be appealed.
    pub appeal_days: i32,
    /// When it was added.
    pub created_at: DateTime<Utc>,
}

impl From<chain::Model> for ChainView {
    fn from(row: chain::Model) -> Self {
        Self {
            id: row.id,
            code: row.code,
            name: row.name,
            kind: row.kind,
            locale: row.locale,
            colour: row.colour,
            recording_policy: row.recording_policy,
            appeal_days: row.appeal_days,
            created_at: row.created_at,
        }
    }
}

/// Regions to be added to a chain.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewRegions {
    /// The regions.
    #[oai(validator(min_items = 1, max_items = 1000))]
    pub regions: Vec<NewRegion>,
}

/// A region to be added.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewRegion {
    /// A short code, unique in the chain.
    #[oai(validator(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"))]
    pub code: String,
    /// The name.
    #[oai(validator(min_length = 1, max_length = 200))]
    pub name: String,
}

/// A region of a chain.
#[derive(Debug, Object)]
pub struct RegionView {
    /// Its id.
    pub id: Uuid,
    /// The chain.
    pub chain_id: Uuid,
    /// Its code, unique in the chain.
    pub code: String,
    /// Its name.
    pub name: String,
    /// When it was added.
    pub created_at: DateTime<Utc>,
}

impl From<region::Model> for RegionView {
    fn from(row: region::Model) -> Self {
        Self { id: row.id, chain_id: row.chain_id, code: row.code, name: row.name, created_at: row.created_at }
    }
}

/// The regions that were added.
#[derive(Debug, Object)]
pub struct AddedRegions {
    /// The regions, in the order of the request.
    pub data: Vec<RegionView>,
}

/// Branches to be added to a chain.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewBranches {
    /// The chain.
    pub chain_id: Uuid,
    /// The branches.
    #[oai(validator(min_items = 1, max_items = 1000))]
    pub branches: Vec<NewBranch>,
}

/// A branch to be added.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewBranch {
    /// A short code, unique in the chain.
    #[oai(validator(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"))]
    pub code: String,
    /// The name, as reports print it.
    #[oai(validator(min_length = 1, max_length = 200))]
    pub name: String,
    /// Where it is: the street address of a shop, the number of a call desk, the page of a web shop.
    #[oai(validator(min_length = 1, max_length = 400))]
    pub address: String,
    /// The code of the region it is in from today on.
    #[oai(validator(max_length = 64))]
    pub region: Option<String>,
    /// Degrees north; comes with `longitude`.
    #[oai(validator(minimum(value = "-90"), maximum(value = "90")))]
    pub latitude: Option<f64>,
    /// Degrees east; comes with `latitude`.
    #[oai(validator(minimum(value = "-180"), maximum(value = "180")))]
    pub longitude: Option<f64>,
    /// The IANA name of its time zone, such as `Europe/Tallinn`.
    #[oai(validator(max_length = 64))]
    pub time_zone: String,
    /// What kind of place it is, in the chain's own words; `store` if absent.
    #[oai(validator(max_length = 64))]
    pub format: Option<String>,
}

/// A branch.
#[derive(Debug, Object)]
pub struct BranchView {
    /// Its id.
    pub id: Uuid,
    /// The chain.
    pub chain_id: Uuid,
    /// Its code, unique in the chain.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: String,
    /// The region it is in now.
    pub region_id: Option<Uuid>,
    /// The code of the region it is in now.
    pub region: Option<String>,
    /// Degrees north, to seven decimals.
    pub latitude: Option<f64>,
    /// Degrees east, to seven decimals.
    pub longitude: Option<f64>,
    /// The IANA name of its time zone.
    pub time_zone: String,
    /// What kind of place it is.
    pub format: String,
    /// When it was added.
    pub created_at: DateTime<Utc>,
}

impl BranchView {
    /// A branch with the region it is in now.
    pub fn of(row: branch::Model, region: Option<&region::Model>) -> Self {
        Self {
            id: row.id,
            chain_id: row.chain_id,
            code: row.code,
            name: row.name,
            address: row.address,
            region_id: region.map(|region| region.id),
            region: region.map(|region| region.code.clone()),
            latitude: row.latitude_e7.map(degrees),
            longitude: row.longitude_e7.map(degrees),
            time_zone: row.time_zone,
            format: row.format,
            created_at: row.created_at,
        }
    }
}

/// Degrees from the ten-millionths that are stored.
pub fn degrees(e7: i32) -> f64 {
    f64::from(e7) / 1e7
}

/// The branches that were added.
#[derive(Debug, Object)]
pub struct AddedBranches {
    /// The branches, in the order of the request.
    pub data: Vec<BranchView>,
}

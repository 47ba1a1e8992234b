//! Rows of `evidence`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::{EvidenceKind, EvidenceState};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "evidence")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub visit_id: Uuid,
    pub kind: EvidenceKind,
    pub state: EvidenceState,
    pub revision: i32,
    pub item_ids: String,
    pub file_name: String,
    pub sha256: Option<String>,
    pub bytes: Option<i64>,
    pub media_type: Option<String>,
    pub captured_at: Option<DateTimeUtc>,
    pub chain_visible: bool,
    pub problem_code: Option<String>,
    pub problem: Option<String>,
    pub facts: Option<String>,
    pub preview_320_sha256: Option<String>,
    pub preview_1600_sha256: Option<String>,
    pub report_sha256: Option<String>,
    /// What the camera says of the photo ([`peegel_media::Exif`] as JSON). Never leaves the firm.
    pub exif: Option<String>,
    /// How the photo looks: the 64 bits of its perceptual hash.
    pub phash: Option<i64>,
    pub declared_at: DateTimeUtc,
    pub stored_at: Option<DateTimeUtc>,
    /// Since when the bytes that were sent are purged; a photo may have previews left.
    pub purged_at: Option<DateTimeUtc>,
    /// Why, in words.
    pub purge_rule: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

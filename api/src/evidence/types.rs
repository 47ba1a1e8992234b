//! A piece of evidence in answers.

use chrono::{DateTime, Utc};
use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde_json::Value;
use uuid::Uuid;

use crate::entity::evidence;
use crate::words::{EvidenceKind, EvidenceState};

/// Why a file will never come.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct Loss {
    /// What happened to it, in 1 to 1000 characters.
    #[oai(validator(max_length = 1000))]
    pub reason: String,
}

/// What to change of a file; what is absent stays.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct EvidenceChange {
    /// Whether the chain sees it when the visit is published; never a document. Recordings that may be heard can be marked,
    /// and results do not play them yet.
    pub chain_visible: Option<bool>,
}

/// One file of a visit.
#[derive(Debug, Object)]
pub struct EvidenceView {
    /// The id that the phone made.
    pub id: Uuid,
    /// The visit.
    pub visit_id: Uuid,
    /// What it is.
    pub kind: EvidenceKind,
    /// How far it has come.
    pub state: EvidenceState,
    /// The items that it proves.
    pub item_ids: Vec<String>,
    /// Its name.
    pub file_name: String,
    /// The sha256 of its bytes; as announced until it is stored.
    pub sha256: Option<String>,
    /// Its size; as announced until it is stored.
    pub bytes: Option<i64>,
    /// Its media type; as announced until it is stored, then as found in its content.
    pub media_type: Option<String>,
    /// When it was taken, by the phone's clock.
    pub captured_at: Option<DateTime<Utc>>,
    /// Why it was refused, is lost or cannot be shown, for programs.
    pub problem_code: Option<String>,
    /// Why it was refused or cannot be shown, and what to do; of a lost file, what the auditor said.
    pub problem: Option<String>,
    /// What was found in it: size in pixels of a photo, length of a recording.
    pub facts: Option<Any<Value>>,
    /// True when previews can be fetched.
    pub has_preview: bool,
    /// Whether the chain sees it when the visit is published: photos unless they are kept back, recordings not yet.
    pub chain_visible: bool,
    /// When it was stored.
    pub stored_at: Option<DateTime<Utc>>,
    /// When the bytes that were sent were purged; of a photo that is still `processed`, previews are left.
    pub purged_at: Option<DateTime<Utc>>,
    /// Why, in words.
    pub purge_rule: Option<String>,
}

impl From<evidence::Model> for EvidenceView {
    fn from(row: evidence::Model) -> Self {
        Self {
            id: row.id,
            visit_id: row.visit_id,
            kind: row.kind,
            state: row.state,
            item_ids: serde_json::from_str(&row.item_ids).unwrap_or_default(),
            file_name: row.file_name,
            sha256: row.sha256,
            bytes: row.bytes,
            media_type: row.media_type,
            captured_at: row.captured_at,
            problem_code: row.problem_code,
            problem: row.problem,
            facts: row.facts.and_then(|text| serde_json::from_str(&text).ok()).map(Any),
            has_preview: row.preview_320_sha256.is_some(),
            chain_visible: row.chain_visible,
            stored_at: row.stored_at,
            purged_at: row.purged_at,
            purge_rule: row.purge_rule,
        }
    }
}

/// The long edge of a preview, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum PreviewSize {
    /// For lists.
    #[oai(rename = "320")]
    Small,
    /// For looking closely.
    #[oai(rename = "1600")]
    Large,
}

impl PreviewSize {
    /// The long edge in pixels.
    pub fn px(self) -> &'static str {
        match self {
            Self::Small => "320",
            Self::Large => "1600",
        }
    }

    /// The size with this long edge.
    pub fn of_px(px: &str) -> Option<Self> {
        [Self::Small, Self::Large].into_iter().find(|size| size.px() == px)
    }
}

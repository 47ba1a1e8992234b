//! A piece of evidence in answers.

use chrono::{DateTime, Utc};
use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde_json::Value;
use uuid::Uuid;

use crate::access::Reach;
use crate::entity::evidence;
use crate::words::{EvidenceKind, EvidenceState};
use peegel_media::Exif;

/// Why a file will never come.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct Loss {
    /// What happened to it, in 1 to 1000 characters.
    #[oai(validator(max_length = 1000))]
    pub reason: String,
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
    /// When it was stored.
    pub stored_at: Option<DateTime<Utc>>,
    /// What the camera says of the photo; absent when it says nothing. Only firm admins and reviewers see it.
    #[oai(skip_serializing_if_is_none)]
    pub exif: Option<ExifView>,
}

/// What a camera says of a photo: claims of a device, not facts.
#[derive(Debug, Object)]
pub struct ExifView {
    /// When it was taken, by the camera's clock and without a zone, such as `2026-05-04T12:34:56`.
    #[oai(skip_serializing_if_is_none)]
    pub taken_at: Option<String>,
    /// How far that clock is ahead of UTC, such as `+03:00`.
    #[oai(skip_serializing_if_is_none)]
    pub offset: Option<String>,
    /// Maker of the camera.
    #[oai(skip_serializing_if_is_none)]
    pub make: Option<String>,
    /// Model of the camera.
    #[oai(skip_serializing_if_is_none)]
    pub model: Option<String>,
    /// The program that wrote the file last.
    #[oai(skip_serializing_if_is_none)]
    pub software: Option<String>,
    /// Where it was taken: latitude in units of 1e-7 degree, north positive.
    #[oai(skip_serializing_if_is_none)]
    pub latitude_e7: Option<i64>,
    /// Longitude in units of 1e-7 degree, east positive.
    #[oai(skip_serializing_if_is_none)]
    pub longitude_e7: Option<i64>,
    /// How far off that may be, in metres.
    #[oai(skip_serializing_if_is_none)]
    pub accuracy_m: Option<u32>,
    /// The width that the camera noted, in pixels; an editor may have left it as it was.
    #[oai(skip_serializing_if_is_none)]
    pub width_px: Option<u32>,
    /// The height that the camera noted, in pixels.
    #[oai(skip_serializing_if_is_none)]
    pub height_px: Option<u32>,
    /// True when the file says that it shows a screen. Most screenshots do not say so.
    pub is_screenshot: bool,
}

impl From<Exif> for ExifView {
    fn from(exif: Exif) -> Self {
        Self {
            taken_at: exif.taken_at,
            offset: exif.offset,
            make: exif.make,
            model: exif.model,
            software: exif.software,
            latitude_e7: exif.gps.map(|gps| gps.lat_e7),
            longitude_e7: exif.gps.map(|gps| gps.lon_e7),
            accuracy_m: exif.gps.and_then(|gps| gps.accuracy_m),
            width_px: exif.width_px,
            height_px: exif.height_px,
            is_screenshot: exif.is_screenshot,
        }
    }
}

impl EvidenceView {
    /// A file as somebody with this reach sees it.
    pub fn seen_by(reach: Reach, row: evidence::Model) -> Self {
        let exif = row.exif.as_deref().filter(|_| reach == Reach::Firm);
        let exif = exif.and_then(|text| serde_json::from_str::<Exif>(text).ok());
        Self { exif: exif.map(Into::into), ..row.into() }
    }
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
            stored_at: row.stored_at,
            exif: None,
        }
    }
}

/// Files that look like one, or have its bytes.
#[derive(Debug, Object)]
pub struct SimilarEvidenceList {
    /// Those with the same bytes first, then the nearest; at most 50.
    pub data: Vec<SimilarEvidence>,
}

/// A file that looks like another, or has its bytes.
#[derive(Debug, Object)]
pub struct SimilarEvidence {
    /// The file.
    pub id: Uuid,
    /// Its visit.
    pub visit_id: Uuid,
    /// Its name.
    pub file_name: String,
    /// In how many of 64 bits they look different, 0 to 7; null when only the bytes tell, as of photos of one colour.
    pub distance: Option<u32>,
    /// True when it is the same file, byte by byte.
    pub same_bytes: bool,
    /// When it was taken, by the phone's clock.
    pub captured_at: Option<DateTime<Utc>>,
    /// When it was stored.
    pub stored_at: Option<DateTime<Utc>>,
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

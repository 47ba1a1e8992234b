//! A piece of evidence in answers.

use chrono::{DateTime, Utc};
use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};
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
    /// What was found in it: size in pixels of a photo, length of a recording and, where it may be heard, how much of it is
    /// speech.
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
    /// A file as somebody with this reach sees it, who may hear it or not.
    pub fn seen_by(reach: Reach, is_heard: bool, row: evidence::Model) -> Self {
        let exif = row.exif.as_deref().filter(|_| reach == Reach::Firm);
        let exif = exif.and_then(|text| serde_json::from_str::<Exif>(text).ok());
        let facts = row.facts.as_deref().filter(|_| is_heard).and_then(|text| serde_json::from_str(text).ok());
        let view = Self::from(row);
        Self { exif: exif.map(Into::into), facts: facts.map(Any).or(view.facts), ..view }
    }
}

/// What was found in a file, without what tells when somebody speaks in it.
fn silent_facts(text: &str) -> Option<Value> {
    match serde_json::from_str::<RecordingFacts>(text) {
        Ok(facts) => serde_json::to_value(RecordingFacts { sound: None, ..facts }).ok(),
        Err(_) => serde_json::from_str(text).ok(),
    }
}

impl From<evidence::Model> for EvidenceView {
    /// As everybody sees it who sees the file, whether they may hear it or not.
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
            facts: row.facts.as_deref().and_then(silent_facts).map(Any),
            has_preview: row.preview_320_sha256.is_some(),
            chain_visible: row.chain_visible,
            stored_at: row.stored_at,
            purged_at: row.purged_at,
            purge_rule: row.purge_rule,
            exif: None,
        }
    }
}

/// What was found in a recording, as the row keeps it and everybody reads who sees the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingFacts {
    /// Such as `wav` or `mp4`.
    pub container: String,
    /// Such as `aac` or `opus`.
    pub codec: String,
    /// Playing time of what is really in the file.
    pub duration_ms: i64,
    /// Samples a second of each channel.
    pub sample_rate_hz: i64,
    /// 1 for mono.
    pub channels: i64,
    /// Part of the recording is missing.
    pub truncated: bool,
    /// What was heard in it; none when nothing could be.
    #[serde(flatten)]
    pub sound: Option<SoundFigures>,
}

/// Figures measured in a recording. Shares are in basis points of its length.
#[derive(Clone, Debug, PartialEq, Eq, Object, Serialize, Deserialize)]
pub struct SoundFigures {
    /// Time with speech.
    pub speech_bp: i64,
    /// Time with neither speech nor any other sound.
    pub silence_bp: i64,
    /// Where the first speech begins, in milliseconds; null when nobody speaks.
    pub first_speech_ms: Option<i64>,
    /// Where the last speech ends, in milliseconds.
    pub last_speech_ms: Option<i64>,
    /// Length of the longest silence, in milliseconds.
    pub longest_silence_ms: i64,
    /// Where it begins, in milliseconds.
    pub longest_silence_at_ms: Option<i64>,
    /// Stretches of four seconds or more without speech between the first and the last word, together, in milliseconds:
    /// silence, or music.
    pub hold_ms: i64,
    /// Length of the longest of these, in milliseconds.
    pub longest_hold_ms: i64,
    /// Where it begins, in milliseconds.
    pub longest_hold_at_ms: Option<i64>,
    /// Samples as loud as the format can hold, in basis points rounded up.
    pub clipped_bp: i64,
    /// Mean power in hundredths of a decibel, 0 being full scale; null when nothing but zeros was recorded.
    pub level_cdb: Option<i64>,
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

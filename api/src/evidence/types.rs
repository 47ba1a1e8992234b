//! A piece of evidence in answers.

use chrono::{DateTime, Utc};
use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};
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
    /// What was found in it: size in pixels of a photo, length of a recording and how much of it is speech.
    pub facts: Option<Any<Value>>,
    /// True when previews can be fetched.
    pub has_preview: bool,
    /// When it was stored.
    pub stored_at: Option<DateTime<Utc>>,
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

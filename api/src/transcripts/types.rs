//! A transcript in answers, and its cues as they are stored.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::entity::{transcript, transcription};
use crate::words::{TranscriptFormat, TranscriptionState};

/// Something that is said. In a plain text without times there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cue {
    /// Where it begins in the recording, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub start_ms: Option<i64>,
    /// Where it ends, in milliseconds; not before it begins.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end_ms: Option<i64>,
    /// Who says it, if the file tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub speaker: Option<String>,
    /// What is said: plain text in one line.
    pub text: String,
}

/// Something that is said in a recording.
#[derive(Debug, Object)]
pub struct CueView {
    /// Where it begins in the recording, in milliseconds; null in a text without times.
    pub start_ms: Option<i64>,
    /// Where it ends, in milliseconds; null where the file does not tell.
    pub end_ms: Option<i64>,
    /// Who says it, if the file tells.
    pub speaker: Option<String>,
    /// What is said: plain text in one line.
    pub text: String,
    /// True when it lies beyond the end of the recording: the transcript may belong to another one.
    pub beyond_recording: bool,
}

/// What is said in a recording.
#[derive(Debug, Object)]
pub struct TranscriptView {
    /// The recording.
    pub evidence_id: Uuid,
    /// The visit.
    pub visit_id: Uuid,
    /// The language, as a tag such as `et` or `hu-HU`.
    pub language: String,
    /// What it was made from.
    pub format: TranscriptFormat,
    /// The membership that attached it; null when the transcription service wrote it.
    pub author_id: Option<Uuid>,
    /// When it was attached.
    pub created_at: DateTime<Utc>,
    /// The length of the recording in milliseconds; null while nobody has looked into it, or when it cannot be told.
    pub duration_ms: Option<i64>,
    /// How many cues lie beyond the end of the recording.
    pub cues_beyond_recording: usize,
    /// What is said, in the order of its times. Cues may overlap.
    pub cues: Vec<CueView>,
}

/// Past the end of a recording by this much is the same end: players and tools round.
const ROUNDING_MS: i64 = 1000;

impl TranscriptView {
    /// A transcript beside a recording of this length.
    pub fn new(row: transcript::Model, cues: Vec<Cue>, duration_ms: Option<i64>) -> Self {
        let is_beyond = |cue: &Cue| {
            let last_ms = cue.end_ms.or(cue.start_ms);
            last_ms.zip(duration_ms).is_some_and(|(last_ms, duration_ms)| last_ms > duration_ms + ROUNDING_MS)
        };
        let view = |cue: Cue| CueView {
            beyond_recording: is_beyond(&cue),
            start_ms: cue.start_ms,
            end_ms: cue.end_ms,
            speaker: cue.speaker,
            text: cue.text,
        };
        let cues: Vec<_> = cues.into_iter().map(view).collect();
        Self {
            evidence_id: row.evidence_id,
            visit_id: row.visit_id,
            language: row.language,
            format: row.format,
            author_id: row.author_id,
            created_at: row.created_at,
            duration_ms,
            cues_beyond_recording: cues.iter().filter(|cue| cue.beyond_recording).count(),
            cues,
        }
    }
}

/// A transcript in which all words were found.
#[derive(Debug, Object)]
pub struct TranscriptHit {
    /// The recording.
    pub evidence_id: Uuid,
    /// The visit.
    pub visit_id: Uuid,
    /// The language of the transcript.
    pub language: String,
    /// In how many cues any of the words stands.
    pub cues_found: usize,
    /// Those of them with the most of the words, at most five, in the order of their times.
    pub snippets: Vec<Snippet>,
}

/// Where words were found.
#[derive(Debug, Object)]
pub struct Snippet {
    /// Where it begins in the recording, in milliseconds; null in a text without times.
    pub start_ms: Option<i64>,
    /// Who says it, if the file tells.
    pub speaker: Option<String>,
    /// What is said there, cut to about 200 characters around the first of the words.
    pub text: String,
}

/// What is asked of the transcription service.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewTranscription {
    /// The language that is spoken, as a tag such as `et`; that of the chain if absent.
    #[oai(validator(max_length = 35, pattern = "^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$"))]
    pub language: Option<String>,
}

/// How far the work of the transcription service on a recording has come.
#[derive(Debug, Object)]
pub struct TranscriptionView {
    /// The recording.
    pub evidence_id: Uuid,
    /// How far it has come. When it is done, the transcript is there.
    pub state: TranscriptionState,
    /// The language that the service is told.
    pub language: String,
    /// The membership that asked for it; null when it was queued by itself.
    pub author_id: Option<Uuid>,
    /// Why it failed, for programs.
    pub problem_code: Option<String>,
    /// Why it failed, and what to do.
    pub problem: Option<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

impl From<transcription::Model> for TranscriptionView {
    fn from(row: transcription::Model) -> Self {
        Self {
            evidence_id: row.evidence_id,
            state: row.state,
            language: row.language,
            author_id: row.author_id,
            problem_code: row.problem_code,
            problem: row.problem,
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}

//! What the job does with a recording: how long it is, and what is heard in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};

use crate::entity::{evidence, waveform};
use crate::evidence::types::{RecordingFacts, SoundFigures};
use crate::failure::Failure;
use peegel_media::{Heard, Sound, Span};

/// Notes with a recording what was found in it, as far as everybody may know who sees the file, and gives the waveform,
/// which only those see who may hear it.
///
/// # Errors
///
/// [`Failure`] (500) when it cannot be written as JSON, which does not happen.
pub fn note(row: &mut evidence::Model, heard: &Heard, at: DateTime<Utc>) -> Result<Option<waveform::Model>, Failure> {
    let sound = heard.sound.as_ref().ok();
    row.facts = Some(serde_json::to_string(&facts(heard)).map_err(Failure::internal)?);
    let Some(sound) = sound else { return Ok(None) };
    let speech: Vec<_> = sound.speech.iter().map(|span| [span.start_ms, span.end_ms]).collect();
    Ok(Some(waveform::Model {
        firm_id: row.firm_id,
        evidence_id: row.id,
        peak_ms: i32::try_from(sound.peak_ms).map_err(Failure::internal)?,
        peaks: STANDARD.encode(&sound.peaks),
        speech: serde_json::to_string(&speech).map_err(Failure::internal)?,
        created_at: at,
    }))
}

fn facts(heard: &Heard) -> RecordingFacts {
    let recording = &heard.recording;
    RecordingFacts {
        container: recording.container.to_owned(),
        codec: recording.codec.to_owned(),
        duration_ms: ms(recording.duration_ms),
        sample_rate_hz: i64::from(recording.sample_rate_hz),
        channels: i64::from(recording.channels),
        truncated: recording.truncated,
        sound: heard.sound.as_ref().ok().map(figures),
    }
}

fn figures(sound: &Sound) -> SoundFigures {
    let start = |span: Option<Span>| span.map(|span| ms(span.start_ms));
    let length = |span: Option<Span>| span.map_or(0, |span| ms(span.end_ms - span.start_ms));
    SoundFigures {
        speech_bp: ms(sound.speech_bp),
        silence_bp: ms(sound.silence_bp),
        first_speech_ms: sound.first_speech_ms.map(ms),
        last_speech_ms: sound.last_speech_ms.map(ms),
        longest_silence_ms: length(sound.longest_silence),
        longest_silence_at_ms: start(sound.longest_silence),
        hold_ms: ms(sound.hold_ms),
        longest_hold_ms: length(sound.longest_hold),
        longest_hold_at_ms: start(sound.longest_hold),
        clipped_bp: ms(sound.clipped_bp),
        level_cdb: sound.level_cdb,
    }
}

fn ms(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

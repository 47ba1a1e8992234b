//! The waveform of a recording, for a player.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use poem_openapi::Object;
use uuid::Uuid;

use crate::app::App;
use crate::consent::service::check_recording;
use crate::evidence::service::visible;
use crate::evidence::store;
use crate::evidence::types::{RecordingFacts, SoundFigures};
use crate::failure::Failure;
use crate::people::types::Caller;
use crate::words::EvidenceState;

/// What a player draws under a recording: how loud it is when, and who speaks when.
#[derive(Debug, Object)]
pub struct WaveformView {
    /// Length of the recording, in milliseconds.
    pub duration_ms: i64,
    /// Length of what one peak stands for, in milliseconds.
    pub peak_ms: i32,
    /// The largest distance of a sample from zero in each stretch, 0 to 255, which is full scale. At most 1600.
    pub peaks: Vec<u8>,
    /// When somebody speaks; at most 5000 stretches. Ringing, hold music and noise are no speech.
    pub speech: Vec<SpanView>,
    /// What was measured.
    pub figures: SoundFigures,
}

/// A stretch of a recording.
#[derive(Debug, Object)]
pub struct SpanView {
    /// Where it begins, in milliseconds.
    pub start_ms: i64,
    /// Where it ends, in milliseconds.
    pub end_ms: i64,
}

/// The waveform of a recording. Whoever may not hear it may not see who speaks when.
///
/// # Errors
///
/// * 404 when there is no such file, or it has no waveform.
/// * 403 `recording_not_permitted`, 404 `purged` as [`check_recording`].
/// * 409 `not_processed` while it is being listened to.
pub async fn waveform(app: &App, caller: &Caller, id: Uuid) -> Result<WaveformView, Failure> {
    let row = visible(app, caller, id).await?;
    check_recording(app.db.reader(), &row).await?;
    if row.state == EvidenceState::Stored {
        return Err(Failure::conflict("not_processed", "The recording is being listened to. Try again in a moment."));
    }
    let none = || Failure::not_found("waveform");
    let waveform = store::waveform_of(app.db.reader(), row.firm_id, id).await?.ok_or_else(none)?;
    let facts: RecordingFacts =
        serde_json::from_str(row.facts.as_deref().unwrap_or_default()).map_err(Failure::internal)?;
    let speech: Vec<[i64; 2]> = serde_json::from_str(&waveform.speech).map_err(Failure::internal)?;
    Ok(WaveformView {
        duration_ms: facts.duration_ms,
        peak_ms: waveform.peak_ms,
        peaks: STANDARD.decode(&waveform.peaks).map_err(Failure::internal)?,
        speech: speech.into_iter().map(|[start_ms, end_ms]| SpanView { start_ms, end_ms }).collect(),
        figures: facts.sound.ok_or_else(none)?,
    })
}

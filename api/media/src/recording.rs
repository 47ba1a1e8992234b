//! How long a recording is and what it is made of, read from its container without decoding the sound.
//!
//! The containers are walked by our own code instead of a demuxer: it needs constant memory and time linear in the
//! file, and it can tell how much of a cut file is really there.

use super::{Format, MAX_DURATION_MS, MediaKind, Source, Unpreviewable, frames, guarded, mp4, sniff, wav};
use serde::Serialize;
use std::path::Path;

/// A recording, measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recording {
    /// `wav`, `mp3`, `adts` or `mp4`.
    pub container: &'static str,
    /// Such as `pcm`, `mp3`, `aac`, `opus`, `amr_nb`; `unknown` when the container names something else.
    pub codec: &'static str,
    /// Playing time of what is really in the file, in milliseconds.
    pub duration_ms: u64,
    /// Samples a second of each channel.
    pub sample_rate_hz: u32,
    /// 1 for mono.
    pub channels: u16,
    /// The file ends before its own header says: part of the recording is missing.
    pub truncated: bool,
}

impl Recording {
    /// Refuses what no recorder makes, so that callers may trust the figures.
    pub(super) fn checked(self) -> Result<Self, Unpreviewable> {
        if self.duration_ms == 0 {
            return Err(Unpreviewable::new("no_audio", "This recording contains no sound. Upload the original again."));
        }
        if self.duration_ms > MAX_DURATION_MS || self.sample_rate_hz == 0 || self.channels == 0 {
            let detail = "The header of this recording gives impossible figures. Upload the original again.";
            return Err(Unpreviewable::damaged(detail));
        }
        Ok(self)
    }
}

/// Units of a second's fraction to milliseconds, rounded; `per_second` must not be zero.
pub(super) fn to_ms(units: u64, per_second: u32) -> u64 {
    let per_second = u128::from(per_second);
    u64::try_from((u128::from(units) * 1000 + per_second / 2) / per_second).unwrap_or(u64::MAX)
}

/// Measures the recording in a local file. Blocking; takes at most about 40 MB.
///
/// # Errors
/// [`Unpreviewable`] when it is not a recording, not a supported one, or so damaged that nothing can be measured.
/// A file that is merely cut short is measured and marked `truncated`.
pub fn probe_recording(path: &Path) -> Result<Recording, Unpreviewable> {
    let source = Source::open(path)?;
    let format = sniff(&source.head).filter(|f| f.kind() == Some(MediaKind::Recording)).ok_or_else(|| {
        let detail = format!(
            "This file is named like a recording but contains {}. Choose the recording itself or attach this as a document.",
            source.found()
        );
        Unpreviewable::new("not_a_recording", detail)
    })?;
    guarded(|| match format {
        Format::Wav => wav::probe(source),
        Format::Mp3 => frames::probe_mp3(source),
        Format::Aac => frames::probe_adts(source),
        Format::M4a | Format::ThreeGp => mp4::probe(source),
        other => Err(Unpreviewable::new(
            "unsupported_format",
            format!("Recordings of type {} are kept but cannot be measured. Use WAV, MP3 or M4A.", other.media_type()),
        )),
    })
}

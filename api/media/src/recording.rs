//! How long a recording is, what it is made of and what is heard in it.
//!
//! The containers of WAV, MP3, ADTS, MP4 and AMR are walked by our own code as well: it needs constant memory and time
//! linear in the file, and it can tell how much of a cut file is really there. Of the others the decoder tells.

use super::child::Tools;
use super::decode::{self, Decoded};
use super::sound::Sound;
use super::{
    Format, MAX_DURATION_MS, MAX_HEARD_MS, MediaKind, Source, Unpreviewable, amr, ffmpeg, frames, guarded, mp4, sniff,
    wav, webm,
};
use serde::Serialize;
use std::path::Path;

/// A recording, measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recording {
    /// `wav`, `mp3`, `adts`, `mp4`, `ogg`, `webm`, `flac` or `amr`.
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

/// A recording that was listened to.
#[derive(Debug)]
pub struct Heard {
    /// How long it is and what it is made of.
    pub recording: Recording,
    /// What is heard in it; or why nothing is, such as `unsupported_codec`, `too_long` or `damaged`.
    pub sound: Result<Sound, Unpreviewable>,
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

/// Measures the recording in a local file and listens to it. Blocking; takes at most about 100 MB, and of an hour some
/// seconds.
///
/// # Errors
/// [`Unpreviewable`] when it is not a recording, not a supported one, or so damaged that nothing can be measured.
/// A file that is merely cut short is measured and marked `truncated`; one that cannot be decoded is measured and says
/// why in [`Heard::sound`].
pub fn process_recording(path: &Path, tools: &Tools) -> Result<Heard, Unpreviewable> {
    let mut source = Source::open(path)?;
    let format = sniff(&source.head).filter(|f| f.kind() == Some(MediaKind::Recording)).ok_or_else(|| {
        let detail = format!(
            "This file is named like a recording but contains {}. Choose the recording itself or attach this as a document.",
            source.found()
        );
        Unpreviewable::new("not_a_recording", detail)
    })?;
    let (recording, hearing) = match guarded(|| measure(&mut source, format))? {
        Some((recording, _)) if recording.duration_ms > MAX_HEARD_MS => (recording, Err(decode::too_long())),
        Some((recording, Some(samples))) => (recording, samples.listen(&mut source.file)),
        // Its reader refuses what it has no decoder for.
        Some((recording, None)) if format == Format::Wav && matches!(recording.codec, "gsm" | "unknown") => {
            let unsupported = decode::unsupported(recording.codec);
            (recording, Err(unsupported))
        }
        Some((mut recording, None)) => {
            let decoded = guarded(|| listen(&mut source, format));
            // Of packed samples the header only guesses how long they are.
            if let Ok(Decoded { heard: Ok(_), duration_ms, .. }) = decoded
                && format == Format::Wav
            {
                recording.duration_ms = duration_ms;
            }
            let hearing = decoded.and_then(|decoded| decoded.heard);
            // There is a sound track, so what is not found is what cannot be decoded.
            let codec = recording.codec;
            (recording, hearing.map_err(|e| if e.code == "no_audio" { decode::unsupported(codec) } else { e }))
        }
        None => {
            let mut decoded = guarded(|| listen(&mut source, format))?;
            // The reader takes the end of a live recording for a cut.
            if decoded.cut && format == Format::Webm {
                decoded.cut = !webm::is_whole(&mut source.file, source.len)?;
            }
            (of_decoded(format, &decoded)?, decoded.heard)
        }
    };
    let hearing = match hearing {
        Err(error) if error.code == decode::UNSUPPORTED => ffmpeg::listen(path, format, tools, error),
        hearing => hearing,
    };
    match hearing {
        Err(error) if error.is_transient() => Err(error),
        hearing => Ok(Heard { sound: hearing.map(|listener| listener.into_sound(recording.duration_ms)), recording }),
    }
}

/// What the container tells, of those that are walked here; of WAV also the samples.
fn measure(source: &mut Source, format: Format) -> Result<Option<(Recording, Option<wav::Samples>)>, Unpreviewable> {
    Ok(Some(match format {
        Format::Wav => wav::probe(source)?,
        Format::Mp3 => (frames::probe_mp3(source)?, None),
        Format::Aac => (frames::probe_adts(source)?, None),
        Format::M4a | Format::ThreeGp => (mp4::probe(source)?, None),
        Format::Amr => (amr::probe(source)?, None),
        _ => return Ok(None),
    }))
}

fn listen(source: &mut Source, format: Format) -> Result<Decoded, Unpreviewable> {
    // Readers look for sound in the first megabyte, and pictures in a tag may be longer.
    let start = match format {
        Format::Mp3 | Format::Aac | Format::Flac => frames::audio_start(&mut source.file, source.len)?,
        _ => 0,
    };
    decode::decode(source.file.try_clone()?, start, format)
}

fn of_decoded(format: Format, decoded: &Decoded) -> Result<Recording, Unpreviewable> {
    let container = match format {
        Format::Ogg => "ogg",
        Format::Webm => "webm",
        _ => "flac",
    };
    Recording {
        container,
        codec: decoded.codec,
        duration_ms: decoded.duration_ms,
        sample_rate_hz: decoded.rate,
        channels: decoded.channels,
        truncated: decoded.cut,
    }
    .checked()
}

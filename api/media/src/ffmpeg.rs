//! Decoding what nothing in this program decodes, such as AMR, by ffmpeg as a limited child process, when it is
//! installed.
//!
//! ffmpeg is told which container it reads and may open nothing but files: a list that names other files or addresses is
//! no container of ours.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use super::child::{ChildFailure, Limits, Program, Tools, WorkFolder};
use super::sound::{Listener, RATE};
use super::{Format, MAX_HEARD_MS, Unpreviewable, decode};

/// Bytes of the longest recording that is listened to, at 16 kHz with two bytes a sample, and a second more.
const MOST_BYTES: u64 = (MAX_HEARD_MS / 1000 + 1) * RATE as u64 * 2;
/// What ffmpeg may take. An hour of AMR takes it some seconds.
const LIMITS: Limits =
    Limits { memory_bytes: 512 * 1024 * 1024, cpu_s: 120, file_bytes: MOST_BYTES, wall: Duration::from_secs(180) };

/// Listens to a recording through ffmpeg.
///
/// # Errors
///
/// `unsupported` when ffmpeg is not installed or cannot decode it either; otherwise `no_audio`, `too_complex`,
/// `unreadable`.
pub(super) fn listen(
    path: &Path,
    format: Format,
    tools: &Tools,
    unsupported: Unpreviewable,
) -> Result<Listener, Unpreviewable> {
    let (Some(ffmpeg), Some(demuxer)) = (Program::find("ffmpeg", &tools.programs), demuxer(format)) else {
        return Err(unsupported);
    };
    let folder = WorkFolder::make(tools.scratch.clone())?;
    let input = OsString::from_iter([OsString::from("file:"), std::path::absolute(path)?.into_os_string()]);
    let seconds = (MAX_HEARD_MS / 1000 + 1).to_string();
    let rate = RATE.to_string();
    let before = ["-nostdin", "-v", "error", "-threads", "1", "-protocol_whitelist", "file", "-f", demuxer, "-i"];
    // Of AMR, silence may be left out; the times of the frames tell, and the filter fills it in.
    let after = [
        "-map",
        "0:a:0",
        "-t",
        &seconds,
        "-af",
        "aresample=async=1",
        "-ac",
        "1",
        "-ar",
        &rate,
        "-f",
        "s16le",
        "file:sound.pcm",
    ];
    let arguments = before.into_iter().map(OsString::from).chain([input]).chain(after.into_iter().map(OsString::from));
    let ran = ffmpeg.run(arguments, &folder, &LIMITS).and_then(|()| folder.output("sound.pcm", MOST_BYTES));
    let output = match ran {
        Ok(Some(output)) => output,
        Err(ChildFailure::NotRun(error)) => return Err(error.into()),
        Err(ChildFailure::TooLong) => {
            return Err(Unpreviewable::new(
                "too_complex",
                "Decoding this recording takes too much. It can be fetched as it is.",
            ));
        }
        // It knows no better.
        Ok(None) | Err(_) => return Err(unsupported),
    };
    let mut file = File::open(output)?;
    let mut listener = Listener::new(MAX_HEARD_MS);
    let mut bytes = Vec::with_capacity(65_536);
    let mut samples = Vec::new();
    loop {
        bytes.clear();
        Read::by_ref(&mut file).take(65_536).read_to_end(&mut bytes)?;
        if bytes.is_empty() {
            return if listener.at_ms() > 0 { Ok(listener) } else { Err(decode::no_audio()) };
        }
        samples.clear();
        let pairs = bytes.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
        samples.extend(pairs.map(|pair| f32::from(i16::from_le_bytes(pair)) / 32_768.0));
        listener.push(&samples, RATE, 1);
    }
}

/// What ffmpeg calls the container.
fn demuxer(format: Format) -> Option<&'static str> {
    Some(match format {
        Format::Amr => "amr",
        Format::M4a | Format::ThreeGp => "mov",
        Format::Wav => "wav",
        Format::Mp3 => "mp3",
        Format::Aac => "aac",
        Format::Ogg => "ogg",
        Format::Webm => "matroska",
        Format::Flac => "flac",
        _ => return None,
    })
}

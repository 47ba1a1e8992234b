//! AMR: a row of frames of 20 ms, each with its own length. It is measured here and decoded by ffmpeg.

use super::{MAX_PACKETS, Recording, Source, Unpreviewable};
use std::io::{BufReader, Read, Seek, SeekFrom};

/// Length of a frame in milliseconds.
const FRAME_MS: u64 = 20;
/// Bytes behind the first one of a frame, by its type; types that have none are missing or silence.
const NARROW: [u8; 9] = [12, 13, 15, 17, 19, 20, 26, 31, 5];
const WIDE: [u8; 10] = [17, 23, 32, 36, 40, 46, 50, 58, 60, 5];

/// Counts the frames.
pub(super) fn probe(source: &mut Source) -> Result<Recording, Unpreviewable> {
    let several =
        || Unpreviewable::new("unsupported_format", "AMR of several channels is kept but cannot be measured.");
    let (codec, rate, sizes, start): (_, _, &[u8], u64) = match source.head.as_slice() {
        [b'#', b'!', b'A', b'M', b'R', b'\n', ..] => ("amr_nb", 8_000, &NARROW, 6),
        [b'#', b'!', b'A', b'M', b'R', b'-', b'W', b'B', b'\n', ..] => ("amr_wb", 16_000, &WIDE, 9),
        _ => return Err(several()),
    };
    let mut reader = BufReader::with_capacity(1 << 16, &source.file);
    reader.seek(SeekFrom::Start(start))?;
    let (mut at, mut frames, mut truncated) = (start, 0, false);
    while at < source.len {
        let mut first = [0];
        reader.read_exact(&mut first)?;
        let size = sizes.get(usize::from(first[0] >> 3 & 0x0F)).copied().unwrap_or(0);
        at += 1 + u64::from(size);
        truncated = at > source.len;
        if truncated {
            break;
        }
        reader.seek_relative(i64::from(size))?;
        frames += 1;
        if frames > MAX_PACKETS {
            return Err(Unpreviewable::new("too_complex", "This recording has too many parts to be measured."));
        }
    }
    Recording { container: "amr", codec, duration_ms: frames * FRAME_MS, sample_rate_hz: rate, channels: 1, truncated }
        .checked()
}

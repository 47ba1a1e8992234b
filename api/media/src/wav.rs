//! WAV: a list of chunks, of which `fmt ` and `data` matter. RF64 keeps long sizes in `ds64`.

use super::recording::to_ms;
use super::{MAX_BOXES, Recording, Source, Unpreviewable};
use std::io::{BufReader, Read, Seek, SeekFrom};

/// Data sizes from here up are placeholders of programs that write to a pipe.
const STREAMED: u64 = 0xFFFF_F000;

struct Fmt {
    tag: u16,
    channels: u16,
    rate: u32,
    bytes_per_second: u32,
    block_align: u16,
}

/// Finds the audio bytes and divides them by the size of a sample block.
pub(super) fn probe(source: Source) -> Result<Recording, Unpreviewable> {
    let len = source.len;
    let mut reader = BufReader::new(source.file);
    let mut fmt = None;
    let mut samples_told = None;
    let mut long_data = None;
    let mut pos = 12;
    for _ in 0..MAX_BOXES {
        if pos + 8 > len {
            break;
        }
        let mut head = [0; 8];
        reader.seek(SeekFrom::Start(pos))?;
        reader.read_exact(&mut head)?;
        let [id @ .., a, b, c, d] = head;
        let size = u64::from(u32::from_le_bytes([a, b, c, d]));
        pos += 8;
        match &id {
            b"fmt " => fmt = Some(read_fmt(&mut reader, size)?),
            b"fact" if size >= 4 => samples_told = Some(u64::from(read_u32(&mut reader)?)),
            b"ds64" if size >= 16 => {
                let mut sizes = [0; 16];
                reader.read_exact(&mut sizes)?;
                let [_riff @ .., a, b, c, d, e, f, g, h] = sizes;
                long_data = Some(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
            }
            b"data" => {
                let size = long_data.filter(|_| size == 0xFFFF_FFFF).unwrap_or(size);
                let fmt =
                    fmt.ok_or_else(|| Unpreviewable::damaged("This WAV file does not say what its sound is made of."))?;
                return measure(&fmt, size, len - pos, samples_told);
            }
            _ => {}
        }
        // Chunks start at even positions.
        pos = pos.saturating_add(size + (size & 1));
    }
    Err(Unpreviewable::damaged("This WAV file ends before its sound begins. Upload the original again."))
}

fn measure(fmt: &Fmt, told: u64, there: u64, samples_told: Option<u64>) -> Result<Recording, Unpreviewable> {
    let streamed = told >= STREAMED;
    // A recorder that was killed leaves the size at zero.
    let unfinished = told == 0 && there > 0;
    let bytes = if streamed || unfinished { there } else { told.min(there) };
    let truncated = unfinished || (!streamed && told > there);
    let (codec, linear) = match fmt.tag {
        1 => ("pcm", true),
        3 => ("pcm_float", true),
        6 => ("alaw", true),
        7 => ("mulaw", true),
        2 | 0x11 => ("adpcm", false),
        0x31 => ("gsm", false),
        0x55 => ("mp3", false),
        _ => ("unknown", false),
    };
    let impossible =
        || Unpreviewable::damaged("The header of this WAV file gives impossible figures. Upload the original again.");
    if fmt.rate == 0 || fmt.channels == 0 {
        return Err(impossible());
    }
    let duration_ms = if linear {
        let blocks = bytes.checked_div(u64::from(fmt.block_align)).ok_or_else(impossible)?;
        to_ms(blocks, fmt.rate)
    } else if let Some(samples) = samples_told.filter(|s| *s > 0 && !truncated) {
        to_ms(samples, fmt.rate)
    } else if fmt.bytes_per_second > 0 {
        to_ms(bytes, fmt.bytes_per_second)
    } else {
        return Err(impossible());
    };
    Recording { container: "wav", codec, duration_ms, sample_rate_hz: fmt.rate, channels: fmt.channels, truncated }
        .checked()
}

fn read_u32(reader: &mut impl Read) -> std::io::Result<u32> {
    let mut bytes = [0; 4];
    reader.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn read_fmt(reader: &mut impl Read, size: u64) -> Result<Fmt, Unpreviewable> {
    let mut bytes = Vec::with_capacity(40);
    reader.take(size.min(40)).read_to_end(&mut bytes)?;
    let le16 = |at: usize| bytes.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let le32 = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let read = || {
        let tag = le16(0)?;
        // The extensible form keeps the real tag at the start of its sub-format.
        let tag = if tag == 0xFFFE { le16(24)? } else { tag };
        Some(Fmt { tag, channels: le16(2)?, rate: le32(4)?, bytes_per_second: le32(8)?, block_align: le16(12)? })
    };
    read().ok_or_else(|| Unpreviewable::damaged("The header of this WAV file is cut. Upload the original again."))
}

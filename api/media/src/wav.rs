//! WAV: a list of chunks, of which `fmt ` and `data` matter. RF64 keeps long sizes in `ds64`.
//!
//! Samples that need no decoder are read here too, so that what a recorder that was killed or piped left behind is heard
//! as far as it is there.

use super::recording::to_ms;
use super::sound::Listener;
use super::{MAX_BOXES, MAX_HEARD_MS, Recording, Source, Unpreviewable};
use std::fs::File;
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

/// Samples of one number each, and where they are.
pub(super) struct Samples {
    format: SampleFormat,
    block_align: usize,
    rate: u32,
    channels: usize,
    at: u64,
    bytes: u64,
}

#[derive(Clone, Copy)]
enum SampleFormat {
    /// Whole numbers of 1 to 4 bytes; of one byte without a sign.
    Whole,
    Float,
    Double,
    Alaw,
    Mulaw,
}

/// Finds the audio bytes and divides them by the size of a sample block. Gives the samples when they need no decoder.
pub(super) fn probe(source: &Source) -> Result<(Recording, Option<Samples>), Unpreviewable> {
    let len = source.len;
    let mut reader = BufReader::new(&source.file);
    reader.seek(SeekFrom::Start(0))?;
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
                return measure(&fmt, size, pos, len - pos, samples_told);
            }
            _ => {}
        }
        // Chunks start at even positions.
        pos = pos.saturating_add(size + (size & 1));
    }
    Err(Unpreviewable::damaged("This WAV file ends before its sound begins. Upload the original again."))
}

fn measure(
    fmt: &Fmt,
    told: u64,
    at: u64,
    there: u64,
    samples_told: Option<u64>,
) -> Result<(Recording, Option<Samples>), Unpreviewable> {
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
    } else if fmt.bytes_per_second > 0 {
        // What is told is exact where it fits the bytes that are there; otherwise it is a claim.
        let by_bytes_ms = to_ms(bytes, fmt.bytes_per_second);
        let told_ms = samples_told.filter(|samples| *samples > 0 && !truncated).map(|samples| to_ms(samples, fmt.rate));
        told_ms.filter(|told_ms| told_ms.abs_diff(by_bytes_ms) <= by_bytes_ms / 20 + 100).unwrap_or(by_bytes_ms)
    } else {
        return Err(impossible());
    };
    let recording =
        Recording { container: "wav", codec, duration_ms, sample_rate_hz: fmt.rate, channels: fmt.channels, truncated }
            .checked()?;
    Ok((recording, linear.then(|| fmt.samples(at, bytes)).flatten()))
}

impl Fmt {
    fn samples(&self, at: u64, bytes: u64) -> Option<Samples> {
        let channels = usize::from(self.channels);
        let block_align = usize::from(self.block_align);
        let size = block_align / channels;
        let format = match (self.tag, size) {
            (1, 1..=4) => SampleFormat::Whole,
            (3, 4) => SampleFormat::Float,
            (3, 8) => SampleFormat::Double,
            (6, 1) => SampleFormat::Alaw,
            (7, 1) => SampleFormat::Mulaw,
            _ => return None,
        };
        Some(Samples { format, block_align, rate: self.rate, channels, at, bytes })
    }
}

impl Samples {
    /// Reads the samples and listens to them.
    pub fn listen(&self, file: &mut File) -> Result<Listener, Unpreviewable> {
        let mut listener = Listener::new(MAX_HEARD_MS);
        file.seek(SeekFrom::Start(self.at))?;
        // Whole blocks, about a second of a voice at once.
        let most = (65_536 / self.block_align).max(1) * self.block_align;
        let mut bytes = Vec::with_capacity(most);
        let mut samples = Vec::new();
        let mut left = self.bytes;
        while left > 0 && !listener.is_full() {
            bytes.clear();
            Read::by_ref(file).take(left.min(most as u64)).read_to_end(&mut bytes)?;
            if bytes.is_empty() {
                break;
            }
            left -= bytes.len() as u64;
            samples.clear();
            let size = self.block_align / self.channels;
            let blocks = bytes.chunks_exact(self.block_align);
            samples.extend(
                blocks.flat_map(|block| block.chunks_exact(size).take(self.channels)).map(|b| self.format.read(b)),
            );
            listener.push(&samples, self.rate, self.channels);
        }
        Ok(listener)
    }
}

impl SampleFormat {
    /// One sample between -1 and 1; floats may be anything.
    fn read(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (Self::Whole, &[a]) => (f32::from(a) - 128.0) / 128.0,
            (Self::Whole, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
            (Self::Whole, &[a, b, c]) => i32::from_le_bytes([0, a, b, c]) as f32 / 2_147_483_648.0,
            (Self::Whole, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0,
            (Self::Float, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            (Self::Double, &[a, b, c, d, e, f, g, h]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32,
            (Self::Alaw, &[a]) => alaw(a),
            (Self::Mulaw, &[a]) => mulaw(a),
            _ => 0.0,
        }
    }
}

/// G.711: a sign, the power of two and four bits behind it, with every other bit turned over.
fn alaw(byte: u8) -> f32 {
    let bits = byte ^ 0x55;
    let mantissa = i32::from(bits & 0x0F) << 4 | 8;
    let size = match (bits >> 4) & 7 {
        0 => mantissa,
        power => (mantissa | 0x100) << (power - 1),
    };
    let sample = size as f32 / 32_768.0;
    if bits & 0x80 != 0 { sample } else { -sample }
}

/// G.711: all bits turned over, and 33 added before the power of two was taken.
fn mulaw(byte: u8) -> f32 {
    let bits = !byte;
    let mantissa = i32::from(bits & 0x0F) << 3 | 0x84;
    let sample = ((mantissa << ((bits >> 4) & 7)) - 0x84) as f32 / 32_768.0;
    if bits & 0x80 != 0 { -sample } else { sample }
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

//! Reading photos and recordings that strangers uploaded: what is it, how big, how long, and small previews.
//!
//! Everything here blocks and works on a local file, so call it from `spawn_blocking` inside a job. Nothing here talks
//! to the database or the network. Every answer is either a result or an [`Unpreviewable`] that a person can act on:
//! no input may crash the process, and none may take more than [`DECODE_BYTES`] of memory for pixels. The work is
//! bounded by what headers say before it begins (pixels, scans, codes, parts), and whatever still takes long gets
//! nothing more to read after [`READ_TIME`].
//!
//! The seams for what comes later: a photo format is one function that returns `pixels::Decoded` (see `jpeg.rs`,
//! `png.rs`) and one arm in `photo.rs`; a recording container is one function that returns [`Recording`] and one arm
//! in `recording.rs`.

mod amr;
pub mod child;
mod decode;
mod exif;
mod ffmpeg;
mod frames;
mod heif;
mod jpeg;
mod jpeg_scan;
mod mp4;
mod mp4_boxes;
mod opus;
mod phash;
mod photo;
mod pixels;
mod png;
mod recording;
mod render;
mod sniff;
mod sound;
mod vp8l_scan;
mod wav;
mod webm;
mod webp;

#[cfg(test)]
mod tests;

pub use exif::{Exif, Gps};
pub use phash::distance;
pub use photo::{LookedAt, Photo, both_previews, process_photo};
pub use recording::{Heard, Recording, process_recording};
pub use render::Rendition;
pub use sniff::{Format, MediaKind, SNIFF_BYTES, sniff};
pub use sound::{Sound, Span};

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// Most pixels of a baseline JPEG, which is decoded at 1/2, 1/4 or 1/8 of its size.
pub const MAX_BASELINE_PIXELS: u64 = 100_000_000;
/// Most pixels of a PNG, a WebP or a progressive JPEG, which need memory for every pixel.
pub const MAX_PIXELS: u64 = 40_000_000;
/// Most pixels of an HEIC or AVIF, which another program decodes with memory of its own: what phones write at most.
pub const MAX_HEIF_PIXELS: u64 = 50_000_000;
/// Longest edge of a photo in pixels. Keeps the decoders' 16-bit row arithmetic far from overflow.
pub const MAX_EDGE_PX: u32 = 30_000;
/// Most memory one photo may take while it is decoded, in bytes. Estimated from the header before anything is
/// allocated, in the worst case; a photo over it is refused as `too_much_memory`. With what the allocator holds on to
/// and the rest of a server, it stays below 512 MB.
///
/// It admits a baseline JPEG of 100 megapixels with colours at half the size in both directions (4:2:0, as cameras
/// write), of 75 megapixels with colours at half the width (4:2:2) and of 50 megapixels with full colours (4:4:4); a
/// progressive one of 40 megapixels with colours at half the size or width and of 35 megapixels with full colours.
/// Four inks (CMYK) take a third more than full colours. A WebP of 40 megapixels is admitted with one kind of coding, of
/// 29 megapixels when it is lossy with opacity, of 27 as the first frame of an animation. Usual photos take a tenth of it.
pub const DECODE_BYTES: u64 = 340_000_000;
/// The same for the second attempt at a damaged JPEG, in bytes: it may come on top of what the allocator still holds
/// from the first. It admits a progressive JPEG of 40 megapixels with colours at half the size (4:2:0) and 20 MB.
pub const RETRY_BYTES: u64 = 260_000_000;
/// Most memory the ancillary chunks of a PNG (colour profile, texts) may take, in bytes.
pub const PNG_CHUNK_BYTES: u64 = 16 * 1024 * 1024;
/// How long a photo is read. Enough for the largest on a machine with twenty times as much to do.
pub const READ_TIME: Duration = Duration::from_secs(60);
/// Most bytes of EXIF that are parsed. A JPEG segment cannot hold more.
pub const MAX_EXIF_BYTES: usize = 65_535;
/// Most scans of a progressive JPEG; cameras and optimisers write 6 to 14.
pub const MAX_SCANS: u32 = 64;
/// Most scans times pixels of a progressive JPEG: the decoder visits every block once a scan.
pub const MAX_SCAN_PIXELS: u64 = 800_000_000;
/// Most segments of a JPEG.
pub const MAX_SEGMENTS: u32 = 10_000;
/// Most frames counted in an MP3 or ADTS file: 29 hours at the shortest frame in use.
pub const MAX_PACKETS: u64 = 4_000_000;
/// Most bytes of junk searched for the next MP3 or ADTS frame, over the whole file.
pub const MAX_JUNK_BYTES: u64 = 8 * 1024 * 1024;
/// Largest index (`moov`) of an MP4, in bytes. Three hours of AAC need about 3 MB.
pub const MAX_MOOV_BYTES: u64 = 32 * 1024 * 1024;
/// Largest fragment header (`moof`) of an MP4, in bytes.
pub const MAX_MOOF_BYTES: u64 = 4 * 1024 * 1024;
/// Largest index (`meta`) of an HEIC or AVIF, in bytes, and most of the file that is read for its EXIF.
pub const MAX_META_BYTES: u64 = 4 * 1024 * 1024;
/// Most pictures in an HEIC or AVIF, with the tiles of which large ones are made.
pub const MAX_HEIF_ITEMS: u32 = 1_000;
/// Most top-level boxes of an MP4, or chunks of a WAV, PNG or WebP.
pub const MAX_BOXES: u32 = 200_000;
/// Longest recording that is listened to, in milliseconds: three hours. Longer ones are measured and kept.
pub const MAX_HEARD_MS: u64 = 3 * 3_600_000;
/// Most samples of one recording that are decoded, over all channels: three hours of stereo at 96 kHz.
pub const MAX_SAMPLES: u64 = 2_100_000_000;
/// Longest believable recording: a longer one has a broken header. Seven days, in milliseconds.
pub const MAX_DURATION_MS: u64 = 7 * 24 * 3_600_000;

/// Why a file has no preview or no duration. The file itself stays stored and downloadable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Unpreviewable {
    /// One of `empty_file`, `not_an_image`, `not_a_recording`, `unsupported_format`, `too_many_pixels`,
    /// `too_much_memory`, `too_complex`, `too_slow`, `no_decoder`, `damaged`, `missing_index`, `no_audio`, `unreadable`.
    pub code: &'static str,
    /// What was found and what to do, for a person.
    pub detail: String,
}

impl Unpreviewable {
    fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    fn damaged(detail: impl Into<String>) -> Self {
        Self::new("damaged", detail)
    }

    /// The file could not be read from storage, or not in time. The only codes that say nothing for sure about the
    /// file, so a job should try again instead of marking the evidence.
    pub fn is_transient(&self) -> bool {
        matches!(self.code, "unreadable" | "too_slow")
    }
}

/// A failing disk is not the file's fault and must not mark it for ever; a file that ends early is.
impl From<io::Error> for Unpreviewable {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::damaged("The file ends in the middle of its header. Upload the original again.");
        }
        Self::new("unreadable", format!("The stored file could not be read: {error}."))
    }
}

/// An open file with its length and its first bytes, positioned at the start.
struct Source {
    file: File,
    len: u64,
    head: Vec<u8>,
    opened: Instant,
}

impl Source {
    fn open(path: &Path) -> Result<Self, Unpreviewable> {
        let mut file = File::open(path)?;
        let len = file.metadata()?.len();
        if len == 0 {
            return Err(Unpreviewable::new("empty_file", "The file is empty. Take or record it again."));
        }
        let mut head = Vec::with_capacity(SNIFF_BYTES);
        (&mut file).take(SNIFF_BYTES as u64).read_to_end(&mut head)?;
        file.seek(SeekFrom::Start(0))?;
        #[expect(clippy::disallowed_methods, reason = "only for how long it took; nothing that is kept depends on it")]
        let opened = Instant::now();
        Ok(Self { file, len, head, opened })
    }

    /// Reads the file from its start, for so long as there is time. One at a time: they share their place in the file.
    fn reader(&self) -> io::Result<BufReader<Timed>> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(BufReader::with_capacity(1 << 16, Timed { file, opened: self.opened }))
    }

    fn is_late(&self) -> bool {
        self.opened.elapsed() > READ_TIME
    }

    /// What the bytes look like, in words, for a file that is not what was expected.
    fn found(&self) -> String {
        match sniff(&self.head) {
            Some(format) => format!("a file of type {}", format.media_type()),
            None if sniff::looks_like_text(&self.head) => "text".to_owned(),
            None => "data of an unknown type".to_owned(),
        }
    }
}

/// A file that gives nothing more when its time is over.
struct Timed {
    file: File,
    opened: Instant,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.opened.elapsed() > READ_TIME {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.file.read(buffer)
    }
}

impl Seek for Timed {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Runs third-party decoding; a panic in it becomes a damaged file instead of a dead worker.
fn guarded<T>(decode: impl FnOnce() -> Result<T, Unpreviewable>) -> Result<T, Unpreviewable> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        Err(Unpreviewable::damaged("The file is damaged in a way that stops the decoder. Upload the original again."))
    })
}

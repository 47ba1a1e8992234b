//! JPEG photos, decoded at the smallest scale that still feeds the largest preview.

use super::exif::Claims;
use super::jpeg_scan::{self, Skeleton};
use super::photo::check_size;
use super::pixels::{Decoded, Pixels, cmyk_to_rgb, convert_in_place};
use super::render::PREVIEW_EDGES;
use super::{
    DECODE_BYTES, MAX_BASELINE_PIXELS, MAX_PIXELS, MAX_SCAN_PIXELS, MAX_SCANS, RETRY_BYTES, Source, Timed,
    Unpreviewable, guarded,
};
use image::ImageDecoder;
use jpeg_decoder::{Decoder, PixelFormat};
use std::io::{self, Read, Take};

/// Bytes handed to the decoder behind the end of a cut file: it fills the rest of the picture and stops.
const END_OF_IMAGE: &[u8] = &[0xFF, 0xD9];
/// Bits that no picture needs any more when it is complete.
const NONSENSE: &[u8] = &[0x6A, 0x95, 0x3C, 0xD2, 0x59, 0xA7];
const NONSENSE_BYTES: u64 = 4096;
/// Bytes read at once.
const BUFFER_BYTES: usize = 1 << 16;

/// Decodes a JPEG within the limits.
pub(super) fn decode(source: &Source, claims: &mut Claims) -> Result<Decoded, Unpreviewable> {
    let skeleton = jpeg_scan::read(&mut source.reader()?)?;
    if let Some(tiff) = &skeleton.exif {
        claims.read(tiff);
    }
    check(&skeleton)?;

    let scaled = guarded(|| scaled(source, source.len, END_OF_IMAGE, &skeleton));
    let (pixels, truncated) = match scaled {
        Ok(pixels) => {
            let cut = skeleton.end.is_none() || grey_rest(source, &skeleton, &pixels);
            (pixels, cut)
        }
        Err(error) if error.is_transient() => return Err(error),
        // The second decoder goes on where the first gives up.
        Err(error) => match guarded(|| forgiving(source, &skeleton)) {
            Ok(pixels) => (pixels, true),
            // The limits of the second decoder are no reason a person could do something about.
            Err(second) if second.code != "damaged" => return Err(error),
            Err(second) => return Err(second),
        },
    };
    let (width, height) = (skeleton.frame.width, skeleton.frame.height);
    Ok(Decoded { pixels, width, height, truncated })
}

/// Refuses what would take too much memory or time, from the headers alone.
fn check(skeleton: &Skeleton) -> Result<(), Unpreviewable> {
    let Skeleton { frame, scans, .. } = skeleton;
    let pixels = u64::from(frame.width) * u64::from(frame.height);
    let most = if frame.progressive { MAX_PIXELS } else { MAX_BASELINE_PIXELS };
    check_size(frame.width, frame.height, most)?;
    // A sequential file has at most one scan for each component.
    let most_scans = if frame.progressive { MAX_SCANS } else { frame.components.len() as u32 };
    if *scans > most_scans || (frame.progressive && u64::from(*scans) * pixels > MAX_SCAN_PIXELS) {
        let detail =
            format!("This JPEG is stored in {scans} layers, far more than a camera writes. Save it as a plain JPEG.");
        return Err(Unpreviewable::new("too_complex", detail));
    }
    if *scans == 0 {
        return Err(Unpreviewable::damaged("This photo ends before its picture begins. Upload the original again."));
    }
    // Coefficients are kept for a progressive file. For a sequential one they wait for the decoder's own threads, in
    // the worst case all of them.
    let waiting = if frame.progressive { skeleton.finishing_bytes } else { 0 };
    let (width, height) = scaled_size(skeleton);
    let planes = 2 * u64::from(width) * u64::from(height) * frame.components.len() as u64;
    check_memory(frame.all_coefficient_bytes() + waiting + planes, DECODE_BYTES)
}

fn check_memory(bytes: u64, most: u64) -> Result<(), Unpreviewable> {
    if bytes > most {
        let detail = "This photo would take too much memory to be shown. Take it with a lower resolution or quality.";
        return Err(Unpreviewable::new("too_much_memory", detail));
    }
    Ok(())
}

/// The size asked of the decoder: the largest preview, in the photo's own proportions.
fn wanted_size(skeleton: &Skeleton) -> (u16, u16) {
    let (width, height) = (skeleton.frame.width, skeleton.frame.height);
    let long = width.max(height);
    let fit = |edge: u32| (edge * PREVIEW_EDGES[0]).div_ceil(long).clamp(1, u32::from(u16::MAX)) as u16;
    if long <= PREVIEW_EDGES[0] { (width as u16, height as u16) } else { (fit(width), fit(height)) }
}

/// The size the decoder will choose: the smallest of 1/8, 1/4, 1/2 that is large enough in one direction.
fn scaled_size(skeleton: &Skeleton) -> (u32, u32) {
    let (wanted_width, wanted_height) = wanted_size(skeleton);
    let at = |edge: u32, scale: u32| (edge * scale).div_ceil(8);
    let (width, height) = (skeleton.frame.width, skeleton.frame.height);
    [1, 2, 4, 8]
        .map(|scale| (at(width, scale), at(height, scale)))
        .into_iter()
        .find(|(w, h)| *w >= u32::from(wanted_width) || *h >= u32::from(wanted_height))
        .unwrap_or((width, height))
}

/// Decodes the first `len` bytes followed by `tail`.
fn scaled(source: &Source, len: u64, tail: &'static [u8], skeleton: &Skeleton) -> Result<Pixels, Unpreviewable> {
    let mut decoder = Decoder::new(Bytes::open(source, len, tail)?);
    let (width, height) = wanted_size(skeleton);
    let (width, height) = decoder.scale(width, height).map_err(damaged)?;
    let mut data = decoder.decode().map_err(damaged)?;
    let format = decoder.info().map(|info| info.pixel_format);
    let channels = match format {
        Some(PixelFormat::L8) => 1,
        Some(PixelFormat::CMYK32) => {
            convert_in_place(&mut data, 4, 3, cmyk_to_rgb);
            3
        }
        _ => 3,
    };
    Ok(Pixels { width: u32::from(width), height: u32::from(height), channels, data })
}

fn damaged(error: jpeg_decoder::Error) -> Unpreviewable {
    match error {
        jpeg_decoder::Error::Io(error) => error.into(),
        error => Unpreviewable::damaged(format!("This photo is damaged: {error}. Upload the original again.")),
    }
}

/// Whether the picture data stopped before the picture was full, though an end marker follows.
///
/// A decoder fills the rest by repeating one block, so only a repeating last row is suspected. The proof is to decode
/// again with other bits in place of the missing ones: a complete picture does not use them.
fn grey_rest(source: &Source, skeleton: &Skeleton, pixels: &Pixels) -> bool {
    let Some(end) = skeleton.end.filter(|_| skeleton.scans == 1 && !skeleton.frame.progressive) else { return false };
    let period = (skeleton.frame.mcu_width() * pixels.width).div_ceil(skeleton.frame.width) as usize * pixels.channels;
    let row = pixels.width as usize * pixels.channels;
    let last = &pixels.data[pixels.data.len().saturating_sub(row)..];
    // The outermost block of a row is smoothed differently.
    let inner = &last[..row.saturating_sub(period)];
    let probe = &inner[inner.len().saturating_sub(4 * period)..];
    let repeats = probe.len() <= period || probe.iter().zip(&probe[period..]).all(|(a, b)| a == b);
    repeats && guarded(|| scaled(source, end, NONSENSE, skeleton)).map_or(true, |other| other.data != pixels.data)
}

/// Decodes as much as possible of a damaged file, at full size and therefore with a tighter budget.
fn forgiving(source: &Source, skeleton: &Skeleton) -> Result<Pixels, Unpreviewable> {
    let frame = &skeleton.frame;
    let (width, height) = (frame.width, frame.height);
    check_size(width, height, MAX_PIXELS)?;
    let kept = if frame.progressive { frame.all_coefficient_bytes() } else { 0 };
    check_memory(source.len + kept + 3 * u64::from(width) * u64::from(height), RETRY_BYTES)?;

    let broken = |error| Unpreviewable::damaged(format!("This photo is damaged: {error}. Upload the original again."));
    let decoder = image::codecs::jpeg::JpegDecoder::new(source.reader()?).map_err(broken)?;
    let (width, height) = decoder.dimensions();
    let channels = usize::from(decoder.color_type().channel_count());
    let mut data = vec![0; usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX)];
    decoder.read_image(&mut data).map_err(broken)?;
    if !matches!(channels, 1 | 3) || data.first().is_none_or(|first| data.iter().all(|b| b == first)) {
        return Err(Unpreviewable::damaged("Nothing of this photo can be read. Upload the original again."));
    }
    Ok(Pixels { width, height, channels, data })
}

/// The first bytes of a file, then a tail repeated: nonsense ends after a while, so that decoding ends too.
///
/// The decoder asks for one byte at a time, so how it gets that decides how fast it is.
struct Bytes {
    file: Take<Timed>,
    buffer: Vec<u8>,
    at: usize,
    tail: &'static [u8],
    tail_pos: u64,
}

impl Bytes {
    fn open(source: &Source, len: u64, tail: &'static [u8]) -> io::Result<Self> {
        let file = source.reader()?.into_inner().take(len);
        Ok(Self { file, buffer: Vec::with_capacity(BUFFER_BYTES), at: 0, tail, tail_pos: 0 })
    }

    fn fill(&mut self) -> io::Result<()> {
        self.at = 0;
        self.buffer.clear();
        (&mut self.file).take(BUFFER_BYTES as u64).read_to_end(&mut self.buffer)?;
        if self.buffer.is_empty() {
            let tail = if self.tail_pos < NONSENSE_BYTES { self.tail } else { END_OF_IMAGE };
            self.buffer.push(tail[(self.tail_pos % tail.len() as u64) as usize]);
            self.tail_pos += 1;
        }
        Ok(())
    }
}

impl Read for Bytes {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.buffer.len() {
            self.fill()?;
        }
        let read = (&self.buffer[self.at..]).read(out)?;
        self.at += read;
        Ok(read)
    }

    #[inline]
    fn read_exact(&mut self, mut out: &mut [u8]) -> io::Result<()> {
        if let ([first], Some(byte)) = (&mut *out, self.buffer.get(self.at)) {
            *first = *byte;
            self.at += 1;
            return Ok(());
        }
        while !out.is_empty() {
            let read = self.read(out)?;
            out = &mut out[read..];
        }
        Ok(())
    }
}

//! WebP photos: lossy, lossless, with opacity; of an animation its first frame.

use super::exif::Claims;
use super::photo::check_size;
use super::pixels::{Decoded, Pixels, convert_in_place, on_white};
use super::{DECODE_BYTES, MAX_BOXES, MAX_EXIF_BYTES, MAX_PIXELS, Source, Unpreviewable, vp8l_scan};
use image_webp::WebPDecoder;
use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// Decodes a WebP within the limits.
pub(super) fn decode(source: &Source, claims: &mut Claims) -> Result<Decoded, Unpreviewable> {
    let layout = Layout::read(source)?;
    if let Some(tiff) = &layout.exif {
        claims.read(tiff.strip_prefix(b"Exif\0\0").unwrap_or(tiff));
    }
    let (width, height) = layout.size;
    check_size(width, height, MAX_PIXELS)?;
    layout.check_memory(source)?;

    let broken = |error| match error {
        image_webp::DecodingError::IoError(error) => error.into(),
        error => Unpreviewable::damaged(format!("This photo is damaged: {error}. Upload the original again.")),
    };
    let mut decoder = WebPDecoder::new(source.reader()?).map_err(broken)?;
    if decoder.dimensions() != layout.size {
        return Err(damaged());
    }
    let mut data = vec![0; decoder.output_buffer_size().unwrap_or(usize::MAX)];
    decoder.read_image(&mut data).map_err(broken)?;
    if decoder.has_alpha() {
        convert_in_place(&mut data, 4, 3, |p, out| out.iter_mut().zip(p).for_each(|(o, v)| *o = on_white(*v, p[3])));
    }
    Ok(Decoded { pixels: Pixels { width, height, channels: 3, data }, width, height, truncated: false })
}

fn damaged() -> Unpreviewable {
    Unpreviewable::damaged("This photo is damaged. Upload the original again.")
}

/// Coded pixels: where they stand in the file.
#[derive(Clone, Copy)]
struct Part {
    from: u64,
    len: u64,
}

/// What the chunks of the file say before anything is decoded.
#[derive(Default)]
struct Layout {
    size: (u32, u32),
    has_alpha: bool,
    is_animated: bool,
    /// The size of the first frame of an animation.
    frame: Option<(u32, u32)>,
    lossy: Option<Part>,
    lossless: Option<Part>,
    alpha: Option<Part>,
    exif: Option<Vec<u8>>,
}

impl Layout {
    fn read(source: &Source) -> Result<Self, Unpreviewable> {
        let mut reader = source.reader()?;
        let mut layout = Self::default();
        let mut at = 12;
        for chunk in 0.. {
            if chunk == MAX_BOXES {
                let detail = "This WebP is made of too many parts to be read. Save it as a JPEG.";
                return Err(Unpreviewable::new("too_complex", detail));
            }
            let Some((name, part)) = chunk_at(&mut reader, at)? else { break };
            match &name {
                // Told by the first chunk only.
                b"VP8X" if chunk == 0 => {
                    let body = start(&mut reader, part, 10)?;
                    (layout.has_alpha, layout.is_animated) = (body[0] & 0x10 != 0, body[0] & 0x02 != 0);
                    layout.size = (1 + u24(&body[4..]), 1 + u24(&body[7..]));
                }
                b"VP8 " | b"VP8L" if chunk == 0 => {
                    layout.add(&name, part);
                    (layout.size, layout.has_alpha) = coded_size(&mut reader, &name, part)?;
                    // Nothing behind a plain picture counts.
                    break;
                }
                _ if chunk == 0 => return Err(damaged()),
                // Of a still picture that holds frames, the decoder would show one or the other.
                b"ANMF" if !layout.is_animated => return Err(damaged()),
                b"ANMF" if layout.frame.is_none() => layout.first_frame(&mut reader, part)?,
                b"EXIF" if layout.exif.is_none() && part.len <= MAX_EXIF_BYTES as u64 => {
                    layout.exif = Some(start(&mut reader, part, part.len as usize)?);
                }
                _ if !layout.is_animated => layout.add(&name, part),
                _ => {}
            }
            at = part.from + part.len + (part.len & 1);
        }
        // The decoder takes memory for the size that is coded, whatever was announced.
        let (width, height) = layout.frame.unwrap_or(layout.size);
        for (name, part) in [(b"VP8 ", layout.lossy), (b"VP8L", layout.lossless)] {
            if let Some(part) = part
                && coded_size(&mut reader, name, part)?.0 != (width, height)
            {
                return Err(damaged());
            }
        }
        Ok(layout)
    }

    fn add(&mut self, name: &[u8; 4], part: Part) {
        let place = match name {
            b"VP8 " => &mut self.lossy,
            b"VP8L" => &mut self.lossless,
            b"ALPH" => &mut self.alpha,
            _ => return,
        };
        place.get_or_insert(part);
    }

    fn first_frame(&mut self, reader: &mut (impl BufRead + Seek), part: Part) -> Result<(), Unpreviewable> {
        let body = start(reader, part, 16)?;
        self.frame = Some((1 + u24(&body[6..]), 1 + u24(&body[9..])));
        let (name, first) = chunk_at(reader, part.from + 16)?.ok_or_else(damaged)?;
        self.add(&name, first);
        if self.alpha.is_some() {
            // The decoder takes what follows opacity for a lossy picture, whatever its name.
            let next = chunk_at(reader, first.from + first.len + (first.len & 1))?;
            self.lossy = Some(next.filter(|(name, _)| name == b"VP8 ").ok_or_else(damaged)?.1);
        }
        Ok(())
    }

    /// Refuses what would take too much memory.
    fn check_memory(&self, source: &Source) -> Result<(), Unpreviewable> {
        let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
        let size = self.frame.unwrap_or(self.size);
        let coded = pixels(size);
        // The buffer that is asked for, and the canvas on which the frames of an animation are laid.
        let mut bytes = pixels(self.size) * if self.has_alpha { 4 } else { 3 };
        if self.frame.is_some() {
            check_size(size.0, size.1, MAX_PIXELS)?;
            bytes += pixels(self.size) * 4 + coded * 4;
        }
        if let Some(part) = self.lossy {
            // Brightness, and colours at half the size; the parts of the coded picture are read whole.
            bytes += coded * 3 / 2 + part.len.min(source.len);
        }
        if self.lossless.is_some() {
            // All four channels, and pictures of a quarter that say how they are coded.
            bytes += coded * if self.has_alpha { 1 } else { 5 };
        }
        if self.alpha.is_some() {
            bytes += coded * 6;
        }
        let too_much = || Unpreviewable::new("too_much_memory", "This WebP would take too much memory to be shown.");
        let mut left = DECODE_BYTES.checked_sub(bytes).ok_or_else(too_much)?;
        for (part, has_header) in [(self.lossless, true), (self.alpha, false)] {
            let Some(part) = part else { continue };
            let mut reader = source.reader()?;
            reader.seek(SeekFrom::Start(part.from))?;
            let mut reader = reader.take(part.len);
            if !has_header {
                let mut how = [0];
                reader.read_exact(&mut how)?;
                if how[0] & 3 == 0 {
                    continue;
                }
            }
            let codes = vp8l_scan::code_bytes(reader, size, has_header, left)?;
            left = left.checked_sub(codes).ok_or_else(too_much)?;
        }
        Ok(())
    }
}

/// The name of the chunk at a position, and where its content stands; none at the end of the file.
fn chunk_at(reader: &mut (impl BufRead + Seek), at: u64) -> io::Result<Option<([u8; 4], Part)>> {
    reader.seek(SeekFrom::Start(at))?;
    let mut head = [0; 8];
    match reader.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let [a, b, c, d, len @ ..] = head;
    Ok(Some(([a, b, c, d], Part { from: at + 8, len: u64::from(u32::from_le_bytes(len)) })))
}

/// The first bytes of a chunk.
fn start(reader: &mut (impl BufRead + Seek), part: Part, len: usize) -> Result<Vec<u8>, Unpreviewable> {
    if part.len < len as u64 {
        return Err(damaged());
    }
    reader.seek(SeekFrom::Start(part.from))?;
    let mut body = vec![0; len];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn u24(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0])
}

/// The size in the head of a coded picture, and whether it has opacity.
fn coded_size(
    reader: &mut (impl BufRead + Seek),
    name: &[u8; 4],
    part: Part,
) -> Result<((u32, u32), bool), Unpreviewable> {
    if name == b"VP8L" {
        let head = start(reader, part, 5)?;
        let bits = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
        return Ok(((1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)), bits >> 28 & 1 != 0));
    }
    let head = start(reader, part, 10)?;
    let side = |at: usize| u32::from(u16::from_le_bytes([head[at], head[at + 1]]) & 0x3FFF);
    Ok(((side(6), side(8)), false))
}

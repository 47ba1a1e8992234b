//! PNG photos and screenshots.

use super::exif::Claims;
use super::photo::check_size;
use super::pixels::{Decoded, Pixels, convert_in_place, on_white};
use super::{DECODE_BYTES, MAX_BOXES, MAX_EDGE_PX, MAX_EXIF_BYTES, MAX_PIXELS, PNG_CHUNK_BYTES, Source, Unpreviewable};
use image::codecs::png::PngDecoder;
use image::{ColorType, ImageDecoder, Limits};
use std::io::{self, Read};

/// Decodes a PNG within the limits. A cut file keeps the rows that are there.
pub(super) fn decode(source: &Source, claims: &mut Claims) -> Result<Decoded, Unpreviewable> {
    read_claims(source, claims)?;
    // The size is read here first: the decoder would read all chunks up to the picture before telling it.
    let size = |at: usize| source.head.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    let (Some(b"IHDR"), Some(width), Some(height)) = (source.head.get(12..16), size(16), size(20)) else {
        return Err(Unpreviewable::damaged("This photo ends in its header. Upload the original again."));
    };
    check_size(width, height, MAX_PIXELS)?;

    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(MAX_EDGE_PX);
    limits.max_image_height = Some(MAX_EDGE_PX);
    limits.max_alloc = Some(PNG_CHUNK_BYTES);
    let broken = |error| match error {
        image::ImageError::Limits(_) => {
            let detail = "This PNG carries more hidden data than can be read. Save it again without metadata.";
            Unpreviewable::new("too_much_memory", detail)
        }
        error => Unpreviewable::damaged(format!("This photo is damaged: {error}. Upload the original again.")),
    };
    let decoder = PngDecoder::with_limits(source.reader()?, limits).map_err(broken)?;
    let color = decoder.color_type();
    let bytes = decoder.total_bytes();
    if bytes > DECODE_BYTES {
        return Err(Unpreviewable::new("too_much_memory", "This PNG would take too much memory to be shown."));
    }
    let mut data = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
    let whole = decoder.read_image(&mut data);
    let truncated = whole.is_err();
    if let Err(error) = whole
        && data.iter().all(|b| *b == 0)
    {
        return Err(broken(error));
    }
    let channels = to_eight_bits(&mut data, color, truncated);
    Ok(Decoded { pixels: Pixels { width, height, channels, data }, width, height, truncated })
}

/// Reads EXIF and texts, wherever they stand: behind the picture too, and also when that is too large to be shown.
fn read_claims(source: &Source, claims: &mut Claims) -> Result<(), Unpreviewable> {
    let mut reader = source.reader()?;
    let mut exif = None;
    // Behind the signature.
    reader.seek_relative(8)?;
    for _ in 0..MAX_BOXES {
        let mut head = [0; 8];
        match reader.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            read => read?,
        }
        let [len @ .., a, b, c, d] = head;
        let len = u32::from_be_bytes(len);
        let name = [a, b, c, d];
        let is_kept = matches!(&name, b"eXIf" | b"tEXt" | b"iTXt") && len as usize <= MAX_EXIF_BYTES;
        if !is_kept {
            // The checksum follows.
            reader.seek_relative(i64::from(len) + 4)?;
            continue;
        }
        let mut body = vec![0; len as usize];
        if reader.read_exact(&mut body).is_err() {
            break;
        }
        reader.seek_relative(4)?;
        match (&name, body.iter().position(|byte| *byte == 0)) {
            (b"eXIf", _) if exif.is_none() => exif = Some(body),
            (b"tEXt" | b"iTXt", Some(end)) => claims.read_text(&body[..end], &body[end..]),
            _ => {}
        }
    }
    if let Some(tiff) = exif {
        claims.read(&tiff);
    }
    Ok(())
}

/// Reduces any PNG pixel to grey or RGB on white, in the same buffer; gives the channels left.
fn to_eight_bits(data: &mut Vec<u8>, color: ColorType, truncated: bool) -> usize {
    // The decoder turns 16-bit samples to this machine's order last, so not when it fails.
    let high = if truncated || cfg!(target_endian = "big") { 0 } else { 1 };
    match color {
        ColorType::L8 => 1,
        ColorType::La8 => {
            convert_in_place(data, 2, 1, |p, out| out[0] = on_white(p[0], p[1]));
            1
        }
        ColorType::L16 => {
            convert_in_place(data, 2, 1, |p, out| out[0] = p[high]);
            1
        }
        ColorType::La16 => {
            convert_in_place(data, 4, 1, |p, out| out[0] = on_white(p[high], p[2 + high]));
            1
        }
        ColorType::Rgba8 => {
            convert_in_place(data, 4, 3, |p, out| out.iter_mut().zip(p).for_each(|(o, v)| *o = on_white(*v, p[3])));
            3
        }
        ColorType::Rgb16 => {
            convert_in_place(data, 6, 3, |p, out| (0..3).for_each(|i| out[i] = p[2 * i + high]));
            3
        }
        ColorType::Rgba16 => {
            convert_in_place(data, 8, 3, |p, out| {
                (0..3).for_each(|i| out[i] = on_white(p[2 * i + high], p[6 + high]));
            });
            3
        }
        // The decoder gives nothing but these and plain RGB.
        _ => 3,
    }
}

//! Previews: scaled, upright, encoded as JPEG without any metadata.

use super::Unpreviewable;
use super::pixels::Pixels;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use std::borrow::Cow;

/// Long edges of the two previews in pixels, the larger first.
pub(super) const PREVIEW_EDGES: [u32; 2] = [1600, 320];
/// Long edge of the rendition for reports, in pixels.
pub(super) const REPORT_EDGE: u32 = 960;
/// Most bytes of the rendition for reports.
pub(super) const REPORT_BYTES: usize = 120_000;
/// JPEG quality of the previews, and the first one tried for a report.
const QUALITY: u8 = 80;

/// A JPEG made here: RGB, upright, no metadata, never larger than the photo itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// The file.
    pub jpeg: Vec<u8>,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// The photo at the size of the largest preview, upright and in RGB: what all renditions are made from.
pub(super) fn master(pixels: Pixels, orientation: u8) -> Result<Pixels, Unpreviewable> {
    let small = fit(pixels, PREVIEW_EDGES[0])?;
    Ok(upright(to_rgb(small), orientation))
}

/// The photo with a long edge of at most `edge` pixels.
pub(super) fn shrunk(master: &Pixels, edge: u32) -> Result<Cow<'_, Pixels>, Unpreviewable> {
    Ok(shrink(master, edge)?.map_or(Cow::Borrowed(master), Cow::Owned))
}

/// Encodes a preview.
pub(super) fn preview(pixels: &Pixels) -> Result<Rendition, Unpreviewable> {
    encode(pixels, QUALITY)
}

/// Encodes the rendition for reports: quality gives way first, then size.
pub(super) fn report(master: &Pixels) -> Result<Rendition, Unpreviewable> {
    let mut edge = REPORT_EDGE;
    loop {
        let pixels = shrunk(master, edge)?;
        for quality in [QUALITY, 70, 60, 50, 40] {
            let rendition = encode(&pixels, quality)?;
            if rendition.jpeg.len() <= REPORT_BYTES {
                return Ok(rendition);
            }
        }
        edge = pixels.width.max(pixels.height).min(edge) * 4 / 5;
    }
}

fn fit(pixels: Pixels, edge: u32) -> Result<Pixels, Unpreviewable> {
    Ok(shrink(&pixels, edge)?.unwrap_or(pixels))
}

/// Scales down to a long edge of `edge` pixels; `None` when it is not longer anyway.
fn shrink(pixels: &Pixels, edge: u32) -> Result<Option<Pixels>, Unpreviewable> {
    let long = pixels.width.max(pixels.height);
    if long <= edge {
        return Ok(None);
    }
    let scaled =
        |side: u32| ((u64::from(side) * u64::from(edge) + u64::from(long) / 2) / u64::from(long)).max(1) as u32;
    let (width, height) = (scaled(pixels.width), scaled(pixels.height));
    let kind = if pixels.channels == 1 { PixelType::U8 } else { PixelType::U8x3 };
    let failed =
        |error: &dyn std::fmt::Display| Unpreviewable::damaged(format!("This photo cannot be scaled: {error}."));
    let from = ImageRef::new(pixels.width, pixels.height, &pixels.data, kind).map_err(|e| failed(&e))?;
    let mut to = Image::new(width, height, kind);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new().resize(&from, &mut to, &options).map_err(|e| failed(&e))?;
    Ok(Some(Pixels { width, height, channels: pixels.channels, data: to.into_vec() }))
}

/// Reports embed the bytes as they are, so all renditions have the same colour space.
fn to_rgb(pixels: Pixels) -> Pixels {
    if pixels.channels == 3 {
        return pixels;
    }
    let data = pixels.data.iter().flat_map(|grey| [*grey; 3]).collect();
    Pixels { channels: 3, data, ..pixels }
}

/// Applies an EXIF orientation to RGB pixels.
fn upright(pixels: Pixels, orientation: u8) -> Pixels {
    if !(2..=8).contains(&orientation) {
        return pixels;
    }
    let (w, h) = (pixels.width as usize, pixels.height as usize);
    let turned = orientation >= 5;
    let (width, height) = if turned { (h, w) } else { (w, h) };
    let mut data = Vec::with_capacity(pixels.data.len());
    for y in 0..height {
        for x in 0..width {
            let (from_x, from_y) = match orientation {
                2 => (w - 1 - x, y),
                3 => (w - 1 - x, h - 1 - y),
                4 => (x, h - 1 - y),
                5 => (y, x),
                6 => (y, h - 1 - x),
                7 => (w - 1 - y, h - 1 - x),
                _ => (w - 1 - y, x),
            };
            let at = (from_y * w + from_x) * 3;
            data.extend_from_slice(&pixels.data[at..at + 3]);
        }
    }
    Pixels { width: width as u32, height: height as u32, channels: 3, data }
}

fn encode(pixels: &Pixels, quality: u8) -> Result<Rendition, Unpreviewable> {
    let failed =
        |error: &dyn std::fmt::Display| Unpreviewable::damaged(format!("This photo cannot be shown: {error}."));
    let side = |side: u32| u16::try_from(side).map_err(|e| failed(&e));
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, quality);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder.encode(&pixels.data, side(pixels.width)?, side(pixels.height)?, ColorType::Rgb).map_err(|e| failed(&e))?;
    Ok(Rendition { jpeg, width: pixels.width, height: pixels.height })
}

//! From a stored photo to its previews, its metadata and how it looks.

use super::child::Tools;
use super::exif::Claims;
use super::pixels::Decoded;
use super::render::{self, PREVIEW_EDGES, Rendition};
use super::{
    Exif, Format, MAX_EDGE_PX, MediaKind, Source, Unpreviewable, guarded, heif, jpeg, phash, png, sniff, webp,
};
use std::path::Path;

/// What was found in a file that should be a photo.
#[derive(Debug, Clone)]
pub struct LookedAt {
    /// What the camera claims, private to the firm; empty when the file says nothing. Also there when the photo cannot be
    /// shown.
    pub exif: Exif,
    /// The photo, or why it cannot be shown.
    pub photo: Result<Photo, Unpreviewable>,
}

/// A photo, read. The renditions carry no metadata.
#[derive(Debug, Clone)]
pub struct Photo {
    /// Width of the upright photo in pixels.
    pub width_px: u32,
    /// Height of the upright photo in pixels.
    pub height_px: u32,
    /// The EXIF orientation found, 1 to 8; already applied to everything else here.
    pub orientation: u8,
    /// Long edge at most 320 pixels.
    pub preview_320: Rendition,
    /// Long edge at most 1600 pixels.
    pub preview_1600: Rendition,
    /// For reports: long edge at most 960 pixels and at most 120 000 bytes.
    pub report_960: Rendition,
    /// How it looks, to be compared by [`distance`](super::distance); none when it is all but of one colour, or too small.
    pub phash: Option<u64>,
    /// Part of the picture is missing, and the previews show what there is.
    pub truncated: bool,
}

/// Reads the photo in a local file and makes its previews. Blocking; takes at most
/// [`DECODE_BYTES`](super::DECODE_BYTES) and about 60 MB for the previews, so bound how many run at once. Call it on a
/// thread that ends afterwards: what the allocator keeps for a thread is then used for the next photo instead of being
/// held beside it.
pub fn process_photo(path: &Path, tools: &Tools) -> LookedAt {
    let mut claims = Claims::default();
    let photo = look(path, tools, &mut claims);
    LookedAt { exif: claims.exif, photo }
}

/// Makes the two previews and nothing else, to be measured beside programs that make nothing else.
///
/// # Errors
/// [`Unpreviewable`] as [`process_photo`].
#[doc(hidden)]
pub fn both_previews(path: &Path, tools: &Tools) -> Result<[Rendition; 2], Unpreviewable> {
    let mut claims = Claims::default();
    let decoded = decode(path, tools, &mut claims)?;
    let large = render::master(decoded.pixels, claims.orientation)?;
    let small = render::shrunk(&large, PREVIEW_EDGES[1])?;
    Ok([render::preview(&large)?, render::preview(&small)?])
}

fn look(path: &Path, tools: &Tools, claims: &mut Claims) -> Result<Photo, Unpreviewable> {
    let decoded = decode(path, tools, claims)?;
    let orientation = claims.orientation;
    guarded(|| render(decoded, orientation))
}

fn decode(path: &Path, tools: &Tools, claims: &mut Claims) -> Result<Decoded, Unpreviewable> {
    let source = Source::open(path)?;
    let format = sniff(&source.head).filter(|f| f.kind() == Some(MediaKind::Photo)).ok_or_else(|| {
        let detail = format!(
            "This file is named like a photo but contains {}. Take the photo again or attach it as a document.",
            source.found()
        );
        Unpreviewable::new("not_an_image", detail)
    })?;
    let decoded = guarded(|| match format {
        Format::Jpeg => jpeg::decode(&source, claims),
        Format::Png => png::decode(&source, claims),
        Format::Webp => webp::decode(&source, claims),
        Format::Heic | Format::Avif => heif::decode(&source, path, format, tools, claims),
        other => {
            let detail =
                format!("Photos of type {} are kept but cannot be shown. Use JPEG or PNG.", other.media_type());
            Err(Unpreviewable::new("unsupported_format", detail))
        }
    });
    // Whatever a decoder made of it that nothing more was there to read.
    if decoded.is_err() && source.is_late() {
        let detail = "This photo took too long to be read. It is kept; send it with a lower resolution.";
        return Err(Unpreviewable::new("too_slow", detail));
    }
    decoded
}

fn render(decoded: Decoded, orientation: u8) -> Result<Photo, Unpreviewable> {
    let Decoded { pixels, width, height, truncated } = decoded;
    let (width_px, height_px) = if orientation >= 5 { (height, width) } else { (width, height) };
    let large = render::master(pixels, orientation)?;
    let small = render::shrunk(&large, PREVIEW_EDGES[1])?;
    Ok(Photo {
        width_px,
        height_px,
        orientation,
        preview_320: render::preview(&small)?,
        preview_1600: render::preview(&large)?,
        report_960: render::report(&large)?,
        phash: phash::hash(&small),
        truncated,
    })
}

/// Refuses a photo by the size in its header.
pub(super) fn check_size(width: u32, height: u32, most_pixels: u64) -> Result<(), Unpreviewable> {
    if width == 0 || height == 0 {
        return Err(Unpreviewable::damaged("The header of this photo gives no size. Upload the original again."));
    }
    let pixels = u64::from(width) * u64::from(height);
    let limit = if width.max(height) > MAX_EDGE_PX {
        format!("an edge of at most {MAX_EDGE_PX} pixels")
    } else if pixels > most_pixels {
        format!("at most {} megapixels", most_pixels / 1_000_000)
    } else {
        return Ok(());
    };
    let detail = format!(
        "This photo is {width} x {height} pixels. It is kept, but only photos with {limit} can be shown. \
         Take it with a lower resolution."
    );
    Err(Unpreviewable::new("too_many_pixels", detail))
}

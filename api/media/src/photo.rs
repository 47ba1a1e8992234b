//! From a stored photo to its previews and its metadata.

use super::render::{self, PREVIEW_EDGES, Rendition};
use super::{Exif, Format, MAX_EDGE_PX, MediaKind, Source, Unpreviewable, exif, guarded, jpeg, png, sniff};
use std::path::Path;

/// A photo, read. The renditions carry no metadata; `exif` is private to the firm.
#[derive(Debug, Clone)]
pub struct Photo {
    /// Width of the upright photo in pixels.
    pub width_px: u32,
    /// Height of the upright photo in pixels.
    pub height_px: u32,
    /// The EXIF orientation found, 1 to 8; already applied to everything else here.
    pub orientation: u8,
    /// What the camera claims; empty when the file says nothing.
    pub exif: Exif,
    /// Long edge at most 320 pixels.
    pub preview_320: Rendition,
    /// Long edge at most 1600 pixels.
    pub preview_1600: Rendition,
    /// For reports: long edge at most 960 pixels and at most 120 000 bytes.
    pub report_960: Rendition,
    /// Part of the picture is missing, and the previews show what there is.
    pub truncated: bool,
}

/// Reads the photo in a local file and makes its previews. Blocking; takes at most
/// [`DECODE_BYTES`](super::DECODE_BYTES) and about 60 MB for the previews, so bound how many run at once. Call it on a thread that ends afterwards: what the
/// allocator keeps for a thread is then used for the next photo instead of being held beside it.
///
/// # Errors
/// [`Unpreviewable`] when it is not a photo, not a supported one, beyond a limit, or nothing of it can be decoded.
pub fn process_photo(path: &Path) -> Result<Photo, Unpreviewable> {
    let source = Source::open(path)?;
    let format = sniff(&source.head).filter(|f| f.kind() == Some(MediaKind::Photo)).ok_or_else(|| {
        let detail = format!(
            "This file is named like a photo but contains {}. Take the photo again or attach it as a document.",
            source.found()
        );
        Unpreviewable::new("not_an_image", detail)
    })?;
    let decoded = guarded(|| match format {
        Format::Jpeg => jpeg::decode(&source),
        Format::Png => png::decode(&source),
        other => {
            let detail =
                format!("Photos of type {} are kept but cannot be shown. Use JPEG or PNG.", other.media_type());
            Err(Unpreviewable::new("unsupported_format", detail))
        }
    })?;
    guarded(|| {
        let (exif, orientation) = decoded.exif.as_deref().map_or_else(|| (Exif::default(), 1), exif::read);
        let turned = orientation >= 5;
        let (width_px, height_px) =
            if turned { (decoded.height, decoded.width) } else { (decoded.width, decoded.height) };
        let master = render::master(decoded.pixels, orientation)?;
        Ok(Photo {
            width_px,
            height_px,
            orientation,
            exif,
            preview_320: render::preview(&master, PREVIEW_EDGES[1])?,
            preview_1600: render::preview(&master, PREVIEW_EDGES[0])?,
            report_960: render::report(&master)?,
            truncated: decoded.truncated,
        })
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

//! Photos as they should be: sizes, orientation, colours, metadata.

use super::super::{Exif, Gps, Photo, Rendition};
use super::builders::*;
use super::{file, looked_at, seen};
use image::{ExtendedColorType, RgbImage};

fn photo(bytes: &[u8]) -> Photo {
    seen(bytes).expect("a photo")
}

fn exif(bytes: &[u8]) -> Exif {
    looked_at(file(bytes).path()).exif
}

pub fn pixels(rendition: &Rendition) -> RgbImage {
    let image = image::load_from_memory(&rendition.jpeg).expect("a JPEG").to_rgb8();
    assert_eq!(image.dimensions(), (rendition.width, rendition.height));
    image
}

#[track_caller]
pub fn assert_near(image: &RgbImage, x: u32, y: u32, rgb: [u8; 3]) {
    let found = image.get_pixel(x, y).0;
    assert!(found.iter().zip(rgb).all(|(a, b)| a.abs_diff(b) < 30), "{found:?} at {x},{y} instead of {rgb:?}");
}

#[test]
fn renditions_have_their_sizes_and_no_metadata() {
    let tiff = tiff(vec![ascii(0x10F, "Maker")], vec![], vec![]);
    let photo = photo(&with_exif(&jpeg(&corners(2400, 1200), 2400, 1200), &tiff));
    assert_eq!((photo.width_px, photo.height_px, photo.truncated), (2400, 1200, false));
    let sizes = [&photo.preview_320, &photo.preview_1600, &photo.report_960].map(|r| (r.width, r.height));
    assert_eq!(sizes, [(320, 160), (1600, 800), (960, 480)]);
    for rendition in [&photo.preview_320, &photo.preview_1600, &photo.report_960] {
        assert_near(&pixels(rendition), 5, 5, [230, 20, 20]);
        assert!(!rendition.jpeg.windows(4).any(|w| w == b"Exif" || w == b"Make"));
    }
}

#[test]
fn small_photos_are_not_enlarged() {
    let photo = photo(&jpeg(&corners(200, 100), 200, 100));
    for rendition in [&photo.preview_320, &photo.preview_1600, &photo.report_960] {
        assert_eq!((rendition.width, rendition.height), (200, 100));
    }
}

#[test]
fn every_orientation_ends_upright() {
    // Where the red, the green and the blue corner end, in quarters of an upright 2 x 2 picture.
    let expected = [
        (1, [(0, 0), (1, 0), (0, 1)]),
        (2, [(1, 0), (0, 0), (1, 1)]),
        (3, [(1, 1), (0, 1), (1, 0)]),
        (4, [(0, 1), (1, 1), (0, 0)]),
        (5, [(0, 0), (0, 1), (1, 0)]),
        (6, [(1, 0), (1, 1), (0, 0)]),
        (7, [(1, 1), (1, 0), (0, 1)]),
        (8, [(0, 1), (0, 0), (1, 1)]),
    ];
    for (orientation, places) in expected {
        let tiff = tiff(vec![short(0x112, orientation)], vec![], vec![]);
        let photo = photo(&with_exif(&jpeg(&corners(80, 40), 80, 40), &tiff));
        assert_eq!(u16::from(photo.orientation), orientation);
        let size = if orientation >= 5 { (40, 80) } else { (80, 40) };
        assert_eq!((photo.width_px, photo.height_px), size);
        let image = pixels(&photo.preview_320);
        for ((x, y), rgb) in places.into_iter().zip([[230, 20, 20], [20, 230, 20], [20, 20, 230]]) {
            assert_near(&image, size.0 / 4 + x * size.0 / 2, size.1 / 4 + y * size.1 / 2, rgb);
        }
    }
}

#[test]
fn exif_is_read_and_cleaned() {
    let tiff = tiff(
        vec![ascii(0x10F, "  Make\x07r \n"), ascii(0x110, &"m".repeat(500)), ascii(0x131, "Editor 1.0")],
        vec![ascii(0x9003, "2026:05:01 12:34:56"), ascii(0x9011, "+03:00")],
        vec![
            ascii(1, "N"),
            degrees(2, [(59, 1), (26, 1), (3_000, 100)]),
            ascii(3, "W"),
            degrees(4, [(24, 1), (45, 1), (0, 1)]),
        ],
    );
    let exif = exif(&with_exif(&jpeg(&corners(16, 16), 16, 16), &tiff));
    assert_eq!(exif.make.as_deref(), Some("Maker"));
    assert_eq!(exif.model.map(|m| m.len()), Some(128));
    assert_eq!(exif.software.as_deref(), Some("Editor 1.0"));
    assert_eq!(exif.taken_at.as_deref(), Some("2026-05-01T12:34:56"));
    assert_eq!(exif.offset.as_deref(), Some("+03:00"));
    assert_eq!(exif.gps, Some(Gps { lat_e7: 594_416_667, lon_e7: -247_500_000, accuracy_m: None }));
}

#[test]
fn senseless_exif_is_left_out() {
    let tiff = tiff(
        vec![short(0x112, 9), ascii(0x10F, " \x01 ")],
        vec![ascii(0x9003, "2026:02:30 12:34:56"), ascii(0x9011, "+99:00")],
        vec![
            ascii(1, "N"),
            degrees(2, [(91, 1), (0, 1), (0, 1)]),
            ascii(3, "E"),
            degrees(4, [(24, 1), (0, 0), (0, 1)]),
        ],
    );
    let bytes = with_exif(&jpeg(&corners(16, 16), 16, 16), &tiff);
    assert_eq!(photo(&bytes).orientation, 1);
    assert_eq!(exif(&bytes), Exif::default());
}

#[test]
fn transparent_png_lies_on_white() {
    let rgba: Vec<u8> = [[200, 0, 0, 0], [200, 0, 0, 255]].concat().repeat(32 * 16);
    let striped = png(&rgba, 64, 16, ExtendedColorType::Rgba8);
    let photo = photo(&striped);
    assert_eq!((photo.width_px, photo.height_px, photo.truncated), (64, 16, false));
    let half: Vec<u8> = [0, 0, 0, 128].repeat(64);
    let grey = self::photo(&png(&half, 8, 8, ExtendedColorType::Rgba8));
    assert_near(&pixels(&grey.preview_320), 4, 4, [127, 127, 127]);
}

#[test]
fn sixteen_bit_and_grey_png_keep_their_brightness() {
    let deep: Vec<u8> =
        [40_000_u16, 20_000, 10_000].iter().flat_map(|v| v.to_ne_bytes()).collect::<Vec<_>>().repeat(64);
    let photo = photo(&png(&deep, 8, 8, ExtendedColorType::Rgb16));
    assert_near(&pixels(&photo.preview_320), 4, 4, [156, 78, 39]);
    let grey = self::photo(&png(&[90; 64], 8, 8, ExtendedColorType::L8));
    assert_near(&pixels(&grey.preview_320), 4, 4, [90, 90, 90]);
    let veil: Vec<u8> = [0_u16, 0x8000].iter().flat_map(|v| v.to_ne_bytes()).collect::<Vec<_>>().repeat(64);
    let veil = self::photo(&png(&veil, 8, 8, ExtendedColorType::La16));
    assert_near(&pixels(&veil.preview_320), 4, 4, [127, 127, 127]);
}

#[test]
fn grey_jpeg_becomes_rgb() {
    let mut grey = Vec::new();
    image::codecs::jpeg::JpegEncoder::new(&mut grey).encode(&[120; 64], 8, 8, ExtendedColorType::L8).expect("encode");
    assert_near(&pixels(&photo(&grey).preview_320), 4, 4, [120, 120, 120]);
}

#[test]
fn ink_becomes_light() {
    let mut rgb = [0; 3];
    super::super::pixels::cmyk_to_rgb(&[0, 255, 0, 0], &mut rgb);
    assert_eq!(rgb, [255, 0, 255]);
    super::super::pixels::cmyk_to_rgb(&[0, 0, 0, 255], &mut rgb);
    assert_eq!(rgb, [0, 0, 0]);
}

#[test]
fn a_report_rendition_stays_small_whatever_it_shows() {
    let photo = photo(&jpeg(&noise(1500, 1500), 1500, 1500));
    assert!(photo.report_960.jpeg.len() <= 120_000, "{} bytes", photo.report_960.jpeg.len());
    assert!(photo.report_960.width <= 960);
}

//! Photos that are cut, false or made to harm.

use super::super::Unpreviewable;
use super::builders::*;
use super::{file, fixture_bytes, looked_at, seen};
use image::ExtendedColorType;

fn refused(bytes: &[u8]) -> Unpreviewable {
    seen(bytes).expect_err("no photo")
}

fn cut_flag(bytes: &[u8]) -> bool {
    seen(bytes).expect("a photo").truncated
}

#[test]
fn false_photos_are_named() {
    assert_eq!(refused(b"").code, "empty_file");
    let text = refused(b"Dear customer,\nthe shop was closed.\n");
    assert_eq!(text.code, "not_an_image");
    assert!(text.detail.contains("contains text"), "{}", text.detail);
    assert!(refused(&wav(8000, 1, 16, 16)).detail.contains("audio/wav"));
    assert_eq!(refused(&[7; 100]).code, "not_an_image");
    assert_eq!(refused(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").code, "damaged");
    assert_eq!(refused(b"GIF89a\x01\0\x01\0").code, "unsupported_format");
    let missing = looked_at(std::path::Path::new("no/such/file")).photo.expect_err("no file");
    assert!(missing.is_transient());
}

#[test]
fn a_cut_jpeg_shows_what_is_there() {
    let whole = jpeg(&noise(400, 300), 400, 300);
    assert!(!cut_flag(&whole));
    assert!(cut_flag(&whole[..whole.len() - 2]), "only the end marker is missing");
    assert!(cut_flag(&whole[..whole.len() / 2]));
    assert!(cut_flag(&[&whole[..whole.len() / 2], &[0xFF, 0xD9][..]].concat()), "a false end marker");
    assert!(!cut_flag(&[&whole[..], b"motion photo data".as_slice()].concat()), "data behind the end is common");
    let head = marker(&whole, 0xC0);
    assert_eq!(refused(&whole[..head]).code, "damaged");
    assert_eq!(refused(&whole[..3]).code, "damaged");
}

#[test]
fn flat_photos_are_not_taken_for_cut_ones() {
    for (width, height) in [(64, 64), (50, 50), (1601, 8), (7, 400)] {
        assert!(!cut_flag(&jpeg(&vec![255; width * height * 3], width as u32, height as u32)), "{width} x {height}");
    }
}

#[test]
fn a_camera_photo_cut_anywhere_never_fails_badly() {
    let whole = fixture_bytes("front_nurmeaken_tallinn.jpg");
    for part in [1, 3, 9, 20, 33, 39] {
        let cut = &whole[..whole.len() * part / 40];
        match seen(cut) {
            Ok(photo) => assert!(photo.truncated, "cut at {part}/40"),
            Err(error) => assert_eq!(error.code, "damaged", "cut at {part}/40: {error}"),
        }
    }
}

#[test]
fn a_cut_png_shows_what_is_there() {
    let whole = png(&noise(200, 200), 200, 200, ExtendedColorType::Rgb8);
    assert!(!cut_flag(&whole));
    assert!(cut_flag(&whole[..whole.len() / 2]));
    assert_eq!(refused(&whole[..30]).code, "damaged");
    assert_eq!(refused(&whole[..60]).code, "damaged");
}

#[test]
fn claimed_sizes_are_refused_before_anything_is_allocated() {
    let bomb = refused(&png_claiming(60_000, 60_000));
    assert_eq!(bomb.code, "too_many_pixels");
    assert!(bomb.detail.contains("60000 x 60000"), "{}", bomb.detail);
    assert_eq!(refused(&png_claiming(40_000, 1)).code, "too_many_pixels");
    assert_eq!(refused(&png_claiming(0, 5)).code, "damaged");

    let mut jpeg = jpeg(&noise(64, 64), 64, 64);
    let frame = marker(&jpeg, 0xC0);
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xFF; 4]);
    assert_eq!(refused(&jpeg).code, "too_many_pixels");
    // As a progressive file the same size needs memory for every coefficient.
    jpeg[frame + 1] = 0xC2;
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x18, 0x6A, 0x27, 0x10]);
    assert_eq!(refused(&jpeg).code, "too_many_pixels");
}

#[test]
fn colour_at_full_size_costs_more_than_the_budget() {
    let mut jpeg = jpeg(&noise(64, 64), 64, 64);
    let frame = marker(&jpeg, 0xC0);
    // 10000 x 10000 in 4:4:4.
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x27, 0x10, 0x27, 0x10]);
    for component in 0..3 {
        jpeg[frame + 11 + component * 3] = 0x11;
    }
    assert_eq!(refused(&jpeg).code, "too_much_memory");
}

#[test]
fn too_many_scans_are_refused() {
    let mut jpeg = jpeg(&noise(64, 64), 64, 64);
    let scan = jpeg[marker(&jpeg, 0xDA)..jpeg.len() - 2].to_vec();
    jpeg.truncate(jpeg.len() - 2);
    for _ in 0..1000 {
        jpeg.extend(&scan);
    }
    jpeg.extend([0xFF, 0xD9]);
    assert_eq!(refused(&jpeg).code, "too_complex");
}

#[test]
fn hidden_data_in_a_png_is_bounded() {
    let whole = png(&noise(32, 32), 32, 32, ExtendedColorType::Rgb8);
    let after_header = 33;
    let text = [b"Comment\0".to_vec(), vec![b'x'; 1 << 20]].concat();
    let texts = chunk(b"tEXt", &text).repeat(40);
    let error = refused(&[&whole[..after_header], &texts, &whole[after_header..]].concat());
    assert_eq!(error.code, "too_much_memory");
}

#[test]
fn damaged_exif_costs_the_metadata_only() {
    let whole = jpeg(&noise(32, 32), 32, 32);
    // Directories that point at themselves and values far outside.
    let looped = b"MM\0\x2a\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\x08".to_vec();
    let far = b"II\x2a\0\x08\0\0\0\xff\xff\x0f\x01\x02\0\xff\xff\xff\xff\xff\xff\xff\x7f".to_vec();
    for tiff in [looped, far, b"MM".to_vec(), vec![0; 60_000]] {
        let looked = looked_at(file(&with_exif(&whole, &tiff)).path());
        assert_eq!((looked.photo.expect("a photo").orientation, looked.exif.make), (1, None));
    }
}

#[test]
fn restart_markers_are_data() {
    let whole = jpeg(&noise(32, 32), 32, 32);
    let restarts = [0x5A, 0xFF, 0xD0].repeat(30_000);
    let bytes = [&whole[..whole.len() - 2], &restarts, &[0xFF, 0xD9]].concat();
    let skeleton = super::super::jpeg_scan::read(&mut bytes.as_slice()).expect("a skeleton");
    assert_eq!(skeleton.end, Some(bytes.len() as u64 - 2));
    let comments = [0xFF, 0xFE, 0, 2].repeat(30_000);
    assert_eq!(refused(&[&whole[..2], &comments, &whole[2..]].concat()).code, "too_complex");
}

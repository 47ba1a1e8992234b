//! How photos look: variants of one photo stay near it, other photos do not.

use super::super::pixels::Pixels;
use super::super::{distance, phash, render};
use super::builders::*;
use super::{fixture, seen};
use image::imageops::{self, FilterType};
use image::{DynamicImage, RgbImage};

/// The photos of the fixtures: drawn scenes, some of them much alike.
fn photos() -> Vec<(String, RgbImage)> {
    let mut photos: Vec<_> = std::fs::read_dir(fixture("."))
        .expect("the fixtures")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jpg" || ending == "png"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, image::open(&path).expect("a photo").to_rgb8())
        })
        .collect();
    photos.sort_by(|a, b| a.0.cmp(&b.0));
    photos
}

/// The bits of a photo, as they are made from its small preview.
fn look(photo: &RgbImage) -> u64 {
    let (width, height) = photo.dimensions();
    let pixels = Pixels { width, height, channels: 3, data: photo.as_raw().clone() };
    let large = render::master(pixels, 1).expect("pixels");
    phash::hash(&render::shrunk(&large, 320).expect("pixels")).expect("not of one colour")
}

fn coded(photo: &RgbImage, quality: u8) -> RgbImage {
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, quality).encode_image(photo).expect("encode");
    image::load_from_memory(&jpeg).expect("a photo").to_rgb8()
}

fn scaled(photo: &RgbImage, percent: u32) -> RgbImage {
    let (width, height) = photo.dimensions();
    imageops::resize(photo, width * percent / 100, height * percent / 100, FilterType::Triangle)
}

/// Cuts away so many thousandths of the width and of the height, in equal parts on all sides.
fn cropped(photo: &RgbImage, thousandths: u32) -> RgbImage {
    let (width, height) = photo.dimensions();
    let (x, y) = (width * thousandths / 2000, height * thousandths / 2000);
    imageops::crop_imm(photo, x, y, width - 2 * x, height - 2 * y).to_image()
}

fn lit(photo: &RgbImage, percent: i32) -> RgbImage {
    let mut lit = photo.clone();
    lit.iter_mut().for_each(|v| *v = (i32::from(*v) * (100 + percent) / 100).clamp(0, 255) as u8);
    lit
}

fn grey(photo: &RgbImage) -> RgbImage {
    DynamicImage::ImageLuma8(imageops::grayscale(photo)).to_rgb8()
}

/// What is done to a photo, and how far it may be from the original then: at most, and on average in tenths.
const VARIANTS: [(&str, fn(&RgbImage) -> RgbImage, u32, u32); 9] = [
    ("coded again at quality 80", |photo| coded(photo, 80), 2, 5),
    ("coded again at quality 30", |photo| coded(photo, 30), 2, 8),
    ("half the size", |photo| coded(&scaled(photo, 50), 80), 2, 8),
    ("a quarter of the size", |photo| coded(&scaled(photo, 25), 70), 2, 8),
    ("1 % cropped", |photo| coded(&cropped(photo, 10), 80), 6, 20),
    ("2 % cropped", |photo| coded(&cropped(photo, 20), 80), 8, 40),
    // What is white already stays so.
    ("15 % lighter", |photo| coded(&lit(photo, 15), 80), 12, 40),
    ("15 % darker", |photo| coded(&lit(photo, -15), 80), 2, 10),
    ("grey", grey, 6, 20),
];

#[test]
fn variants_of_a_photo_are_near_it_and_other_photos_are_not() {
    let photos = photos();
    let looks: Vec<u64> = photos.iter().map(|(_, photo)| look(photo)).collect();
    let mut table = String::new();
    let mut failed = false;
    for (name, vary, most, mean_tenths) in VARIANTS {
        // Every third will do: variants take long to make.
        let some = photos.iter().zip(&looks).step_by(3);
        let distances: Vec<u32> = some.map(|((_, photo), own)| distance(look(&vary(photo)), *own)).collect();
        let (largest, sum): (u32, u32) = (*distances.iter().max().expect("some"), distances.iter().sum());
        let tenths = sum * 10 / distances.len() as u32;
        let near = distances.iter().filter(|distance| **distance <= 7).count();
        table += &format!("{name:26} at most {largest:2}, {near} of {} within 7, mean {tenths}/10\n", distances.len());
        failed |= largest > most || tenths > mean_tenths;
    }
    let mut pairs = Vec::new();
    for (i, a) in looks.iter().enumerate() {
        pairs.extend(looks[..i].iter().enumerate().map(|(j, b)| (distance(*a, *b), i, j)));
    }
    pairs.sort_unstable();
    for (distance, a, b) in &pairs[..5] {
        table += &format!("{distance:2} between {} and {}\n", photos[*a].0, photos[*b].0);
    }
    table += &format!("median of {} pairs of different photos {}\n", pairs.len(), pairs[pairs.len() / 2].0);
    println!("{table}");
    assert!(!failed, "{table}");
    assert!(pairs[0].0 > 7, "different photos count as alike:\n{table}");
    assert!(pairs[pairs.len() / 2].0 >= 28, "{table}");
}

#[test]
fn what_shows_nothing_is_like_nothing() {
    let hash = |rgb: &[u8], width, height| seen(&jpeg(rgb, width, height)).expect("a photo").phash;
    assert_eq!(hash(&[17; 200 * 100 * 3], 200, 100), None, "one colour");
    // The noise of a sensor in the dark, and a wall.
    let dark: Vec<u8> = noise(400, 300).iter().map(|v| v / 16).collect();
    assert_eq!(hash(&dark, 400, 300), None);
    let wall: Vec<u8> = (0..300_u32).flat_map(|y| [(200 + y / 50) as u8; 400 * 3]).collect();
    assert_eq!(hash(&wall, 400, 300), None);
    assert_eq!(hash(&corners(20, 20), 20, 20), None, "too small");
    assert!(hash(&corners(64, 64), 64, 64).is_some());
    // Turned as its EXIF says, it is the same photo.
    let upright = seen(&jpeg(&corners(200, 100), 200, 100)).expect("a photo");
    let half_turn = tiff(vec![short(0x112, 3)], vec![], vec![]);
    let turned = seen(&with_exif(&jpeg(&corners(200, 100), 200, 100), &half_turn)).expect("a photo");
    assert!(distance(upright.phash.expect("bits"), turned.phash.expect("bits")) > 7, "it shows something else");
}

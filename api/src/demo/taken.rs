//! Files of the demo as phones would take them anew with each visit: the same scene from a little elsewhere, with the
//! time and place of the visit in it, and never twice the same bytes.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use image::ImageFormat;
use image::codecs::jpeg::JpegEncoder;

use crate::failure::Failure;

/// Where the photographer stood: what of the scene is seen, as left, top and size in thousandths. No two of them look
/// alike to a perceptual hash, whatever the scene.
const VIEWS: [[u32; 3]; 13] = [
    [0, 0, 1000],
    [180, 0, 820],
    [0, 180, 820],
    [0, 150, 700],
    [150, 150, 700],
    [300, 300, 700],
    [150, 0, 700],
    [90, 180, 820],
    [180, 90, 820],
    [0, 0, 700],
    [300, 0, 700],
    [0, 0, 820],
    [0, 300, 700],
];
/// Quality of a phone's JPEG.
const QUALITY: u8 = 85;

/// When and where a file was taken.
#[derive(Clone, Copy, Debug)]
pub struct Shot {
    /// How often the scene was taken before.
    pub turn: usize,
    /// When.
    pub at: DateTime<Utc>,
    /// The time zone of the phone.
    pub zone: Tz,
    /// Degrees north and east.
    pub place: (f64, f64),
}

/// A file of a scene, taken once more.
///
/// # Errors
///
/// [`Failure`] when a photo of the story is none.
pub fn taken(name: &str, scene: Cow<'static, [u8]>, shot: Shot) -> Result<Vec<u8>, Failure> {
    let mut bytes = match name.rsplit('.').next() {
        Some("jpg") => return photo(&scene, shot),
        _ => scene.into_owned(),
    };
    let mark = u32::try_from(shot.turn).unwrap_or(u32::MAX).to_be_bytes();
    match name.rsplit('.').next() {
        // In front of the last chunk, which is 12 bytes long, a private one.
        Some("png") => {
            let chunk = [&b"peGl"[..], &mark].concat();
            let crc = crc32fast::hash(&chunk).to_be_bytes();
            let end = bytes.split_off(bytes.len().saturating_sub(12));
            bytes.extend([&4_u32.to_be_bytes()[..], &chunk, &crc, &end].concat());
        }
        // A box of nothing.
        Some("m4a") => bytes.extend([&12_u32.to_be_bytes()[..], b"free", &mark].concat()),
        // The oldest tag: 128 bytes, with a title.
        Some("mp3") => {
            let mut tag = [0; 128];
            tag[..3].copy_from_slice(b"TAG");
            tag[3..11].copy_from_slice(format!("{:08}", shot.turn % 100_000_000).as_bytes());
            bytes.extend(tag);
        }
        _ => {}
    }
    Ok(bytes)
}

fn photo(scene: &[u8], shot: Shot) -> Result<Vec<u8>, Failure> {
    let image = image::load_from_memory_with_format(scene, ImageFormat::Jpeg).map_err(Failure::internal)?;
    let [left, top, size] = VIEWS[shot.turn % VIEWS.len()];
    let (width, height) = (image.width(), image.height());
    let of = |length: u32, thousandths: u32| length / 8 * thousandths / 1000 * 8;
    let view = image.crop_imm(of(width, left), of(height, top), of(width, size), of(height, size)).into_rgb8();
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(&view).map_err(Failure::internal)?;
    let exif = [&b"Exif\0\0"[..], &tiff(shot)].concat();
    let length = u16::try_from(exif.len() + 2).map_err(Failure::internal)?.to_be_bytes();
    // Behind the first marker.
    Ok([&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat())
}

/// What the camera says: itself, when, and where.
fn tiff(shot: Shot) -> Vec<u8> {
    const ASCII: u16 = 2;
    const LONG: u16 = 4;
    const RATIONAL: u16 = 5;
    let local = shot.at.with_timezone(&shot.zone);
    let text = |text: &str| [text.as_bytes(), &[0]].concat();
    let degrees = |degrees: f64| -> Vec<u8> {
        let e7 = (degrees.abs() * 1e7).round() as u32;
        [e7, 10_000_000, 0, 1, 0, 1].into_iter().flat_map(u32::to_be_bytes).collect()
    };
    let (north, east) = shot.place;
    let camera: [(u16, u16, Vec<u8>); 2] = [(0x010f, ASCII, text("Fixture")), (0x0110, ASCII, text("Fieldphone 5"))];
    let when = [
        (0x9003, ASCII, text(&local.format("%Y:%m:%d %H:%M:%S").to_string())),
        (0x9011, ASCII, text(&local.format("%:z").to_string())),
    ];
    let position = [
        (1, ASCII, text(if north < 0.0 { "S" } else { "N" })),
        (2, RATIONAL, degrees(north)),
        (3, ASCII, text(if east < 0.0 { "W" } else { "E" })),
        (4, RATIONAL, degrees(east)),
    ];
    // The main directory points at the two others, whose places follow from its length.
    let mut main = camera.to_vec();
    main.extend([0x8769, 0x8825].map(|tag| (tag, LONG, vec![0; 4])));
    let at = 8 + directory(0, &main).len();
    let times = directory(at, &when);
    let places = directory(at + times.len(), &position);
    main[2].2 = offset(at);
    main[3].2 = offset(at + times.len());
    [b"MM\0\x2a\0\0\0\x08".to_vec(), directory(8, &main), times, places].concat()
}

fn offset(at: usize) -> Vec<u8> {
    u32::try_from(at).unwrap_or(u32::MAX).to_be_bytes().to_vec()
}

/// A directory that begins at a place of the file, with its values behind it.
fn directory(at: usize, entries: &[(u16, u16, Vec<u8>)]) -> Vec<u8> {
    let mut values = Vec::new();
    let values_at = at + 2 + entries.len() * 12 + 4;
    let mut directory = u16::try_from(entries.len()).unwrap_or(0).to_be_bytes().to_vec();
    for (tag, kind, value) in entries {
        let size = if *kind == 5 { 8 } else { 1 };
        let count = if *kind == 4 { 1 } else { value.len() / size };
        directory.extend(tag.to_be_bytes());
        directory.extend(kind.to_be_bytes());
        directory.extend(offset(count));
        if value.len() <= 4 {
            directory.extend(value.iter().copied().chain([0; 4]).take(4));
        } else {
            directory.extend(offset(values_at + values.len()));
            values.extend(value);
        }
    }
    [directory, vec![0; 4], values].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::story;

    fn shot(turn: usize) -> Shot {
        let at = "2026-07-14T11:25:00Z".parse().unwrap();
        Shot { turn, at, zone: Tz::Europe__Tallinn, place: (58.3859, -24.4971) }
    }

    #[test]
    fn a_photo_says_when_and_where_and_is_another_one_each_time() {
        let name = "front_nurmeaken_tallinn.jpg";
        let photos: Vec<_> = (0..3).map(|n| taken(name, story::media(name).unwrap(), shot(n)).unwrap()).collect();
        assert!(photos[0] != photos[1] && photos[1] != photos[2]);
        assert_eq!(photos[1], taken(name, story::media(name).unwrap(), shot(1)).unwrap());
        let path = std::env::temp_dir().join(format!("peegel-taken-{}.jpg", std::process::id()));
        std::fs::write(&path, &photos[1]).unwrap();
        let tools = peegel_media::child::Tools { programs: Vec::new(), scratch: std::env::temp_dir() };
        let read = peegel_media::process_photo(&path, &tools);
        std::fs::remove_file(&path).unwrap();
        let photo = read.photo.unwrap();
        assert_eq!((photo.width_px, photo.height_px), (1312, 984));
        let exif = read.exif;
        assert_eq!(exif.taken_at.as_deref(), Some("2026-07-14T14:25:00"));
        assert_eq!((exif.offset.as_deref(), exif.model.as_deref()), (Some("+03:00"), Some("Fieldphone 5")));
        let gps = exif.gps.unwrap();
        assert_eq!((gps.lat_e7, gps.lon_e7), (583_859_000, -244_971_000));
    }

    #[test]
    fn other_files_differ_and_stay_what_they_are() {
        for name in ["chat_nurmeaken_good.png", "call_et_coffee_good.m4a", "call_et_complaint_good.mp3"] {
            let [one, other] = [0, 1].map(|n| taken(name, story::media(name).unwrap(), shot(n)).unwrap());
            assert_ne!(one, other, "{name}");
            assert_eq!(peegel_media::sniff(&one), peegel_media::sniff(&story::media(name).unwrap()), "{name}");
        }
        let name = "chat_nurmeaken_good.png";
        let png = taken(name, story::media(name).unwrap(), shot(7)).unwrap();
        assert!(image::load_from_memory(&png).is_ok());
    }
}

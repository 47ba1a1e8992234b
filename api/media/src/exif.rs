//! What the camera wrote into a photo: kept privately as evidence, never passed on in a preview.

use super::MAX_EXIF_BYTES;
use exif::{DateTime, In, Rational, Reader, Tag, Value};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Seek};

/// Longest text value kept, in characters.
const MAX_TEXT: usize = 128;
/// What systems write into pictures of their screens.
const SCREENSHOT: &[u8] = b"screenshot";

/// The few EXIF values the product uses. All of them are claims of the device, not facts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exif {
    /// When the shutter was pressed by the camera's own clock, as `2026-05-01T12:34:56` without a zone.
    pub taken_at: Option<String>,
    /// The camera's offset from UTC at `taken_at`, as `+03:00`.
    pub offset: Option<String>,
    /// Maker of the camera; like all texts trimmed, without control characters, at most 128 characters.
    pub make: Option<String>,
    /// Model of the camera.
    pub model: Option<String>,
    /// The program that last wrote the file: an editor's name here is a signal.
    pub software: Option<String>,
    /// Where the photo was taken.
    pub gps: Option<Gps>,
    /// The width that the camera noted, in pixels, which a later change of the picture may have left behind.
    #[serde(default)]
    pub width_px: Option<u32>,
    /// The height that the camera noted, in pixels.
    #[serde(default)]
    pub height_px: Option<u32>,
    /// The file says that it shows a screen. Most screenshots do not say so.
    #[serde(default)]
    pub is_screenshot: bool,
}

/// A position on WGS 84.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gps {
    /// Latitude in units of 1e-7 degree, north positive.
    pub lat_e7: i64,
    /// Longitude in units of 1e-7 degree, east positive.
    pub lon_e7: i64,
    /// How far off it may be, in metres, rounded up.
    #[serde(default)]
    pub accuracy_m: Option<u32>,
}

/// What a file says of itself beside its picture, gathered while it is read: it is kept also when the picture cannot be
/// shown. Damage in it costs the damaged values only: a photo is never refused for its metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claims {
    pub exif: Exif,
    /// How the picture has to be turned, 1 to 8; 1 when absent or senseless.
    pub orientation: u8,
}

impl Default for Claims {
    fn default() -> Self {
        Self { exif: Exif::default(), orientation: 1 }
    }
}

impl Claims {
    /// Reads the values and the orientation from a TIFF block.
    pub fn read(&mut self, tiff: &[u8]) {
        if tiff.len() > MAX_EXIF_BYTES {
            return;
        }
        let parsed = Reader::new().continue_on_error(true).read_raw(tiff.to_vec());
        if let Ok(fields) = parsed.or_else(|error| error.distill_partial_result(|_| {})) {
            self.orientation = uint(&fields, Tag::Orientation).filter(|o| (1..=8).contains(o)).unwrap_or(1) as u8;
            self.take(&fields);
        }
    }

    /// Reads the values from an HEIF file. Its own boxes say how it has to be turned.
    pub fn read_heif(&mut self, reader: &mut (impl BufRead + Seek)) {
        let parsed = Reader::new().continue_on_error(true).read_from_container(reader);
        if let Ok(fields) = parsed.or_else(|error| error.distill_partial_result(|_| {})) {
            self.take(&fields);
        }
    }

    /// Reads a text that stands in the file under a keyword, as in PNG.
    pub fn read_text(&mut self, keyword: &[u8], value: &[u8]) {
        self.exif.is_screenshot |= names_screenshot(value);
        if keyword == b"Software" && self.exif.software.is_none() {
            self.exif.software = clean(value);
        }
    }

    fn take(&mut self, fields: &exif::Exif) {
        let (taken_at, offset) = taken_at(fields);
        let notes = [Tag::UserComment, Tag::ImageDescription, Tag::Software];
        self.exif = Exif {
            taken_at,
            offset,
            make: text(fields, Tag::Make),
            model: text(fields, Tag::Model),
            software: text(fields, Tag::Software).or(self.exif.software.take()),
            gps: gps(fields),
            width_px: uint(fields, Tag::PixelXDimension),
            height_px: uint(fields, Tag::PixelYDimension),
            is_screenshot: self.exif.is_screenshot || notes.iter().any(|tag| note_of_screenshot(fields, *tag)),
        };
    }
}

fn note_of_screenshot(fields: &exif::Exif, tag: Tag) -> bool {
    match value(fields, tag) {
        Some(Value::Ascii(parts)) => parts.iter().any(|part| names_screenshot(part)),
        // Behind the name of its character set.
        Some(Value::Undefined(bytes, _)) => names_screenshot(bytes),
        _ => false,
    }
}

/// Whether a text speaks of a screenshot, in one byte a letter or in two.
fn names_screenshot(text: &[u8]) -> bool {
    let letters: Vec<u8> = text.iter().filter(|byte| **byte != 0).map(u8::to_ascii_lowercase).collect();
    letters.windows(SCREENSHOT.len()).any(|window| window == SCREENSHOT)
}

fn value(fields: &exif::Exif, tag: Tag) -> Option<&Value> {
    fields.get_field(tag, In::PRIMARY).map(|f| &f.value)
}

fn uint(fields: &exif::Exif, tag: Tag) -> Option<u32> {
    value(fields, tag)?.get_uint(0)
}

fn ascii(fields: &exif::Exif, tag: Tag) -> Option<&[u8]> {
    match value(fields, tag)? {
        Value::Ascii(parts) => parts.first().map(Vec::as_slice),
        _ => None,
    }
}

fn text(fields: &exif::Exif, tag: Tag) -> Option<String> {
    clean(ascii(fields, tag)?)
}

fn clean(raw: &[u8]) -> Option<String> {
    let raw = String::from_utf8_lossy(raw);
    let clean: String = raw.chars().filter(|c| !c.is_control()).collect();
    let clean: String = clean.trim().chars().take(MAX_TEXT).collect();
    (!clean.is_empty()).then(|| clean.trim_end().to_owned())
}

/// The time of exposure, else of digitising. The plain `DateTime` is when the file was last changed and says nothing.
fn taken_at(fields: &exif::Exif) -> (Option<String>, Option<String>) {
    let pairs = [(Tag::DateTimeOriginal, Tag::OffsetTimeOriginal), (Tag::DateTimeDigitized, Tag::OffsetTimeDigitized)];
    for (time, offset) in pairs {
        if let Some(local) = ascii(fields, time).and_then(local_time) {
            return (Some(local), ascii(fields, offset).and_then(utc_offset));
        }
    }
    (None, None)
}

fn local_time(raw: &[u8]) -> Option<String> {
    let t = DateTime::from_ascii(raw).ok()?;
    let real = (1..=12).contains(&t.month)
        && (1..=days_in(t.year, t.month)).contains(&t.day)
        && t.hour < 24
        && t.minute < 60
        && t.second < 60
        && t.year > 1900;
    real.then(|| format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", t.year, t.month, t.day, t.hour, t.minute, t.second))
}

fn days_in(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `+03:00`, `-05:30` and `Z`; nothing beyond the offsets in use.
fn utc_offset(raw: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(raw).ok()?.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    if text == "Z" {
        return Some("+00:00".to_owned());
    }
    let &[sign, h1, h2, b':', m1, m2] = text.as_bytes() else { return None };
    let digits = [h1, h2, m1, m2].iter().all(u8::is_ascii_digit);
    let real = digits && (h1, h2) <= (b'1', b'4') && m1 < b'6' && matches!(sign, b'+' | b'-');
    real.then(|| text.to_owned())
}

fn gps(fields: &exif::Exif) -> Option<Gps> {
    let lat_e7 = coordinate(fields, Tag::GPSLatitude, Tag::GPSLatitudeRef, [b'N', b'S'], 90)?;
    let lon_e7 = coordinate(fields, Tag::GPSLongitude, Tag::GPSLongitudeRef, [b'E', b'W'], 180)?;
    Some(Gps { lat_e7, lon_e7, accuracy_m: accuracy(fields) })
}

/// An accuracy of nothing is a claim too; one beyond the size of the world is none.
fn accuracy(fields: &exif::Exif) -> Option<u32> {
    let Value::Rational(parts) = value(fields, Tag::GPSHPositioningError)? else { return None };
    let metres = parts.first().filter(|part| part.denom > 0)?.to_f64().ceil();
    (metres <= 40_000_000.0).then_some(metres as u32)
}

/// Degrees, minutes and seconds as fractions. Without its hemisphere a figure is not a position.
fn coordinate(fields: &exif::Exif, tag: Tag, hemisphere: Tag, [plus, minus]: [u8; 2], most: i64) -> Option<i64> {
    let Value::Rational(parts) = value(fields, tag)? else { return None };
    let sign = match ascii(fields, hemisphere)?.first()?.to_ascii_uppercase() {
        s if s == plus => 1,
        s if s == minus => -1,
        _ => return None,
    };
    let part = |i: usize| match parts.get(i) {
        Some(Rational { denom: 0, .. }) => None,
        Some(r) => Some(r.to_f64()),
        None => Some(0.0),
    };
    let degrees = parts.first().and(part(0))? + part(1)? / 60.0 + part(2)? / 3600.0;
    let e7 = (degrees * 1e7).round() as i64;
    (e7 <= most * 10_000_000).then_some(sign * e7)
}

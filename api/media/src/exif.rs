//! What the camera wrote into a photo: kept privately as evidence, never passed on in a preview.

use super::MAX_EXIF_BYTES;
use exif::{DateTime, In, Rational, Reader, Tag, Value};
use serde::{Deserialize, Serialize};

/// Longest text value kept, in characters.
const MAX_TEXT: usize = 128;

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
}

/// A position on WGS 84.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gps {
    /// Latitude in units of 1e-7 degree, north positive.
    pub lat_e7: i64,
    /// Longitude in units of 1e-7 degree, east positive.
    pub lon_e7: i64,
}

/// Reads the values and the orientation (1 to 8; 1 when absent or senseless) from a TIFF block. Damage in it costs the
/// damaged values only: a photo is never refused for its metadata.
pub(super) fn read(tiff: &[u8]) -> (Exif, u8) {
    if tiff.len() > MAX_EXIF_BYTES {
        return (Exif::default(), 1);
    }
    let parsed = Reader::new()
        .continue_on_error(true)
        .read_raw(tiff.to_vec())
        .or_else(|error| error.distill_partial_result(|_| {}));
    let Ok(fields) = parsed else { return (Exif::default(), 1) };

    let (taken_at, offset) = taken_at(&fields);
    let orientation = uint(&fields, Tag::Orientation).filter(|o| (1..=8).contains(o)).unwrap_or(1) as u8;
    let exif = Exif {
        taken_at,
        offset,
        make: text(&fields, Tag::Make),
        model: text(&fields, Tag::Model),
        software: text(&fields, Tag::Software),
        gps: gps(&fields),
    };
    (exif, orientation)
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
    let raw = String::from_utf8_lossy(ascii(fields, tag)?);
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
    Some(Gps { lat_e7, lon_e7 })
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

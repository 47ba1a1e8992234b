//! Small files made byte by byte.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

/// A picture whose corners differ: red top left, green top right, blue bottom left, white bottom right.
pub fn corners(width: u32, height: u32) -> Vec<u8> {
    let mut rgb = Vec::new();
    for y in 0..height {
        for x in 0..width {
            rgb.extend(match (x < width / 2, y < height / 2) {
                (true, true) => [230, 20, 20],
                (false, true) => [20, 230, 20],
                (true, false) => [20, 20, 230],
                (false, false) => [250, 250, 250],
            });
        }
    }
    rgb
}

/// A picture no two blocks of which are alike.
pub fn noise(width: u32, height: u32) -> Vec<u8> {
    let mut state: u32 = 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..width * height * 3).map(|_| next()).collect()
}

pub fn jpeg(rgb: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, 90).encode(rgb, width, height, ExtendedColorType::Rgb8).expect("encode");
    out
}

pub fn png(data: &[u8], width: u32, height: u32, color: ExtendedColorType) -> Vec<u8> {
    let mut out = Vec::new();
    PngEncoder::new(&mut out).write_image(data, width, height, color).expect("encode");
    out
}

/// A PNG chunk with its checksum.
pub fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let crc = name.iter().chain(body).fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xEDB8_8320 } else { c >> 1 })
    });
    [&(body.len() as u32).to_be_bytes(), &name[..], body, &(!crc).to_be_bytes()].concat()
}

/// A PNG of a claimed size whose picture data is a few bytes.
pub fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 2, 0, 0, 0]);
    let idat = [0x78, 0x9C, 0x63, 0x60, 0x18, 0x05, 0xA3, 0x60, 0x14, 0x0C, 0x1D];
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunk(b"IDAT", &idat), chunk(b"IEND", b"")].concat()
}

/// One EXIF entry: tag, type, count and value (padded to four bytes when short).
pub struct Entry(pub u16, pub u16, pub u32, pub Vec<u8>);

pub fn ascii(tag: u16, text: &str) -> Entry {
    let bytes = [text.as_bytes(), b"\0"].concat();
    Entry(tag, 2, bytes.len() as u32, bytes)
}

pub fn short(tag: u16, value: u16) -> Entry {
    Entry(tag, 3, 1, value.to_be_bytes().to_vec())
}

pub fn degrees(tag: u16, parts: [(u32, u32); 3]) -> Entry {
    let bytes = parts.iter().flat_map(|(n, d)| [n.to_be_bytes(), d.to_be_bytes()].concat()).collect();
    Entry(tag, 5, 3, bytes)
}

/// A big-endian TIFF block with a main, an EXIF and a GPS directory.
pub fn tiff(mut main: Vec<Entry>, exif: Vec<Entry>, gps: Vec<Entry>) -> Vec<u8> {
    let size = |entries: &[Entry]| {
        let values: usize = entries.iter().map(|e| if e.3.len() > 4 { e.3.len().next_multiple_of(2) } else { 0 }).sum();
        6 + entries.len() * 12 + values
    };
    main.sort_by_key(|e| e.0);
    let exif_at = 8 + size(&main) + 24;
    let gps_at = exif_at + size(&exif);
    main.push(Entry(0x8769, 4, 1, (exif_at as u32).to_be_bytes().to_vec()));
    main.push(Entry(0x8825, 4, 1, (gps_at as u32).to_be_bytes().to_vec()));
    let mut out = b"MM\0\x2a\0\0\0\x08".to_vec();
    for directory in [main, exif, gps] {
        let mut values_at = out.len() + 6 + directory.len() * 12;
        let mut values = Vec::new();
        out.extend((directory.len() as u16).to_be_bytes());
        for Entry(tag, kind, count, mut value) in directory {
            out.extend(tag.to_be_bytes());
            out.extend(kind.to_be_bytes());
            out.extend(count.to_be_bytes());
            if value.len() > 4 {
                out.extend((values_at as u32).to_be_bytes());
                value.resize(value.len().next_multiple_of(2), 0);
                values_at += value.len();
                values.extend(value);
            } else {
                value.resize(4, 0);
                out.extend(value);
            }
        }
        out.extend([0; 4]);
        out.extend(values);
    }
    out
}

/// Puts a TIFF block behind the start of a JPEG.
pub fn with_exif(jpeg: &[u8], tiff: &[u8]) -> Vec<u8> {
    let body = [b"Exif\0\0", tiff].concat();
    let len = (body.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &len, &body, &jpeg[2..]].concat()
}

/// Where the marker stands in a JPEG.
pub fn marker(jpeg: &[u8], marker: u8) -> usize {
    jpeg.windows(2).position(|w| w == [0xFF, marker]).expect("marker")
}

/// A WAV whose data chunk claims `told` bytes and holds `there`.
pub fn wav(rate: u32, channels: u16, told: u32, there: usize) -> Vec<u8> {
    let align = channels * 2;
    let riff_len = told.wrapping_add(36).to_le_bytes();
    let mut out = [&b"RIFF"[..], &riff_len, b"WAVEfmt ", &16_u32.to_le_bytes()].concat();
    out.extend(1_u16.to_le_bytes());
    out.extend(channels.to_le_bytes());
    out.extend(rate.to_le_bytes());
    out.extend(rate.wrapping_mul(u32::from(align)).to_le_bytes());
    out.extend(align.to_le_bytes());
    out.extend(16_u16.to_le_bytes());
    out.extend(b"data");
    out.extend(told.to_le_bytes());
    out.resize(out.len() + there, 0);
    out
}

/// `count` silent MP3 frames of 128 kbit/s, 44.1 kHz, mono: 417 bytes and 1152 samples each.
pub fn mp3(count: usize) -> Vec<u8> {
    let mut frame = vec![0xFF, 0xFB, 0x90, 0xC4];
    frame.resize(417, 0);
    frame.repeat(count)
}

/// An MP4 box.
pub fn mp4_box(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes(), &name[..], body].concat()
}

//! Large files that are the same every time.

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

use crate::running::Outcome;
use crate::sample::mix;

/// Bytes that cannot be compressed.
pub fn noise(bytes: usize) -> Vec<u8> {
    let mut noise: Vec<u8> = (0..bytes.div_ceil(8) as u64).flat_map(|n| mix(n).to_le_bytes()).collect();
    noise.truncate(bytes);
    noise
}

/// A JPEG of 12 megapixels and about as many bytes, without its first two; [`head_of_photo`] goes before it.
pub fn photo(bytes: usize) -> Outcome<Vec<u8>> {
    let image = RgbImage::from_fn(4000, 3000, |x, y| {
        let shade = |scale: u32| ((x / scale + y / (scale + 3)) % 160) as u8;
        let grain = (mix(u64::from(y) * 4000 + u64::from(x)) % 24) as u8;
        Rgb([shade(29) + grain, shade(41) + grain, shade(53) + grain])
    });
    let encoded = |quality| {
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, quality).encode_image(&image).map(|()| jpeg)
    };
    let (mut low, mut high) = (1, 100);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if encoded(middle)?.len() <= bytes { low = middle } else { high = middle }
    }
    Ok(encoded(low)?.split_off(2))
}

/// The beginning of photo `n`: a comment makes it another file than all others.
pub fn head_of_photo(n: u64) -> Vec<u8> {
    let comment = format!("photo {n:016}");
    let length = u16::try_from(comment.len() + 2).unwrap_or(u16::MAX).to_be_bytes();
    [&[0xFF, 0xD8, 0xFF, 0xFE], length.as_slice(), comment.as_bytes()].concat()
}

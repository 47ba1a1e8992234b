//! Pixels on their way from a decoder to the previews.

/// Rows of grey or RGB pixels, 8 bits a channel, without padding.
#[derive(Clone)]
pub(super) struct Pixels {
    pub width: u32,
    pub height: u32,
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    pub data: Vec<u8>,
}

/// What a photo decoder hands over.
pub(super) struct Decoded {
    /// Possibly already scaled down, not yet turned upright.
    pub pixels: Pixels,
    /// Size in the file, not yet turned upright.
    pub width: u32,
    pub height: u32,
    /// Part of the picture is missing.
    pub truncated: bool,
}

/// Rewrites pixels of `from` bytes as pixels of `to` bytes (not more) inside the same buffer, so that converting a
/// large image needs no second one.
pub(super) fn convert_in_place(data: &mut Vec<u8>, from: usize, to: usize, convert: impl Fn(&[u8], &mut [u8])) {
    debug_assert!(to <= from && from <= 8);
    let count = data.len() / from;
    let mut pixel = [0; 8];
    for i in 0..count {
        pixel[..from].copy_from_slice(&data[i * from..(i + 1) * from]);
        convert(&pixel[..from], &mut data[i * to..(i + 1) * to]);
    }
    data.truncate(count * to);
}

/// Amounts of ink, as Adobe's programs store them, to RGB. Without the printer's profile this is an approximation.
pub(super) fn cmyk_to_rgb(ink: &[u8], rgb: &mut [u8]) {
    for (light, ink_of) in rgb.iter_mut().zip(ink) {
        *light = (u32::from(255 - ink_of) * u32::from(255 - ink[3]) / 255) as u8;
    }
}

/// Lays a value with an opacity on white paper.
pub(super) fn on_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

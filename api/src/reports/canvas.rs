//! What can be put on a page, and the colours it may have. Distances are points from the top left corner.

use super::text::Weight;

/// Width of A4.
pub(super) const PAGE_WIDTH: f32 = 595.28;
/// Height of A4.
pub(super) const PAGE_HEIGHT: f32 = 841.89;

/// A colour, red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour(pub [u8; 3]);

/// Text.
pub(super) const INK: Colour = Colour([28, 30, 33]);
/// Text of second rank; still readable when copied in grey.
pub(super) const QUIET: Colour = Colour([88, 92, 98]);
/// Lines.
pub(super) const RULE: Colour = Colour([188, 192, 198]);
/// Backgrounds.
pub(super) const PAPER: Colour = Colour([243, 244, 246]);
/// White.
pub(super) const WHITE: Colour = Colour([255, 255, 255]);

impl Colour {
    /// Brightness as the eye sees it, 0 to 1: WCAG relative luminance with a square for its curve, because a product is
    /// the same on every machine and a power function need not be.
    pub(super) fn luminance(self) -> f32 {
        let [r, g, b] = self.0.map(|part| (f32::from(part) / 255.0) * (f32::from(part) / 255.0));
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// Black or white, whichever reads better on this colour.
    pub(super) fn text_on(self) -> Self {
        // Equal contrast with black and white lies where (1.05)/(l+.05) = (l+.05)/.05.
        if self.luminance() > 0.179 { INK } else { WHITE }
    }

    /// This colour, darkened until it stands out from white paper.
    pub(super) fn on_paper(self) -> Self {
        let mut colour = self;
        while colour.luminance() > 0.22 {
            colour = Self(colour.0.map(|part| (u16::from(part) * 9 / 10) as u8));
        }
        colour
    }
}

/// One thing on a page.
#[derive(Debug, Clone)]
pub(super) enum Mark {
    /// Cleaned text, from its left end on its base line.
    Text { x: f32, y: f32, weight: Weight, size: f32, colour: Colour, text: String },
    /// A filled rectangle.
    Fill { x: f32, y: f32, width: f32, height: f32, colour: Colour },
    /// A straight line.
    Line { from: (f32, f32), to: (f32, f32), thickness: f32, colour: Colour },
    /// A photo or logo, by its place in the list of images.
    Image { x: f32, y: f32, width: f32, height: f32, image: usize },
}

/// A JPEG with what a PDF has to know about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Jpeg<'a> {
    /// The file as it is.
    pub bytes: &'a [u8],
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
    /// Colour channels: 1 grey, 3 colour, 4 print colours.
    pub channels: u8,
}

impl<'a> Jpeg<'a> {
    /// Reads the frame header. `None` if this is not a JPEG that a PDF reader can show.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut at = 2;
        if bytes.get(..2)? != [0xff, 0xd8] {
            return None;
        }
        loop {
            while *bytes.get(at)? == 0xff && *bytes.get(at + 1)? == 0xff {
                at += 1; // fill bytes
            }
            let &[0xff, marker, high, low] = bytes.get(at..at + 4)? else {
                return None;
            };
            match marker {
                // Baseline, extended and progressive frames; the other kinds are not allowed in a PDF.
                0xc0..=0xc2 => {
                    let &[precision, h1, h0, w1, w0, channels] = bytes.get(at + 4..at + 10)? else {
                        return None;
                    };
                    let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
                    let usable = precision == 8 && width > 0 && height > 0 && matches!(channels, 1 | 3 | 4);
                    return usable.then_some(Self { bytes, width, height, channels });
                }
                0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf | 0xd8..=0xda => return None,
                _ => at += 2 + usize::from(u16::from_be_bytes([high, low])).max(2),
            }
        }
    }

    /// The largest size with the photo's own proportions inside a box.
    pub(super) fn fit(&self, width: f32, height: f32) -> (f32, f32) {
        let (w, h) = (f32::from(self.width), f32::from(self.height));
        let scale = (width / w).min(height / h);
        (w * scale, h * scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_and_junk_is_not() {
        let jpeg =
            [&[0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2][..], &[0xff, 0xff, 0xc0, 0, 17, 8, 2, 0x80, 3, 0xc0, 3]].concat();
        let read = Jpeg::read(&jpeg).expect("a frame");
        assert_eq!((read.width, read.height, read.channels), (960, 640, 3));
        assert_eq!(read.fit(96.0, 96.0), (96.0, 64.0));
        for end in 0..jpeg.len() {
            assert!(Jpeg::read(&jpeg[..end]).is_none());
        }
        assert!(Jpeg::read(b"\x89PNG\r\n").is_none());
    }

    #[test]
    fn colours_stay_readable() {
        assert_eq!(Colour([255, 221, 0]).text_on(), INK);
        assert_eq!(Colour([0, 60, 120]).text_on(), WHITE);
        assert!(WHITE.on_paper().luminance() <= 0.22);
        assert_eq!(Colour([0, 60, 120]).on_paper(), Colour([0, 60, 120]));
    }
}

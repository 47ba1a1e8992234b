//! WebP files that claim what they do not hold, or would make their decoder take gigabytes.

use super::super::{Unpreviewable, vp8l_scan};
use super::seen;

fn refused(bytes: &[u8]) -> Unpreviewable {
    seen(bytes).expect_err("no photo")
}

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let padding = vec![0; body.len() % 2];
    [&name[..], &(body.len() as u32).to_le_bytes(), body, &padding].concat()
}

fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = [b"WEBP".to_vec(), chunks.concat()].concat();
    [b"RIFF".as_slice(), &(body.len() as u32).to_le_bytes(), &body].concat()
}

/// The head of a file with more than one chunk.
fn extended(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let side = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
    chunk(b"VP8X", &[vec![flags, 0, 0, 0], side(width), side(height)].concat())
}

/// The head of a lossy picture, with no picture behind it.
fn lossy(width: u16, height: u16) -> Vec<u8> {
    let size = [width.to_le_bytes(), height.to_le_bytes()].concat();
    [&[0x10, 0, 0, 0x9d, 0x01, 0x2a], &size[..], &[0; 16]].concat()
}

/// Bits as a lossless WebP has them, the lowest first.
#[derive(Default)]
struct Bits(Vec<u8>, u32);

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        for bit in 0..count {
            if self.1.is_multiple_of(8) {
                self.0.push(0);
            }
            *self.0.last_mut().expect("a byte") |= ((value >> bit & 1) as u8) << (self.1 % 8);
            self.1 += 1;
        }
    }

    /// A code of one symbol.
    fn one(&mut self, symbol: u32) {
        self.put(0b101, 3);
        self.put(symbol, 8);
    }

    /// A code of eleven symbols, of 1 to 10 bits each: its table has 1024 entries.
    fn eleven(&mut self) {
        self.put(0, 1);
        // The lengths of the codes of lengths: 14 of them, in the order of the format. Two take 3 bits, the rest 4.
        self.put(14 - 4, 4);
        for place in 0..14 {
            self.put(if place < 2 { 3 } else { 4 }, 3);
        }
        // Eleven lengths follow.
        self.put(1, 1);
        self.put(1, 3);
        self.put(9, 4);
        for length in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10_u32] {
            // The first two codes are those of 17 and 18, so 0 has the third of 4 bits, and so on in order.
            let code = 4 + length;
            self.put(code.reverse_bits() >> 28, 4);
        }
    }
}

/// A lossless picture of 64 x 64 black pixels with so many groups of codes.
fn lossless(groups: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(0x2f, 8);
    bits.put(63, 14);
    bits.put(63, 14);
    // No opacity, version 0, no transform, no colour cache; but codes that differ from block to block of 4 pixels.
    bits.put(0, 1 + 3 + 1 + 1);
    bits.put(1, 1);
    bits.put(0, 3);
    // The picture that says which: of one colour.
    bits.put(0, 1);
    bits.one((groups - 1) & 0xFF);
    bits.one((groups - 1) >> 8);
    (0..3).for_each(|_| bits.one(0));
    (0..groups * 5).for_each(|_| bits.eleven());
    bits.0.extend([0; 64 * 64 / 2 + 8]);
    bits.0
}

#[test]
fn the_codes_of_a_lossless_picture_are_counted_before_it_is_decoded() {
    // The same bits are read by the decoder, so what is counted here is what it meets there.
    let few = riff(&[chunk(b"VP8L", &lossless(300))]);
    let photo = seen(&few).expect("a photo");
    assert_eq!((photo.width_px, photo.height_px), (64, 64));
    let bytes = |groups| vp8l_scan::code_bytes(&lossless(groups)[..], (64, 64), true, u64::MAX).expect("codes");
    assert!((300 * 5 * 4096..300 * 5 * 5000).contains(&bytes(300)), "{}", bytes(300));
    let bomb = lossless(65_536);
    assert!(bomb.len() < 5_000_000);
    assert_eq!(refused(&riff(&[chunk(b"VP8L", &bomb)])).code, "too_much_memory");
    // The same as the opacity of a lossy picture, where the head is missing.
    let mut headless = Bits::default();
    headless.0 = bomb[5..].to_vec();
    let opacity = chunk(b"ALPH", &[&[1], &headless.0[..]].concat());
    let file = riff(&[extended(0x10, 64, 64), opacity, chunk(b"VP8 ", &lossy(64, 64))]);
    assert_eq!(refused(&file).code, "too_much_memory");
    // And in the first frame of an animation.
    let frame = |size: u8| [&[0; 6], &[size - 1, 0, 0, size - 1, 0, 0][..], &[0; 4]].concat();
    let file = riff(&[
        extended(0x02, 64, 64),
        chunk(b"ANIM", &[0; 6]),
        chunk(b"ANMF", &[frame(64), chunk(b"VP8L", &bomb)].concat()),
    ]);
    assert_eq!(refused(&file).code, "too_much_memory");
}

#[test]
fn what_is_coded_is_as_large_as_it_says() {
    assert_eq!(refused(&riff(&[extended(0, 16_000, 16_000)])).code, "too_many_pixels");
    assert_eq!(refused(&riff(&[chunk(b"VP8 ", &lossy(16_000, 16_000))])).code, "too_many_pixels");
    // The decoder would take memory for what the inner head says.
    for inner in [chunk(b"VP8 ", &lossy(16_000, 16_000)), chunk(b"VP8L", &lossless(1))] {
        assert_eq!(refused(&riff(&[extended(0, 20, 20), inner])).code, "damaged");
    }
    let frame = [&[0; 6], &[19, 0, 0, 19, 0, 0][..], &[0; 4]].concat();
    let moving = |parts: &[Vec<u8>]| {
        let parts = [vec![frame.clone()], parts.to_vec()].concat().concat();
        riff(&[extended(0x12, 20, 20), chunk(b"ANIM", &[0; 6]), chunk(b"ANMF", &parts)])
    };
    assert_eq!(refused(&moving(&[chunk(b"VP8 ", &lossy(16_000, 16_000))])).code, "damaged");
    // Behind opacity comes a lossy picture, whatever it is called.
    let named_otherwise = [chunk(b"ALPH", &[0; 400]), chunk(b"XXXX", &lossy(16_000, 16_000))];
    assert_eq!(refused(&moving(&named_otherwise)).code, "damaged");
    // Frames in a still picture.
    let still = riff(&[extended(0, 20, 20), chunk(b"ANMF", &[frame, chunk(b"VP8 ", &lossy(20, 20))].concat())]);
    assert_eq!(refused(&still).code, "damaged");
    assert_eq!(refused(b"RIFF\x04\0\0\0WEBP").code, "damaged");
    assert_eq!(refused(&riff(&[chunk(b"JUNK", b"")])).code, "damaged");
}

#[test]
fn a_cut_webp_is_damaged() {
    let whole = riff(&[chunk(b"VP8L", &lossless(20))]);
    for part in 1..20 {
        let cut = &whole[..whole.len() * part / 20];
        if let Err(error) = seen(cut) {
            assert_eq!(error.code, "damaged", "cut at {part}/20: {error}");
        }
    }
    assert_eq!(refused(&whole[..40]).code, "damaged");
    let parts = [extended(0, 20, 20), chunk(b"JUNK", b"").repeat(200_001)].concat();
    assert_eq!(refused(&riff(&[parts])).code, "too_complex");
}

//! How much memory the codes of a lossless WebP take, found out before its decoder sees it.
//!
//! The format lets a picture carry 65 536 groups of five codes, for which a file of some megabytes makes the decoder
//! build tables of gigabytes. So everything up to the last code is read here once, at the price of some passes over the
//! small pictures that say which codes are used where.

use super::Unpreviewable;
use std::io::BufRead;

/// Symbols of the five codes of a group without a colour cache: green with lengths, red, blue, alpha, distances.
const ALPHABETS: [usize; 5] = [256 + 24, 256, 256, 256, 40];
/// The order in which the lengths of the code of lengths stand.
const LENGTH_ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const LONGEST_CODE: usize = 15;
/// Codes of up to so many bits are looked up in one table.
const TABLE_BITS: usize = 10;
/// Bytes of an entry of that table, of a node of the tree for longer codes, and of the code itself.
const ENTRY_BYTES: u64 = 4;
const NODE_BYTES: u64 = 16;
const CODE_BYTES: u64 = 160;

/// Bytes that the decoder needs for the codes of a picture; more than `most` are not counted further. `has_header` is
/// false for the opacity of a lossy picture.
pub(super) fn code_bytes(
    reader: impl BufRead,
    (width, height): (u32, u32),
    has_header: bool,
    most: u64,
) -> Result<u64, Unpreviewable> {
    let mut scan = Scan { reader, buffer: 0, bits: 0 };
    if has_header {
        // Signature, width, height, whether there is opacity, version.
        scan.skip(8 + 14 + 14 + 1 + 3)?;
    }
    let width = scan.transforms(width, height)?;
    let cache = scan.cache_symbols()?;
    let mut groups = 1;
    if scan.read(1)? == 1 {
        let bits = scan.read(3)? + 2;
        groups = 1 + scan.picture(blocks(width, bits), blocks(height, bits))?;
    }
    let mut bytes = 0;
    for _ in 0..groups {
        for code in 0..ALPHABETS.len() {
            bytes += scan.code_of_group(code, cache)?.decoder_bytes();
        }
        if bytes > most {
            break;
        }
    }
    Ok(bytes)
}

fn blocks(side: u32, bits: u32) -> u32 {
    side.div_ceil(1 << bits)
}

fn damaged() -> Unpreviewable {
    Unpreviewable::damaged("This photo is damaged. Upload the original again.")
}

/// A code: how many symbols have each length, and the symbols in their order.
struct Code {
    counts: [u32; LONGEST_CODE + 1],
    symbols: Vec<u16>,
}

impl Code {
    fn of(lengths: &[u8]) -> Result<Self, Unpreviewable> {
        let mut counts = [0; LONGEST_CODE + 1];
        for length in lengths.iter().filter(|length| **length > 0) {
            counts[usize::from(*length)] += 1;
        }
        let mut symbols: Vec<u16> = (0..lengths.len() as u16).filter(|s| lengths[usize::from(*s)] > 0).collect();
        symbols.sort_by_key(|symbol| lengths[usize::from(*symbol)]);
        // Each length takes its share of all bit patterns. A code of one symbol takes no bits at all.
        let share: u32 = (1..=LONGEST_CODE).map(|length| counts[length] << (LONGEST_CODE - length)).sum();
        if symbols.is_empty() || (symbols.len() > 1 && share != 1 << LONGEST_CODE) {
            return Err(damaged());
        }
        Ok(Self { counts, symbols })
    }

    fn single(symbol: u16) -> Self {
        Self { counts: [0; LONGEST_CODE + 1], symbols: vec![symbol] }
    }

    fn decoder_bytes(&self) -> u64 {
        if self.symbols.len() == 1 {
            return CODE_BYTES;
        }
        let longest = self.counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        let beyond: u32 = self.counts[TABLE_BITS + 1..].iter().sum();
        CODE_BYTES + (ENTRY_BYTES << longest.min(TABLE_BITS)) + 2 * NODE_BYTES * u64::from(beyond)
    }
}

struct Scan<R> {
    reader: R,
    buffer: u64,
    bits: u32,
}

impl<R: BufRead> Scan<R> {
    fn read(&mut self, count: u32) -> Result<u32, Unpreviewable> {
        while self.bits < count {
            let byte = self.reader.fill_buf()?.first().copied().ok_or_else(damaged)?;
            self.reader.consume(1);
            self.buffer |= u64::from(byte) << self.bits;
            self.bits += 8;
        }
        let value = self.buffer & ((1 << count) - 1);
        self.buffer >>= count;
        self.bits -= count;
        Ok(value as u32)
    }

    fn skip(&mut self, count: u32) -> Result<(), Unpreviewable> {
        (0..count).try_for_each(|_| self.read(1).map(drop))
    }

    fn symbol(&mut self, code: &Code) -> Result<u16, Unpreviewable> {
        if let [only] = code.symbols[..] {
            return Ok(only);
        }
        let (mut value, mut first, mut index) = (0, 0, 0);
        for count in &code.counts[1..] {
            value |= self.read(1)?;
            if value < first + count {
                return code.symbols.get((index + value - first) as usize).copied().ok_or_else(damaged);
            }
            index += count;
            first = (first + count) << 1;
            value <<= 1;
        }
        Err(damaged())
    }

    /// Steps over the transforms; gives the width of the picture that follows.
    fn transforms(&mut self, mut width: u32, height: u32) -> Result<u32, Unpreviewable> {
        let mut seen = [false; 4];
        while self.read(1)? == 1 {
            let kind = self.read(2)? as usize;
            if std::mem::replace(&mut seen[kind], true) {
                return Err(damaged());
            }
            match kind {
                // How pixels follow from their neighbours, and colours from each other.
                0 | 1 => {
                    let bits = self.read(3)? + 2;
                    self.picture(blocks(width, bits), blocks(height, bits))?;
                }
                // A palette, of which several pixels fit into one when it is small.
                3 => {
                    let colours = self.read(8)? + 1;
                    self.picture(colours, 1)?;
                    let bits = match colours {
                        ..=2 => 3,
                        3..=4 => 2,
                        5..=16 => 1,
                        _ => 0,
                    };
                    width = blocks(width, bits);
                }
                _ => {}
            }
        }
        Ok(width)
    }

    /// Steps over a small picture; gives the largest number that red and green make together in one of its pixels.
    fn picture(&mut self, width: u32, height: u32) -> Result<u32, Unpreviewable> {
        let cache = self.cache_symbols()?;
        let mut codes = Vec::with_capacity(ALPHABETS.len());
        for code in 0..ALPHABETS.len() {
            codes.push(self.code_of_group(code, cache)?);
        }
        let pixels = u64::from(width) * u64::from(height);
        let (mut at, mut largest) = (0, 0);
        while at < pixels {
            match u32::from(self.symbol(&codes[0])?) {
                green @ ..256 => {
                    let red = u32::from(self.symbol(&codes[1])?);
                    self.symbol(&codes[2])?;
                    self.symbol(&codes[3])?;
                    largest = largest.max(red << 8 | green);
                    at += 1;
                }
                length @ 256..280 => {
                    at += u64::from(self.prefixed(length - 256)?);
                    let distance = u32::from(self.symbol(&codes[4])?);
                    self.prefixed(distance)?;
                }
                // What the cache gives was there before.
                _ => at += 1,
            }
        }
        Ok(largest)
    }

    fn prefixed(&mut self, prefix: u32) -> Result<u32, Unpreviewable> {
        if prefix < 4 {
            return Ok(prefix + 1);
        }
        // A code of two symbols may name more than there are.
        if prefix as usize >= ALPHABETS[4] {
            return Err(damaged());
        }
        let bits = (prefix - 2) >> 1;
        Ok(((2 + (prefix & 1)) << bits) + self.read(bits)? + 1)
    }

    /// How many symbols the colour cache adds to the first code.
    fn cache_symbols(&mut self) -> Result<usize, Unpreviewable> {
        if self.read(1)? == 0 {
            return Ok(0);
        }
        match self.read(4)? {
            bits @ 1..=11 => Ok(1 << bits),
            _ => Err(damaged()),
        }
    }

    fn code_of_group(&mut self, code: usize, cache: usize) -> Result<Code, Unpreviewable> {
        let symbols = ALPHABETS[code] + if code == 0 { cache } else { 0 };
        if self.read(1)? == 1 {
            let is_two = self.read(1)? == 1;
            let bits = if self.read(1)? == 1 { 8 } else { 1 };
            let first = self.read(bits)? as u16;
            if !is_two {
                return Ok(Code::single(first));
            }
            let mut counts = [0; LONGEST_CODE + 1];
            counts[1] = 2;
            return Ok(Code { counts, symbols: vec![first, self.read(8)? as u16] });
        }
        let mut lengths = [0; LENGTH_ORDER.len()];
        for place in &LENGTH_ORDER[..4 + self.read(4)? as usize] {
            lengths[*place] = self.read(3)? as u8;
        }
        let lengths = self.lengths(&Code::of(&lengths)?, symbols)?;
        Code::of(&lengths)
    }

    /// The lengths of the codes of all symbols, which are coded themselves.
    fn lengths(&mut self, code: &Code, symbols: usize) -> Result<Vec<u8>, Unpreviewable> {
        let mut left = symbols;
        if self.read(1)? == 1 {
            let bits = 2 + 2 * self.read(3)?;
            left = 2 + self.read(bits)? as usize;
            if left > symbols {
                return Err(damaged());
            }
        }
        let mut lengths = Vec::with_capacity(symbols);
        let mut previous = 8;
        while lengths.len() < symbols && left > 0 {
            left -= 1;
            let (length, times) = match self.symbol(code)? {
                length @ 0..16 => (length as u8, 1),
                16 => (previous, 3 + self.read(2)?),
                17 => (0, 3 + self.read(3)?),
                _ => (0, 11 + self.read(7)?),
            };
            if length > 0 {
                previous = length;
            }
            lengths.extend(std::iter::repeat_n(length, times as usize));
        }
        if lengths.len() > symbols {
            return Err(damaged());
        }
        lengths.resize(symbols, 0);
        Ok(lengths)
    }
}

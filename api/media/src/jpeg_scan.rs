//! Reads the skeleton of a JPEG before any decoder sees it: size, process, scans, EXIF, and whether it ends properly.
//!
//! The decoders cannot tell a complete file from one with a grey rest, nor refuse one with a thousand scans.

use super::{MAX_EXIF_BYTES, MAX_SEGMENTS, Unpreviewable};
use std::io::{self, BufRead, Read};

/// One colour component: its sampling factors and its coefficients seen so far.
pub(super) struct Component {
    id: u8,
    pub h: u32,
    pub v: u32,
    finished: u64,
}

/// The frame header.
pub(super) struct Frame {
    pub width: u32,
    pub height: u32,
    pub progressive: bool,
    pub components: Vec<Component>,
}

impl Frame {
    /// Columns and rows of minimum coded units.
    fn mcus(&self) -> (u64, u64) {
        let h = self.components.iter().map(|c| c.h).max().unwrap_or(1);
        let v = self.components.iter().map(|c| c.v).max().unwrap_or(1);
        (u64::from(self.width.div_ceil(8 * h)), u64::from(self.height.div_ceil(8 * v)))
    }

    /// Bytes of the decoded coefficients of a component, two for each sample.
    fn coefficient_bytes(&self, component: &Component) -> u64 {
        let (columns, rows) = self.mcus();
        columns * rows * u64::from(component.h * component.v) * 64 * 2
    }

    /// Bytes of all coefficients.
    pub fn all_coefficient_bytes(&self) -> u64 {
        self.components.iter().map(|c| self.coefficient_bytes(c)).sum()
    }

    /// Width of a minimum coded unit in pixels.
    pub fn mcu_width(&self) -> u32 {
        8 * self.components.iter().map(|c| c.h).max().unwrap_or(1)
    }
}

/// The skeleton of a JPEG.
pub(super) struct Skeleton {
    pub frame: Frame,
    pub exif: Option<Vec<u8>>,
    pub scans: u32,
    /// Most bytes of coefficients copied at once when a scan completes components.
    pub finishing_bytes: u64,
    /// Where the end-of-image marker stands.
    pub end: Option<u64>,
}

/// Walks the markers of a file. Segments are skipped by their length, so embedded thumbnails do not confuse it.
pub(super) fn read(reader: &mut impl BufRead) -> Result<Skeleton, Unpreviewable> {
    let mut walk = Walk { reader, pos: 0 };
    let mut frame: Option<Frame> = None;
    let mut exif = None;
    let mut scans = 0;
    let mut finishing_bytes = 0;
    let mut end = None;
    // A file that ends anywhere behind the frame header may still show something.
    for segment in 0.. {
        if segment == MAX_SEGMENTS {
            let detail = "This JPEG is made of too many parts to be read. Save it as a plain JPEG.";
            return Err(Unpreviewable::new("too_complex", detail));
        }
        let Some((marker, at)) = walk.next_marker()? else { break };
        match marker {
            0xD8 | 0x01 => continue,
            0xD9 => {
                end = Some(at);
                break;
            }
            _ => {}
        }
        // Only short segments and EXIF are kept, and of nothing more than a segment can hold.
        let keep = match marker {
            0xC0..=0xCF | 0xDA => 512,
            0xE1 if exif.is_none() => MAX_EXIF_BYTES,
            _ => 0,
        };
        let Some(body) = walk.segment(keep)? else { break };
        match marker {
            0xC4 | 0xC8 | 0xCC => {}
            0xC0..=0xCF => {
                if frame.is_some() {
                    return Err(Unpreviewable::new("unsupported_format", "JPEGs of several layers cannot be shown."));
                }
                frame = Some(read_frame(marker, &body)?);
            }
            0xE1 => exif = body.strip_prefix(b"Exif\0\0").map(<[u8]>::to_vec).or(exif),
            0xDA => {
                scans += 1;
                if let Some(frame) = &mut frame {
                    finishing_bytes = finishing_bytes.max(finish(frame, &body));
                }
            }
            _ => {}
        }
    }
    let frame = frame.ok_or_else(|| {
        Unpreviewable::damaged("This photo ends before its picture begins. Upload the original again.")
    })?;
    // What no scan has completed is rendered at the end, one component after the other.
    let rest = frame.components.iter().filter(|c| c.finished != u64::MAX).map(|c| frame.coefficient_bytes(c)).max();
    let finishing_bytes = finishing_bytes.max(rest.unwrap_or(0));
    Ok(Skeleton { frame, exif, scans, finishing_bytes, end })
}

fn read_frame(marker: u8, body: &[u8]) -> Result<Frame, Unpreviewable> {
    if !matches!(marker, 0xC0..=0xC2) {
        let detail =
            "This JPEG uses a coding (lossless, arithmetic or layered) that cannot be shown. Save it as a plain JPEG.";
        return Err(Unpreviewable::new("unsupported_format", detail));
    }
    let cut = || Unpreviewable::damaged("The header of this photo is damaged. Upload the original again.");
    let &[precision, h1, h2, w1, w2, count, ref rest @ ..] = body else { return Err(cut()) };
    let (width, height) = (u32::from(u16::from_be_bytes([w1, w2])), u32::from(u16::from_be_bytes([h1, h2])));
    let components: Vec<Component> = rest
        .chunks_exact(3)
        .take(usize::from(count))
        .map(|c| Component { id: c[0], h: u32::from(c[1] >> 4), v: u32::from(c[1] & 0xF), finished: 0 })
        .collect();
    let sane = components.iter().all(|c| (1..=4).contains(&c.h) && (1..=4).contains(&c.v));
    if !sane || width == 0 || height == 0 || components.len() != usize::from(count) {
        return Err(cut());
    }
    if precision != 8 || !matches!(count, 1 | 3 | 4) {
        let detail = "This JPEG has an unusual number of bits or colours. Save it as a plain JPEG.";
        return Err(Unpreviewable::new("unsupported_format", detail));
    }
    Ok(Frame { width, height, progressive: marker == 0xC2, components })
}

/// Notes which coefficients a scan completes, as the decoder does; gives the bytes it copies for them.
fn finish(frame: &mut Frame, sos: &[u8]) -> u64 {
    let count = usize::from(sos.first().copied().unwrap_or(0));
    let Some(&[from, to, approximation, ..]) = sos.get(1 + 2 * count..) else { return 0 };
    if !frame.progressive || approximation & 0xF != 0 || from > to || to > 63 {
        return 0;
    }
    let bits = (u64::MAX >> (63 - to)) & (u64::MAX << from);
    let mut finished = Vec::new();
    for id in sos[1..].iter().step_by(2).take(count) {
        if let Some(i) = frame.components.iter().position(|c| c.id == *id) {
            let component = &mut frame.components[i];
            if component.finished != u64::MAX {
                component.finished |= bits;
                if component.finished == u64::MAX {
                    finished.push(i);
                }
            }
        }
    }
    finished.into_iter().map(|i| frame.coefficient_bytes(&frame.components[i])).sum()
}

struct Walk<'a, R> {
    reader: &'a mut R,
    pos: u64,
}

impl<R: BufRead> Walk<'_, R> {
    /// The next marker and where its 0xFF stands; steps over entropy-coded data and junk.
    fn next_marker(&mut self) -> io::Result<Option<(u8, u64)>> {
        loop {
            if !self.skip_to_ff()? {
                return Ok(None);
            }
            let at = self.pos;
            let mut byte = 0xFF;
            while byte == 0xFF {
                let Some(next) = self.byte()? else { return Ok(None) };
                byte = next;
            }
            // A stuffed zero and the restart markers belong to the data; a photo may have thousands of them.
            if byte != 0 && !matches!(byte, 0xD0..=0xD7) {
                return Ok(Some((byte, at)));
            }
        }
    }

    fn skip_to_ff(&mut self) -> io::Result<bool> {
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Ok(false);
            }
            let found = memchr::memchr(0xFF, buffer);
            let step = found.unwrap_or(buffer.len());
            self.reader.consume(step);
            self.pos += step as u64;
            if found.is_some() {
                return Ok(true);
            }
        }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.reader.fill_buf()?.first().copied();
        if byte.is_some() {
            self.reader.consume(1);
            self.pos += 1;
        }
        Ok(byte)
    }

    /// Steps over a segment and gives at most its first `keep` bytes; `None` when the file ends in it.
    fn segment(&mut self, keep: usize) -> io::Result<Option<Vec<u8>>> {
        let (Some(high), Some(low)) = (self.byte()?, self.byte()?) else { return Ok(None) };
        let Some(len) = u16::from_be_bytes([high, low]).checked_sub(2).map(usize::from) else {
            // A senseless length: go on looking for the next marker.
            return Ok(Some(Vec::new()));
        };
        let mut body = Vec::with_capacity(len.min(keep));
        self.reader.take(len.min(keep) as u64).read_to_end(&mut body)?;
        let skipped = io::copy(&mut self.reader.take((len - len.min(keep)) as u64), &mut io::sink())?;
        let read = body.len() as u64 + skipped;
        self.pos += read;
        Ok((read == len as u64).then_some(body))
    }
}

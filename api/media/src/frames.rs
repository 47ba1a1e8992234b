//! MP3 and ADTS AAC: a bare row of frames, each with its own header. The duration is the number of frames.

use super::recording::to_ms;
use super::{MAX_JUNK_BYTES, MAX_PACKETS, Recording, Source, Unpreviewable};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Bytes needed to read one frame header.
const HEADER_BYTES: usize = 7;

/// One frame, as its header describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Bytes from this header to the next.
    pub size: u64,
    /// Samples each channel gains.
    pub samples: u64,
    pub rate: u32,
    pub channels: u16,
    /// Bytes between the header and where a Xing or Info tag would stand; 0 for ADTS.
    tag_offset: u64,
}

/// Reads a frame header, or `None` when the bytes are not one.
pub(super) type ParseFrame = fn(&[u8]) -> Option<Frame>;

/// MPEG 1, 2 and 2.5, layer III. Free-format frames are not recognised: their size is not in the header.
pub(super) fn parse_mp3(head: &[u8]) -> Option<Frame> {
    const V1: [u32; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const V2: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let &[a, b, c, d, ..] = head else { return None };
    let layer_iii = (b >> 1) & 3 == 1;
    if a != 0xFF || b & 0xE0 != 0xE0 || !layer_iii {
        return None;
    }
    let (version1, rate_shift) = match (b >> 3) & 3 {
        0 => (false, 2),
        2 => (false, 1),
        3 => (true, 0),
        _ => return None,
    };
    let rate = [44_100, 48_000, 32_000].get(usize::from((c >> 2) & 3))? >> rate_shift;
    let kbps = *if version1 { &V1 } else { &V2 }.get(usize::from(c >> 4)).filter(|k| **k > 0)?;
    let samples = if version1 { 1152 } else { 576 };
    let padding = u64::from((c >> 1) & 1);
    let mono = d >> 6 == 3;
    let tag_offset = match (version1, mono) {
        (true, false) => 36,
        (true, true) | (false, false) => 21,
        (false, true) => 13,
    };
    let size = samples / 8 * u64::from(kbps) * 1000 / u64::from(rate) + padding;
    Some(Frame { size, samples, rate, channels: if mono { 1 } else { 2 }, tag_offset })
}

/// MPEG 1 and 2, layer II, as radio recorders write it: told apart, not measured.
pub(super) fn parse_layer_2(head: &[u8]) -> Option<Frame> {
    const V1: [u32; 15] = [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
    const V2: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let &[a, b, c, d, ..] = head else { return None };
    if a != 0xFF || b & 0xF6 != 0xF4 {
        return None;
    }
    let version1 = b & 8 != 0;
    let rate = [44_100, 48_000, 32_000].get(usize::from((c >> 2) & 3))? >> u32::from(!version1);
    let kbps = *if version1 { &V1 } else { &V2 }.get(usize::from(c >> 4)).filter(|k| **k > 0)?;
    let size = 144 * u64::from(kbps) * 1000 / u64::from(rate) + u64::from((c >> 1) & 1);
    Some(Frame { size, samples: 1152, rate, channels: if d >> 6 == 3 { 1 } else { 2 }, tag_offset: 0 })
}

/// AAC in ADTS frames.
pub(super) fn parse_adts(head: &[u8]) -> Option<Frame> {
    let &[a, b, c, d, e, f, g, ..] = head else { return None };
    if a != 0xFF || b & 0xF6 != 0xF0 {
        return None;
    }
    let rate = *super::mp4_boxes::AAC_RATES.get(usize::from((c >> 2) & 0xF))?;
    let channels = match ((c & 1) << 2) | (d >> 6) {
        7 => 8,
        n => u16::from(n),
    };
    let size = (u64::from(d & 3) << 11) | (u64::from(e) << 3) | u64::from(f >> 5);
    let samples = 1024 * (u64::from(g & 3) + 1);
    (size >= HEADER_BYTES as u64).then_some(Frame { size, samples, rate, channels, tag_offset: 0 })
}

/// Whether a frame starts here and, if the bytes reach that far, another one follows it.
pub(super) fn starts_frame(bytes: &[u8], parse: ParseFrame) -> bool {
    let Some(frame) = parse(bytes) else { return false };
    match bytes.get(frame.size as usize..) {
        Some(next) if next.len() >= HEADER_BYTES => parse(next).is_some_and(|n| n.rate == frame.rate),
        _ => true,
    }
}

/// Length of an ID3v2 tag with header and footer, when the bytes start with one.
pub(super) fn id3v2_len(head: &[u8]) -> Option<u64> {
    let header = head.get(..10).filter(|h| h.starts_with(b"ID3"))?;
    let size = header[6..10].iter().fold(0, |size, b| (size << 7) | u64::from(b & 0x7F));
    let footer = if header[5] & 0x10 != 0 { 10 } else { 0 };
    Some(10 + size + footer)
}

/// Counts the frames of an MP3 file.
pub(super) fn probe_mp3(source: &mut Source) -> Result<Recording, Unpreviewable> {
    probe(source, "mp3", "mp3", parse_mp3)
}

/// Counts the frames of an ADTS file.
pub(super) fn probe_adts(source: &mut Source) -> Result<Recording, Unpreviewable> {
    probe(source, "adts", "aac", parse_adts)
}

fn probe(
    source: &mut Source,
    container: &'static str,
    codec: &'static str,
    parse: ParseFrame,
) -> Result<Recording, Unpreviewable> {
    let end = audio_end(&mut source.file, source.len)?;
    let start = audio_start(&mut source.file, end)?;
    source.file.seek(SeekFrom::Start(start))?;
    let reader = BufReader::with_capacity(1 << 16, &source.file);
    let mut walk = Walk { reader, reader_pos: start, pos: start, end, junk: 0, parse };

    let first = walk.sync(None)?.ok_or_else(|| {
        Unpreviewable::damaged("No audio was found behind the header of this recording. Upload the original again.")
    })?;
    let tag = walk.read_tag(&first)?;
    let mut frames: u64 = 0;
    let mut samples: u64 = 0;
    let mut cut = false;
    while let Some((frame, whole)) = walk.next_frame(&first)? {
        cut = !whole;
        if cut || frames == MAX_PACKETS {
            break;
        }
        frames += 1;
        samples += frame.samples;
    }
    if frames == MAX_PACKETS {
        return Err(Unpreviewable::new("too_complex", "This recording has too many parts to be measured."));
    }
    let mut truncated = cut || walk.junk > MAX_JUNK_BYTES;
    if let Some(tag) = tag {
        // Some encoders count the tag's own frame.
        truncated |= frames + 1 < tag.frames;
        if !truncated {
            samples = samples.saturating_sub(tag.silence);
        }
    }
    Recording {
        container,
        codec,
        duration_ms: to_ms(samples, first.rate),
        sample_rate_hz: first.rate,
        channels: first.channels,
        truncated,
    }
    .checked()
}

/// Where the audio starts: behind any ID3v2 tags, which are skipped unread however large they say they are.
pub(super) fn audio_start(file: &mut File, end: u64) -> Result<u64, Unpreviewable> {
    let mut start = 0;
    let mut head = [0; 10];
    while end.saturating_sub(start) >= 10 {
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut head)?;
        match id3v2_len(&head) {
            Some(len) => start += len,
            None => return Ok(start),
        }
    }
    if start > end {
        let detail =
            "The tag of this recording is longer than the file, so the audio is missing. Upload the original again.";
        return Err(Unpreviewable::damaged(detail));
    }
    Ok(start)
}

/// Where the audio ends: before an ID3v1 and an APE tag.
fn audio_end(file: &mut File, len: u64) -> io::Result<u64> {
    let mut end = len;
    if end >= 128 {
        let mut tag = [0; 3];
        file.seek(SeekFrom::Start(end - 128))?;
        file.read_exact(&mut tag)?;
        if &tag == b"TAG" {
            end -= 128;
        }
    }
    if end >= 32 {
        let mut footer = [0; 32];
        file.seek(SeekFrom::Start(end - 32))?;
        file.read_exact(&mut footer)?;
        if footer.starts_with(b"APETAGEX") {
            let size = u32::from_le_bytes([footer[12], footer[13], footer[14], footer[15]]);
            let header = if footer[23] & 0x80 != 0 { 32 } else { 0 };
            end = end.saturating_sub(u64::from(size) + header);
        }
    }
    Ok(end)
}

/// What a Xing or Info tag in the first frame promises.
struct Tag {
    /// Frames that follow.
    frames: u64,
    /// Samples of encoder delay and padding.
    silence: u64,
}

struct Walk<'a> {
    reader: BufReader<&'a File>,
    /// Where the reader stands. Tracked here because asking the reader costs a system call.
    reader_pos: u64,
    /// Where the walk stands: at a frame header or in search of one.
    pos: u64,
    /// Where the audio ends.
    end: u64,
    /// Bytes skipped so far in search of frames.
    junk: u64,
    parse: ParseFrame,
}

impl Walk<'_> {
    /// Reads up to `most` bytes at a position inside the audio, without moving the walk.
    fn read_at(&mut self, pos: u64, most: usize) -> io::Result<Vec<u8>> {
        let room = self.end.saturating_sub(pos).min(most as u64);
        let mut bytes = Vec::with_capacity(most);
        if room > 0 {
            self.reader.seek_relative(pos as i64 - self.reader_pos as i64)?;
            self.reader_pos = pos;
            (&mut self.reader).take(room).read_to_end(&mut bytes)?;
            self.reader_pos += bytes.len() as u64;
        }
        Ok(bytes)
    }

    /// The header at `pos`, without moving the walk.
    fn peek(&mut self, pos: u64) -> io::Result<Option<Frame>> {
        let room = self.end.saturating_sub(pos).min(HEADER_BYTES as u64) as usize;
        if room == 0 {
            return Ok(None);
        }
        let mut head = [0; HEADER_BYTES];
        self.reader.seek_relative(pos as i64 - self.reader_pos as i64)?;
        self.reader_pos = pos;
        self.reader.read_exact(&mut head[..room])?;
        self.reader_pos += room as u64;
        Ok((self.parse)(&head[..room]))
    }

    /// Moves to the next frame header that is followed by another one or by the end of the audio.
    fn sync(&mut self, like: Option<&Frame>) -> io::Result<Option<Frame>> {
        while self.pos + 4 <= self.end && self.junk <= MAX_JUNK_BYTES {
            if let Some(frame) = self.peek(self.pos)?.filter(|f| like.is_none_or(|l| l.rate == f.rate)) {
                let next = self.pos + frame.size;
                let confirmed =
                    next + HEADER_BYTES as u64 > self.end || self.peek(next)?.is_some_and(|n| n.rate == frame.rate);
                if confirmed {
                    return Ok(Some(frame));
                }
            }
            self.pos += 1;
            self.junk += 1;
        }
        Ok(None)
    }

    /// The next frame and whether all of it is there; steps over it.
    fn next_frame(&mut self, like: &Frame) -> io::Result<Option<(Frame, bool)>> {
        let frame = match self.peek(self.pos)?.filter(|f| f.rate == like.rate) {
            Some(frame) => frame,
            // The beginning of a header is the beginning of a frame.
            None if self.read_at(self.pos, HEADER_BYTES)?.first() == Some(&0xFF)
                && self.end - self.pos < HEADER_BYTES as u64 =>
            {
                self.pos = self.end;
                return Ok(Some((*like, false)));
            }
            None => match self.sync(Some(like))? {
                Some(frame) => frame,
                None => return Ok(None),
            },
        };
        let whole = self.pos + frame.size <= self.end;
        self.pos += frame.size;
        Ok(Some((frame, whole)))
    }

    /// Reads a Xing or Info tag in the first frame and steps over that frame, which holds no audio.
    fn read_tag(&mut self, first: &Frame) -> io::Result<Option<Tag>> {
        const TAG_BYTES: usize = 144;
        if first.tag_offset == 0 || self.pos + first.size > self.end {
            return Ok(None);
        }
        let room = first.size.saturating_sub(first.tag_offset).min(TAG_BYTES as u64);
        let tag = self.read_at(self.pos + first.tag_offset, room as usize)?;
        if !(tag.starts_with(b"Xing") || tag.starts_with(b"Info")) {
            return Ok(None);
        }
        self.pos += first.size;
        let be32 = |at: usize| tag.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
        let flags = be32(4).unwrap_or(0);
        let frames = if flags & 1 != 0 { be32(8).unwrap_or(0) } else { 0 };
        // Frame count, byte count, seek table and quality are optional; the encoder's own part follows them.
        let encoder = 8 + [(1, 4), (2, 4), (4, 100), (8, 4)]
            .iter()
            .filter(|(bit, _)| flags & bit != 0)
            .map(|(_, n)| n)
            .sum::<usize>();
        let silence = match tag.get(encoder + 21..encoder + 24) {
            Some(&[a, b, c]) => {
                let delay = (u64::from(a) << 4) | u64::from(b >> 4);
                let padding = (u64::from(b & 0xF) << 8) | u64::from(c);
                delay + padding
            }
            _ => 0,
        };
        Ok(Some(Tag { frames: u64::from(frames), silence }))
    }
}

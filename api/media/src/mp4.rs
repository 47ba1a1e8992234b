//! MP4, M4A, 3GP and QuickTime sound: the index (`moov`) names the samples, or fragments (`moof`) do one by one.

use super::mp4_boxes::{Boxes, Present, Track, be32, be64, child, sound_track};
use super::recording::to_ms;
use super::{MAX_BOXES, MAX_MOOF_BYTES, MAX_MOOV_BYTES, Recording, Source, Unpreviewable};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// A box at the top level of the file.
struct TopBox {
    name: [u8; 4],
    start: u64,
    body: u64,
    /// Where the box says it ends; may lie behind the end of the file.
    end: u64,
}

/// Measures the first sound track.
pub(super) fn probe(source: &mut Source) -> Result<Recording, Unpreviewable> {
    let Source { file, len, .. } = source;
    let len = *len;
    let (boxes, mut cut) = top_boxes(file, len)?;
    let moov = boxes.iter().find(|b| &b.name == b"moov").ok_or_else(|| {
        let detail = "This recording has no index: it was cut while it was recorded or uploaded. Upload the original \
                      again, or open and save it with the app that recorded it.";
        Unpreviewable::new("missing_index", detail)
    })?;
    let moov = read_body(file, moov, len, MAX_MOOV_BYTES)?;
    let track = sound_track(&moov).ok_or_else(|| {
        Unpreviewable::new("no_audio", "This file has no readable sound track. Upload the original again.")
    })?;

    let mut units = 0;
    let mut skipped = track.skipped;
    let mut edited_ms = track.edited_ms;
    if let Some(Present { units: indexed, complete }) = track.present(len) {
        units = indexed;
        cut |= !complete;
    }
    let fragments = Fragments { track: &track, defaults: Defaults::of_track(&moov, track.id), file_len: len };
    for moof in boxes.iter().filter(|b| &b.name == b"moof") {
        let body = read_body(file, moof, len, MAX_MOOF_BYTES)?;
        let Present { units: more, complete } = fragments.present(&body, moof.start);
        units = units.saturating_add(more);
        cut |= !complete;
        // The edit list was written before the length was known.
        edited_ms = None;
    }
    if skipped >= units {
        skipped = 0;
    }
    let whole_ms = to_ms(units - skipped, track.timescale);
    let duration_ms = edited_ms.filter(|_| !cut).map_or(whole_ms, |ms| ms.min(whole_ms));
    Recording {
        container: "mp4",
        codec: track.codec,
        duration_ms,
        sample_rate_hz: track.rate,
        channels: track.channels,
        truncated: cut,
    }
    .checked()
}

/// Lists the boxes of the file; the flag tells that the last one is cut.
fn top_boxes(file: &mut File, len: u64) -> Result<(Vec<TopBox>, bool), Unpreviewable> {
    let mut boxes = Vec::new();
    let mut start: u64 = 0;
    for _ in 0..MAX_BOXES {
        if start + 8 > len {
            // A few stray bytes at the end are no loss, half a box header is.
            return Ok((boxes, start < len && len - start >= 4));
        }
        let mut head = [0; 16];
        let room = (len - start).min(16) as usize;
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut head[..room])?;
        let [a, b, c, d, name @ .., _, _, _, _, _, _, _, _] = head;
        let (size, header) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (len - start, 8),
            1 => (be64(&head, 8).filter(|_| room == 16).unwrap_or(0), 16),
            size => (u64::from(size), 8),
        };
        let sane = name.iter().all(|b| (0x20..0x7F).contains(b) || *b == 0xA9);
        if size < header || !sane {
            // Padding behind the last box is common; what matters has been seen or is missed later.
            return Ok((boxes, false));
        }
        let end = start.saturating_add(size);
        // Only what is needed is kept, so that a file of empty boxes costs nothing.
        if matches!(&name, b"moov" | b"moof") {
            boxes.push(TopBox { name, start, body: start + header, end });
        }
        if end > len {
            return Ok((boxes, true));
        }
        start = end;
    }
    Err(Unpreviewable::new("too_complex", "This recording has too many parts to be measured."))
}

/// Reads the body of a box, as far as it is in the file.
fn read_body(file: &mut File, found: &TopBox, len: u64, most: u64) -> Result<Vec<u8>, Unpreviewable> {
    let size = found.end.min(len).saturating_sub(found.body);
    if size > most {
        return Err(Unpreviewable::new("too_complex", "The index of this recording is too large to be read."));
    }
    if found.end > len && &found.name == b"moov" {
        let detail = "The index of this recording is cut: the upload did not finish. Upload the original again.";
        return Err(Unpreviewable::new("missing_index", detail));
    }
    file.seek(SeekFrom::Start(found.body))?;
    let mut body = Vec::with_capacity(size as usize);
    Read::by_ref(file).take(size).read_to_end(&mut body)?;
    Ok(body)
}

/// Duration and size of samples that do not give their own.
#[derive(Clone, Copy)]
struct Defaults {
    duration: u32,
    size: u32,
}

impl Defaults {
    fn of_track(moov: &[u8], id: u32) -> Self {
        let trex = child(moov, b"mvex")
            .and_then(|mvex| Boxes(mvex).find(|(name, body)| *name == b"trex" && be32(body, 4) == Some(id)))
            .map_or(&[][..], |(_, body)| body);
        Self { duration: be32(trex, 12).unwrap_or(0), size: be32(trex, 16).unwrap_or(0) }
    }
}

struct Fragments<'a> {
    track: &'a Track<'a>,
    defaults: Defaults,
    file_len: u64,
}

impl Fragments<'_> {
    /// The samples of one fragment that are inside the file.
    fn present(&self, moof: &[u8], start: u64) -> Present {
        let mut sum = Present { units: 0, complete: true };
        for (_, traf) in Boxes(moof).filter(|(name, _)| *name == b"traf") {
            // A fragment that cannot be read counts as missing.
            match self.traf(traf, start) {
                Some(part) => {
                    sum.units = sum.units.saturating_add(part.units);
                    sum.complete &= part.complete;
                }
                None => sum.complete = false,
            }
        }
        sum
    }

    fn traf(&self, traf: &[u8], start: u64) -> Option<Present> {
        let mut sum = Present { units: 0, complete: true };
        let tfhd = child(traf, b"tfhd")?;
        if be32(tfhd, 4)? != self.track.id {
            return Some(sum);
        }
        let flags = be32(tfhd, 0)?;
        let mut at = 8;
        let mut base = start;
        let mut defaults = self.defaults;
        if flags & 0x01 != 0 {
            base = be64(tfhd, at)?;
            at += 8;
        }
        if flags & 0x02 != 0 {
            at += 4;
        }
        if flags & 0x08 != 0 {
            defaults.duration = be32(tfhd, at)?;
            at += 4;
        }
        if flags & 0x10 != 0 {
            defaults.size = be32(tfhd, at)?;
        }
        let mut pos = base;
        for (_, trun) in Boxes(traf).filter(|(name, _)| *name == b"trun") {
            let part = self.trun(trun, defaults, base, &mut pos)?;
            sum.units = sum.units.saturating_add(part.units);
            sum.complete &= part.complete;
        }
        Some(sum)
    }

    fn trun(&self, trun: &[u8], defaults: Defaults, base: u64, pos: &mut u64) -> Option<Present> {
        let flags = be32(trun, 0)?;
        let count = u64::from(be32(trun, 4)?);
        let mut at = 8;
        if flags & 0x01 != 0 {
            *pos = base.saturating_add_signed(i64::from(be32(trun, at)? as i32));
            at += 4;
        }
        if flags & 0x04 != 0 {
            at += 4;
        }
        let has = |bit: u32| usize::from(flags & bit != 0) * 4;
        let (duration_len, size_len) = (has(0x100), has(0x200));
        let entry = duration_len + size_len + has(0x400) + has(0x800);
        if entry == 0 {
            // All alike: no table to walk, so the count may be anything.
            let fit = self.file_len.saturating_sub(*pos).checked_div(u64::from(defaults.size)).unwrap_or(count);
            *pos = pos.saturating_add(count * u64::from(defaults.size));
            return Some(Present { units: count.min(fit) * u64::from(defaults.duration), complete: fit >= count });
        }
        let mut sum = Present { units: 0, complete: true };
        let mut walked = 0;
        for sample in trun.get(at..)?.chunks_exact(entry).take(usize::try_from(count).ok()?) {
            let duration = if duration_len > 0 { be32(sample, 0)? } else { defaults.duration };
            let size = if size_len > 0 { be32(sample, duration_len)? } else { defaults.size };
            *pos = pos.saturating_add(u64::from(size));
            if *pos > self.file_len {
                sum.complete = false;
                return Some(sum);
            }
            sum.units = sum.units.saturating_add(u64::from(duration));
            walked += 1;
        }
        sum.complete = walked == count;
        Some(sum)
    }
}

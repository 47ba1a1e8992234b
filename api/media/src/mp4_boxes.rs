//! The parts of an MP4 index that say how long its sound is: box lists, track headers and sample tables.
//!
//! Everything works on slices of an index that is already in memory, so a table can never be longer than its file.

use super::recording::to_ms;

/// Sample rates of MPEG-4 audio by index.
pub(super) const AAC_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

pub(super) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

pub(super) fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// The boxes inside a box; ends quietly at the first one that does not fit.
pub(super) struct Boxes<'a>(pub &'a [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (size, header) = match be32(self.0, 0)? {
            0 => (self.0.len(), 8),
            1 => (usize::try_from(be64(self.0, 8)?).ok()?, 16),
            size => (size as usize, 8),
        };
        let name = self.0.get(4..8)?;
        let body = self.0.get(header..size)?;
        self.0 = &self.0[size..];
        Some((name, body))
    }
}

/// The body of the first child of that name.
pub(super) fn child<'a>(body: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    Boxes(body).find(|(n, _)| *n == name).map(|(_, b)| b)
}

/// The sound track of a file and where its samples are.
pub(super) struct Track<'a> {
    pub id: u32,
    /// Units a second of all durations of the track.
    pub timescale: u32,
    pub codec: &'static str,
    pub rate: u32,
    pub channels: u16,
    stbl: &'a [u8],
    /// Units skipped at the start by the edit list: the encoder's delay.
    pub skipped: u64,
    /// Playing time after the edit list, in milliseconds.
    pub edited_ms: Option<u64>,
}

/// Finds the first sound track with a usable header among the first 64 tracks.
pub(super) fn sound_track(moov: &[u8]) -> Option<Track<'_>> {
    let movie_scale = child(moov, b"mvhd").and_then(|b| be32(b, if b.first() == Some(&1) { 20 } else { 12 }));
    Boxes(moov).filter(|(name, _)| *name == b"trak").take(64).find_map(|(_, trak)| track(trak, movie_scale))
}

fn track(trak: &[u8], movie_scale: Option<u32>) -> Option<Track<'_>> {
    let mdia = child(trak, b"mdia")?;
    if child(mdia, b"hdlr")?.get(8..12)? != b"soun" {
        return None;
    }
    let tkhd = child(trak, b"tkhd")?;
    let id = be32(tkhd, if tkhd.first() == Some(&1) { 20 } else { 12 })?;
    let mdhd = child(mdia, b"mdhd")?;
    let timescale = be32(mdhd, if mdhd.first() == Some(&1) { 20 } else { 12 }).filter(|t| *t > 0)?;
    let stbl = child(child(mdia, b"minf")?, b"stbl")?;
    let (name, entry) = Boxes(child(stbl, b"stsd")?.get(8..)?).next()?;
    let mut track = Track {
        id,
        timescale,
        codec: codec_name(name),
        rate: be32(entry, 24)? >> 16,
        channels: be16(entry, 16)?,
        stbl,
        skipped: 0,
        edited_ms: None,
    };
    if track.codec == "aac" {
        read_aac_config(entry, &mut track);
    }
    if track.rate == 0 {
        // Rates above 65535 Hz do not fit the entry; the timescale is the rate then.
        track.rate = timescale;
    }
    if let Some(elst) = child(trak, b"edts").and_then(|edts| child(edts, b"elst")) {
        read_edits(elst, movie_scale, &mut track);
    }
    Some(track)
}

fn codec_name(entry: &[u8]) -> &'static str {
    match entry {
        b"mp4a" => "aac",
        b"alac" => "alac",
        b"Opus" => "opus",
        b"fLaC" => "flac",
        b"samr" => "amr_nb",
        b"sawb" => "amr_wb",
        b".mp3" => "mp3",
        b"ac-3" => "ac3",
        b"sowt" | b"twos" | b"lpcm" | b"ipcm" | b"in24" | b"in32" => "pcm",
        b"ulaw" => "mulaw",
        b"alaw" => "alaw",
        _ => "unknown",
    }
}

/// Channels and rate from the decoder's own configuration: many writers put 2 channels into the entry whatever is so.
fn read_aac_config(entry: &[u8], track: &mut Track<'_>) {
    // QuickTime's second and third version of the entry are longer.
    let boxes = match be16(entry, 8) {
        Some(1) => 44,
        Some(2) => 64,
        _ => 28,
    };
    let Some(config) = entry.get(boxes..).and_then(|b| child(b, b"esds")).and_then(decoder_config) else { return };
    match config.object_type {
        0x69 | 0x6B => track.codec = "mp3",
        _ => {
            let Some(bits) = be32(config.specific, 0).or_else(|| be16(config.specific, 0).map(|b| u32::from(b) << 16))
            else {
                return;
            };
            // Five bits of object type, four of rate index, four of channel layout; longer forms are left alone.
            let rate = AAC_RATES.get((bits >> 23 & 0xF) as usize);
            let channels = (bits >> 19 & 0xF) as u16;
            if bits >> 27 < 31
                && let Some(rate) = rate
            {
                track.rate = *rate;
                if (1..=7).contains(&channels) {
                    track.channels = if channels == 7 { 8 } else { channels };
                }
            }
        }
    }
}

struct DecoderConfig<'a> {
    object_type: u8,
    specific: &'a [u8],
}

/// Unwraps the nested descriptors of an `esds` box: elementary stream, decoder configuration, specific information.
fn decoder_config(esds: &[u8]) -> Option<DecoderConfig<'_>> {
    let (tag, es) = descriptor(esds.get(4..)?)?;
    let flags = *es.get(2).filter(|_| tag == 3)?;
    let mut at = 3;
    if flags & 0x80 != 0 {
        at += 2;
    }
    if flags & 0x40 != 0 {
        at += 1 + usize::from(*es.get(at)?);
    }
    if flags & 0x20 != 0 {
        at += 2;
    }
    let (tag, config) = descriptor(es.get(at..)?)?;
    let object_type = *config.first().filter(|_| tag == 4)?;
    let specific = config.get(13..).and_then(descriptor).filter(|(tag, _)| *tag == 5).map_or(&[][..], |(_, body)| body);
    Some(DecoderConfig { object_type, specific })
}

fn descriptor(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let mut len = 0;
    for (i, byte) in bytes.iter().enumerate().skip(1).take(4) {
        len = len << 7 | usize::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            let body = bytes.get(i + 1..)?;
            return Some((bytes[0], &body[..len.min(body.len())]));
        }
    }
    None
}

/// Only the usual list is understood: an optional pause, then one stretch of the track.
fn read_edits(elst: &[u8], movie_scale: Option<u32>, track: &mut Track<'_>) {
    let long = elst.first() == Some(&1);
    let entries = elst.get(8..).unwrap_or(&[]).chunks_exact(if long { 20 } else { 12 });
    let mut stretches = entries.filter_map(|e| {
        let (duration, start) = if long {
            (be64(e, 0)?, be64(e, 8)? as i64)
        } else {
            (u64::from(be32(e, 0)?), i64::from(be32(e, 4)? as i32))
        };
        Some((duration, u64::try_from(start).ok()?))
    });
    if let (Some((duration, start)), None) = (stretches.next(), stretches.next()) {
        track.skipped = start;
        track.edited_ms = movie_scale.filter(|scale| *scale > 0 && duration > 0).map(|scale| to_ms(duration, scale));
    }
}

/// Samples of a track whose bytes are inside the file, and how long they last.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Present {
    /// Units of the track's timescale.
    pub units: u64,
    pub complete: bool,
}

impl Track<'_> {
    /// Walks the sample tables of the index. Linear in their size.
    pub fn present(&self, file_len: u64) -> Option<Present> {
        let stsz = child(self.stbl, b"stsz")?;
        let (fixed, count) = (be32(stsz, 4)?, u64::from(be32(stsz, 8)?));
        let sizes = stsz.get(12..)?;
        let told = if fixed > 0 { count } else { count.min(sizes.len() as u64 / 4) };
        let found = self.samples_inside(fixed, sizes, told, file_len)?;
        let complete = found == count;
        Some(Present { units: self.units_of(found)?, complete })
    }

    fn samples_inside(&self, fixed: u32, sizes: &[u8], told: u64, file_len: u64) -> Option<u64> {
        let runs = child(self.stbl, b"stsc")?.get(8..)?;
        let (offsets, wide) = match child(self.stbl, b"stco") {
            Some(stco) => (stco.get(8..)?, 4),
            None => (child(self.stbl, b"co64")?.get(8..)?, 8),
        };
        let mut runs = runs.chunks_exact(12).peekable();
        let mut in_chunk = 0;
        let mut done: u64 = 0;
        for (index, offset) in offsets.chunks_exact(wide).enumerate() {
            while let Some(run) = runs.next_if(|r| be32(r, 0).is_some_and(|first| first as usize <= index + 1)) {
                in_chunk = u64::from(be32(run, 4)?);
            }
            let mut pos = if wide == 4 { u64::from(be32(offset, 0)?) } else { be64(offset, 0)? };
            let samples = in_chunk.min(told - done);
            if fixed > 0 {
                let fit = file_len.saturating_sub(pos) / u64::from(fixed);
                done += samples.min(fit);
                if fit < samples {
                    return Some(done);
                }
                continue;
            }
            for _ in 0..samples {
                pos = pos.saturating_add(u64::from(be32(sizes, done as usize * 4)?));
                if pos > file_len {
                    return Some(done);
                }
                done += 1;
            }
        }
        Some(done)
    }

    /// How long the first `samples` samples last.
    fn units_of(&self, mut samples: u64) -> Option<u64> {
        let mut units: u64 = 0;
        for run in child(self.stbl, b"stts")?.get(8..)?.chunks_exact(8) {
            let count = samples.min(u64::from(be32(run, 0)?));
            units = units.saturating_add(count * u64::from(be32(run, 4)?));
            samples -= count;
            if samples == 0 {
                break;
            }
        }
        Some(units)
    }
}

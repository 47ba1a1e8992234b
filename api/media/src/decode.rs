//! Decoding sound: symphonia takes containers and codecs apart, ropus decodes Opus.
//!
//! Neither is trusted: the file may be read a few times and not more, packets and samples are counted, what panics is
//! caught by the caller, and a gap in time is silence and not memory.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions, well_known};
use symphonia::core::common::Limit;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::{Hint, Probe};
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, TimeBase};
use symphonia::default::formats::{AdtsReader, FlacReader, IsoMp4Reader, MkvReader, MpaReader, OggReader, WavReader};
use symphonia::default::get_codecs;

use super::opus::Opus;
use super::sound::Listener;
use super::{Format, MAX_HEARD_MS, MAX_PACKETS, MAX_SAMPLES, Unpreviewable};

/// Most samples a second, and channels, of a recording that is listened to.
const MAX_RATE_HZ: u32 = 384_000;
const MAX_CHANNELS: usize = 32;
/// How often a file may be read, by its length, and bytes that come on top: readers go back and forth between an index
/// and what it points to.
const READS: u64 = 4;
const MORE_READ_BYTES: u64 = 64 * 1024 * 1024;
/// What one jump counts for, in bytes.
const SEEK_BYTES: u64 = 512;
/// Most packets that cannot be read; behind them nothing better is expected.
const MAX_BAD_PACKETS: u32 = 1_000;
/// A pause in the times of packets from here up is a gap in the recording.
const GAP_MS: u64 = 250;

/// What decoding tells of a recording.
pub(super) struct Decoded {
    pub codec: &'static str,
    pub rate: u32,
    pub channels: u16,
    /// Until where packets reach, in milliseconds.
    pub duration_ms: u64,
    /// The file ends in the middle of a packet.
    pub cut: bool,
    /// What was listened to; or why nothing was.
    pub heard: Result<Listener, Unpreviewable>,
}

/// A part of a file that refuses to be read for ever.
struct Metered {
    file: File,
    start: u64,
    len: u64,
    left: u64,
}

impl Metered {
    fn spend(&mut self, bytes: u64) -> io::Result<()> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| io::Error::other("the file is read over and over"))?;
        Ok(())
    }
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        // The end is found without reading anything, and may be looked for without end.
        self.spend((read as u64).max(1))?;
        Ok(read)
    }
}

impl Seek for Metered {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.spend(SEEK_BYTES)?;
        let at = match to {
            SeekFrom::Start(at) => at.checked_add(self.start),
            SeekFrom::Current(by) => self.file.stream_position()?.checked_add_signed(by),
            SeekFrom::End(by) => self.start.saturating_add(self.len).checked_add_signed(by),
        };
        // Said here and not by the system, which would sound like a broken disk.
        let outside = || io::Error::new(io::ErrorKind::UnexpectedEof, "before the beginning");
        let at = at.filter(|at| (self.start..=i64::MAX as u64).contains(at)).ok_or_else(outside)?;
        self.file.seek(SeekFrom::Start(at))?;
        Ok(at - self.start)
    }
}

impl MediaSource for Metered {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}

/// Decodes the first sound track of a file from a position on.
///
/// # Errors
///
/// [`Unpreviewable`]: `damaged`, `no_audio`, `too_complex`, `unreadable`. A track that cannot be decoded is no error: its
/// packets are counted, and [`Decoded::heard`] says why.
pub(super) fn decode(mut file: File, start: u64, format: Format) -> Result<Decoded, Unpreviewable> {
    let len = file.metadata()?.len().saturating_sub(start);
    file.seek(SeekFrom::Start(start))?;
    let source = Metered { file, start, len, left: len.saturating_mul(READS).saturating_add(MORE_READ_BYTES) };
    let mut reader = open(source, format)?;
    let track = sound_track(reader.as_ref())?;
    let mut walk = Walk::begin(&track);
    let (mut packets, mut bad) = (0, 0);
    loop {
        packets += 1;
        if packets > MAX_PACKETS {
            return Err(too_complex());
        }
        match reader.next_packet() {
            Ok(Some(packet)) if packet.track_id == walk.track_id => walk.take(&packet)?,
            Ok(Some(_)) => {}
            Ok(None) => break,
            // One stream ends and another begins in the same file.
            Err(Error::ResetRequired) => match sound_track(reader.as_ref()) {
                Ok(track) => walk.go_on_with(&track),
                Err(_) => break,
            },
            Err(Error::IoError(error)) => {
                walk.cut = true;
                match error.kind() {
                    io::ErrorKind::UnexpectedEof => break,
                    _ => return Err(of_io(error)),
                }
            }
            Err(_) => {
                walk.cut = true;
                bad += 1;
                if bad > MAX_BAD_PACKETS {
                    break;
                }
            }
        }
    }
    Ok(walk.finish())
}

fn too_complex() -> Unpreviewable {
    Unpreviewable::new(
        "too_complex",
        "This recording has too many parts to be listened to. It can be fetched as it is.",
    )
}

pub(super) fn no_audio() -> Unpreviewable {
    Unpreviewable::new("no_audio", "This file has no readable sound track. Upload the original again.")
}

/// The code of what nothing here decodes.
pub(super) const UNSUPPORTED: &str = "unsupported_codec";

/// Why nothing is heard of a codec that nothing here decodes.
pub(super) fn unsupported(codec: &str) -> Unpreviewable {
    let detail =
        format!("The sound ({codec}) is kept but cannot be decoded here. It can be fetched and played elsewhere.");
    Unpreviewable::new(UNSUPPORTED, detail)
}

/// Why nothing is heard of what is longer than is listened to.
pub(super) fn too_long() -> Unpreviewable {
    let hours = MAX_HEARD_MS / 3_600_000;
    let detail = format!("The recording is longer than {hours} hours: it is kept and measured, but not listened to.");
    Unpreviewable::new("too_long", detail)
}

fn of_io(error: io::Error) -> Unpreviewable {
    // What has no number of the system is our own meter.
    if error.raw_os_error().is_none() && error.kind() == io::ErrorKind::Other { too_complex() } else { error.into() }
}

fn open(source: Metered, format: Format) -> Result<Box<dyn FormatReader>, Unpreviewable> {
    // Only the format that the first bytes show: a file that is two things at once is the one that everybody else sees.
    let mut probe = Probe::default();
    match format {
        Format::Wav => probe.register_format::<WavReader<'_>>(),
        Format::Mp3 => probe.register_format::<MpaReader<'_>>(),
        Format::Aac => probe.register_format::<AdtsReader<'_>>(),
        Format::M4a | Format::ThreeGp => probe.register_format::<IsoMp4Reader<'_>>(),
        Format::Ogg => probe.register_format::<OggReader<'_>>(),
        Format::Webm => probe.register_format::<MkvReader<'_>>(),
        Format::Flac => probe.register_format::<FlacReader<'_>>(),
        _ => return Err(unsupported(format.media_type())),
    }
    let metadata = MetadataOptions::default()
        .limit_tag_bytes(Limit::Maximum(64 * 1024))
        .limit_visual_bytes(Limit::Maximum(64 * 1024));
    let stream = MediaSourceStream::new(Box::new(source), Default::default());
    probe.probe(&Hint::new(), stream, FormatOptions::default(), metadata).map_err(|error| match error {
        Error::IoError(error) => of_io(error),
        Error::LimitError(_) => too_complex(),
        _ => {
            Unpreviewable::damaged("No sound was found behind the header of this recording. Upload the original again.")
        }
    })
}

fn sound_track(reader: &dyn FormatReader) -> Result<Track, Unpreviewable> {
    reader.default_track(TrackType::Audio).cloned().ok_or_else(no_audio)
}

/// What turns packets into samples.
enum Decoder {
    Opus(Box<Opus>),
    Other(Box<dyn AudioDecoder>),
}

struct Walk {
    track_id: u32,
    time_base: Option<TimeBase>,
    codec: &'static str,
    rate: u32,
    channels: u16,
    decoder: Option<Decoder>,
    /// What was heard so far; or why nothing more is.
    heard: Result<Listener, Unpreviewable>,
    /// Where this track begins in the whole, and the time of its first packet, in milliseconds.
    begins_ms: u64,
    first_ms: Option<i128>,
    ends_ms: u64,
    samples: u64,
    decoded_any: bool,
    cut: bool,
    scratch: Vec<f32>,
}

impl Walk {
    fn begin(track: &Track) -> Self {
        let mut walk = Self {
            track_id: track.id,
            time_base: track.time_base,
            codec: "unknown",
            rate: 0,
            channels: 0,
            decoder: None,
            heard: Ok(Listener::new(MAX_HEARD_MS)),
            begins_ms: 0,
            first_ms: None,
            ends_ms: 0,
            samples: 0,
            decoded_any: false,
            cut: false,
            scratch: Vec::new(),
        };
        walk.go_on_with(track);
        walk
    }

    /// Begins with another track where the last one ended.
    fn go_on_with(&mut self, track: &Track) {
        self.track_id = track.id;
        self.time_base = track.time_base;
        self.begins_ms = self.ends_ms;
        self.first_ms = None;
        let Some(params) = track.codec_params.as_ref().and_then(|params| params.audio()) else {
            self.heard = Err(unsupported("of a codec without a name"));
            return;
        };
        self.codec = codec_name(params);
        self.rate = params.sample_rate.unwrap_or(0);
        self.channels =
            params.channels.as_ref().map_or(0, |channels| u16::try_from(channels.count()).unwrap_or(u16::MAX));
        if self.rate > MAX_RATE_HZ || usize::from(self.channels) > MAX_CHANNELS {
            self.heard = Err(too_complex());
            return;
        }
        self.decoder = decoder(params);
        if self.decoder.is_none() && self.heard.is_ok() {
            self.heard = Err(unsupported(self.codec));
        }
    }

    fn ms(&self, duration: Duration) -> u64 {
        let time = self.time_base.map(|base| base.calc_duration_saturating(duration));
        time.and_then(|time| u64::try_from(time.as_millis()).ok()).unwrap_or(0)
    }

    fn take(&mut self, packet: &Packet) -> Result<(), Unpreviewable> {
        let Some(base) = self.time_base else { return Err(no_audio()) };
        let begins = base.calc_time_saturating(packet.pts.saturating_add(packet.trim_start)).as_millis();
        let first = *self.first_ms.get_or_insert(begins);
        let since = u64::try_from(begins - first).unwrap_or(0);
        let at_ms = self.begins_ms.saturating_add(since);
        self.ends_ms = self.ends_ms.max(at_ms.saturating_add(self.ms(packet.dur)));
        let Ok(listener) = &mut self.heard else { return Ok(()) };
        let gap_ms = at_ms.saturating_sub(listener.at_ms());
        if gap_ms > GAP_MS {
            listener.skip_ms(gap_ms);
        }
        if listener.is_full() {
            self.heard = Err(too_long());
            return Ok(());
        }
        let decoded = match &mut self.decoder {
            Some(Decoder::Opus(opus)) => {
                let trim =
                    [packet.trim_start, packet.trim_end].map(|part| base.calc_duration_saturating(part).as_micros());
                opus.decode(&packet.data, trim.map(|us| u64::try_from(us).unwrap_or(0)), &mut self.scratch);
                Some((super::sound::RATE, 1))
            }
            Some(Decoder::Other(decoder)) => match decoder.decode(packet) {
                Ok(buffer) => Some(copy(&buffer, &mut self.scratch)?),
                // A packet that is broken leaves a gap, which the time of the next one tells.
                Err(Error::DecodeError(_) | Error::IoError(_)) => None,
                Err(Error::LimitError(_)) => return Err(too_complex()),
                Err(_) => {
                    self.heard = Err(unsupported(self.codec));
                    return Ok(());
                }
            },
            None => None,
        };
        let Some((rate, channels)) = decoded else { return Ok(()) };
        if packet.dur == Duration::default() && rate > 0 && channels > 0 {
            // Containers may leave it to the codec how long a packet is.
            let frames = (self.scratch.len() / channels) as u64;
            self.ends_ms = self.ends_ms.max(at_ms.saturating_add(frames * 1000 / u64::from(rate)));
        }
        self.samples = self.samples.saturating_add(self.scratch.len() as u64);
        if self.samples > MAX_SAMPLES {
            self.heard = Err(too_complex());
            return Ok(());
        }
        if rate > 0 && channels > 0 && !self.scratch.is_empty() {
            self.decoded_any = true;
            if !matches!(self.decoder, Some(Decoder::Opus(_))) {
                (self.rate, self.channels) = (rate, u16::try_from(channels).unwrap_or(u16::MAX));
            }
            listener.push(&self.scratch, rate, channels);
        }
        Ok(())
    }

    fn finish(self) -> Decoded {
        let damaged =
            || Unpreviewable::damaged("No packet of this recording can be decoded. Upload the original again.");
        let heard = self.heard.and_then(|listener| if self.decoded_any { Ok(listener) } else { Err(damaged()) });
        Decoded {
            codec: self.codec,
            rate: self.rate,
            channels: self.channels,
            duration_ms: self.ends_ms,
            cut: self.cut,
            heard,
        }
    }
}

/// Copies samples out, channel beside channel; gives their rate and the number of channels.
fn copy(buffer: &GenericAudioBufferRef<'_>, to: &mut Vec<f32>) -> Result<(u32, usize), Unpreviewable> {
    let (rate, channels) = (buffer.spec().rate(), buffer.spec().channels().count());
    if rate > MAX_RATE_HZ || channels > MAX_CHANNELS {
        return Err(too_complex());
    }
    buffer.copy_to_vec_interleaved(to);
    Ok((rate, channels))
}

fn decoder(params: &AudioCodecParameters) -> Option<Decoder> {
    if params.codec == well_known::CODEC_ID_OPUS {
        return Some(Decoder::Opus(Box::new(Opus::new(params.extra_data.as_deref())?)));
    }
    get_codecs().make_audio_decoder(params, &AudioDecoderOptions::default()).ok().map(Decoder::Other)
}

fn codec_name(params: &AudioCodecParameters) -> &'static str {
    use well_known::*;
    match params.codec {
        CODEC_ID_OPUS => "opus",
        CODEC_ID_VORBIS => "vorbis",
        CODEC_ID_FLAC => "flac",
        CODEC_ID_AAC => "aac",
        CODEC_ID_MP3 => "mp3",
        CODEC_ID_ALAC => "alac",
        CODEC_ID_SPEEX => "speex",
        CODEC_ID_PCM_ALAW => "alaw",
        CODEC_ID_PCM_MULAW => "mulaw",
        CODEC_ID_PCM_F32LE | CODEC_ID_PCM_F64LE => "pcm_float",
        CODEC_ID_PCM_S16LE | CODEC_ID_PCM_S24LE | CODEC_ID_PCM_S32LE | CODEC_ID_PCM_U8 => "pcm",
        _ => "unknown",
    }
}

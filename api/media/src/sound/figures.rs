//! Figures of a recording, told from its frames.

use super::FRAME_MS;
use super::listener::{Frame, Listener};

/// Most peaks of a waveform, and fewest milliseconds of one.
const MAX_PEAKS: usize = 1_600;
const MIN_PEAK_FRAMES: usize = 6;
/// Frames from here up are speech, where speech is.
const VOICE: u8 = 128;
/// Sounds that are steadier than this, in the middle over a second and a half, are no speech, whatever else they are: the
/// ringing of a telephone, or music. Voices stay below 170, notes above 175.
const STEADY: u8 = 174;
const STEADY_OVER_MS: u64 = 1_504;
/// Sounds with shorter pauses are judged together.
const BREATH_MS: u64 = 160;
/// Speech goes on over pauses up to this length: the gaps between words.
const PAUSE_MS: u64 = 400;
/// Shorter ones are clicks and beeps. One voiced word is longer.
const SHORTEST_SPEECH_MS: u64 = 240;
/// Stretches without speech from this length on, inside a talk, are waiting.
const SHORTEST_HOLD_MS: u64 = 4_000;
/// Shorter ones are gaps between words.
const SHORTEST_SILENCE_MS: u64 = 500;
/// Most stretches of speech that are kept.
const MAX_SPANS: usize = 5_000;

/// A stretch of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Where it begins, in milliseconds.
    pub start_ms: u64,
    /// Where it ends, in milliseconds.
    pub end_ms: u64,
}

impl Span {
    fn ms(self) -> u64 {
        self.end_ms - self.start_ms
    }
}

/// What is heard in a recording. Shares are in basis points of its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// Length of what one peak stands for, in milliseconds.
    pub peak_ms: u64,
    /// The largest distance of a sample from zero in each stretch, 255 being full scale.
    pub peaks: Vec<u8>,
    /// When somebody speaks: stretches in their order, apart from each other. A recording with more than 5000 has the
    /// first 5000.
    pub speech: Vec<Span>,
    /// Time with speech.
    pub speech_bp: u64,
    /// Time with neither speech nor any other sound.
    pub silence_bp: u64,
    /// Where the first speech begins.
    pub first_speech_ms: Option<u64>,
    /// Where the last speech ends.
    pub last_speech_ms: Option<u64>,
    /// The longest silence.
    pub longest_silence: Option<Span>,
    /// Stretches of four seconds or more without speech between the first and the last speech, together: silence, or
    /// music.
    pub hold_ms: u64,
    /// The longest of these.
    pub longest_hold: Option<Span>,
    /// Share of samples at full scale, in basis points rounded up, so that one is not none.
    pub clipped_bp: u64,
    /// Mean power in hundredths of a decibel, 0 being full scale; none of digital silence.
    pub level_cdb: Option<i64>,
}

impl Listener {
    /// What was heard in a recording of a length in milliseconds.
    pub fn into_sound(mut self, duration_ms: u64) -> Sound {
        self.finish();
        let mean = self.mean_power();
        let n = usize::try_from(duration_ms.div_ceil(FRAME_MS)).unwrap_or(usize::MAX).min(self.most_frames);
        // A decoder gives some milliseconds more or less than the container says.
        self.frames.resize(n, Frame::SILENT);
        let frames = &self.frames;
        let mut speech = speech(frames);
        let silence_from = silence_from(frames);
        let mut spoken = vec![false; n];
        for span in &speech {
            let frames = (span.start_ms / FRAME_MS) as usize..(span.end_ms / FRAME_MS) as usize;
            spoken[frames].fill(true);
        }
        let is_silent = |(frame, spoken): (&Frame, &bool)| frame.quiet >= silence_from && !spoken;
        let silent = stretches(frames.iter().zip(&spoken).map(is_silent));
        let silences: Vec<_> = silent.into_iter().filter(|span| span.ms() >= SHORTEST_SILENCE_MS).collect();
        let holds = speech.windows(2).map(|pair| Span { start_ms: pair[0].end_ms, end_ms: pair[1].start_ms });
        let holds: Vec<_> = holds.filter(|hold| hold.ms() >= SHORTEST_HOLD_MS).collect();
        let whole_ms = (n as u64 * FRAME_MS).max(1);
        let share_bp =
            |spans: &[Span]| (spans.iter().map(|span| span.ms()).sum::<u64>() * 10_000 + whole_ms / 2) / whole_ms;
        // The last frame may reach beyond the end.
        let within = |span: Span| Span { end_ms: span.end_ms.min(duration_ms).max(span.start_ms), ..span };
        let peak_frames = n.div_ceil(MAX_PEAKS).max(MIN_PEAK_FRAMES);
        let mut sound = Sound {
            peak_ms: peak_frames as u64 * FRAME_MS,
            peaks: frames.chunks(peak_frames).map(|part| part.iter().map(|f| f.peak).max().unwrap_or(0)).collect(),
            speech_bp: share_bp(&speech),
            silence_bp: share_bp(&silences),
            first_speech_ms: speech.first().map(|span| span.start_ms),
            last_speech_ms: speech.last().map(|span| within(*span).end_ms),
            longest_silence: longest(&silences).map(within),
            hold_ms: holds.iter().map(|hold| hold.ms()).sum(),
            longest_hold: longest(&holds),
            clipped_bp: (self.clipped * 10_000).div_ceil(self.samples.max(1)),
            level_cdb: (mean > 1e-12).then(|| (mean.log10() * 1000.0).round() as i64),
            speech: Vec::new(),
        };
        speech.truncate(MAX_SPANS);
        speech.iter_mut().for_each(|span| *span = within(*span));
        sound.speech = speech;
        sound
    }
}

/// The first of the longest.
fn longest(spans: &[Span]) -> Option<Span> {
    spans.iter().copied().reduce(|a, b| if b.ms() > a.ms() { b } else { a })
}

/// Stretches of frames that are so.
fn stretches(frames: impl Iterator<Item = bool>) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    for (at_ms, _) in (0..).step_by(FRAME_MS as usize).zip(frames).filter(|(_, is_so)| *is_so) {
        match found.last_mut() {
            Some(last) if last.end_ms == at_ms => last.end_ms += FRAME_MS,
            _ => found.push(Span { start_ms: at_ms, end_ms: at_ms + FRAME_MS }),
        }
    }
    found
}

/// Where somebody speaks.
fn speech(frames: &[Frame]) -> Vec<Span> {
    let voiced = stretches(frames.iter().map(|frame| frame.voice >= VOICE));
    let sounds = joined(&voiced, BREATH_MS);
    let spoken = sounds.iter().flat_map(|(sound, _)| parts(*sound)).filter(|part| !is_steady(frames, *part));
    let spoken: Vec<_> = spoken.flat_map(|part| within(&voiced, part)).collect();
    let speech = joined(&spoken, PAUSE_MS).into_iter().filter(|(_, voiced_ms)| *voiced_ms >= SHORTEST_SPEECH_MS);
    speech.map(|(span, _)| span).collect()
}

/// Stretches with no longer pauses than this between them as one, and how long they are without the pauses.
fn joined(spans: &[Span], pause_ms: u64) -> Vec<(Span, u64)> {
    let mut joined: Vec<(Span, u64)> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some((last, ms)) if span.start_ms - last.end_ms <= pause_ms => {
                last.end_ms = span.end_ms;
                *ms += span.ms();
            }
            _ => joined.push((*span, span.ms())),
        }
    }
    joined
}

/// A stretch cut into parts of about the length that is judged at once.
fn parts(span: Span) -> impl Iterator<Item = Span> {
    let frames = span.ms() / FRAME_MS;
    let n = (span.ms() / STEADY_OVER_MS).max(1);
    let at = move |k: u64| span.start_ms + frames * k / n * FRAME_MS;
    (0..n).map(move |k| Span { start_ms: at(k), end_ms: at(k + 1) })
}

/// Whether the voiced frames of a part hold their notes.
fn is_steady(frames: &[Frame], part: Span) -> bool {
    let index = |ms: u64| usize::try_from(ms / FRAME_MS).unwrap_or(usize::MAX);
    let frames = frames.get(index(part.start_ms)..index(part.end_ms)).unwrap_or_default();
    let mut steady: Vec<_> = frames.iter().filter(|frame| frame.voice >= VOICE).map(|frame| frame.steady).collect();
    steady.sort_unstable();
    steady.get(steady.len() / 2).is_some_and(|middle| *middle >= STEADY)
}

/// What of some stretches lies within a part.
fn within(spans: &[Span], part: Span) -> impl Iterator<Item = Span> {
    let first = spans.partition_point(|span| span.end_ms <= part.start_ms);
    let inside = spans[first..].iter().take_while(move |span| span.start_ms < part.end_ms);
    inside.map(move |span| Span { start_ms: span.start_ms.max(part.start_ms), end_ms: span.end_ms.min(part.end_ms) })
}

/// From which frame on there is silence, in half decibels below full scale: a little above the noise of the quietest
/// twentieth of the recording, but between -60 and -40 decibels.
fn silence_from(frames: &[Frame]) -> u8 {
    const LOUDEST: usize = 80;
    const QUIETEST: usize = 120;
    const ABOVE: usize = 12;
    let mut counts = [0_usize; 256];
    for frame in frames {
        counts[usize::from(frame.quiet)] += 1;
    }
    let mut left = frames.len() / 20 + 1;
    let mut level = 255;
    while level > 0 && counts[level] < left {
        left -= counts[level];
        level -= 1;
    }
    level.saturating_sub(ABOVE).clamp(LOUDEST, QUIETEST) as u8
}

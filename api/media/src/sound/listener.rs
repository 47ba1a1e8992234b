//! Listening: samples in, four bytes a frame out.

use earshot::Detector;

use super::resample::Resampler;
use super::steady::Steady;
use super::{FRAME, RATE};

/// Samples from here up are clipped: the loudest that the format can hold.
const CLIPPED: f32 = 0.999;
/// Channels that leave less than this of the power of the loudest when they are mixed cancel each other out.
const CANCELLED: f32 = 0.05;

/// What is kept of sixteen milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// The largest distance of a sample from zero, 255 being full scale.
    pub peak: u8,
    /// Mean power in half decibels below full scale.
    pub quiet: u8,
    /// How much like speech it is, 255 being most.
    pub voice: u8,
    /// How much its spectrum is that of 64 ms before, 255 being the same.
    pub steady: u8,
}

impl Frame {
    pub const SILENT: Self = Self { peak: 0, quiet: u8::MAX, voice: 0, steady: 0 };
}

/// Takes the samples of a recording from its beginning to its end.
pub(crate) struct Listener {
    rate: u32,
    resampler: Resampler,
    ear: Ear,
    /// Samples of the frame that is being filled, at most [`FRAME`].
    filling: Vec<f32>,
    /// The largest distance from zero in any channel since the last frame.
    peak: f32,
    pub(super) frames: Vec<Frame>,
    /// Frames that are listened to; what comes later is dropped.
    pub(super) most_frames: usize,
    pub(super) samples: u64,
    pub(super) clipped: u64,
}

/// What hears one frame after the other.
struct Ear {
    detector: Box<Detector>,
    steady: Steady,
    /// Sum of the squares of all samples at 16 kHz.
    power: f64,
}

impl Listener {
    /// Listens up to a length in milliseconds.
    pub fn new(most_ms: u64) -> Self {
        Self {
            rate: RATE,
            resampler: Resampler::new(RATE),
            ear: Ear { detector: Box::default(), steady: Steady::new(), power: 0.0 },
            filling: Vec::with_capacity(FRAME),
            peak: 0.0,
            frames: Vec::new(),
            most_frames: usize::try_from(most_ms / super::FRAME_MS).unwrap_or(usize::MAX),
            samples: 0,
            clipped: 0,
        }
    }

    /// How far it has listened, in milliseconds.
    pub fn at_ms(&self) -> u64 {
        self.frames.len() as u64 * super::FRAME_MS + self.filling.len() as u64 * 1000 / u64::from(RATE)
    }

    /// True when it has heard all that it listens to.
    pub fn is_full(&self) -> bool {
        self.frames.len() >= self.most_frames
    }

    /// Listens to samples of a rate, channel beside channel. The rate may change in the middle.
    pub fn push(&mut self, interleaved: &[f32], rate: u32, channels: usize) {
        if rate != self.rate {
            self.rate = rate;
            self.resampler = Resampler::new(rate);
        }
        let share = 1.0 / channels as f32;
        let alone = cancelled(interleaved, channels);
        self.samples += interleaved.len() as u64;
        for sample in interleaved.chunks_exact(channels) {
            let mut sum = 0.0;
            for &one in sample {
                let one = bounded(one);
                self.clipped += u64::from(one.abs() >= CLIPPED);
                self.peak = self.peak.max(one.abs());
                sum += one;
            }
            let mixed = alone.and_then(|channel| sample.get(channel)).map_or(sum * share, |one| bounded(*one));
            let Self { resampler, filling, peak, ear, frames, most_frames, .. } = self;
            resampler.push(mixed, |sample| {
                filling.push(sample);
                if filling.len() == FRAME {
                    if frames.len() < *most_frames {
                        frames.push(ear.hear(filling, *peak));
                    }
                    filling.clear();
                    *peak = 0.0;
                }
            });
        }
    }

    /// Lets time pass in which nothing was recorded.
    pub fn skip_ms(&mut self, ms: u64) {
        let frames = usize::try_from(ms / super::FRAME_MS).unwrap_or(usize::MAX);
        let room = self.most_frames.saturating_sub(self.frames.len());
        self.frames.extend(std::iter::repeat_n(Frame::SILENT, frames.min(room)));
    }

    /// Mean power of everything that was heard, full scale being 1.
    pub(super) fn mean_power(&self) -> f64 {
        self.ear.power / (self.frames.len() * FRAME).max(1) as f64
    }

    /// Ends: what does not fill a frame is filled up with silence.
    pub fn finish(&mut self) {
        if !self.filling.is_empty() {
            self.filling.resize(FRAME, 0.0);
            if self.frames.len() < self.most_frames {
                self.frames.push(self.ear.hear(&self.filling, self.peak));
            }
            self.filling.clear();
        }
    }
}

fn bounded(sample: f32) -> f32 {
    if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 }
}

/// The loudest channel, where the channels are each other's opposites and nothing would be heard of all together.
fn cancelled(interleaved: &[f32], channels: usize) -> Option<usize> {
    if channels < 2 {
        return None;
    }
    let mut powers = vec![0.0_f32; channels];
    let mut mix = 0.0_f32;
    for sample in interleaved.chunks_exact(channels) {
        let mut sum = 0.0;
        for (power, one) in powers.iter_mut().zip(sample) {
            let one = bounded(*one);
            *power += one * one;
            sum += one;
        }
        mix += sum * sum;
    }
    // Of one channel alone, the sum has its power.
    let (loudest, power) = powers.into_iter().enumerate().max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    (mix < power * CANCELLED).then_some(loudest)
}

impl Ear {
    fn hear(&mut self, samples: &[f32], peak: f32) -> Frame {
        let sum: f32 = samples.iter().map(|sample| sample * sample).sum();
        self.power += f64::from(sum);
        let decibels = -10.0 * (sum / samples.len() as f32 + 1e-13).log10();
        // Casts of floats saturate.
        Frame {
            peak: (peak * 255.0).round() as u8,
            quiet: (decibels * 2.0).round() as u8,
            voice: (self.detector.predict_f32(samples) * 255.0) as u8,
            steady: self.steady.push(samples),
        }
    }
}

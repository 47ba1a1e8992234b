//! Telling ring tones and music from voices: they hold their notes, a voice glides.

use symphonia::core::dsp::complex::Complex;
use symphonia::core::dsp::fft::Fft;

use super::FRAME;

/// Lines of the spectrum that are looked at: up to 4 kHz, which a telephone carries.
const LINES: usize = 64;
/// How many frames back a frame is compared with: 64 ms, shorter than a note and longer than the even part of a vowel.
const BACK: usize = 4;
/// Added to the power of each line, so that digital silence has a spectrum.
const FLOOR: f32 = 1e-10;

/// Compares each frame with an earlier one.
pub(super) struct Steady {
    fft: Fft,
    window: Vec<f32>,
    buffer: Vec<Complex<f32>>,
    /// Spectra of the last frames in decibels, each without its mean and of length one; in a ring.
    past: [[f32; LINES]; BACK],
    next: usize,
}

impl Steady {
    pub fn new() -> Self {
        let turn = std::f32::consts::TAU / FRAME as f32;
        Self {
            fft: Fft::new(FRAME),
            window: (0..FRAME).map(|n| 0.5 - 0.5 * (turn * n as f32).cos()).collect(),
            buffer: Vec::with_capacity(FRAME),
            past: [[0.0; LINES]; BACK],
            next: 0,
        }
    }

    /// How alike the spectra of this frame and of that 64 ms before are: 255 for the same, 0 for unlike or opposite.
    pub fn push(&mut self, samples: &[f32]) -> u8 {
        self.buffer.clear();
        self.buffer.extend(samples.iter().zip(&self.window).map(|(sample, weight)| Complex::new(sample * weight, 0.0)));
        self.fft.fft_inplace(&mut self.buffer);
        let mut spectrum = [0.0; LINES];
        for (line, value) in spectrum.iter_mut().zip(&self.buffer) {
            *line = (value.norm_sqr() + FLOOR).ln();
        }
        let mean = spectrum.iter().sum::<f32>() / LINES as f32;
        spectrum.iter_mut().for_each(|line| *line -= mean);
        let length = spectrum.iter().map(|line| line * line).sum::<f32>().sqrt().max(1e-6);
        spectrum.iter_mut().for_each(|line| *line /= length);
        let alike: f32 = spectrum.iter().zip(&self.past[self.next]).map(|(a, b)| a * b).sum();
        self.past[self.next] = spectrum;
        self.next = (self.next + 1) % BACK;
        // Casts of floats saturate.
        (alike * 255.0) as u8
    }
}

//! Bringing samples to 16 kHz.

use super::RATE;

/// Most samples a second that are brought to another rate.
const MAX_RATE: u32 = 384_000;

/// Turns samples of one rate into samples of 16 kHz: the mean of what falls into each, which also keeps high tones from
/// coming back as low ones; of slower rates the straight line between two.
pub(super) struct Resampler {
    /// Samples read for each one written.
    step: f32,
    /// How much of the sample that is being written has been read, in samples; where slower rates stand between two.
    at: f32,
    sum: f32,
    last: f32,
}

impl Resampler {
    /// For samples of a rate, which is at most [`MAX_RATE`].
    pub fn new(rate: u32) -> Self {
        Self { step: rate.clamp(1, MAX_RATE) as f32 / RATE as f32, at: 0.0, sum: 0.0, last: 0.0 }
    }

    /// Reads one sample and writes what it completes.
    pub fn push(&mut self, sample: f32, mut write: impl FnMut(f32)) {
        if self.step == 1.0 {
            return write(sample);
        }
        if self.step < 1.0 {
            while self.at < 1.0 {
                write(self.last + (sample - self.last) * self.at);
                self.at += self.step;
            }
            self.at -= 1.0;
            self.last = sample;
            return;
        }
        if self.at + 1.0 < self.step {
            self.sum += sample;
            self.at += 1.0;
            return;
        }
        let part = self.step - self.at;
        write((self.sum + sample * part) / self.step);
        self.at = 1.0 - part;
        self.sum = sample * self.at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rate_becomes_16_khz() {
        for rate in [7_350, 8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 384_000] {
            let mut resampler = Resampler::new(rate);
            let mut written = Vec::new();
            for n in 0..rate * 2 {
                // 300 Hz.
                let sample = (std::f32::consts::TAU * 300.0 * n as f32 / rate as f32).sin();
                resampler.push(sample, |sample| written.push(sample));
            }
            assert!(written.len().abs_diff(32_000) <= 8, "{rate}: {}", written.len());
            let crossings = written.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
            assert!(crossings.abs_diff(600) <= 2, "{rate}: {crossings}");
            let peak = written.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
            assert!((0.97..=1.001).contains(&peak), "{rate}: {peak}");
        }
    }

    #[test]
    fn tones_above_the_new_band_do_not_come_back() {
        let mut resampler = Resampler::new(48_000);
        let mut peak = 0.0_f32;
        for n in 0..48_000 {
            let sample = (std::f32::consts::TAU * 16_000.0 * n as f32 / 48_000.0).sin();
            resampler.push(sample, |sample| peak = peak.max(sample.abs()));
        }
        assert!(peak < 0.05, "{peak}");
    }
}

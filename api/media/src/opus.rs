//! Opus, decoded to what the listener takes: 16 kHz and one channel, which the decoder gives for less work than 48 kHz.

use ropus::{Channels, DecodeMode, Decoder};

use super::sound::RATE;

/// Longest packet, in samples: 120 ms.
const MOST_SAMPLES: usize = 1_920;

pub(super) struct Opus {
    decoder: Decoder,
    output: Vec<i16>,
}

impl Opus {
    /// For a stream whose head the container carries; none for more channels than two, which nobody records speech with.
    pub fn new(head: Option<&[u8]>) -> Option<Self> {
        // The mapping of channels to streams stands behind version, channels, what to skip, rate and gain.
        let mapping = head.and_then(|head| head.get(18)).copied().unwrap_or(0);
        let decoder = Decoder::new(RATE, Channels::Mono).ok().filter(|_| mapping == 0)?;
        Some(Self { decoder, output: vec![0; MOST_SAMPLES] })
    }

    /// Decodes a packet into samples, without what is to be dropped at its beginning and its end, in microseconds. A
    /// packet that is broken is concealed like a lost one.
    pub fn decode(&mut self, packet: &[u8], [start_us, end_us]: [u64; 2], samples: &mut Vec<f32>) {
        samples.clear();
        let n = self.decoder.decode(packet, &mut self.output, DecodeMode::Normal).unwrap_or(0).min(MOST_SAMPLES);
        let dropped = |us: u64| usize::try_from(us * u64::from(RATE) / 1_000_000).unwrap_or(usize::MAX);
        let end = n.saturating_sub(dropped(end_us));
        let kept = self.output.get(dropped(start_us)..end).unwrap_or_default();
        samples.extend(kept.iter().map(|&sample| f32::from(sample) / 32_768.0));
    }
}

//! What is heard in a recording: how loud it is when, who speaks when, and how long nobody does.
//!
//! One pass over the samples, whatever they were decoded from. For each sixteen milliseconds four bytes are kept (how
//! loud, how loud at most, how much like speech, how steady), 3 MB for the longest recording; everything else is told
//! from these.

mod figures;
mod listener;
mod resample;
mod steady;

pub use figures::{Sound, Span};
pub(super) use listener::Listener;

/// Samples a second that everything is brought to, because the voice detector takes no other.
pub(super) const RATE: u32 = 16_000;
/// Samples of one frame, which the voice detector takes at once.
const FRAME: usize = 256;
/// Length of a frame in milliseconds.
const FRAME_MS: u64 = 16;

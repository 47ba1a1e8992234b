//! Ids made by the server: RFC 9562 version 7, so that they sort by the time they were made.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use uuid::{Builder, Uuid};

use crate::clock::Clock;
use crate::demo::random::mix;
use crate::secrets;

/// Makes ids.
#[derive(Clone, Debug)]
pub struct Ids {
    clock: Clock,
    source: Source,
    /// The last version 7 id, which the next one has to be above.
    last: Arc<Mutex<Uuid>>,
}

#[derive(Clone, Debug)]
enum Source {
    System,
    Seeded(Arc<AtomicU64>),
}

impl Ids {
    /// Ids with random bits from the system.
    pub fn system(clock: Clock) -> Self {
        Self { clock, source: Source::System, last: Arc::default() }
    }

    /// Ids with bits from a seed; for the demo only. They are unique and sort as they were made. Which object gets
    /// which of them differs between runs, because requests come at the same time.
    pub fn seeded(clock: Clock, seed: u64) -> Self {
        Self { clock, source: Source::Seeded(Arc::new(AtomicU64::new(seed))), last: Arc::default() }
    }

    /// A new id, above all that were made before: within one millisecond too, and when the clock was set back.
    pub fn next(&self) -> Uuid {
        let millis = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or(0);
        let mut random = match &self.source {
            Source::System => secrets::random_bytes::<10>(),
            Source::Seeded(state) => seeded_bytes(state),
        };
        // The first bit below the variant stays 0, so that counting on from here never reaches the variant
        // (RFC 9562, 6.2).
        random[2] &= 0b0001_1111;
        let fresh = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = if fresh > *last { fresh } else { Uuid::from_u128(last.as_u128() + 1) };
        *last
    }

    /// A new id that tells nothing of when it was made (version 4); for those whom the minute does not concern.
    pub fn opaque(&self) -> Uuid {
        let random = match &self.source {
            Source::System => secrets::random_bytes(),
            Source::Seeded(state) => seeded_bytes(state),
        };
        Builder::from_random_bytes(random).into_uuid()
    }
}

fn seeded_bytes<const N: usize>(state: &AtomicU64) -> [u8; N] {
    let n = state.fetch_add(1, Ordering::Relaxed);
    let mixed = [mix(n).to_be_bytes(), mix(!n).to_be_bytes()];
    let mut bytes = [0; N];
    for (byte, mixed) in bytes.iter_mut().zip(mixed.as_flattened()) {
        *byte = *mixed;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;

    #[test]
    fn ids_rise_within_a_millisecond_and_when_the_clock_goes_back() {
        let now = DateTime::from_timestamp(1_795_305_600, 0).unwrap();
        let clock = Clock::manual(now);
        for ids in [Ids::system(clock.clone()), Ids::seeded(clock.clone(), 7)] {
            clock.set(now);
            let mut made: Vec<_> = (0..1000).map(|_| ids.next()).collect();
            clock.set(now - TimeDelta::days(1));
            made.extend((0..1000).map(|_| ids.next()));
            assert!(made.is_sorted() && made.windows(2).all(|pair| pair[0] != pair[1]));
            assert!(made.iter().all(|id| id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122));
        }
    }
}

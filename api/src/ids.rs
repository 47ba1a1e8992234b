//! Ids made by the server: RFC 9562 version 7, so that they sort by the time they were made.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::{Builder, Uuid};

use crate::clock::Clock;
use crate::demo::random::mix;
use crate::secrets;

/// Makes ids.
#[derive(Clone, Debug)]
pub struct Ids {
    clock: Clock,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    System,
    Seeded(Arc<AtomicU64>),
}

impl Ids {
    /// Ids with random bits from the system.
    pub fn system(clock: Clock) -> Self {
        Self { clock, source: Source::System }
    }

    /// Ids that come out the same for the same seed and clock; for the demo only.
    pub fn seeded(clock: Clock, seed: u64) -> Self {
        Self { clock, source: Source::Seeded(Arc::new(AtomicU64::new(seed))) }
    }

    /// A new id.
    pub fn next(&self) -> Uuid {
        let millis = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or(0);
        let random = match &self.source {
            Source::System => secrets::random_bytes::<10>(),
            Source::Seeded(state) => seeded_bytes(state.fetch_add(1, Ordering::Relaxed)),
        };
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// A new id that tells nothing of when it was made (version 4); for those whom the minute does not concern.
    pub fn opaque(&self) -> Uuid {
        let random = match &self.source {
            Source::System => secrets::random_bytes::<16>(),
            Source::Seeded(state) => {
                let n = state.fetch_add(1, Ordering::Relaxed);
                ((u128::from(mix(n)) << 64) | u128::from(mix(!n))).to_be_bytes()
            }
        };
        Builder::from_random_bytes(random).into_uuid()
    }
}

fn seeded_bytes(n: u64) -> [u8; 10] {
    let mut bytes = [0; 10];
    // The counter first, so that ids of one millisecond keep their order.
    bytes[..4].copy_from_slice(&(n as u32).to_be_bytes());
    bytes[4..].copy_from_slice(&mix(n).to_be_bytes()[..6]);
    bytes
}

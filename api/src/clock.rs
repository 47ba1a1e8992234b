//! The time. Nothing else in the program reads the system clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};

/// Where the current time comes from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock set by hand, in microseconds since 1970 UTC; the demo files visits of past waves with it.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still until it is [set](Clock::set).
    pub fn manual(at: DateTime<Utc>) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(at.timestamp_micros())))
    }

    /// The time in UTC, cut to whole microseconds, which is what PostgreSQL keeps.
    pub fn now(&self) -> DateTime<Utc> {
        let micros = match self {
            Self::System => {
                #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
                let now = Utc::now();
                now.timestamp_micros()
            }
            Self::Manual(micros) => micros.load(Ordering::Relaxed),
        };
        DateTime::from_timestamp_micros(micros).unwrap_or_default()
    }

    /// Moves a manual clock; the system clock stays as it is.
    pub fn set(&self, at: DateTime<Utc>) {
        if let Self::Manual(micros) = self {
            micros.store(at.timestamp_micros(), Ordering::Relaxed);
        }
    }
}

/// How long something took, from a clock that never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
        let now = std::time::Instant::now();
        Self(now)
    }

    /// Whole microseconds since the start.
    pub fn elapsed_us(self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

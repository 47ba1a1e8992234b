//! Quantiles, tails and sums that several methods need; distributions come from `statrs`.

use statrs::distribution::{ContinuousCDF, Normal};

use super::failure::StatError;

/// The confidence used when none is asked for.
pub(super) const DEFAULT_CONFIDENCE: f64 = 0.95;

// Serde's way to say a default.
pub(super) fn default_confidence() -> f64 {
    DEFAULT_CONFIDENCE
}

/// A confidence strictly between 0 and 1.
pub(super) fn confidence(conf: f64) -> Result<f64, StatError> {
    if conf > 0.0 && conf < 1.0 {
        Ok(conf)
    } else {
        Err(StatError::bad_input("choose \"conf\" between 0 and 1, both excluded"))
    }
}

/// The `p` quantile of the standard normal distribution.
pub(super) fn z(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// The share of the standard normal distribution below `x`.
pub(super) fn phi(x: f64) -> f64 {
    Normal::standard().cdf(x)
}

/// Two-sided p of a standard normal statistic.
pub(super) fn normal_p(z: f64) -> f64 {
    (2.0 * phi(-z.abs())).min(1.0)
}

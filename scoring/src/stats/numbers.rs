//! What several methods share: confidence, normal quantiles, and the ways members are read and written.

use serde::{Deserialize, Deserializer, Serializer};
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

/// Refuses what JSON cannot hold but a caller from Rust can give.
pub(super) fn real(name: &str, values: &[f64]) -> Result<(), StatError> {
    if values.iter().all(|value| value.is_finite()) {
        Ok(())
    } else {
        Err(StatError::bad_input(format!("every number of \"{name}\" must be finite")))
    }
}

/// Refuses a result that overflowed: JSON would show it as null, which means something else.
pub(super) fn finite<'a>(results: impl IntoIterator<Item = &'a f64>) -> Result<(), StatError> {
    if results.into_iter().all(|result| result.is_finite()) {
        Ok(())
    } else {
        Err(StatError::undefined("the numbers are too large or too small to compute with"))
    }
}

/// The `p` quantile of the standard normal distribution.
pub(super) fn z(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// The z that a standard normal statistic stays within with the given confidence, both sides counted.
pub(super) fn critical_z(conf: f64) -> f64 {
    // From the lower tail: (1 + conf) / 2 rounds to 1 near conf = 1, and z would be infinite.
    -z((1.0 - conf) / 2.0)
}

/// The share of the standard normal distribution below `x`.
pub(super) fn phi(x: f64) -> f64 {
    Normal::standard().cdf(x)
}

/// Two-sided p of a standard normal statistic.
pub(super) fn normal_p(z: f64) -> f64 {
    (2.0 * phi(-z.abs())).min(1.0)
}

/// The middle of the values, the mean of both middle ones when their number is even; `None` of none.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    // Halved first: the sum of two large numbers overflows.
    Some(sorted[sorted.len() / 2 - 1] / 2.0 + upper / 2.0)
}

/// Reads an optional member that may be absent but not null.
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(member: D) -> Result<Option<T>, D::Error> {
    T::deserialize(member).map(Some)
}

/// Writes degrees of freedom: an integer where they count something, a fraction where they are estimated.
pub(super) fn degrees<S: Serializer>(df: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    // Above 2^53 neighbouring integers are more than 1 apart, and nothing is counted that far.
    if df.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(df) {
        serializer.serialize_u64(*df as u64)
    } else {
        serializer.serialize_f64(*df)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_needs_no_order_and_no_odd_number() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[f64::MAX, f64::MAX]), Some(f64::MAX));
    }
}

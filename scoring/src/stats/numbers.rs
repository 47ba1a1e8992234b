//! What several methods share: confidence, normal quantiles, and the ways members are read and written.

use serde::{Deserialize, Deserializer, Serializer};
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::gamma::gamma_ur;

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

/// Refuses a variance that is negative or no number.
pub(super) fn variance(name: &str, value: f64) -> Result<(), StatError> {
    if value.is_finite() && value >= 0.0 {
        Ok(())
    } else {
        Err(StatError::bad_input(format!("the variance \"{name}\" must be a number from 0 up")))
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
    let beyond = normal_p(x) / 2.0;
    if x < 0.0 { beyond } else { 1.0 - beyond }
}

/// Two-sided p of a standard normal statistic.
pub(super) fn normal_p(z: f64) -> f64 {
    // Through the gamma function: erfc of `statrs` is good for ten digits only, and quantiles of exact
    // distributions sit on their steps. Beyond 39 nothing is left that a number could hold.
    let half_square = z * z / 2.0;
    if half_square == 0.0 {
        1.0
    } else if z.abs() > 39.0 {
        0.0
    } else {
        gamma_ur(0.5, half_square).min(1.0)
    }
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
    fn the_normal_distribution_is_good_for_fourteen_digits() {
        for (x, exact) in [
            (0.0, 0.5),
            (-1.0, 0.158_655_253_931_457_05),
            (1.3, 0.903_199_515_414_389_8),
            (-8.0, 6.220_960_574_271_786e-16),
        ] {
            assert!((phi(x) / exact - 1.0).abs() < 1e-14, "{x}: {}", phi(x));
        }
        assert_eq!((phi(f64::NEG_INFINITY), phi(f64::INFINITY), normal_p(f64::NEG_INFINITY)), (0.0, 1.0, 0.0));
        for p in [1e-300, 1e-9, 0.025, 0.25, 0.5, 0.9] {
            assert!((phi(z(p)) / p - 1.0).abs() < 1e-12, "{p}");
        }
    }

    #[test]
    fn the_median_needs_no_order_and_no_odd_number() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[f64::MAX, f64::MAX]), Some(f64::MAX));
    }
}

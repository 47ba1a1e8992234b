//! Shrinkage of figures that all have the same known variance.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::failure::StatError;
use super::super::numbers::{finite, real};
use super::super::sample::Sample;
use super::super::{read, written};

/// Figures shrunken towards their mean by one common factor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JamesStein {
    /// Mean of the figures, in score units.
    pub mean: f64,
    /// Share of the distance to the mean that is kept, 0..=1.
    pub c: f64,
    /// Shrunken figures, in score units, in the order given.
    pub estimates: Vec<f64>,
}

/// The positive-part James-Stein estimate, towards the mean of all figures.
///
/// `y` in any unit; `v` is the sampling variance of each, in its square and above 0.
///
/// # Errors
///
/// * [`BadInput`](crate::stats::StatErrorCode::BadInput): a number that is not finite, a variance that
///   is not above 0.
/// * [`TooFew`](crate::stats::StatErrorCode::TooFew): fewer than 4 figures, for which it gains nothing.
/// * [`Undefined`](crate::stats::StatErrorCode::Undefined): all figures are equal.
///
/// # Source
///
/// Efron and Morris 1975: c = max(0, 1 - (k - 3) v / sum (y - mean)^2).
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::shrink::james_stein;
///
/// let shrunken = james_stein(&[70.0, 74.0, 82.0, 86.0], 40.0)?;
/// assert_eq!((shrunken.mean, shrunken.c), (78.0, 0.75));
/// assert_eq!(shrunken.estimates, [72.0, 75.0, 81.0, 84.0]);
///
/// assert_eq!(james_stein(&[70.0, 74.0, 82.0], 40.0).unwrap_err().code, StatErrorCode::TooFew);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn james_stein(y: &[f64], v: f64) -> Result<JamesStein, StatError> {
    real("y", y)?;
    if !(v.is_finite() && v > 0.0) {
        return Err(StatError::bad_input("the sampling variance \"v\" must be above 0"));
    }
    if y.len() < 4 {
        return Err(StatError::too_few("this estimate gains nothing for fewer than four figures"));
    }
    let Sample { mean, squares, .. } = Sample::of(y);
    if squares == 0.0 {
        return Err(StatError::undefined("all figures are equal"));
    }
    let c = (1.0 - (y.len() as f64 - 3.0) * v / squares).max(0.0);
    let estimates: Vec<f64> = y.iter().map(|y| mean + c * (y - mean)).collect();
    finite(estimates.iter().chain([&squares, &c]))?;
    Ok(JamesStein { mean, c, estimates })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    y: Vec<f64>,
    v: f64,
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { y, v } = read(input)?;
    written(&james_stein(&y, v)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::StatErrorCode;

    #[test]
    fn efron_and_morris_1975() {
        // Batting averages of the first 45 at bats, in hits; the binomial variance of their mean.
        let hits = [18, 17, 16, 15, 14, 14, 13, 12, 11, 11, 10, 10, 10, 10, 10, 9, 8, 7];
        let averages = hits.map(|hits| f64::from(hits) / 45.0);
        let mean = Sample::of(&averages).mean;
        let shrunken = james_stein(&averages, mean * (1.0 - mean) / 45.0).unwrap();
        assert!((shrunken.c - 0.212).abs() < 5e-4);
        assert!((shrunken.estimates[0] - 0.294).abs() < 5e-4);
    }

    #[test]
    fn mean_and_order_stay() {
        let y = [3.0, -1.0, 8.0, 2.5, 2.5];
        let shrunken = james_stein(&y, 3.0).unwrap();
        assert!((Sample::of(&shrunken.estimates).mean - shrunken.mean).abs() < 1e-12);
        assert_eq!(shrunken.estimates[3], shrunken.estimates[4]);
        assert!(shrunken.estimates[1] < shrunken.estimates[3] && shrunken.estimates[0] < shrunken.estimates[2]);
    }

    #[test]
    fn bad_input_comes_before_too_few() {
        let code = |y: &[f64], v| james_stein(y, v).unwrap_err().code;
        assert_eq!(code(&[], 0.0), StatErrorCode::BadInput);
        assert_eq!(code(&[f64::NAN], 1.0), StatErrorCode::BadInput);
        assert_eq!(code(&[], 1.0), StatErrorCode::TooFew);
        assert_eq!(code(&[0.1; 7], 1.0), StatErrorCode::Undefined);
        assert_eq!(code(&[0.0; 4], 1.0), StatErrorCode::Undefined);
        assert_eq!(code(&[1e200, 0.0, 0.0, 0.0], 1.0), StatErrorCode::Undefined);
    }
}

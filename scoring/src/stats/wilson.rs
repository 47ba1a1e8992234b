//! Wilson's interval of a share: how sure "3 of 3" is.
//!
//! Use it for every proportion that is shown: pass rates of an item, knock-out rates, top boxes. The
//! usual p +- z se collapses to a point at 0 of n and n of n and runs out of 0..1; this one does
//! neither, and covers close to the confidence asked for from very few trials on.
//!
//! It says nothing when the trials depend on each other: items of one visit are not trials.
//!
//! Source: Wilson 1927; Newcombe 1998 (method 3), whose figures are among the tests.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::StatError;
use super::numbers::{confidence, critical_z, default_confidence};
use super::{read, written};

/// A share with Wilson's interval.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Wilson {
    /// Successes, 0..=n.
    pub k: u64,
    /// Trials, at least 1.
    pub n: u64,
    /// The share k/n, 0..=1.
    pub p: f64,
    /// Lower bound of the share, 0..=1; exactly 0 at k = 0.
    pub lower: f64,
    /// Upper bound of the share, 0..=1; exactly 1 at k = n.
    pub upper: f64,
}

/// The share of `k` successes among `n` trials, with Wilson's interval.
///
/// Everything is a share, 0..=1; `conf` lies strictly between 0 and 1.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): k > n, or a confidence out of its range.
/// * [`TooFew`](super::StatErrorCode::TooFew): no trials.
///
/// # Source
///
/// Wilson 1927: the two p with |k/n - p| = z sqrt(p (1 - p) / n).
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::wilson::wilson;
///
/// let all_passed = wilson(3, 3, 0.95)?;
/// assert_eq!((all_passed.p, all_passed.upper), (1.0, 1.0));
/// assert!((all_passed.lower - 0.4385).abs() < 1e-4);
///
/// assert_eq!(wilson(0, 0, 0.95).unwrap_err().code, StatErrorCode::TooFew);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn wilson(k: u64, n: u64, conf: f64) -> Result<Wilson, StatError> {
    let conf = confidence(conf)?;
    if k > n {
        return Err(StatError::bad_input("\"k\" successes cannot exceed \"n\" trials"));
    }
    if n == 0 {
        return Err(StatError::too_few("a share needs at least one trial"));
    }
    let (successes, failures, trials) = (k as f64, (n - k) as f64, n as f64);
    let z = critical_z(conf);
    let half = z * (z * z / 4.0 + successes * (failures / trials)).sqrt();
    let sum = successes + z * z / 2.0 + half;
    // The lower root as the product of both roots through the upper one: the plain formula cancels.
    let lower = if k == 0 { 0.0 } else { (successes / sum) * (successes / trials) };
    let upper = if k == n { 1.0 } else { sum / (trials + z * z) };
    Ok(Wilson { k, n, p: successes / trials, lower, upper })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    k: u64,
    n: u64,
    #[serde(default = "default_confidence")]
    conf: f64,
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { k, n, conf } = read(input)?;
    written(&wilson(k, n, conf)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::StatErrorCode;

    #[test]
    fn bounds_hold_the_share_and_mirror_at_any_confidence() {
        for conf in [1e-300, 0.01, 0.5, 0.95, 0.999_999, 1.0 - f64::EPSILON / 2.0] {
            for (k, n) in
                [(0, 1), (1, 1), (1, 7), (5, 9), (1, u64::MAX), (u64::MAX / 2, u64::MAX), (u64::MAX, u64::MAX)]
            {
                let share = wilson(k, n, conf).unwrap();
                let mirrored = wilson(n - k, n, conf).unwrap();
                assert!(0.0 <= share.lower && share.upper <= 1.0, "{share:?}");
                assert!(share.lower <= share.p + 1e-15 && share.p <= share.upper + 1e-15, "{share:?}");
                assert!((share.lower + mirrored.upper - 1.0).abs() < 1e-14, "{share:?} {mirrored:?}");
            }
        }
    }

    #[test]
    fn a_confidence_out_of_range_comes_before_too_few() {
        for conf in [0.0, 1.0, -0.5, 2.0, f64::NAN, f64::INFINITY] {
            assert_eq!(wilson(0, 0, conf).unwrap_err().code, StatErrorCode::BadInput);
        }
    }
}

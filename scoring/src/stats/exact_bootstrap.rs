//! The bootstrap of a mean, from every possible resample instead of random ones.
//!
//! For teaching and for questions of "what if": at most nine values have so few distinct resamples that
//! all can be counted, with the same result on every machine. `percentile` are the plain bounds, `bca`
//! the bias-corrected and accelerated ones (Efron 1987).
//!
//! Do not show these as the interval of a branch: with few visits they cover 42 to 84% instead of 95%.
//! Use [`interval`](super::interval).
//!
//! Source: Fisher and Hall 1991 (exact bootstrap); Efron 1987 (BCa).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::StatError;
use super::numbers::{confidence, critical_z, default_confidence, finite, phi, real, z};
use super::sample::{Sample, mean};
use super::{read, written};

/// More values have too many resamples.
const MOST_VALUES: usize = 9;

/// Sums that agree in this many parts of one are one.
const SUM_PARTS: f64 = 1e9;

/// What a comparison of probabilities forgives.
const SLACK: f64 = 1e-12;

/// The exact bootstrap of a mean, in the unit of the values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExactBootstrap {
    /// Mean of the values.
    pub mean: f64,
    /// Values, 2..=9.
    pub n: usize,
    /// Distinct means a resample can have, at least 1.
    pub support: usize,
    /// Interval by the quantiles of the resampled means.
    pub percentile: [f64; 2],
    /// Bias of the resampled means in standard deviations; `None` when all values are equal.
    pub z0: Option<f64>,
    /// Acceleration: how the spread changes with the mean; `None` when all values are equal.
    pub a: Option<f64>,
    /// The levels that bias and acceleration turn the confidence into, 0..=1; `None` as above.
    pub alpha: Option<[f64; 2]>,
    /// Bias-corrected and accelerated interval; `None` as above.
    pub bca: Option<[f64; 2]>,
}

/// The exact bootstrap of the mean of two to nine values.
///
/// Values are in any unit; `conf` lies strictly between 0 and 1.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): a confidence out of its range, or a value not finite.
/// * [`TooFew`](super::StatErrorCode::TooFew): fewer than two values.
/// * [`TooMany`](super::StatErrorCode::TooMany): more than nine values.
/// * [`Undefined`](super::StatErrorCode::Undefined): the sums overflow.
///
/// # Source
///
/// Every multiset of n values with its multinomial weight; BCa levels Phi(z0 + (z0 + z) / (1 - a (z0 + z))).
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::exact_bootstrap::exact_bootstrap;
///
/// let visits = exact_bootstrap(&[55.0, 90.0, 90.0, 95.0, 100.0], 0.95)?;
/// assert_eq!((visits.support, visits.percentile), (34, [70.0, 96.0]));
/// assert_eq!(visits.bca, Some([63.0, 95.0]));
///
/// assert_eq!(exact_bootstrap(&[0.0; 10], 0.95).unwrap_err().code, StatErrorCode::TooMany);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn exact_bootstrap(x: &[f64], conf: f64) -> Result<ExactBootstrap, StatError> {
    confidence(conf)?;
    real("x", x)?;
    match x.len() {
        0 | 1 => return Err(StatError::too_few("a resample needs at least two values")),
        10.. => return Err(StatError::too_many(format!("at most {MOST_VALUES} values can be resampled exactly"))),
        _ => {}
    }
    let means = ResampledMeans::of(x)?;
    let sample = Sample::of(x);
    let tail = (1.0 - conf) / 2.0;
    let mut bootstrap = ExactBootstrap {
        mean: sample.mean,
        n: sample.n,
        support: means.counts.len(),
        percentile: [tail, (1.0 + conf) / 2.0].map(|p| means.quantile(p)),
        z0: None,
        a: None,
        alpha: None,
        bca: None,
    };
    if sample.squares > 0.0 {
        let z0 = z(means.share_below(x));
        let a = acceleration(x);
        let alpha = [-critical_z(conf), critical_z(conf)].map(|z| phi(z0 + (z0 + z) / (1.0 - a * (z0 + z))));
        finite([&bootstrap.mean, &z0, &a].into_iter().chain(&alpha))?;
        bootstrap.z0 = Some(z0);
        bootstrap.a = Some(a);
        bootstrap.alpha = Some(alpha);
        bootstrap.bca = Some(alpha.map(|p| means.quantile(p)));
    }
    Ok(bootstrap)
}

/// Every mean a resample can have, upwards, with the number of resamples that have it.
struct ResampledMeans {
    counts: Vec<(f64, u64)>,
    resamples: u64,
    n: f64,
}

impl ResampledMeans {
    fn of(x: &[f64]) -> Result<Self, StatError> {
        let n = x.len();
        let mut sums = Vec::new();
        let ways = (1..=n as u64).product();
        add_multisets(x, n, 0.0, ways, &mut sums);
        finite(sums.iter().map(|(sum, _)| sum))?;
        sums.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let mut counts: Vec<(f64, u64)> = Vec::new();
        for (sum, ways) in sums {
            match counts.last_mut() {
                Some((last, count)) if *last == sum => *count += ways,
                _ => counts.push((sum, ways)),
            }
        }
        Ok(Self { counts, resamples: (n as u64).pow(n as u32), n: n as f64 })
    }

    /// The smallest mean that a share `p` of the resamples does not exceed.
    fn quantile(&self, p: f64) -> f64 {
        let mut below = 0;
        let reached = self.counts.iter().find(|(_, count)| {
            below += count;
            below as f64 / self.resamples as f64 >= p - SLACK
        });
        reached.or(self.counts.last()).map_or(f64::NAN, |(sum, _)| sum / SUM_PARTS / self.n)
    }

    /// The share of resamples whose mean is below that of `x`, equal ones counted by half.
    fn share_below(&self, x: &[f64]) -> f64 {
        let sum = rounded(x.iter().sum());
        let share: f64 = self
            .counts
            .iter()
            .map(|(other, count)| {
                if *other < sum {
                    *count as f64
                } else if *other == sum {
                    *count as f64 / 2.0
                } else {
                    0.0
                }
            })
            .sum();
        share / self.resamples as f64
    }
}

fn rounded(sum: f64) -> f64 {
    // Adding 0 turns -0 into 0, which sorts apart from it.
    (sum * SUM_PARTS).round() + 0.0
}

// The multinomial weight n! / (c1! c2! ..) by dividing `ways` as the counts are chosen.
fn add_multisets(x: &[f64], left: usize, sum: f64, ways: u64, sums: &mut Vec<(f64, u64)>) {
    let Some((first, rest)) = x.split_first() else {
        if left == 0 {
            sums.push((rounded(sum), ways));
        }
        return;
    };
    let mut ways = ways;
    for count in 0..=left {
        if count > 1 {
            ways /= count as u64;
        }
        add_multisets(rest, left - count, sum + count as f64 * first, ways, sums);
    }
}

/// sum d^3 / (6 (sum d^2)^1.5) of the leave-one-out means, d = their mean minus each.
fn acceleration(x: &[f64]) -> f64 {
    let total: f64 = x.iter().sum();
    let left_out: Vec<f64> = x.iter().map(|value| (total - value) / (x.len() - 1) as f64).collect();
    let centre = mean(&left_out);
    let cubes: f64 = left_out.iter().map(|value| (centre - value).powi(3)).sum();
    let squares: f64 = left_out.iter().map(|value| (centre - value).powi(2)).sum();
    cubes / (6.0 * squares.powf(1.5))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    x: Vec<f64>,
    #[serde(default = "default_confidence")]
    conf: f64,
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { x, conf } = read(input)?;
    written(&exact_bootstrap(&x, conf)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::StatErrorCode;

    #[test]
    fn all_resamples_are_counted() {
        for n in 2..=9_u32 {
            let x: Vec<f64> = (0..n).map(|i| f64::from(i * i)).collect();
            let means = ResampledMeans::of(&x).unwrap();
            assert_eq!(means.counts.iter().map(|(_, count)| count).sum::<u64>(), u64::from(n).pow(n));
        }
    }

    #[test]
    fn order_does_not_matter_and_rounding_makes_no_new_means() {
        let one = exact_bootstrap(&[0.1, 0.2, 0.3, 0.7], 0.9).unwrap();
        let other = exact_bootstrap(&[0.7, 0.3, 0.2, 0.1], 0.9).unwrap();
        assert_eq!((one.support, one.percentile, one.bca), (other.support, other.percentile, other.bca));
        assert_eq!(exact_bootstrap(&[0.1 + 0.2, 0.3], 0.9).unwrap().z0, None);
        // Sums of -1, 0, 1: -0 and 0 are one.
        assert_eq!(exact_bootstrap(&[-1.0, 1.0], 0.9).unwrap().support, 3);
    }

    #[test]
    fn sums_that_overflow_are_refused() {
        assert_eq!(exact_bootstrap(&[1e300, 2e300], 0.9).unwrap_err().code, StatErrorCode::Undefined);
        assert_eq!(exact_bootstrap(&[1e300, 1e300], 0.9).unwrap_err().code, StatErrorCode::Undefined);
    }
}

//! Ranks of branches, and how little they are worth.
//!
//! With few visits a list "from best to worst" is mostly chance: of the worst tenth in such a list, a
//! third truly belongs there. `p_better` says how sure one branch beats another, `expected_rank` is the
//! rank to sort by, `rank_interval` counts only neighbours that are significantly above or below, and
//! tiers (top, middle, bottom against a target) are what to publish instead of numbers.
//!
//! Estimates should be shrunken ([`shrink`](crate::stats)) with their posterior variances. Intervals
//! are pointwise: that all of them hold at once is less sure than `conf`.
//!
//! Source: Goldstein and Spiegelhalter 1996.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bh::bh;
use super::failure::StatError;
use super::numbers::{confidence, finite, given, normal_p, phi, real};
use super::{read, written};
use crate::words::words;

/// The confidence of rank intervals when none is asked for.
const DEFAULT_CONFIDENCE: f64 = 0.9;

/// Probability of being above the target from which a branch is top; bottom is up to its complement.
const TOP: f64 = 0.9;
const BOTTOM: f64 = 0.1;

words! {
    /// Where a branch stands against the target.
    Tier {
        /// Above the target with probability .9 or more.
        Top = "top",
        /// Not sure enough for either.
        Middle = "middle",
        /// Above the target with probability .1 or less.
        Bottom = "bottom",
    }
}

/// How branches rank; higher estimates are better.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranks {
    /// Entry j of row i: probability that branch i beats branch j, 0..=1; .5 on the diagonal.
    pub p_better: Vec<Vec<f64>>,
    /// Expected rank, 1..=branches; 1 is best.
    pub expected_rank: Vec<f64>,
    /// Best and worst rank that significant neighbours leave, 1..=branches.
    pub rank_interval: Vec<[usize; 2]>,
    /// Probability of being above the target, 0..=1; `None` without a target.
    pub p_above_target: Option<Vec<f64>>,
    /// Tier against the target; `None` without one.
    pub tier: Option<Vec<Tier>>,
}

/// Ranks branches by their estimates, each with its variance.
///
/// Estimates and `target` are in one unit, variances in its square; `conf` lies strictly between 0 and 1.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): lists of different lengths, a negative variance, a
///   confidence out of its range, or a number not finite.
/// * [`TooFew`](super::StatErrorCode::TooFew): fewer than two branches.
/// * [`Undefined`](super::StatErrorCode::Undefined): the numbers overflow.
///
/// # Source
///
/// P(i beats j) = Phi((e_i - e_j) / sqrt(v_i + v_j)); pairs are significant by Benjamini and Hochberg.
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::ranks::{Tier, ranks};
///
/// let branches = ranks(&[9000.0, 7000.0, 7100.0], &[1e4, 1e4, 1e4], 0.9, Some(8000.0))?;
/// assert_eq!(branches.rank_interval, [[1, 1], [2, 3], [2, 3]]);
/// assert_eq!(branches.tier, Some(vec![Tier::Top, Tier::Bottom, Tier::Bottom]));
///
/// assert_eq!(ranks(&[80.0], &[4.0], 0.9, None).unwrap_err().code, StatErrorCode::TooFew);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn ranks(estimates: &[f64], variances: &[f64], conf: f64, target: Option<f64>) -> Result<Ranks, StatError> {
    check(estimates, variances, conf, target)?;
    let k = estimates.len();
    if k < 2 {
        return Err(StatError::too_few("a ranking needs at least two branches"));
    }
    let mut p_better = vec![vec![0.5; k]; k];
    let mut pairs = Vec::with_capacity(k * (k - 1) / 2);
    for i in 0..k {
        for j in i + 1..k {
            let z = standardised(estimates[i] - estimates[j], variances[i] + variances[j])?;
            let p = normal_p(z);
            let (winner, loser) = if z < 0.0 { (j, i) } else { (i, j) };
            p_better[winner][loser] = 1.0 - p / 2.0;
            p_better[loser][winner] = p / 2.0;
            pairs.push(p);
        }
    }
    let above = target.map(|target| {
        let z = estimates.iter().zip(variances).map(|(estimate, v)| standardised(estimate - target, *v));
        z.map(|z| z.map(phi)).collect::<Result<Vec<f64>, StatError>>()
    });
    let p_above_target = above.transpose()?;
    Ok(Ranks {
        // P(j better than j) is on the diagonal and belongs to no pair.
        expected_rank: p_better.iter().map(|row| 1.0 + row.iter().map(|p| 1.0 - p).sum::<f64>() - 0.5).collect(),
        rank_interval: rank_intervals(&p_better, &bh(&pairs, 1.0 - conf)?.reject),
        tier: p_above_target.as_ref().map(|above| above.iter().map(|p| tier(*p)).collect()),
        p_above_target,
        p_better,
    })
}

fn check(estimates: &[f64], variances: &[f64], conf: f64, target: Option<f64>) -> Result<(), StatError> {
    confidence(conf)?;
    real("estimates", estimates)?;
    real("variances", variances)?;
    real("target", target.as_slice())?;
    if estimates.len() != variances.len() {
        return Err(StatError::bad_input("give every estimate its variance: the lists differ in length"));
    }
    if variances.iter().any(|variance| *variance < 0.0) {
        return Err(StatError::bad_input("a variance cannot be below 0"));
    }
    Ok(())
}

/// A difference in standard deviations; infinite, or 0 for none, when it is known exactly.
fn standardised(difference: f64, variance: f64) -> Result<f64, StatError> {
    finite([&difference, &variance])?;
    Ok(if difference == 0.0 { 0.0 } else { difference / variance.sqrt() })
}

fn rank_intervals(p_better: &[Vec<f64>], significant: &[bool]) -> Vec<[usize; 2]> {
    let k = p_better.len();
    let mut intervals = vec![[1, k]; k];
    let mut pairs = significant.iter();
    for (i, row) in p_better.iter().enumerate() {
        for (j, better) in row.iter().enumerate().skip(i + 1) {
            // An even pair is significant when conf is next to 0, but nobody is above.
            if pairs.next() != Some(&true) || *better == 0.5 {
                continue;
            }
            let (winner, loser) = if *better > 0.5 { (i, j) } else { (j, i) };
            intervals[winner][1] -= 1;
            intervals[loser][0] += 1;
        }
    }
    intervals
}

fn tier(p_above: f64) -> Tier {
    if p_above >= TOP {
        Tier::Top
    } else if p_above <= BOTTOM {
        Tier::Bottom
    } else {
        Tier::Middle
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    estimates: Vec<f64>,
    variances: Vec<f64>,
    #[serde(default = "default_confidence")]
    conf: f64,
    #[serde(default, deserialize_with = "given")]
    target: Option<f64>,
}

fn default_confidence() -> f64 {
    DEFAULT_CONFIDENCE
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { estimates, variances, conf, target } = read(input)?;
    written(&ranks(&estimates, &variances, conf, target)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stats::StatErrorCode::{BadInput, TooFew, Undefined};

    #[test]
    fn ranks_add_up_and_pairs_are_complementary() {
        let estimates: Vec<f64> = (0..40_u32).map(|i| f64::from(i * 7919 % 101)).collect();
        let variances: Vec<f64> = (0..40_u32).map(|i| f64::from(i * 31 % 17)).collect();
        let branches = ranks(&estimates, &variances, 0.9, None).unwrap();
        assert!((branches.expected_rank.iter().sum::<f64>() - 820.0).abs() < 1e-9);
        for (i, row) in branches.p_better.iter().enumerate() {
            for (j, p) in row.iter().enumerate() {
                assert!((p + branches.p_better[j][i] - 1.0).abs() < 1e-12);
            }
            let [best, worst] = branches.rank_interval[i];
            assert!(1 <= best && best <= worst && worst <= 40);
        }
    }

    #[test]
    fn what_is_known_exactly_is_compared_exactly() {
        let branches = ranks(&[3.0, 1.0, 2.0], &[0.0, 0.0, 0.0], 1e-17, Some(2.0)).unwrap();
        assert_eq!(branches.expected_rank, [1.0, 3.0, 2.0]);
        assert_eq!(branches.rank_interval, [[1, 1], [3, 3], [2, 2]]);
        assert_eq!(branches.p_above_target, Some(vec![1.0, 0.0, 0.5]));
        let even = ranks(&[5.0, 5.0], &[1.0, 0.0], 1e-17, None).unwrap();
        assert_eq!(even.rank_interval, [[1, 2], [1, 2]]);
    }

    #[test]
    fn inputs_are_read_to_the_letter() {
        for (input, code) in [
            (json!({"estimates": [], "variances": []}), TooFew),
            (json!({"estimates": [1], "variances": [-1]}), BadInput),
            (json!({"estimates": [1], "variances": []}), BadInput),
            (json!({"estimates": [1, 2], "variances": [1, 2], "conf": 0}), BadInput),
            (json!({"estimates": [1, 2], "variances": [1, 2], "target": null}), BadInput),
            (json!({"estimates": [1, 2], "variances": [1e308, 1e308]}), Undefined),
        ] {
            assert_eq!(run(input.clone()).unwrap_err().code, code, "{input}");
        }
    }
}

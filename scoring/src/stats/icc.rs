//! Intraclass correlation: how far raters of the same targets agree on a scale.
//!
//! Each target (a visit scored twice, a recording, a photo) is scored by every rater. Six forms answer
//! six questions (Shrout and Fleiss 1979):
//!
//! | form | raters | a difference in level counts | about |
//! |---|---|---|---|
//! | `ICC1` | others for each target | yes | one rating |
//! | `ICC2` | a sample, the same for all targets | yes | one rating |
//! | `ICC3` | exactly these, the same for all targets | no | one rating |
//! | `ICC1k`, `ICC2k`, `ICC3k` | as above | as above | the mean of all k ratings |
//!
//! For double scoring of visits take `ICC2` (how good is one reviewer) or `ICC2k` (how good is the mean
//! of both); `ICC1` when the reviewers change from visit to visit.
//!
//! It compares disagreement with the spread of the targets: the same disagreement gives a low figure
//! among branches that are all alike. It says nothing about whether the raters are right. Negative
//! values are possible and mean that raters differ more than targets do.
//!
//! Source: Shrout and Fleiss 1979, whose figures are among the cases; limits of `ICC2` with the degrees
//! of freedom of Satterthwaite as in McGraw and Wong 1996.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::StatError;
use super::fisher::upper_point_inverse;
use super::numbers::{confidence, default_confidence, finite, real};
use super::sample::{counted, mean, squares};
use super::{read, written};

/// Agreement of raters who all scored the same targets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Icc {
    /// Targets, at least 2.
    pub targets: usize,
    /// Raters, at least 2.
    pub raters: usize,
    /// Mean squares, in squared score units.
    pub ms: MeanSquares,
    /// The coefficients, without unit. At most 1, but for `ICC2k` where raters differ by less than their errors explain:
    /// its denominator then gets near 0 or below, and the coefficient says nothing.
    pub icc: SixForms<f64>,
    /// Lower and upper limit of each coefficient; nothing when the error mean square is 0.
    pub ci: Option<SixForms<[f64; 2]>>,
}

/// Mean squares of the table of targets and raters, in squared score units, from 0 up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MeanSquares {
    /// Between targets, above 0.
    pub targets: f64,
    /// Between raters.
    pub raters: f64,
    /// What neither target nor rater explains.
    pub error: f64,
    /// Within targets: raters and error together.
    pub within: f64,
}

/// One value for each of the six coefficients of Shrout and Fleiss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SixForms<T> {
    /// Other raters for each target, one rating.
    #[serde(rename = "ICC1")]
    pub icc1: T,
    /// A sample of raters for all targets, one rating, absolute agreement.
    #[serde(rename = "ICC2")]
    pub icc2: T,
    /// These raters only, one rating, consistency.
    #[serde(rename = "ICC3")]
    pub icc3: T,
    /// As `ICC1`, the mean of all ratings.
    #[serde(rename = "ICC1k")]
    pub icc1k: T,
    /// As `ICC2`, the mean of all ratings.
    #[serde(rename = "ICC2k")]
    pub icc2k: T,
    /// As `ICC3`, the mean of all ratings.
    #[serde(rename = "ICC3k")]
    pub icc3k: T,
}

impl<T> SixForms<T> {
    fn list(&self) -> [&T; 6] {
        [&self.icc1, &self.icc2, &self.icc3, &self.icc1k, &self.icc2k, &self.icc3k]
    }
}

/// The six intraclass correlations of a complete table, with limits.
///
/// `data` has one row per target and one column per rater, in any unit; `conf` lies strictly between 0
/// and 1.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): rows of different length, a number that is not
///   finite, a confidence out of its range.
/// * [`TooFew`](super::StatErrorCode::TooFew): fewer than 2 targets or raters.
/// * [`Undefined`](super::StatErrorCode::Undefined): the targets do not differ.
///
/// # Source
///
/// Shrout and Fleiss 1979 (coefficients, limits of ICC1 and ICC3), McGraw and Wong 1996 (ICC2).
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::icc::icc;
///
/// // The second reviewer is 2 points milder throughout: consistent, but not in agreement.
/// let reviewers = [vec![3.0, 5.0], vec![6.0, 8.0], vec![9.0, 11.0]];
/// let agreement = icc(&reviewers, 0.95)?;
/// assert_eq!(agreement.icc.icc3, 1.0);
/// assert!((agreement.icc.icc2 - 9.0 / 11.0).abs() < 1e-12);
///
/// let alike = [vec![7.0, 6.0], vec![6.0, 7.0]];
/// assert_eq!(icc(&alike, 0.95).unwrap_err().code, StatErrorCode::Undefined);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn icc(data: &[Vec<f64>], conf: f64) -> Result<Icc, StatError> {
    let conf = confidence(conf)?;
    let raters = data.first().map_or(0, Vec::len);
    if data.iter().any(|row| row.len() != raters) {
        return Err(StatError::bad_input("give every target one score from every rater"));
    }
    data.iter().try_for_each(|row| real("data", row))?;
    let targets = data.len();
    if targets < 2 || raters < 2 {
        return Err(StatError::too_few("agreement needs at least two targets and two raters"));
    }
    let table = Table { n: targets as f64, k: raters as f64, ms: mean_squares(data, raters)? };
    let icc = table.coefficients()?;
    let ci = (table.ms.error > 0.0).then(|| table.limits(icc.icc2, conf));
    finite(icc.list())?;
    finite(ci.iter().flat_map(SixForms::list).flatten())?;
    Ok(Icc { targets, raters, ms: table.ms, icc, ci })
}

fn mean_squares(data: &[Vec<f64>], raters: usize) -> Result<MeanSquares, StatError> {
    let (n, k) = (data.len() as f64, raters as f64);
    let target_means: Vec<f64> = data.iter().map(|row| mean(row)).collect();
    let grand = mean(&target_means);
    let mut rater_means = vec![0.0; raters];
    let (mut raw, mut within) = (0.0, 0.0);
    for (row, &target) in data.iter().zip(&target_means) {
        rater_means.iter_mut().zip(row).for_each(|(sum, score)| *sum += (score - grand) / n);
        raw += squares(row, 0.0);
        within += squares(row, target);
    }
    let mut error = 0.0;
    for (row, &target) in data.iter().zip(&target_means) {
        error += row.iter().zip(&rater_means).map(|(score, rater)| (score - target - rater).powi(2)).sum::<f64>();
    }
    let between = counted(k * squares(&target_means, grand), raw);
    if between == 0.0 {
        return Err(StatError::undefined("the targets do not differ, so there is nothing to tell apart"));
    }
    let ms = MeanSquares {
        targets: between / (n - 1.0),
        raters: counted(n * squares(&rater_means, 0.0), raw) / (k - 1.0),
        error: counted(error, raw) / ((n - 1.0) * (k - 1.0)),
        within: counted(within, raw) / (n * (k - 1.0)),
    };
    finite([&ms.targets, &ms.raters, &ms.error, &ms.within])?;
    Ok(ms)
}

struct Table {
    n: f64,
    k: f64,
    ms: MeanSquares,
}

impl Table {
    fn coefficients(&self) -> Result<SixForms<f64>, StatError> {
        let Table { n, k, ms } = self;
        let raters_beyond_error = (ms.raters - ms.error) / n;
        // Only this denominator can cancel to nothing; what rounding leaves of it is no number to divide by.
        if (ms.targets + raters_beyond_error).abs() <= 1e-12 * (ms.targets + ms.raters / n + ms.error / n) {
            return Err(StatError::undefined("raters differ so much less than their errors that ICC2k divides by 0"));
        }
        Ok(SixForms {
            icc1: (ms.targets - ms.within) / (ms.targets + (k - 1.0) * ms.within),
            icc2: (ms.targets - ms.error) / (ms.targets + (k - 1.0) * ms.error + k * raters_beyond_error),
            icc3: (ms.targets - ms.error) / (ms.targets + (k - 1.0) * ms.error),
            icc1k: (ms.targets - ms.within) / ms.targets,
            icc2k: (ms.targets - ms.error) / (ms.targets + raters_beyond_error),
            icc3k: (ms.targets - ms.error) / ms.targets,
        })
    }

    fn limits(&self, icc2: f64, conf: f64) -> SixForms<[f64; 2]> {
        let tail = (1.0 - conf) / 2.0;
        let (n, k) = (self.n, self.k);
        let one_way = self.ratio_limits(self.ms.within, n * (k - 1.0), tail);
        let two_way = self.ratio_limits(self.ms.error, (n - 1.0) * (k - 1.0), tail);
        let df = self.satterthwaite(icc2);
        let weights = [(upper_point_inverse(tail, n - 1.0, df), 1.0), (1.0, upper_point_inverse(tail, df, n - 1.0))];
        SixForms {
            icc1: one_way.map(|f| (f - 1.0) / (f + k - 1.0)),
            icc2: weights.map(|weights| self.agreement(weights, k, k * n - k - n)),
            icc3: two_way.map(|f| (f - 1.0) / (f + k - 1.0)),
            icc1k: one_way.map(|f| 1.0 - 1.0 / f),
            icc2k: weights.map(|weights| self.agreement(weights, 1.0, -1.0)),
            icc3k: two_way.map(|f| 1.0 - 1.0 / f),
        }
    }

    // Limits of the ratio of what the targets and the rest really vary by.
    fn ratio_limits(&self, rest: f64, df: f64, tail: f64) -> [f64; 2] {
        let ratio = self.ms.targets / rest;
        let targets = self.n - 1.0;
        [ratio * upper_point_inverse(tail, targets, df), ratio / upper_point_inverse(tail, df, targets)]
    }

    // Weights multiply the mean squares of targets and of the rest, so that neither limit overflows.
    fn agreement(&self, (targets, rest): (f64, f64), of_raters: f64, of_error: f64) -> f64 {
        let Table { n, ms, .. } = self;
        let numerator = n * (targets * ms.targets - rest * ms.error);
        numerator / (rest * (of_raters * ms.raters + of_error * ms.error) + n * targets * ms.targets)
    }

    fn satterthwaite(&self, icc2: f64) -> f64 {
        let Table { n, k, ms } = self;
        let odds = k * icc2 / (n * (1.0 - icc2));
        let of_raters = odds * ms.raters;
        let of_error = (1.0 + odds * (n - 1.0)) * ms.error;
        let spread = of_raters.powi(2) / (k - 1.0) + of_error.powi(2) / ((n - 1.0) * (k - 1.0));
        // Both parts can cancel for a negative coefficient; F has no zero degrees of freedom.
        ((of_raters + of_error).powi(2) / spread).max(1e-9)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    data: Vec<Vec<f64>>,
    #[serde(default = "default_confidence")]
    conf: f64,
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { data, conf } = read(input)?;
    written(&icc(&data, conf)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::StatErrorCode;

    fn code(data: &[Vec<f64>], conf: f64) -> StatErrorCode {
        icc(data, conf).unwrap_err().code
    }

    // Shrout and Fleiss 1979, table 2: six targets, four judges.
    fn judges() -> Vec<Vec<f64>> {
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
            .map(|row| row.map(f64::from).to_vec())
            .to_vec()
    }

    #[test]
    fn a_denominator_of_zero_is_told_whatever_rounding_makes_of_it() {
        for table in [[[3.0, 4.0], [2.0, 3.0], [4.0, 2.0]], [[1.0, 2.0], [2.0, 2.0], [2.0, 1.0]]] {
            assert_eq!(code(&table.map(|row| row.to_vec()), 0.95), StatErrorCode::Undefined);
        }
    }

    #[test]
    fn shrout_and_fleiss_1979() {
        let icc = icc(&judges(), 0.95).unwrap().icc;
        let printed = [(icc.icc1, 0.17), (icc.icc2, 0.29), (icc.icc3, 0.71), (icc.icc1k, 0.44), (icc.icc2k, 0.62)];
        assert!(printed.iter().all(|(got, printed)| (got - printed).abs() < 0.005), "{icc:?}");
        assert!((icc.icc3k - 0.91).abs() < 0.005);
    }

    #[test]
    fn limits_hold_the_coefficient_and_widen_with_confidence() {
        let (narrow, wide) = (icc(&judges(), 0.5).unwrap(), icc(&judges(), 0.99).unwrap());
        let (inner, outer) = (narrow.ci.unwrap(), wide.ci.unwrap());
        for (inner, outer) in [(inner.icc1, outer.icc1), (inner.icc2, outer.icc2), (inner.icc3k, outer.icc3k)] {
            assert!(outer[0] < inner[0] && inner[0] < inner[1] && inner[1] < outer[1]);
        }
        assert!(inner.icc2[0] < narrow.icc.icc2 && narrow.icc.icc2 < inner.icc2[1]);
    }

    #[test]
    fn bad_input_comes_before_too_few() {
        assert_eq!(code(&[vec![1.0, 2.0], vec![3.0]], 0.95), StatErrorCode::BadInput);
        assert_eq!(code(&[], 1.0), StatErrorCode::BadInput);
        assert_eq!(code(&[vec![f64::NAN]], 0.95), StatErrorCode::BadInput);
        assert_eq!(code(&[], 0.95), StatErrorCode::TooFew);
        assert_eq!(code(&[vec![1.0], vec![2.0]], 0.95), StatErrorCode::TooFew);
        assert_eq!(code(&[vec![1e200, 2e200], vec![3e200, 4e200]], 0.95), StatErrorCode::Undefined);
    }

    #[test]
    fn perfect_agreement_has_no_limits() {
        let agreed = icc(&[vec![0.1, 0.1, 0.1], vec![0.7, 0.7, 0.7]], 0.95).unwrap();
        assert_eq!((agreed.icc.icc1, agreed.icc.icc2, agreed.ms.within), (1.0, 1.0, 0.0));
        assert!(agreed.ci.is_none());
    }
}

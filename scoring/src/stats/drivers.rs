//! Drivers: which scores go along with an outcome that was measured apart.
//!
//! Splits the R2 of a regression of the outcome on p predictors (dimension scores) into one part per
//! predictor, so that correlated predictors share what they explain together. Both splits add up to R2:
//!
//! - relative weights (Johnson 2000): through the orthogonal variables closest to the predictors;
//! - LMG: the mean gain in R2 over all orders in which predictors can enter (Shapley value).
//!
//! The outcome must come from outside the score: overall impression, shopper recommendation, sales.
//! Regressing a total on its own items is circular. A high part says that predictor and outcome go
//! together, not that one causes the other, and a predictor that never varies cannot show up at all.
//! With less than 10 visits per predictor the split is luck, so it is refused.
//!
//! Source: Johnson 2000; Lindeman, Merenda and Gold 1980.

use nalgebra::{Cholesky, DMatrix, DVector};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::StatError;
use super::numbers::{finite, real};
use super::sample::Sample;
use super::{read, written};

/// More predictors are refused: LMG takes a regression for every subset of them.
pub const MOST_PREDICTORS: usize = 10;

/// Visits needed per predictor.
const VISITS_PER_PREDICTOR: usize = 10;

/// An eigenvalue of the correlations below this is rounding.
const COLLINEAR: f64 = 1e-12;

/// What every predictor contributes to R2.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drivers {
    /// Visits.
    pub n: usize,
    /// Share of the outcome's variance that the predictors explain together, 0..=1.
    pub r2: f64,
    /// Johnson's relative weight of every predictor, 0..=1; they add up to R2.
    pub relative_weights: Vec<f64>,
    /// LMG share of every predictor, 0..=1; they add up to R2.
    pub lmg: Vec<f64>,
}

/// Splits what predictors `x` explain of the outcome `y` among them.
///
/// `x` has one row per visit with one number per predictor, `y` one number per visit; any units. Takes
/// O(visits) time, plus 1024 small regressions for 10 predictors.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): rows of different length or without predictors, not
///   one outcome per row, a number that is not finite.
/// * [`TooMany`](super::StatErrorCode::TooMany): more than [`MOST_PREDICTORS`] predictors.
/// * [`TooFew`](super::StatErrorCode::TooFew): fewer than 10 visits per predictor.
/// * [`Undefined`](super::StatErrorCode::Undefined): a predictor or the outcome does not vary, or a
///   predictor follows from others.
///
/// # Source
///
/// Johnson 2000: with the correlations R of the predictors and r with the outcome, weights are
/// (R^1/2)^2 (R^-1/2 r)^2, squared by element. LMG: Lindeman, Merenda and Gold 1980.
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::drivers::drivers;
///
/// // The outcome is the sum of two predictors that are unrelated, one varying twice as much.
/// let x: Vec<Vec<f64>> = (0..20).map(|visit| vec![f64::from(visit % 2), f64::from(visit / 2 % 2) * 2.0]).collect();
/// let y: Vec<f64> = x.iter().map(|row| row[0] + row[1]).collect();
/// let split = drivers(&x, &y)?;
/// assert!((split.r2 - 1.0).abs() < 1e-9);
/// assert!((split.relative_weights[0] - 0.2).abs() < 1e-9 && (split.lmg[1] - 0.8).abs() < 1e-9);
///
/// assert_eq!(drivers(&x[..19], &y[..19]).unwrap_err().code, StatErrorCode::TooFew);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn drivers(x: &[Vec<f64>], y: &[f64]) -> Result<Drivers, StatError> {
    let predictors = x.first().map_or(0, Vec::len);
    if x.iter().any(|row| row.len() != predictors) || x.len() != y.len() {
        return Err(StatError::bad_input("give every visit one number per predictor and one outcome"));
    }
    if predictors == 0 && !x.is_empty() {
        return Err(StatError::bad_input("give at least one predictor"));
    }
    x.iter().try_for_each(|row| real("x", row))?;
    real("y", y)?;
    if predictors > MOST_PREDICTORS {
        return Err(StatError::too_many(format!("choose at most {MOST_PREDICTORS} predictors")));
    }
    if x.is_empty() || x.len() < VISITS_PER_PREDICTOR * predictors {
        return Err(StatError::too_few(format!("give at least {VISITS_PER_PREDICTOR} visits per predictor")));
    }
    let (among, outcome) = correlations(x, y)?;
    let relative_weights = relative_weights(&among, &outcome)?;
    let (r2, lmg) = shapley(&among, &outcome)?;
    finite(relative_weights.iter().chain(&lmg).chain([&r2]))?;
    Ok(Drivers { n: x.len(), r2, relative_weights, lmg })
}

// Correlations among the predictors, and of each with the outcome.
fn correlations(x: &[Vec<f64>], y: &[f64]) -> Result<(DMatrix<f64>, DVector<f64>), StatError> {
    let predictors = x[0].len();
    let mut columns = DMatrix::zeros(x.len(), predictors);
    for predictor in 0..predictors {
        let values: Vec<f64> = x.iter().map(|row| row[predictor]).collect();
        columns.set_column(predictor, &standardised(&values)?);
    }
    let outcome = standardised(y)?;
    Ok((columns.tr_mul(&columns), columns.tr_mul(&outcome)))
}

// Centered, with a sum of squares of 1.
fn standardised(values: &[f64]) -> Result<DVector<f64>, StatError> {
    let Sample { mean, squares, .. } = Sample::of(values);
    finite([&squares])?;
    if squares == 0.0 {
        return Err(StatError::undefined("a predictor or the outcome does not vary: leave it out"));
    }
    let length = squares.sqrt();
    Ok(DVector::from_iterator(values.len(), values.iter().map(|value| (value - mean) / length)))
}

fn relative_weights(among: &DMatrix<f64>, outcome: &DVector<f64>) -> Result<Vec<f64>, StatError> {
    let eigen = among.clone().symmetric_eigen();
    if eigen.eigenvalues.min() <= COLLINEAR {
        return Err(StatError::undefined("a predictor follows from the others: leave it out"));
    }
    let (vectors, roots) = (&eigen.eigenvectors, eigen.eigenvalues.map(f64::sqrt));
    let root = vectors * DMatrix::from_diagonal(&roots) * vectors.transpose();
    let mut of_orthogonal = vectors.tr_mul(outcome);
    of_orthogonal.component_div_assign(&roots);
    let squared = (vectors * of_orthogonal).map(|weight| weight * weight);
    let weights = root.map(|entry| entry * entry) * squared;
    Ok(weights.iter().copied().collect())
}

// R2 of all predictors, and the gain of each averaged over the orders in which they can enter.
fn shapley(among: &DMatrix<f64>, outcome: &DVector<f64>) -> Result<(f64, Vec<f64>), StatError> {
    let predictors = outcome.len();
    let subsets = 1_usize << predictors;
    let explained = (0..subsets).map(|subset| r2(subset, among, outcome)).collect::<Result<Vec<f64>, _>>()?;
    let orders = orders(predictors);
    let lmg = |predictor: usize| {
        let without = (0..subsets).filter(|subset| subset & (1 << predictor) == 0);
        let gain = |subset: usize| explained[subset | (1 << predictor)] - explained[subset];
        without.map(|subset| orders[subset.count_ones() as usize] * gain(subset)).sum()
    };
    Ok((explained[subsets - 1], (0..predictors).map(lmg).collect()))
}

fn r2(subset: usize, among: &DMatrix<f64>, outcome: &DVector<f64>) -> Result<f64, StatError> {
    let members: Vec<usize> = (0..outcome.len()).filter(|predictor| subset & (1 << predictor) != 0).collect();
    if members.is_empty() {
        return Ok(0.0);
    }
    let among = among.select_rows(&members).select_columns(&members);
    let outcome = outcome.select_rows(&members);
    let cholesky = Cholesky::new(among);
    let cholesky = cholesky.ok_or_else(|| StatError::undefined("a predictor follows from the others: leave it out"))?;
    Ok(outcome.dot(&cholesky.solve(&outcome)))
}

// By number of predictors already in: the share of orders in which one given predictor comes next.
fn orders(predictors: usize) -> Vec<f64> {
    let mut shares = vec![1.0 / predictors as f64];
    for before in 1..predictors {
        let share = shares[before - 1] * before as f64 / (predictors - before) as f64;
        shares.push(share);
    }
    shares
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { x, y } = read(input)?;
    written(&drivers(&x, &y)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::StatErrorCode;

    // Predictors that share a common part, from a small congruential generator.
    fn sample(visits: usize, predictors: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
        let mut state = 99_u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1_u64 << 24) as f64
        };
        let mut x = Vec::new();
        let mut y = Vec::new();
        for _ in 0..visits {
            let common = draw();
            let row: Vec<f64> = (0..predictors).map(|_| common + draw()).collect();
            y.push(row.iter().enumerate().map(|(place, value)| value * place as f64).sum::<f64>() + 3.0 * draw());
            x.push(row);
        }
        (x, y)
    }

    #[test]
    fn both_splits_add_up_and_follow_their_predictor() {
        let (x, y) = sample(120, 10);
        let split = drivers(&x, &y).unwrap();
        let turned: Vec<Vec<f64>> =
            x.iter().map(|row| row.iter().rev().map(|value| 5.0 - 2.0 * value).collect()).collect();
        let mirrored = drivers(&turned, &y).unwrap();
        let mut both = [(&split.lmg, &mirrored.lmg), (&split.relative_weights, &mirrored.relative_weights)].into_iter();
        assert!(both.all(|(one, other)| {
            let sum: f64 = one.iter().sum();
            let same = one.iter().zip(other.iter().rev()).all(|(a, b)| (a - b).abs() < 1e-9);
            same && (sum - split.r2).abs() < 1e-9 && one.iter().all(|part| *part >= 0.0)
        }));
    }

    #[test]
    fn predictors_that_follow_from_others_are_undefined() {
        let (mut x, y) = sample(40, 3);
        x.iter_mut().for_each(|row| row[2] = 2.0 * row[0] - row[1] + 7.0);
        assert_eq!(drivers(&x, &y).unwrap_err().code, StatErrorCode::Undefined);
        x.iter_mut().for_each(|row| row[2] = 0.1);
        assert_eq!(drivers(&x, &y).unwrap_err().code, StatErrorCode::Undefined);
        let (x, _) = sample(40, 3);
        assert_eq!(drivers(&x, &[0.7; 40]).unwrap_err().code, StatErrorCode::Undefined);
    }

    #[test]
    fn sizes_are_checked_in_order() {
        let code = |x: &[Vec<f64>], y: &[f64]| drivers(x, y).unwrap_err().code;
        assert_eq!(code(&[vec![1.0; 11], vec![1.0; 10]], &[1.0; 2]), StatErrorCode::BadInput);
        assert_eq!(code(&[vec![1.0; 11]], &[]), StatErrorCode::BadInput);
        assert_eq!(code(&[vec![]], &[1.0]), StatErrorCode::BadInput);
        assert_eq!(code(&[vec![f64::NAN]], &[1.0]), StatErrorCode::BadInput);
        assert_eq!(code(&[vec![1.0; 11]], &[1.0]), StatErrorCode::TooMany);
        assert_eq!(code(&[], &[]), StatErrorCode::TooFew);
        let (x, y) = sample(29, 3);
        assert_eq!(code(&x, &y), StatErrorCode::TooFew);
    }
}

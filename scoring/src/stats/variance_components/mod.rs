//! Variance components: how much of the spread is branch, shopper, question, and how much is chance.
//!
//! Generalizability theory measures a score as a sum of effects: y = mean + branch + shopper + rest.
//! Each effect has a variance; [`d_study`](super::d_study) turns the variances into reliabilities and
//! numbers of visits. An effect is a set of facets (crossed, nested or both: "rater within task" lists
//! both facets), and its cells are the combinations of levels that occur.
//!
//! Henderson's first method ("analogous ANOVA") equates sums of squares with what they are expected to
//! be and solves a small linear system. It is exact for balanced designs and takes nested, unbalanced
//! and incomplete ones alike. Estimates can come out negative, which means: none to be seen in these
//! data; they are reported as they are and as 0. It is rougher than REML for small and very unbalanced
//! data: with fewer than about 50 visits take the components as a rough guide.
//!
//! Source: Henderson 1953, method I; Searle, Casella and McCulloch 1992, chapter 5. Brennan's (2001)
//! synthetic data and the Penicillin data of lme4 are among the cases.

use serde::Serialize;
use serde_json::Value;

mod henderson;
mod json;

use super::failure::StatError;
use super::numbers::real;

/// A part of the variance: the facets whose combinations of levels it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Name of its component in the answer.
    pub name: String,
    /// Positions of its facets in the list of facets; order and repetition do not matter.
    pub facets: Vec<usize>,
}

/// Variance by effect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VarianceComponents {
    /// Rows, more than effects.
    pub n: usize,
    /// Mean of all rows, in score units.
    pub mean: f64,
    /// One component per effect, in the order of the effects.
    pub components: Vec<Component>,
}

/// The variance of one effect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Component {
    /// Name of the effect.
    pub name: String,
    /// The estimate, in squared score units; may be negative.
    pub raw: f64,
    /// The estimate, but not below 0.
    pub value: f64,
}

/// Splits the variance of `y` among effects by Henderson's first method.
///
/// `facets` holds one column per facet: the number of the level of every row, in any numbering. The
/// last effect is the residual: every row is a cell of its own, whatever facets it names.
///
/// Takes O(rows log rows) time per pair of effects and O(rows) memory per effect: 100 000 visits with
/// branch, shopper and residual take about 10 ms.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): no effect, an effect with an unknown facet, two
///   effects with the same facets, columns of different length, a number that is not finite.
/// * [`TooFew`](super::StatErrorCode::TooFew): no more rows than effects.
/// * [`TooMany`](super::StatErrorCode::TooMany): 2^32 rows or more.
/// * [`Undefined`](super::StatErrorCode::Undefined): the design cannot tell the effects apart, such as
///   a facet with one level or one row per cell of an effect.
///
/// # Source
///
/// Henderson 1953. For an effect a with cells of n_a rows, T_a = sum (sum y)^2 / n_a; the variance of
/// b enters its expectation with sum over cells of a of (sum over subcells of a and b of n^2) / n_a.
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::variance_components::{Effect, variance_components};
///
/// let branch: &[u32] = &[0, 0, 1, 1, 2, 2];
/// let visit_scores = [80.0, 84.0, 70.0, 74.0, 90.0, 94.0];
/// let effect = |name: &str, facets: &[usize]| Effect { name: name.to_string(), facets: facets.to_vec() };
///
/// let split = variance_components(&[branch], &[effect("branch", &[0]), effect("visit", &[])], &visit_scores)?;
/// // Between branches 200 / 2 less half of the 8 within them.
/// assert!((split.components[0].value - 96.0).abs() < 1e-9);
/// assert!((split.components[1].value - 8.0).abs() < 1e-9);
///
/// let one_branch: &[u32] = &[0; 6];
/// let unclear = variance_components(&[one_branch], &[effect("branch", &[0]), effect("visit", &[])], &visit_scores);
/// assert_eq!(unclear.unwrap_err().code, StatErrorCode::Undefined);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn variance_components(facets: &[&[u32]], effects: &[Effect], y: &[f64]) -> Result<VarianceComponents, StatError> {
    let sets = facet_sets(effects, facets.len())?;
    if facets.iter().any(|column| column.len() != y.len()) {
        return Err(StatError::bad_input("give every row a level of every facet"));
    }
    real("rows", y)?;
    if y.len() <= effects.len() {
        return Err(StatError::too_few("give more rows than effects"));
    }
    if u32::try_from(y.len()).is_err() {
        return Err(StatError::too_many("give fewer than 2^32 rows"));
    }
    let estimate = henderson::estimate(facets, &sets, y)?;
    let component =
        |(effect, raw): (&Effect, &f64)| Component { name: effect.name.clone(), raw: *raw, value: raw.max(0.0) };
    let components = effects.iter().zip(&estimate.raw).map(component).collect();
    Ok(VarianceComponents { n: y.len(), mean: estimate.mean, components })
}

// The facets of every effect, sorted and without repetition.
fn facet_sets(effects: &[Effect], facets: usize) -> Result<Vec<Vec<usize>>, StatError> {
    if effects.is_empty() {
        return Err(StatError::bad_input("name at least one effect: the last is the residual"));
    }
    let mut sets: Vec<Vec<usize>> = Vec::with_capacity(effects.len());
    for effect in effects {
        let mut set = effect.facets.clone();
        set.sort_unstable();
        set.dedup();
        if set.last().is_some_and(|facet| *facet >= facets) {
            return Err(StatError::bad_input(format!("the effect \"{}\" has a facet that is not there", effect.name)));
        }
        if let Some(twin) = sets.iter().position(|known| *known == set) {
            let twin = &effects[twin].name;
            let message = format!("the effects \"{twin}\" and \"{}\" have the same facets", effect.name);
            return Err(StatError::bad_input(message));
        }
        sets.push(set);
    }
    Ok(sets)
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    json::run(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::StatErrorCode;

    fn effects(sets: &[&[usize]]) -> Vec<Effect> {
        sets.iter().map(|set| Effect { name: format!("{set:?}"), facets: set.to_vec() }).collect()
    }

    // 4 branches x 3 shoppers, unbalanced: some cells twice, one never.
    const BRANCH: &[u32] = &[0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3];
    const SHOPPER: &[u32] = &[0, 0, 1, 2, 0, 1, 2, 1, 2, 2, 0, 1, 1, 2];
    const Y: [f64; 14] = [81., 77., 70., 66., 90., 85., 79., 72., 69., 64., 88., 80., 84., 75.];

    fn crossed(branch: &[u32], shopper: &[u32], y: &[f64]) -> Result<VarianceComponents, StatError> {
        variance_components(&[branch, shopper], &effects(&[&[0], &[1], &[0, 1]]), y)
    }

    fn raw(split: &VarianceComponents) -> Vec<f64> {
        split.components.iter().map(|component| component.raw).collect()
    }

    fn close(left: &[f64], right: &[f64]) -> bool {
        left.iter().zip(right).all(|(a, b)| (a - b).abs() <= 1e-9 * a.abs().max(1.0))
    }

    #[test]
    fn level_numbers_and_row_order_mean_nothing() {
        let reference = crossed(BRANCH, SHOPPER, &Y).unwrap();
        let renumbered: Vec<u32> = BRANCH.iter().map(|level| u32::MAX - 7 * level).collect();
        assert!(close(&raw(&reference), &raw(&crossed(&renumbered, SHOPPER, &Y).unwrap())));
        let back = |column: &[u32]| column.iter().rev().copied().collect::<Vec<u32>>();
        let y: Vec<f64> = Y.iter().rev().copied().collect();
        assert!(close(&raw(&reference), &raw(&crossed(&back(BRANCH), &back(SHOPPER), &y).unwrap())));
    }

    #[test]
    fn a_shift_changes_nothing_and_a_scale_its_square() {
        let reference = raw(&crossed(BRANCH, SHOPPER, &Y).unwrap());
        let y = Y.map(|y| 1e6 + 3.0 * y);
        let scaled: Vec<f64> = reference.iter().map(|raw| 9.0 * raw).collect();
        assert!(close(&scaled, &raw(&crossed(BRANCH, SHOPPER, &y).unwrap())));
    }

    #[test]
    fn equal_scores_have_no_variance_at_all() {
        let split = crossed(BRANCH, SHOPPER, &[0.1; 14]).unwrap();
        assert_eq!(raw(&split), [0.0; 3]);
    }

    #[test]
    fn the_residual_alone_is_the_variance() {
        let split = variance_components(&[], &effects(&[&[]]), &[1.0, 2.0, 6.0]).unwrap();
        assert!(close(&raw(&split), &[7.0]));
    }

    #[test]
    fn what_cannot_be_told_apart_is_undefined() {
        let code = |sets: &[&[usize]], columns: &[&[u32]]| {
            variance_components(columns, &effects(sets), &Y[..4]).unwrap_err().code
        };
        let rows: &[u32] = &[0, 1, 2, 3];
        let pairs: &[u32] = &[0, 0, 1, 1];
        assert_eq!(code(&[&[0], &[]], &[rows]), StatErrorCode::Undefined);
        assert_eq!(code(&[&[0], &[1], &[]], &[pairs, pairs]), StatErrorCode::Undefined);
        assert_eq!(code(&[&[], &[0]], &[pairs]), StatErrorCode::Undefined);
    }

    #[test]
    fn bad_input_comes_before_too_few() {
        let code = |sets: &[&[usize]], columns: &[&[u32]], y: &[f64]| {
            variance_components(columns, &effects(sets), y).unwrap_err().code
        };
        assert_eq!(code(&[], &[], &[]), StatErrorCode::BadInput);
        assert_eq!(code(&[&[1]], &[&[]], &[]), StatErrorCode::BadInput);
        assert_eq!(code(&[&[0, 1], &[1, 0, 1]], &[&[], &[]], &[]), StatErrorCode::BadInput);
        assert_eq!(code(&[&[0]], &[&[0]], &[]), StatErrorCode::BadInput);
        assert_eq!(code(&[&[0]], &[&[0]], &[f64::NAN]), StatErrorCode::BadInput);
        assert_eq!(code(&[&[0]], &[&[0]], &[1.0]), StatErrorCode::TooFew);
        assert_eq!(code(&[&[0]], &[&[0, 0, 0]], &[1e200, 2e200, 3e200]), StatErrorCode::Undefined);
    }
}

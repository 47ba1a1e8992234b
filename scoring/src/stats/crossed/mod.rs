//! Shopper severity: branches and shoppers judged together, so that a harsh shopper costs nobody points.
//!
//! y = mu + branch + shopper + residual, all three random. The variances come from Henderson's first
//! method ([`variance_components`](super::variance_components)) or are given; branch and shopper
//! effects are best linear unbiased predictions (BLUP), that is: shrunken towards 0 by how little is
//! known. A corrected visit is its score less the effect of its shopper.
//!
//! A shopper is flagged when the effect is large among its kind: |z| > 2 and a false discovery rate
//! below .1 over all shoppers. The flag is evidence for a reviewer and no verdict: the shopper may have
//! been sent to the branches on their worst days. Show the corrected score beside the raw one; never
//! change contract scores by it. From fewer than about 50 visits the variances are rough.
//!
//! Branches and shoppers must hang together: when two groups of branches share no shopper, a harsh
//! group of shoppers looks just like a weak group of branches. Then the groups are reported, to plan
//! visits that link them.
//!
//! Source: Henderson 1975 (mixed model equations); Searle, Casella and McCulloch 1992, chapter 7.

use serde::{Deserialize, Serialize};
use serde_json::Value;

mod groups;
mod ids;
mod mixed_model;

use self::ids::Numbered;
use self::mixed_model::{Prediction, Visits};
use super::bh::bh;
use super::failure::StatError;
use super::numbers::{finite, given, normal_p, real, variance};
use super::sample::{counted, squares};
use super::variance_components::{Effect, variance_components};
use super::{read, written};

/// The smaller of the numbers of branches and of shoppers may be this large.
pub const MOST_LEVELS: usize = 2_000;

/// Effects further out than this many standard deviations may be flagged.
const FLAG_Z: f64 = 2.0;

/// Effects with a false discovery rate below this may be flagged.
const FLAG_Q: f64 = 0.1;

/// Variances of branch, shopper and residual, in squared score units.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CrossedComponents {
    /// Between branches.
    pub branch: f64,
    /// Between shoppers.
    pub shopper: f64,
    /// Between visits of one shopper to one branch.
    pub residual: f64,
}

/// Branches and shoppers, told apart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Crossed {
    /// Visits.
    pub n: usize,
    /// Components as estimated, may be negative; nothing when they were given.
    pub raw: Option<CrossedComponents>,
    /// Components used, from 0 up; the residual is above 0.
    pub components: CrossedComponents,
    /// Level of the typical branch seen by the typical shopper, in score units.
    pub mu: f64,
    /// Branches, sorted by id.
    pub branches: Vec<BranchEffect>,
    /// Shoppers, sorted by id.
    pub shoppers: Vec<ShopperEffect>,
    /// Scores less the effect of the shopper, in score units, in the order of the visits.
    pub corrected: Vec<f64>,
}

/// How far a branch is from the typical one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BranchEffect {
    /// Id of the branch.
    pub id: String,
    /// Visits, at least 1.
    pub n: usize,
    /// Predicted effect, in score units.
    pub effect: f64,
    /// Variance of the prediction's error, in squared score units, at most the branch component.
    pub pev: f64,
}

/// How mild or harsh a shopper is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShopperEffect {
    /// Id of the shopper.
    pub id: String,
    /// Visits, at least 1.
    pub n: usize,
    /// Predicted effect, in score units; negative is harsh.
    pub effect: f64,
    /// Variance of the prediction's error, in squared score units, at most the shopper component.
    pub pev: f64,
    /// The effect in its own standard deviations; nothing when shoppers do not differ.
    pub z: Option<f64>,
    /// False discovery rate at which the shopper would be called, 0..=1; nothing when they do not differ.
    pub q: Option<f64>,
    /// Whether |z| > 2 and q < .1.
    pub flagged: bool,
}

/// Tells branches and shoppers apart in visits of `(branch, shopper, score)`.
///
/// Scores in any unit. Components are estimated unless `given`.
///
/// Takes O(visits) memory and, with m the smaller of the numbers of branches and of shoppers, O(m^2)
/// memory and O(m^3) time for the exact error variances: 100 000 visits of 2000 branches by 800
/// shoppers take about 0.15 s, [`MOST_LEVELS`] shoppers about 1 s and 150 MB.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): a score that is not finite, a given component that is
///   negative.
/// * [`TooFew`](super::StatErrorCode::TooFew): fewer than 2 branches or shoppers; without given
///   components also fewer than 4 visits.
/// * [`TooMany`](super::StatErrorCode::TooMany): more than [`MOST_LEVELS`] branches and shoppers, or 2^32
///   visits.
/// * [`Disconnected`](super::StatErrorCode::Disconnected): groups of branches that share no shopper.
/// * [`Undefined`](super::StatErrorCode::Undefined): the residual is 0, or the design cannot tell the
///   components apart.
///
/// # Source
///
/// Henderson 1975: the mixed model equations, with the larger side eliminated (Schur complement).
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::crossed::{CrossedComponents, crossed};
///
/// let given = CrossedComponents { branch: 25.0, shopper: 16.0, residual: 49.0 };
/// let visits = [("north", "ann", 90.0), ("north", "bob", 70.0), ("south", "ann", 92.0), ("south", "bob", 72.0)];
/// let apart = crossed(&visits, Some(given))?;
/// // Bob gives 20 points less than Ann; of the 10 to their mean, 16 / (16 + 49/2) are believed.
/// assert_eq!(apart.shoppers[1].id, "bob");
/// assert!((apart.shoppers[1].effect + 10.0 * 32.0 / 81.0).abs() < 1e-9);
/// assert!(apart.corrected[1] > 70.0);
///
/// let apart = crossed(&[("north", "ann", 90.0), ("south", "bob", 72.0)], Some(given));
/// assert_eq!(apart.unwrap_err().code, StatErrorCode::Disconnected);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn crossed<Id: AsRef<str>>(
    visits: &[(Id, Id, f64)],
    given: Option<CrossedComponents>,
) -> Result<Crossed, StatError> {
    let y: Vec<f64> = visits.iter().map(|(_, _, y)| *y).collect();
    real("rows", &y)?;
    if let Some(CrossedComponents { branch, shopper, residual }) = given {
        variance("branch", branch)?;
        variance("shopper", shopper)?;
        variance("residual", residual)?;
    }
    let branches = Numbered::new(visits.iter().map(|(branch, _, _)| branch.as_ref()));
    let shoppers = Numbered::new(visits.iter().map(|(_, shopper, _)| shopper.as_ref()));
    check_size(&branches, &shoppers, given.is_some())?;
    let parts = groups::connected(&branches, &shoppers);
    if parts.len() > 1 {
        return Err(StatError::disconnected(parts));
    }
    let raw = if given.is_none() { Some(estimate(&branches, &shoppers, &y)?) } else { None };
    let components = given.or(raw.map(positive)).filter(|components| components.residual > 0.0);
    let components = components.ok_or_else(|| StatError::undefined("nothing is left for the residual"))?;
    let visits = Visits { branch: &branches.of_row, shopper: &shoppers.of_row, y: &y };
    let prediction = mixed_model::predict(&visits, branches.ids.len(), shoppers.ids.len(), components)?;
    let shopper_effect = |&shopper: &u32| prediction.shoppers.effects[shopper as usize];
    Ok(Crossed {
        n: y.len(),
        raw,
        components,
        mu: prediction.mu,
        branches: branch_effects(&branches, &prediction),
        shoppers: shopper_effects(&shoppers, &prediction, components.shopper)?,
        corrected: y.iter().zip(shoppers.of_row.iter().map(shopper_effect)).map(|(y, effect)| y - effect).collect(),
    })
}

fn check_size(branches: &Numbered, shoppers: &Numbered, given: bool) -> Result<(), StatError> {
    let rows = branches.of_row.len();
    if branches.ids.len() < 2 || shoppers.ids.len() < 2 {
        return Err(StatError::too_few("give visits of at least two branches and two shoppers"));
    }
    if !given && rows <= 3 {
        return Err(StatError::too_few("give at least four visits, or the components"));
    }
    if branches.ids.len().min(shoppers.ids.len()) > MOST_LEVELS || u32::try_from(rows).is_err() {
        let message = format!("give at most {MOST_LEVELS} branches or at most {MOST_LEVELS} shoppers");
        return Err(StatError::too_many(message));
    }
    Ok(())
}

fn estimate(branches: &Numbered, shoppers: &Numbered, y: &[f64]) -> Result<CrossedComponents, StatError> {
    let effect = |facets: &[usize]| Effect { name: String::new(), facets: facets.to_vec() };
    let effects = [effect(&[0]), effect(&[1]), effect(&[0, 1])];
    let split = variance_components(&[&branches.of_row, &shoppers.of_row], &effects, y)?;
    let [branch, shopper, residual] = [0, 1, 2].map(|position| split.components[position].raw);
    // A residual that is only rounding would make every effect look certain.
    let residual = counted(residual * y.len() as f64, squares(y, 0.0)) / y.len() as f64;
    Ok(CrossedComponents { branch, shopper, residual })
}

fn positive(raw: CrossedComponents) -> CrossedComponents {
    CrossedComponents { branch: raw.branch.max(0.0), shopper: raw.shopper.max(0.0), residual: raw.residual.max(0.0) }
}

fn branch_effects(branches: &Numbered, prediction: &Prediction) -> Vec<BranchEffect> {
    let predicted = &prediction.branches;
    let effect = |(level, id): (usize, &String)| BranchEffect {
        id: id.clone(),
        n: predicted.rows[level],
        effect: predicted.effects[level],
        pev: predicted.pev[level],
    };
    branches.ids.iter().enumerate().map(effect).collect()
}

fn shopper_effects(
    shoppers: &Numbered,
    prediction: &Prediction,
    variance: f64,
) -> Result<Vec<ShopperEffect>, StatError> {
    let predicted = &prediction.shoppers;
    let tests = if variance > 0.0 { Some(tests(&predicted.effects, &predicted.pev, variance)?) } else { None };
    let effect = |(level, id): (usize, &String)| {
        let test = tests.as_ref().map(|(z, q)| (z[level], q[level]));
        ShopperEffect {
            id: id.clone(),
            n: predicted.rows[level],
            effect: predicted.effects[level],
            pev: predicted.pev[level],
            z: test.map(|(z, _)| z),
            q: test.map(|(_, q)| q),
            flagged: test.is_some_and(|(z, q)| z.abs() > FLAG_Z && q < FLAG_Q),
        }
    };
    Ok(shoppers.ids.iter().enumerate().map(effect).collect())
}

// What is not error of the prediction is the variance of the effects themselves.
fn tests(effects: &[f64], pev: &[f64], variance: f64) -> Result<(Vec<f64>, Vec<f64>), StatError> {
    let z: Vec<f64> = effects.iter().zip(pev).map(|(effect, pev)| effect / (variance - pev).sqrt()).collect();
    finite(&z)?;
    let p: Vec<f64> = z.iter().map(|z| normal_p(*z)).collect();
    let q = bh(&p, FLAG_Q)?.q;
    Ok((z, q))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    rows: Vec<(String, String, f64)>,
    #[serde(default, deserialize_with = "given")]
    components: Option<CrossedComponents>,
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { rows, components } = read(input)?;
    written(&crossed(&rows, components)?)
}

#[cfg(test)]
mod tests;

//! D study: how reliable a mean of n visits is, and how many visits a reliability needs.
//!
//! Takes variances from [`variance_components`](super::variance_components) and asks about the next
//! wave ("decision study"). Two coefficients, both 0..=1:
//!
//! - `g`, generalizability: is the *order* of branches reliable? Fits when all branches are seen by the
//!   same shoppers, or when shopper severity is corrected.
//! - `phi`, dependability: is the *level* reliable? Differences between shoppers count as error. League
//!   tables of branches that were visited by different shoppers should show this one.
//!
//! It takes the components as known. They are estimates: from fewer than about 50 visits, the number of
//! visits needed is a rough guide. More questions per visit do not help once what changes from visit to
//! visit dominates.
//!
//! Source: Cronbach and others 1972; Brennan 2001, whose figures are among the cases. Finn and Kayande
//! 1999 brought it to mystery shopping.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::StatError;
use super::numbers::finite;
use super::{read, written};

/// Numbers of visits shown when none are asked for.
pub const DEFAULT_VISITS: [u64; 6] = [1, 2, 3, 4, 6, 12];

/// Reliabilities aimed at when none are asked for.
pub const DEFAULT_TARGETS: [f64; 2] = [0.7, 0.8];

/// Whole numbers above this are not exact in the arithmetic used.
const MOST_VISITS: f64 = 9_007_199_254_740_992.0;

/// Variances of one visit's score, in squared score units; negative ones count as 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VisitComponents {
    /// Between branches: what is to be told apart.
    pub branch: f64,
    /// Between shoppers.
    pub shopper: f64,
    /// What neither explains.
    pub residual: f64,
}

/// Reliability by number of visits, and the number of visits a reliability needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VisitPlan {
    /// One entry per number of visits asked for, in that order.
    pub coefficients: Vec<Coefficients>,
    /// One entry per target, in that order.
    pub visits_needed: Vec<VisitsNeeded>,
}

/// Reliability of the mean of n visits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coefficients {
    /// Visits per branch.
    pub n: u64,
    /// Reliability of the order of branches, 0..=1.
    pub g: f64,
    /// Reliability of the level of a branch, 0..=1.
    pub phi: f64,
}

/// Visits per branch that a reliability needs; nothing when branches do not differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VisitsNeeded {
    /// The reliability aimed at, strictly between 0 and 1.
    pub target: f64,
    /// Visits until the order of branches is that reliable, at least 1.
    pub g: Option<u64>,
    /// Visits until the level of a branch is that reliable, at least 1.
    pub phi: Option<u64>,
}

/// Reliability of any design.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reliability {
    /// Error variance of differences between objects, in squared score units.
    pub relative_error: f64,
    /// Error variance of the level of an object, in squared score units; at least the relative one.
    pub absolute_error: f64,
    /// Reliability of the order, 0..=1.
    pub g: f64,
    /// Reliability of the level, 0..=1.
    pub phi: f64,
}

/// Reliability of branch means by number of visits, each by another shopper.
///
/// `n` holds numbers of visits from 1 up, `targets` reliabilities strictly between 0 and 1; see
/// [`DEFAULT_VISITS`] and [`DEFAULT_TARGETS`].
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): a component that is not finite, 0 visits, a target
///   out of its range.
/// * [`Undefined`](super::StatErrorCode::Undefined): branch and error variance are both 0, or a target
///   needs more than 2^53 visits.
///
/// # Source
///
/// Brennan 2001: g = branch / (branch + residual/n), phi = branch / (branch + (shopper + residual)/n);
/// a reliability T needs T/(1-T) error/branch visits.
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::d_study::{VisitComponents, plan_visits};
///
/// let components = VisitComponents { branch: 25.0, shopper: 16.0, residual: 49.0 };
/// let plan = plan_visits(components, &[4], &[0.8])?;
/// assert!((plan.coefficients[0].phi - 25.0 / (25.0 + 65.0 / 4.0)).abs() < 1e-12);
/// assert_eq!((plan.visits_needed[0].g, plan.visits_needed[0].phi), (Some(8), Some(11)));
///
/// assert_eq!(plan_visits(components, &[4], &[1.0]).unwrap_err().code, StatErrorCode::BadInput);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn plan_visits(components: VisitComponents, n: &[u64], targets: &[f64]) -> Result<VisitPlan, StatError> {
    let branch = variance("branch", components.branch)?;
    let shopper = variance("shopper", components.shopper)?;
    let residual = variance("residual", components.residual)?;
    if n.contains(&0) {
        return Err(StatError::bad_input("\"n\" counts visits from 1 up"));
    }
    if targets.iter().any(|target| !(*target > 0.0 && *target < 1.0)) {
        return Err(StatError::bad_input("choose \"targets\" between 0 and 1, both excluded"));
    }
    let coefficients = n.iter().map(|&n| {
        let visits = n as f64;
        let g = share(branch, residual / visits)?;
        Ok(Coefficients { n, g, phi: share(branch, (shopper + residual) / visits)? })
    });
    let visits_needed = targets.iter().map(|&target| {
        let g = visits(target, residual, branch)?;
        Ok(VisitsNeeded { target, g, phi: visits(target, shopper + residual, branch)? })
    });
    Ok(VisitPlan {
        coefficients: coefficients.collect::<Result<_, StatError>>()?,
        visits_needed: visits_needed.collect::<Result<_, StatError>>()?,
    })
}

/// Reliability of a design given by its components and how many conditions each is averaged over.
///
/// `object` is the variance of what is told apart; `relative` and `absolute` hold pairs of a variance
/// and its divisor, above 0. `relative` lists what disturbs the order; `absolute` what disturbs the
/// level besides. Negative variances count as 0.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): a number that is not finite, a divisor that is not
///   above 0.
/// * [`Undefined`](super::StatErrorCode::Undefined): neither object nor error vary.
///
/// # Source
///
/// Brennan 2001: g = object / (object + relative error), phi with the absolute error.
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::d_study::reliability;
///
/// // 12 questions each: the interaction disturbs the order, the questions' difficulty the level too.
/// let test = reliability(0.06, &[(0.12, 12.0)], &[(0.06, 12.0)])?;
/// assert!((test.g - 0.06 / 0.07).abs() < 1e-12);
/// assert!((test.phi - 0.06 / 0.075).abs() < 1e-12);
///
/// assert_eq!(reliability(0.0, &[(0.0, 12.0)], &[]).unwrap_err().code, StatErrorCode::Undefined);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn reliability(object: f64, relative: &[(f64, f64)], absolute: &[(f64, f64)]) -> Result<Reliability, StatError> {
    let object = variance("object", object)?;
    let relative_error = error("relative", relative)?;
    let absolute_error = relative_error + error("absolute", absolute)?;
    finite([&absolute_error])?;
    let g = share(object, relative_error)?;
    Ok(Reliability { relative_error, absolute_error, g, phi: share(object, absolute_error)? })
}

fn variance(name: &str, value: f64) -> Result<f64, StatError> {
    if value.is_finite() {
        Ok(value.max(0.0))
    } else {
        Err(StatError::bad_input(format!("the component \"{name}\" must be a finite number")))
    }
}

fn error(name: &str, parts: &[(f64, f64)]) -> Result<f64, StatError> {
    let mut sum = 0.0;
    for &(component, divisor) in parts {
        if !(divisor.is_finite() && divisor > 0.0) {
            return Err(StatError::bad_input(format!("divisors in \"{name}\" must be above 0")));
        }
        sum += variance(name, component)? / divisor;
    }
    Ok(sum)
}

fn share(object: f64, error: f64) -> Result<f64, StatError> {
    if object + error == 0.0 {
        return Err(StatError::undefined("neither object nor error vary, so there is no reliability"));
    }
    let share = object / (object + error);
    finite([&(object + error), &share])?;
    Ok(share)
}

fn visits(target: f64, error: f64, branch: f64) -> Result<Option<u64>, StatError> {
    if branch == 0.0 {
        return Ok(None);
    }
    // The slack keeps an exact ratio from being rounded up to one visit more.
    let needed = (target / (1.0 - target) * error / branch - 1e-9).ceil();
    if needed <= MOST_VISITS {
        Ok(Some((needed as u64).max(1)))
    } else {
        Err(StatError::undefined("the branch variance is so small that no number of visits is enough"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VisitInput {
    branch: f64,
    shopper: f64,
    residual: f64,
    #[serde(default = "default_visits")]
    n: Vec<u64>,
    #[serde(default = "default_targets")]
    targets: Vec<f64>,
}

fn default_visits() -> Vec<u64> {
    DEFAULT_VISITS.to_vec()
}

fn default_targets() -> Vec<f64> {
    DEFAULT_TARGETS.to_vec()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DesignInput {
    object: f64,
    relative: Vec<(f64, f64)>,
    absolute: Vec<(f64, f64)>,
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    if input.get("object").is_some() {
        let DesignInput { object, relative, absolute } = read(input)?;
        return written(&reliability(object, &relative, &absolute)?);
    }
    let VisitInput { branch, shopper, residual, n, targets } = read(input)?;
    written(&plan_visits(VisitComponents { branch, shopper, residual }, &n, &targets)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stats::StatErrorCode;

    fn code(input: Value) -> StatErrorCode {
        run(input).unwrap_err().code
    }

    #[test]
    fn the_visits_needed_are_just_enough() {
        for (branch, shopper, residual) in [(25.0, 16.0, 49.0), (1.0, 0.0, 3.0), (0.37, 2.1, 9.9), (4.0, 4.0, 0.0)] {
            let components = VisitComponents { branch, shopper, residual };
            let plan = plan_visits(components, &[], &[0.05, 0.3, 0.5, 0.75, 0.99]).unwrap();
            for needed in plan.visits_needed {
                let phi = needed.phi.unwrap();
                let reached = |n| plan_visits(components, &[n], &[]).unwrap().coefficients[0].phi;
                assert!(reached(phi) >= needed.target - 1e-9);
                assert!(phi == 1 || reached(phi - 1) < needed.target);
            }
        }
    }

    #[test]
    fn an_exact_ratio_is_not_rounded_up() {
        // .7 / .3 * 9 / 3 = 7, which f64 makes 7.000000000000001 or so.
        let plan = plan_visits(VisitComponents { branch: 3.0, shopper: 0.0, residual: 9.0 }, &[], &[0.7]).unwrap();
        assert_eq!(plan.visits_needed[0].g, Some(7));
    }

    #[test]
    fn negative_components_count_as_none() {
        let plan = plan_visits(VisitComponents { branch: 4.0, shopper: -3.0, residual: 8.0 }, &[2], &[]).unwrap();
        assert_eq!((plan.coefficients[0].g, plan.coefficients[0].phi), (0.5, 0.5));
        assert_eq!(reliability(1.0, &[(-1.0, 2.0)], &[(3.0, 3.0)]).unwrap().phi, 0.5);
    }

    #[test]
    fn branches_that_do_not_differ_need_no_number() {
        let none = VisitComponents { branch: -1.0, shopper: 0.0, residual: 0.0 };
        assert_eq!(plan_visits(none, &[], &[0.7]).unwrap().visits_needed[0].phi, None);
        assert_eq!(plan_visits(none, &[1], &[]).unwrap_err().code, StatErrorCode::Undefined);
        let hardly = VisitComponents { branch: 1e-300, shopper: 0.0, residual: 1.0 };
        assert_eq!(plan_visits(hardly, &[], &[0.7]).unwrap_err().code, StatErrorCode::Undefined);
    }

    #[test]
    fn shapes_are_not_mixed_and_ranges_are_kept() {
        let visit = json!({"branch": 1, "shopper": 1, "residual": 1});
        let with = |name: &str, value: Value| {
            let mut input = visit.clone();
            input[name] = value;
            input
        };
        assert!(run(with("n", json!([]))).is_ok());
        for bad in [json!([0]), json!([1.0]), json!([-1]), json!(null)] {
            assert_eq!(code(with("n", bad)), StatErrorCode::BadInput);
        }
        for bad in [json!([0]), json!([1]), json!(["a"])] {
            assert_eq!(code(with("targets", bad)), StatErrorCode::BadInput);
        }
        assert_eq!(code(with("object", json!(1))), StatErrorCode::BadInput);
        assert_eq!(code(json!({"branch": 1, "shopper": 1})), StatErrorCode::BadInput);
        assert_eq!(code(json!({"object": 1, "relative": [[1, 0]], "absolute": []})), StatErrorCode::BadInput);
        assert_eq!(code(json!({"object": 1, "relative": [[1, 2, 3]], "absolute": []})), StatErrorCode::BadInput);
    }
}

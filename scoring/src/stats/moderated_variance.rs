//! Moderated variances: what few visits say about a branch's spread, helped by the other branches.
//!
//! A variance of three visits is nearly worthless by itself, and one variance for all is unfair to
//! branches that really differ. The variances are taken as draws from a common prior with `d0` degrees
//! of freedom around `s02`; each is moved towards it, the more the fewer visits it has. `d0` is null
//! when the variances differ no more than chance alone would make them: then one does for all.
//!
//! It needs many branches (100 degrees of freedom in all) to know the prior, and says nothing about
//! the means.
//!
//! Source: Smyth 2004, "Linear models and empirical Bayes methods", section 6.2.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use statrs::function::gamma::digamma;

use super::failure::StatError;
use super::numbers::{finite, median, real};
use super::sample::{Sample, mean};
use super::{read, written};

/// Variances below this part of the median count as it: the logarithm of 0 would rule the fit.
const FLOOR: f64 = 1e-5;

/// Moderated variances, in the order of the variances.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModeratedVariance {
    /// Degrees of freedom of the prior, above 0; `None` for infinitely many.
    pub d0: Option<f64>,
    /// The prior variance, above 0, in the squared unit of the scores.
    pub s02: f64,
    /// The moderated variances, in the squared unit of the scores.
    pub s2_post: Vec<f64>,
    /// Their degrees of freedom, at most the sum of those given.
    pub df: Vec<f64>,
}

/// Moderates variances `s2`, each with its degrees of freedom in `d`.
///
/// Variances are 0 or more in any squared unit, degrees of freedom above 0.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): lists of different lengths, a negative variance, no
///   degrees of freedom, or a number not finite.
/// * [`TooFew`](super::StatErrorCode::TooFew): fewer than two variances.
/// * [`Undefined`](super::StatErrorCode::Undefined): the median variance is 0, or the numbers overflow.
///
/// # Source
///
/// Smyth 2004: with e = ln s2 - psi(d/2) + ln(d/2) and v = var(e) - mean psi'(d/2), psi'(d0/2) = v,
/// s02 = exp(mean e + psi(d0/2) - ln(d0/2)), s2_post = (d0 s02 + d s2) / (d0 + d).
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::moderated_variance::moderated_variance;
///
/// let alike = moderated_variance(&[90.0, 100.0, 110.0], &[4.0, 4.0, 4.0])?;
/// assert_eq!((alike.d0, alike.df), (None, vec![12.0; 3]));
/// let differing = moderated_variance(&[1.0, 20.0, 400.0], &[4.0, 4.0, 4.0])?;
/// assert!(differing.s2_post[0] > 1.0 && differing.s2_post[2] < 400.0);
///
/// assert_eq!(moderated_variance(&[4.5], &[3.0]).unwrap_err().code, StatErrorCode::TooFew);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn moderated_variance(s2: &[f64], d: &[f64]) -> Result<ModeratedVariance, StatError> {
    real("s2", s2)?;
    check_degrees(d)?;
    if s2.len() != d.len() {
        return Err(StatError::bad_input("give every variance its degrees of freedom: the lists differ in length"));
    }
    if s2.iter().any(|variance| *variance < 0.0) {
        return Err(StatError::bad_input("a variance cannot be below 0"));
    }
    if s2.len() < 2 {
        return Err(StatError::too_few("a prior needs at least two variances"));
    }
    let floor = FLOOR * median(s2).unwrap_or(0.0);
    if floor == 0.0 {
        return Err(StatError::undefined("at least half of the variances are 0"));
    }
    let centred: Vec<f64> = s2.iter().zip(d).map(|(s2, d)| s2.max(floor).ln() - ln_bias(*d)).collect();
    let by_chance: Vec<f64> = d.iter().map(|d| trigamma(d / 2.0).0).collect();
    let excess = Sample::of(&centred).variance().unwrap_or(0.0) - mean(&by_chance);
    let total: f64 = d.iter().sum();
    let moderated = if excess <= 0.0 {
        let s02 = mean(&centred).exp();
        ModeratedVariance { d0: None, s02, s2_post: vec![s02; s2.len()], df: vec![total; s2.len()] }
    } else {
        let d0 = 2.0 * inverse_trigamma(excess);
        let s02 = (mean(&centred) + ln_bias(d0)).exp();
        let s2_post = s2.iter().zip(d).map(|(s2, d)| (d0 * s02 + d * s2) / (d0 + d)).collect();
        ModeratedVariance { d0: Some(d0), s02, s2_post, df: d.iter().map(|d| (d0 + d).min(total)).collect() }
    };
    finite([&moderated.s02].into_iter().chain(&moderated.d0).chain(&moderated.s2_post).chain(&moderated.df))?;
    Ok(moderated)
}

fn check_degrees(d: &[f64]) -> Result<(), StatError> {
    real("d", d)?;
    if d.iter().all(|df| *df > 0.0) { Ok(()) } else { Err(StatError::bad_input("degrees of freedom must be above 0")) }
}

/// How far the logarithm of a variance with `d` degrees of freedom lies from that of the true one, on average.
fn ln_bias(d: f64) -> f64 {
    digamma(d / 2.0) - (d / 2.0).ln()
}

/// psi' and psi'' of x above 0.
fn trigamma(x: f64) -> (f64, f64) {
    let (mut first, mut second, mut x) = (0.0, 0.0, x);
    // The asymptotic series is exact to rounding from here on.
    while x < 15.0 {
        first += 1.0 / (x * x);
        second -= 2.0 / (x * x * x);
        x += 1.0;
    }
    // Bernoulli numbers B2 to B12.
    let bernoulli = [1.0 / 6.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 5.0 / 66.0, -691.0 / 2730.0];
    first += 1.0 / x + 0.5 / (x * x);
    second -= 1.0 / (x * x) + 1.0 / (x * x * x);
    let mut power = 1.0 / (x * x * x);
    for (b, order) in bernoulli.into_iter().zip([3.0, 5.0, 7.0, 9.0, 11.0, 13.0]) {
        first += b * power;
        second -= order * b * power / x;
        power /= x * x;
    }
    (first, second)
}

/// The x with psi'(x) = y, for y above 0.
fn inverse_trigamma(y: f64) -> f64 {
    // Newton's method on 1/psi', convex and nearly straight: from this start it never overshoots (Smyth 2004).
    let mut x = 0.5 + 1.0 / y;
    // The start is exact to y^2 / 12, and psi'' would vanish further down.
    if y < 1e-8 {
        return x;
    }
    for _ in 0..100 {
        let (first, second) = trigamma(x);
        let step = first * (1.0 - first / y) / second;
        x += step;
        if step.abs() <= 1e-14 * x {
            break;
        }
    }
    x
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Degrees {
    Equal(f64),
    Each(Vec<f64>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    s2: Vec<f64>,
    d: Degrees,
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { s2, d } = read(input)?;
    let d = match d {
        Degrees::Equal(d) => {
            // Before there is one for every variance: there may be none.
            check_degrees(&[d])?;
            vec![d; s2.len()]
        }
        Degrees::Each(d) => d,
    };
    written(&moderated_variance(&s2, &d)?)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use serde_json::json;

    use super::*;
    use crate::stats::StatErrorCode::{BadInput, TooFew, Undefined};

    #[test]
    fn trigamma_agrees_with_known_values_and_its_inverse() {
        assert!((trigamma(1.0).0 - PI * PI / 6.0).abs() < 1e-14);
        assert!((trigamma(0.5).0 - PI * PI / 2.0).abs() < 1e-14);
        assert!((trigamma(0.5).1 + 14.0 * 1.202_056_903_159_594_3).abs() < 1e-13);
        for y in [1e-300, 1e-12, 1e-3, 0.3, 1.0, 7.0, 1e4, 1e12] {
            assert!((trigamma(inverse_trigamma(y)).0 / y - 1.0).abs() < 1e-13, "{y}");
        }
    }

    #[test]
    fn a_change_of_unit_changes_variances_only() {
        let s2 = [1.0, 20.0, 400.0, 0.0, 33.0];
        let d = [4.0, 1.0, 3.0, 2.0, 6.0];
        let one = moderated_variance(&s2, &d).unwrap();
        let other = moderated_variance(&s2.map(|s2| s2 * 1e4), &d).unwrap();
        assert!((one.d0.unwrap() - other.d0.unwrap()).abs() < 1e-10);
        for (a, b) in one.s2_post.iter().zip(&other.s2_post) {
            assert!((a * 1e4 / b - 1.0).abs() < 1e-10);
        }
    }

    #[test]
    fn inputs_are_read_to_the_letter() {
        for (input, code) in [
            (json!({"s2": [], "d": 3}), TooFew),
            (json!({"s2": [], "d": []}), TooFew),
            (json!({"s2": [], "d": 0}), BadInput),
            (json!({"s2": [1], "d": [1, 2]}), BadInput),
            (json!({"s2": [1, 2], "d": [1, -2]}), BadInput),
            (json!({"s2": [1, -2], "d": 3}), BadInput),
            (json!({"s2": [1, 2], "d": "3"}), BadInput),
            (json!({"s2": [1, 2]}), BadInput),
            (json!({"s2": [0, 0, 1], "d": 3}), Undefined),
            (json!({"s2": [1, 2, 1], "d": 1e-300}), Undefined),
        ] {
            assert_eq!(run(input.clone()).unwrap_err().code, code, "{input}");
        }
    }
}

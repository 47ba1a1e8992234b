//! Shrinkage of figures whose sampling variances are known.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::failure::StatError;
use super::super::numbers::{finite, real, variance};
use super::super::sample::{mean, squares};
use super::super::{read, written};
use super::shrink;

/// Halvings and Newton steps after which the equation counts as solved.
const MOST_STEPS: usize = 200;

/// How the variance between branches is found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BetweenVariance {
    /// Paule and Mandel: the spread seen equals the spread expected.
    PauleMandel,
    /// DerSimonian and Laird: the first moment, without iteration.
    DerSimonianLaird,
    /// Given, in squared score units, from 0 up.
    Given(f64),
}

/// Figures shrunken towards their common level.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KnownVariance {
    /// Variance between branches, in squared score units, from 0 up.
    pub tau2: f64,
    /// Common level, in score units.
    pub mu: f64,
    /// Standard error of the common level, in score units.
    pub se: f64,
    /// The branches in the order given.
    pub branches: Vec<ShrunkenFigure>,
}

/// One figure, shrunken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShrunkenFigure {
    /// Share of the figure's variance that is the branch and not luck, 0..=1.
    pub reliability: f64,
    /// Shrunken level, in score units.
    pub estimate: f64,
    /// Variance of the estimate's error, in squared score units.
    pub post_var: f64,
}

/// Shrinks figures `y` with known sampling variances `v` towards their common level.
///
/// `y` in any unit, `v` in its square and above 0.
///
/// # Errors
///
/// * [`BadInput`](crate::stats::StatErrorCode::BadInput): lists of different length, a number that is
///   not finite, a variance that is not above 0, a given variance between branches below 0.
/// * [`TooFew`](crate::stats::StatErrorCode::TooFew): fewer than 2 figures.
/// * [`Undefined`](crate::stats::StatErrorCode::Undefined): numbers too large or small for their squares.
///
/// # Source
///
/// DerSimonian and Laird 1986; Paule and Mandel 1982: sum (y - mu)^2 / (v + tau2) = k - 1. Estimates as
/// in Morris 1983 with the variance of mu added.
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::shrink::{BetweenVariance, known_variance};
///
/// let network = known_variance(&[70.0, 80.0], &[25.0, 25.0], BetweenVariance::PauleMandel)?;
/// // The figures spread by 50, of which luck explains 25.
/// assert!((network.tau2 - 25.0).abs() < 1e-9);
/// assert!((network.branches[0].estimate - 72.5).abs() < 1e-9);
///
/// let flawed = known_variance(&[70.0, 80.0], &[25.0, 0.0], BetweenVariance::PauleMandel);
/// assert_eq!(flawed.unwrap_err().code, StatErrorCode::BadInput);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn known_variance(y: &[f64], v: &[f64], between: BetweenVariance) -> Result<KnownVariance, StatError> {
    if y.len() != v.len() {
        return Err(StatError::bad_input("give one variance \"v\" per figure \"y\""));
    }
    real("y", y)?;
    real("v", v)?;
    if v.iter().any(|v| *v <= 0.0) {
        return Err(StatError::bad_input("sampling variances \"v\" must be above 0"));
    }
    if let BetweenVariance::Given(tau2) = between {
        variance("tau2", tau2)?;
    }
    if y.len() < 2 {
        return Err(StatError::too_few("shrinkage needs at least two branches"));
    }
    let figures = Figures { y, v };
    let tau2 = match between {
        BetweenVariance::Given(tau2) => tau2,
        BetweenVariance::DerSimonianLaird => figures.first_moment(),
        BetweenVariance::PauleMandel => figures.paule_mandel(),
    };
    let fit = figures.at(tau2);
    let branch = |(y, v): (&f64, &f64)| {
        let shrunken = shrink(*y, fit.mu, [tau2, *v, 1.0 / fit.weight]);
        ShrunkenFigure { reliability: shrunken.reliability, estimate: shrunken.estimate, post_var: shrunken.post_var }
    };
    let branches: Vec<ShrunkenFigure> = y.iter().zip(v).map(branch).collect();
    let se = 1.0 / fit.weight.sqrt();
    finite([&tau2, &fit.mu, &se])?;
    finite(branches.iter().flat_map(|branch| [&branch.reliability, &branch.estimate, &branch.post_var]))?;
    Ok(KnownVariance { tau2, mu: fit.mu, se, branches })
}

struct Figures<'a> {
    y: &'a [f64],
    v: &'a [f64],
}

// The common level for one variance between branches, and the spread about it.
struct Fit {
    weight: f64,
    mu: f64,
    spread: f64,
    // How fast the spread falls as the variance between branches grows.
    slope: f64,
}

impl Figures<'_> {
    fn at(&self, tau2: f64) -> Fit {
        let weights = || self.v.iter().map(|v| 1.0 / (v + tau2));
        let weight: f64 = weights().sum();
        let mu = self.y.iter().zip(weights()).map(|(y, weight)| y * weight).sum::<f64>() / weight;
        let (mut spread, mut slope) = (0.0, 0.0);
        for (y, weight) in self.y.iter().zip(weights()) {
            let part = (y - mu).powi(2) * weight;
            spread += part;
            slope += part * weight;
        }
        Fit { weight, mu, spread, slope }
    }

    fn degrees(&self) -> f64 {
        self.y.len() as f64 - 1.0
    }

    fn first_moment(&self) -> f64 {
        let fit = self.at(0.0);
        let squares_over_sum: f64 = self.v.iter().map(|v| 1.0 / v / fit.weight / v).sum();
        ((fit.spread - self.degrees()) / (fit.weight - squares_over_sum)).max(0.0)
    }

    // The spread falls with tau2, and with all variances at their smallest or largest it would be
    // squares / (v + tau2): both give a bound. Steps are Newton's on 1/spread, which is nearly straight.
    fn paule_mandel(&self) -> f64 {
        let degrees = self.degrees();
        let apart = squares(self.y, mean(self.y)) / degrees;
        let smallest = self.v.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = self.v.iter().copied().fold(0.0, f64::max);
        let (mut low, mut high) = ((apart - largest).max(0.0), apart - smallest);
        if high <= 0.0 || self.at(0.0).spread <= degrees {
            return 0.0;
        }
        let mut tau2 = low;
        for _ in 0..MOST_STEPS {
            let fit = self.at(tau2);
            if fit.spread > degrees {
                low = low.max(tau2);
            } else {
                high = high.min(tau2);
            }
            let newton = tau2 + (fit.spread / degrees - 1.0) * fit.spread / fit.slope;
            let next = if newton >= low && newton <= high { newton } else { f64::midpoint(low, high) };
            if (next - tau2).abs() <= 1e-15 * tau2 {
                return next;
            }
            tau2 = next;
        }
        tau2
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    y: Vec<f64>,
    v: Vec<f64>,
    #[serde(default)]
    tau2: Tau2,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Tau2 {
    Number(f64),
    Way(Way),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Way {
    Pm,
    Dl,
}

impl Default for Tau2 {
    fn default() -> Self {
        Tau2::Way(Way::Pm)
    }
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { y, v, tau2 } = read(input)?;
    let between = match tau2 {
        Tau2::Number(tau2) => BetweenVariance::Given(tau2),
        Tau2::Way(Way::Pm) => BetweenVariance::PauleMandel,
        Tau2::Way(Way::Dl) => BetweenVariance::DerSimonianLaird,
    };
    written(&known_variance(&y, &v, between)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::StatErrorCode;

    fn code(y: &[f64], v: &[f64], between: BetweenVariance) -> StatErrorCode {
        known_variance(y, v, between).unwrap_err().code
    }

    #[test]
    fn eight_schools() {
        let effects = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
        let variances = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0].map(|se: f64| se * se);
        let schools = known_variance(&effects, &variances, BetweenVariance::DerSimonianLaird).unwrap();
        assert_eq!(schools.tau2, 0.0);
        assert!((schools.mu - 7.69).abs() < 0.005 && (schools.se - 4.07).abs() < 0.005);
    }

    #[test]
    fn paule_mandel_solves_its_equation_for_any_mix_of_variances() {
        let y = [82.0, 74.0, 91.0, 66.0, 79.0, 88.0];
        for v in [[4.0; 6], [1e-12, 1e-3, 1.0, 5.0, 1e2, 1e6], [1e-9; 6], [1e-30, 1e9, 1e9, 1e9, 1e9, 1e-30]] {
            let tau2 = known_variance(&y, &v, BetweenVariance::PauleMandel).unwrap().tau2;
            let spread = Figures { y: &y, v: &v }.at(tau2).spread;
            assert!((spread - 5.0).abs() < 1e-9, "{v:?}: {tau2} {spread}");
        }
    }

    #[test]
    fn given_variance_reaches_from_all_equal_to_as_measured() {
        let (y, v) = ([1.0, 2.0, 6.0], [1.0, 2.0, 3.0]);
        let none = known_variance(&y, &v, BetweenVariance::Given(0.0)).unwrap();
        assert!(none.branches.iter().all(|branch| branch.estimate == none.mu));
        let much = known_variance(&y, &v, BetweenVariance::Given(1e12)).unwrap();
        assert!(much.branches.iter().zip(y).all(|(branch, y)| (branch.estimate - y).abs() < 1e-9));
    }

    #[test]
    fn bad_input_comes_before_too_few() {
        let way = BetweenVariance::PauleMandel;
        assert_eq!(code(&[1.0], &[], way), StatErrorCode::BadInput);
        assert_eq!(code(&[f64::NAN], &[1.0], way), StatErrorCode::BadInput);
        assert_eq!(code(&[1.0], &[0.0], way), StatErrorCode::BadInput);
        assert_eq!(code(&[1.0], &[1.0], BetweenVariance::Given(-1.0)), StatErrorCode::BadInput);
        assert_eq!(code(&[1.0], &[1.0], way), StatErrorCode::TooFew);
        for way in [way, BetweenVariance::DerSimonianLaird] {
            assert_eq!(code(&[1e200, -1e200], &[1.0, 1.0], way), StatErrorCode::Undefined);
        }
    }
}

//! Shrinkage of branch means from their visits.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::failure::StatError;
use super::super::numbers::{finite, given, real, variance};
use super::super::sample::{counted, mean, squares};
use super::super::{read, written};
use super::shrink;
use crate::columns::Moments;

/// Variances between branches and between the visits of a branch, in squared score units, from 0 up.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnewayComponents {
    /// Between branches.
    pub branch: f64,
    /// Between the visits of one branch.
    pub within: f64,
}

/// A network of branches with their shrunken levels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Oneway {
    /// Visits of all branches.
    pub n: usize,
    /// Mean square between branches, in squared score units; nothing when components were given.
    pub msb: Option<f64>,
    /// Mean square within branches, in squared score units; nothing when components were given.
    pub msw: Option<f64>,
    /// The number of visits a typical branch has; nothing when components were given.
    pub n0: Option<f64>,
    /// Variance between branches as estimated, may be negative; nothing when components were given.
    pub s2_branch_raw: Option<f64>,
    /// Variance between branches, in squared score units, from 0 up.
    pub s2_branch: f64,
    /// Variance between visits of a branch, in squared score units, from 0 up.
    pub s2_within: f64,
    /// Level of the typical branch, in score units.
    pub mu: f64,
    /// The branches in the order given.
    pub branches: Vec<ShrunkenBranch>,
}

/// One branch, measured and shrunken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShrunkenBranch {
    /// Visits, at least 1.
    pub n: usize,
    /// Measured mean, in score units.
    pub mean: f64,
    /// Share of the mean's variance that is the branch and not luck, 0..=1.
    pub reliability: f64,
    /// Shrunken level, in score units.
    pub estimate: f64,
    /// Variance of the estimate's error, in squared score units.
    pub post_var: f64,
}

/// Shrinks branch means by a random-intercept model (empirical Bayes).
///
/// `groups` holds the visit scores of every branch, in any unit. Variances are estimated by one-way
/// ANOVA unless `given`. Takes O(visits) time.
///
/// # Errors
///
/// * [`BadInput`](crate::stats::StatErrorCode::BadInput): a branch without visits, a score that is not
///   finite, a given component that is negative.
/// * [`TooFew`](crate::stats::StatErrorCode::TooFew): fewer than 2 branches, or no branch with 2 visits
///   and no components given.
/// * [`Undefined`](crate::stats::StatErrorCode::Undefined): the scores do not vary, or both given
///   components are 0.
///
/// # Source
///
/// Searle, Casella and McCulloch 1992, chapters 3 and 7: n0 = (N - sum n^2/N) / (a - 1), between =
/// max(0, (MSB - MSW) / n0), k = between / (between + within/n), estimate = mu + k (mean - mu) with the
/// weights 1 / (between + within/n) for mu.
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::shrink::oneway;
///
/// let network = oneway(&[vec![80.0, 84.0], vec![70.0, 74.0], vec![90.0, 94.0]], None)?;
/// let best = &network.branches[2];
/// assert_eq!((best.mean, best.reliability), (92.0, 0.96));
/// assert!((best.estimate - 91.6).abs() < 1e-9);
///
/// assert_eq!(oneway(&[vec![80.0], vec![70.0]], None).unwrap_err().code, StatErrorCode::TooFew);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn oneway(groups: &[Vec<f64>], given: Option<OnewayComponents>) -> Result<Oneway, StatError> {
    if let Some(position) = groups.iter().position(Vec::is_empty) {
        return Err(StatError::bad_input(format!("branch {position}, counted from 0, has no visits: leave it out")));
    }
    groups.iter().try_for_each(|scores| real("groups", scores))?;
    if let Some(OnewayComponents { branch, within }) = given {
        variance("branch", branch)?;
        variance("within", within)?;
    }
    fit(&groups.iter().map(|scores| Visits::of(scores)).collect::<Vec<_>>(), given)
}

/// [`oneway`] from stored totals of each branch instead of its visits.
///
/// Totals are whole numbers, so nothing is lost in them. Takes O(branches) time.
///
/// # Errors
///
/// As [`oneway`] without components.
///
/// # Source
///
/// As [`oneway`].
///
/// ```
/// use peegel_scoring::columns::Moments;
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::shrink::{oneway, oneway_of_moments};
///
/// let totals = [Moments::from_parts(2, 164, 13_456)?, Moments::from_parts(1, 70, 4900)?];
/// assert_eq!(oneway_of_moments(&totals)?, oneway(&[vec![80.0, 84.0], vec![70.0]], None)?);
///
/// assert_eq!(oneway_of_moments(&totals[..1]).unwrap_err().code, StatErrorCode::TooFew);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn oneway_of_moments(branches: &[Moments]) -> Result<Oneway, StatError> {
    let visits: Option<Vec<_>> = branches.iter().map(Visits::of_moments).collect();
    fit(&visits.ok_or_else(|| StatError::bad_input("leave out the branches without visits"))?, None)
}

// What the model takes of the visits of one branch.
struct Visits {
    n: usize,
    mean: f64,
    // Sum of squares about the mean.
    within: f64,
    // Sum of squares about 0.
    raw: f64,
}

impl Visits {
    fn of(scores: &[f64]) -> Self {
        let mean = mean(scores);
        Visits { n: scores.len(), mean, within: squares(scores, mean), raw: squares(scores, 0.0) }
    }

    fn of_moments(moments: &Moments) -> Option<Self> {
        Some(Visits {
            n: usize::try_from(moments.n()).ok()?,
            mean: moments.mean()?.to_f64(),
            within: moments.squared_distances().to_f64(),
            raw: moments.sum_of_squares() as f64,
        })
    }

    fn size(&self) -> f64 {
        self.n as f64
    }
}

fn fit(branches: &[Visits], given: Option<OnewayComponents>) -> Result<Oneway, StatError> {
    if branches.len() < 2 {
        return Err(StatError::too_few("shrinkage needs at least two branches"));
    }
    let (estimated, components) = match given {
        Some(components) => (None, components),
        None => {
            let anova = anova(branches)?;
            let components = anova.components();
            (Some(anova), components)
        }
    };
    let OnewayComponents { branch: between, within } = components;
    if between == 0.0 && within == 0.0 {
        return Err(StatError::undefined("without variance there is nothing to weigh the visits by"));
    }
    let n = branches.iter().map(|visits| visits.n).sum();
    let (mu, branches) = shrunken(branches, between, within);
    finite(branches.iter().flat_map(|branch| [&branch.mean, &branch.reliability, &branch.estimate, &branch.post_var]))?;
    Ok(Oneway {
        n,
        msb: estimated.as_ref().map(|anova| anova.msb),
        msw: estimated.as_ref().map(|anova| anova.msw),
        n0: estimated.as_ref().map(|anova| anova.n0),
        s2_branch_raw: estimated.as_ref().map(Anova::raw),
        s2_branch: between,
        s2_within: within,
        mu,
        branches,
    })
}

struct Anova {
    msb: f64,
    msw: f64,
    n0: f64,
}

impl Anova {
    fn raw(&self) -> f64 {
        (self.msb - self.msw) / self.n0
    }

    fn components(&self) -> OnewayComponents {
        OnewayComponents { branch: self.raw().max(0.0), within: self.msw }
    }
}

fn anova(branches: &[Visits]) -> Result<Anova, StatError> {
    let a = branches.len() as f64;
    let n: f64 = branches.iter().map(Visits::size).sum();
    if n <= a {
        return Err(StatError::too_few("no branch has two visits, so luck and branch cannot be told apart"));
    }
    let grand = branches.iter().map(|visits| visits.size() * visits.mean).sum::<f64>() / n;
    let between = branches.iter().map(|visits| visits.size() * (visits.mean - grand).powi(2)).sum();
    let within = branches.iter().map(|visits| visits.within).sum();
    let raw = branches.iter().map(|visits| visits.raw).sum();
    let (between, within) = (counted(between, raw), counted(within, raw));
    if between == 0.0 && within == 0.0 {
        return Err(StatError::undefined("the scores do not vary"));
    }
    let n0 = (n - branches.iter().map(|visits| visits.size().powi(2)).sum::<f64>() / n) / (a - 1.0);
    let anova = Anova { msb: between / (a - 1.0), msw: within / (n - a), n0 };
    finite([&anova.msb, &anova.msw, &anova.raw()])?;
    Ok(anova)
}

fn shrunken(branches: &[Visits], between: f64, within: f64) -> (f64, Vec<ShrunkenBranch>) {
    let sampling = |visits: &Visits| within / visits.size();
    let weights: Vec<f64> = branches.iter().map(|visits| 1.0 / (between + sampling(visits))).collect();
    let weight: f64 = weights.iter().sum();
    let mu = branches.iter().zip(&weights).map(|(visits, weight)| visits.mean * weight).sum::<f64>() / weight;
    let branch = |visits: &Visits| {
        let shrunken = shrink(visits.mean, mu, [between, sampling(visits), 1.0 / weight]);
        ShrunkenBranch {
            n: visits.n,
            mean: visits.mean,
            reliability: shrunken.reliability,
            estimate: shrunken.estimate,
            post_var: shrunken.post_var,
        }
    };
    (mu, branches.iter().map(branch).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    groups: Vec<Vec<f64>>,
    #[serde(default, deserialize_with = "given")]
    components: Option<OnewayComponents>,
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { groups, components } = read(input)?;
    written(&oneway(&groups, components)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::StatErrorCode;

    fn code(groups: &[Vec<f64>], given: Option<(f64, f64)>) -> StatErrorCode {
        let given = given.map(|(branch, within)| OnewayComponents { branch, within });
        oneway(groups, given).unwrap_err().code
    }

    #[test]
    fn dyestuff_in_lme4() {
        let batches = [
            [1545, 1440, 1440, 1520, 1580],
            [1540, 1555, 1490, 1560, 1495],
            [1595, 1550, 1605, 1510, 1560],
            [1445, 1440, 1595, 1465, 1545],
            [1595, 1630, 1515, 1635, 1625],
            [1520, 1455, 1450, 1480, 1445],
        ];
        let network = oneway(&batches.map(|batch| batch.map(f64::from).to_vec()), None).unwrap();
        assert!((network.s2_branch - 1764.05).abs() < 1e-9 && (network.s2_within - 2451.25).abs() < 1e-9);
        assert!((network.mu - 1527.5).abs() < 1e-9);
    }

    #[test]
    fn estimates_lie_between_mean_and_network_and_more_visits_count_more() {
        let groups = [vec![90.0, 96.0], vec![91.0, 95.0, 90.0, 96.0], vec![60.0, 70.0, 62.0], vec![80.0]];
        let network = oneway(&groups, None).unwrap();
        for branch in &network.branches {
            let (low, high) = (branch.mean.min(network.mu), branch.mean.max(network.mu));
            assert!(low <= branch.estimate && branch.estimate <= high);
        }
        assert!(network.branches[0].reliability < network.branches[1].reliability);
        assert!(network.branches[0].post_var > network.branches[1].post_var);
    }

    #[test]
    fn no_difference_between_branches_leaves_one_level() {
        let network = oneway(&[vec![1.0, 9.0], vec![2.0, 8.0], vec![5.0]], None).unwrap();
        assert!(network.s2_branch_raw.unwrap() < 0.0);
        assert!(network.branches.iter().all(|branch| branch.estimate == 5.0 && branch.reliability == 0.0));
    }

    #[test]
    fn visits_without_any_luck_are_taken_as_they_are() {
        let network = oneway(&[vec![0.1, 0.1, 0.1], vec![0.7, 0.7], vec![0.4]], None).unwrap();
        assert_eq!((network.msw, network.branches[2].reliability), (Some(0.0), 1.0));
        assert!((network.branches[2].estimate - 0.4).abs() < 1e-12 && network.branches[2].post_var == 0.0);
    }

    #[test]
    fn given_components_need_no_visit_twice() {
        let components = OnewayComponents { branch: 4.0, within: 12.0 };
        let network = oneway(&[vec![70.0], vec![80.0]], Some(components)).unwrap();
        assert_eq!((network.mu, network.branches[0].estimate, network.msb), (75.0, 73.75, None));
        let certain = OnewayComponents { branch: 4.0, within: 0.0 };
        assert_eq!(oneway(&[vec![70.0], vec![70.0]], Some(certain)).unwrap().branches[0].estimate, 70.0);
    }

    #[test]
    fn bad_input_comes_before_too_few() {
        assert_eq!(code(&[vec![]], None), StatErrorCode::BadInput);
        assert_eq!(code(&[vec![f64::NAN]], None), StatErrorCode::BadInput);
        assert_eq!(code(&[vec![1.0]], Some((-1.0, 2.0))), StatErrorCode::BadInput);
        assert_eq!(code(&[], None), StatErrorCode::TooFew);
        assert_eq!(code(&[vec![1.0]], Some((1.0, 2.0))), StatErrorCode::TooFew);
        assert_eq!(code(&[vec![0.1, 0.1], vec![0.1]], None), StatErrorCode::Undefined);
        assert_eq!(code(&[vec![1.0], vec![2.0]], Some((0.0, 0.0))), StatErrorCode::Undefined);
        assert_eq!(code(&[vec![1e200, 2e200], vec![3e200]], None), StatErrorCode::Undefined);
    }
}

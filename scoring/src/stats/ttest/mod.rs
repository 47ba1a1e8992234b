//! Whether a mean has changed: Welch's, the pooled and the paired t-test.
//!
//! - [`pooled`] with the spread of the whole network is the one for a single branch between two waves:
//!   it works from one visit a wave on and keeps its false alarms at the level asked for.
//! - [`welch`] is for a branch without a network: safe, but nearly blind at two visits.
//! - [`paired`] is for the network between two waves: every branch is its own comparison.
//!
//! Never pair the items of two visits: items of a visit move together, and 19 to 20 of 100 unchanged
//! branches would be reported as changed. `mdc` is the change that is found four times out of five;
//! "no change found" below it says nothing. Many branches at once need [`bh`](super::bh).
//!
//! Source: Student 1908, Welch 1947, Satterthwaite 1946; mdc = (z(.975) + z(.8)) se = 2.8 se.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::StatError;
use super::numbers::{confidence, default_confidence, degrees, finite, given, real};
use super::sample::{Sample, mean};
use super::student::{critical_t, t_tail};
use super::{read, written};

/// Standard errors that a change must span to be found four times out of five at 95%.
const DETECTABLE: f64 = 2.8;

/// How two means differ, in the unit of the values; positive when `a`, the later wave, is higher.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Mean of `a`.
    pub mean_a: f64,
    /// Mean of `b`.
    pub mean_b: f64,
    /// `mean_a` minus `mean_b`.
    pub diff: f64,
    /// Standard error of `diff`, above 0.
    pub se: f64,
    /// `diff` in standard errors.
    pub t: f64,
    /// Degrees of freedom of t, above 0.
    #[serde(serialize_with = "degrees")]
    pub df: f64,
    /// Two-sided p of t, 0..=1.
    pub p: f64,
    /// Interval of `diff` at the confidence asked for.
    pub ci: [f64; 2],
    /// Smallest change that is found four times out of five at 95%.
    pub mdc: f64,
}

/// The comparison of two independent lists.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IndependentTest {
    /// `welch` or `pooled`.
    pub kind: &'static str,
    /// Values in `a`, at least 1.
    pub n_a: usize,
    /// Values in `b`, at least 1.
    pub n_b: usize,
    /// How the means differ.
    #[serde(flatten)]
    pub change: Change,
}

/// The comparison of two lists, branch by branch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairedTest {
    /// Always `paired`.
    pub kind: &'static str,
    /// Branches with values on both sides, at least 2.
    pub n: usize,
    /// Branches left out for want of values on a side.
    pub dropped: usize,
    /// How the means of the branches' means differ.
    #[serde(flatten)]
    pub change: Change,
}

/// The spread of visits in the whole network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pool {
    /// Standard deviation within branches, in the unit of the values, 0 or more.
    pub s: f64,
    /// Its degrees of freedom, above 0.
    pub df: f64,
}

/// Compares two means whose lists may vary differently.
///
/// Values are in any unit, the same for both; `conf` lies strictly between 0 and 1.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): a confidence out of its range, or a value not finite.
/// * [`TooFew`](super::StatErrorCode::TooFew): fewer than two values in a list.
/// * [`Undefined`](super::StatErrorCode::Undefined): neither list varies, or the sums overflow.
///
/// # Source
///
/// Welch 1947 with the degrees of freedom of Satterthwaite 1946.
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::ttest::welch;
///
/// let test = welch(&[81.0, 90.0, 84.0], &[70.0, 72.0, 74.0, 68.0], 0.95)?;
/// assert!(test.change.diff == 14.0 && test.change.p < 0.05);
///
/// assert_eq!(welch(&[80.0], &[70.0, 75.0], 0.95).unwrap_err().code, StatErrorCode::TooFew);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn welch(a: &[f64], b: &[f64], conf: f64) -> Result<IndependentTest, StatError> {
    check(a, b, conf)?;
    let (a, b) = (Sample::of(a), Sample::of(b));
    let (Some(var_a), Some(var_b)) = (a.variance(), b.variance()) else {
        return Err(StatError::too_few("Welch's test needs at least two values on either side"));
    };
    let (part_a, part_b) = (var_a / a.n as f64, var_b / b.n as f64);
    let squared = part_a + part_b;
    // Parts of the whole: their squares neither overflow nor vanish.
    let (share_a, share_b) = (part_a / squared, part_b / squared);
    let df = 1.0 / (share_a * share_a / a.df() as f64 + share_b * share_b / b.df() as f64);
    let change = change(a.mean, b.mean, squared.sqrt(), df, conf)?;
    Ok(IndependentTest { kind: "welch", n_a: a.n, n_b: b.n, change })
}

/// Compares two means with one spread: that of the network if given, else that of both lists.
///
/// Values are in any unit, the same for both lists and the pool; `conf` lies strictly between 0 and 1.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): a confidence out of its range, a pool with a negative
///   spread or without degrees of freedom, or a value not finite.
/// * [`TooFew`](super::StatErrorCode::TooFew): no value in a list; without a pool, not three in both.
/// * [`Undefined`](super::StatErrorCode::Undefined): no spread, or the sums overflow.
///
/// # Source
///
/// Student 1908; se = s sqrt(1/n_a + 1/n_b).
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::ttest::{Pool, pooled};
///
/// let network = Pool { s: 1100.0, df: 60.0 };
/// let test = pooled(&[9100.0], &[6100.0], Some(network), 0.95)?;
/// assert!((test.change.p - 0.0585).abs() < 1e-4);
///
/// assert_eq!(pooled(&[9100.0], &[6100.0], None, 0.95).unwrap_err().code, StatErrorCode::TooFew);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn pooled(a: &[f64], b: &[f64], pool: Option<Pool>, conf: f64) -> Result<IndependentTest, StatError> {
    check(a, b, conf)?;
    if let Some(Pool { s, df }) = pool {
        real("s_pool", &[s])?;
        real("df_pool", &[df])?;
        if s < 0.0 || df <= 0.0 {
            return Err(StatError::bad_input("\"s_pool\" cannot be below 0, and \"df_pool\" must be above 0"));
        }
    }
    let (a, b) = (Sample::of(a), Sample::of(b));
    let own_df = a.df() + b.df();
    if a.n == 0 || b.n == 0 || (pool.is_none() && own_df == 0) {
        return Err(StatError::too_few("the pooled test needs a value on either side, and three without a pool"));
    }
    let Pool { s, df } = pool.unwrap_or_else(|| {
        let df = own_df as f64;
        Pool { s: ((a.squares + b.squares) / df).sqrt(), df }
    });
    let se = s * (1.0 / a.n as f64 + 1.0 / b.n as f64).sqrt();
    let change = change(a.mean, b.mean, se, df, conf)?;
    Ok(IndependentTest { kind: "pooled", n_a: a.n, n_b: b.n, change })
}

/// Compares two waves branch by branch: entry i of both lists holds the visits of branch i.
///
/// A branch counts by its mean, and is left out when it has no visit on a side. Values are in any unit;
/// `conf` lies strictly between 0 and 1.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): lists of different lengths, a confidence out of its
///   range, or a value not finite.
/// * [`TooFew`](super::StatErrorCode::TooFew): fewer than two branches with visits on both sides.
/// * [`Undefined`](super::StatErrorCode::Undefined): all branches changed by the same, or the sums overflow.
///
/// # Source
///
/// Student 1908, on the differences of the branches' means.
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::ttest::paired;
///
/// let now = [vec![80.0, 90.0], vec![70.0], vec![], vec![60.0]];
/// let before = [vec![70.0], vec![68.0, 74.0], vec![90.0], vec![52.0]];
/// let test = paired(&now, &before, 0.95)?;
/// assert_eq!((test.n, test.dropped), (3, 1));
///
/// assert_eq!(paired(&now[..1], &before[..1], 0.95).unwrap_err().code, StatErrorCode::TooFew);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn paired(a: &[Vec<f64>], b: &[Vec<f64>], conf: f64) -> Result<PairedTest, StatError> {
    confidence(conf)?;
    if a.len() != b.len() {
        return Err(StatError::bad_input("entry i of \"a\" and \"b\" is branch i: the lists differ in length"));
    }
    for (a, b) in a.iter().zip(b) {
        check(a, b, conf)?;
    }
    let (means_a, means_b): (Vec<f64>, Vec<f64>) =
        a.iter().zip(b).filter(|(a, b)| !a.is_empty() && !b.is_empty()).map(|(a, b)| (mean(a), mean(b))).unzip();
    let differences: Vec<f64> = means_a.iter().zip(&means_b).map(|(a, b)| a - b).collect();
    let sample = Sample::of(&differences);
    let Some(variance) = sample.variance() else {
        return Err(StatError::too_few("the paired test needs two branches with values on both sides"));
    };
    let se = (variance / sample.n as f64).sqrt();
    let change = change(mean(&means_a), mean(&means_b), se, sample.df() as f64, conf)?;
    Ok(PairedTest { kind: "paired", n: sample.n, dropped: a.len() - sample.n, change })
}

fn check(a: &[f64], b: &[f64], conf: f64) -> Result<(), StatError> {
    confidence(conf)?;
    real("a", a)?;
    real("b", b)
}

fn change(mean_a: f64, mean_b: f64, se: f64, df: f64, conf: f64) -> Result<Change, StatError> {
    if se == 0.0 {
        return Err(StatError::undefined("nothing varies, so no change can be told from chance"));
    }
    let diff = mean_a - mean_b;
    let (t, mdc) = (diff / se, DETECTABLE * se);
    finite([&mean_a, &mean_b, &diff, &se, &t, &df, &mdc])?;
    let reach = critical_t(conf, df) * se;
    let ci = [diff - reach, diff + reach];
    finite(&ci)?;
    Ok(Change { mean_a, mean_b, diff, se, t, df, p: t_tail(t, df), ci, mdc })
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Input {
    Welch {
        a: Vec<f64>,
        b: Vec<f64>,
        #[serde(default = "default_confidence")]
        conf: f64,
    },
    Pooled {
        a: Vec<f64>,
        b: Vec<f64>,
        #[serde(default, deserialize_with = "given")]
        s_pool: Option<f64>,
        #[serde(default, deserialize_with = "given")]
        df_pool: Option<f64>,
        #[serde(default = "default_confidence")]
        conf: f64,
    },
    Paired {
        a: Vec<Branch>,
        b: Vec<Branch>,
        #[serde(default = "default_confidence")]
        conf: f64,
    },
}

/// The visits of one branch: its only one, all of them, or null for none.
#[derive(Deserialize)]
#[serde(untagged)]
enum Branch {
    One(f64),
    Visits(Vec<f64>),
    Nothing(()),
}

impl From<Branch> for Vec<f64> {
    fn from(branch: Branch) -> Self {
        match branch {
            Branch::One(visit) => vec![visit],
            Branch::Visits(visits) => visits,
            Branch::Nothing(()) => Vec::new(),
        }
    }
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    match read(input)? {
        Input::Welch { a, b, conf } => written(&welch(&a, &b, conf)?),
        Input::Pooled { a, b, s_pool, df_pool, conf } => {
            let pool = match (s_pool, df_pool) {
                (Some(s), Some(df)) => Some(Pool { s, df }),
                (None, None) => None,
                _ => return Err(StatError::bad_input("give both \"s_pool\" and \"df_pool\", or none")),
            };
            written(&pooled(&a, &b, pool, conf)?)
        }
        Input::Paired { a, b, conf } => {
            let visits = |branches: Vec<Branch>| branches.into_iter().map(Vec::from).collect::<Vec<_>>();
            written(&paired(&visits(a), &visits(b), conf)?)
        }
    }
}

#[cfg(test)]
mod tests;

//! How sure the mean of a branch is, from few visits.
//!
//! Two to five visits know little about their own spread: an interval from it misses too often and is
//! far too wide. The spread within branches is therefore taken from the whole network (pooled) and, with
//! enough of it and four visits, moved towards the branch's own ([`moderated_variance`]). Without a
//! network it falls back to the branch's own visits and says so; one visit then has no interval.
//!
//! Covered at a nominal 95% in simulation: pooled 94 to 96% from one visit on, own 74 to 93% at two to
//! five, and bootstrap 42 to 84%, which is why there is none here. The sampling unit is the visit.
//!
//! Pool only visits under one version of the standard and within one window of time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::StatError;
use super::moderated_variance::moderated_variance;
use super::numbers::{confidence, default_confidence, degrees, finite, real};
use super::sample::Sample;
use super::student::critical_t;
use super::{read, written};
use crate::words::words;

/// The unit the bounds are clipped to when nothing else is asked for: basis points.
const SCORE_RANGE: [f64; 2] = [0.0, 10_000.0];

/// Degrees of freedom the pool needs when nothing else is asked for.
const MIN_DF: u64 = 20;

/// What moderation needs: degrees of freedom in the pool, and visits of the branch.
const MODERATED_DF: usize = 100;
const MODERATED_VISITS: usize = 4;

words! {
    /// Where the spread in an interval comes from.
    Method {
        /// The branch's own spread, moved towards the network's.
        Moderated = "moderated",
        /// The spread within the branches of the whole network.
        Pooled = "pooled",
        /// The branch's own visits.
        Own = "own",
    }
}

/// How intervals are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Confidence, strictly between 0 and 1.
    pub conf: f64,
    /// Lowest and highest bound to show, in the unit of the scores; `None` for no limits.
    pub clip: Option<[f64; 2]>,
    /// Degrees of freedom from which the pool is used.
    pub min_df: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { conf: super::numbers::DEFAULT_CONFIDENCE, clip: Some(SCORE_RANGE), min_df: MIN_DF }
    }
}

/// Intervals of the means of branches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Intervals {
    /// Degrees of freedom within branches: visits minus branches that have any.
    pub df_pool: usize,
    /// Standard deviation within branches, in the unit of the scores; `None` without degrees of freedom.
    pub s_pool: Option<f64>,
    /// Every branch, in the order given.
    pub branches: Vec<BranchInterval>,
}

/// The interval of the mean of one branch, in the unit of the scores.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BranchInterval {
    /// Visits.
    pub n: usize,
    /// Mean of the visits, not clipped; `None` without any.
    pub mean: Option<f64>,
    /// Where the spread comes from; `None` when there is no interval.
    pub method: Option<Method>,
    /// Degrees of freedom of the spread.
    #[serde(serialize_with = "known_degrees")]
    pub df: Option<f64>,
    /// Standard deviation of one visit, by the method.
    pub sd: Option<f64>,
    /// Lower bound by the method, clipped.
    pub lower: Option<f64>,
    /// Upper bound by the method, clipped.
    pub upper: Option<f64>,
    /// The interval by the branch's own spread, where it has any; clipped.
    pub own: Option<[f64; 2]>,
    /// The interval by the network's spread, where that is known well enough; clipped.
    pub pooled: Option<[f64; 2]>,
}

/// Intervals of the means of branches, each given as the list of its visits.
///
/// Scores are in any unit; [`Options::clip`] is in the same.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): a confidence out of its range, clipping to limits in the
///   wrong order, or a number not finite.
/// * [`TooFew`](super::StatErrorCode::TooFew): no visit at all.
/// * [`Undefined`](super::StatErrorCode::Undefined): the sums overflow.
///
/// # Source
///
/// mean +- t(df) sd / sqrt(n), s_pool^2 = sum of squares within branches / degrees of freedom; Smyth 2004.
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::interval::{Method, Options, interval};
///
/// let options = Options { min_df: 3, ..Options::default() };
/// let network = interval(&[vec![7400.0], vec![4100.0, 6700.0, 9100.0], vec![8200.0, 8700.0]], options)?;
/// assert_eq!(network.df_pool, 3);
/// // Even one visit has an interval, thanks to the others.
/// assert_eq!(network.branches[0].method, Some(Method::Pooled));
/// assert!(network.branches[0].lower < Some(2000.0));
///
/// assert_eq!(interval(&[vec![]], options).unwrap_err().code, StatErrorCode::TooFew);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn interval(groups: &[Vec<f64>], options: Options) -> Result<Intervals, StatError> {
    check(groups, options)?;
    if groups.iter().all(Vec::is_empty) {
        return Err(StatError::too_few("give at least one visit"));
    }
    let samples: Vec<Sample> = groups.iter().map(|group| Sample::of(group)).collect();
    let df_pool: usize = samples.iter().map(Sample::df).sum();
    let squares: f64 = samples.iter().filter(|sample| sample.n > 0).map(|sample| sample.squares).sum();
    let s_pool = (df_pool > 0).then(|| (squares / df_pool as f64).sqrt());
    let pool = s_pool.filter(|s| *s > 0.0 && df_pool as u64 >= options.min_df);
    let mut maker = Maker {
        pool: pool.map(|s| Spread { sd: s, df: df_pool as f64 }),
        moderated: if pool.is_some() && df_pool >= MODERATED_DF { moderated(&samples) } else { Vec::new() },
        options,
        known: BTreeMap::new(),
    };
    let branches = samples.iter().enumerate().map(|(place, sample)| maker.branch(place, sample)).collect();
    let intervals = Intervals { df_pool, s_pool, branches };
    finite(intervals.s_pool.iter().chain(intervals.branches.iter().flat_map(numbers)))?;
    Ok(intervals)
}

fn check(groups: &[Vec<f64>], options: Options) -> Result<(), StatError> {
    confidence(options.conf)?;
    for group in groups {
        real("groups", group)?;
    }
    if let Some(clip) = options.clip {
        real("clip", &clip)?;
        if clip[0] > clip[1] {
            return Err(StatError::bad_input("\"clip\" is [lowest, highest]"));
        }
    }
    Ok(())
}

fn numbers(branch: &BranchInterval) -> impl Iterator<Item = &f64> {
    let single = branch.mean.iter().chain(&branch.df).chain(&branch.sd).chain(&branch.lower).chain(&branch.upper);
    single.chain(branch.own.iter().flatten()).chain(branch.pooled.iter().flatten())
}

/// How much one visit varies, and how well that is known.
#[derive(Clone, Copy)]
struct Spread {
    sd: f64,
    df: f64,
}

/// The moderated spread of every branch with a variance, in order; empty when the fit is not defined.
fn moderated(samples: &[Sample]) -> Vec<Option<Spread>> {
    let (s2, d): (Vec<f64>, Vec<f64>) =
        samples.iter().filter_map(|sample| Some((sample.variance()?, sample.df() as f64))).unzip();
    let Ok(fit) = moderated_variance(&s2, &d) else { return Vec::new() };
    let mut spreads = fit.s2_post.iter().zip(&fit.df).map(|(s2, df)| Spread { sd: s2.sqrt(), df: *df });
    samples.iter().map(|sample| if sample.n > 1 { spreads.next() } else { None }).collect()
}

struct Maker {
    pool: Option<Spread>,
    moderated: Vec<Option<Spread>>,
    options: Options,
    // Critical t by the bits of its degrees of freedom: branches share few, and each takes long to find.
    known: BTreeMap<u64, f64>,
}

impl Maker {
    fn branch(&mut self, place: usize, sample: &Sample) -> BranchInterval {
        let own = sample.variance().filter(|s2| *s2 > 0.0);
        let own = own.map(|s2| Spread { sd: s2.sqrt(), df: sample.df() as f64 });
        let pool = self.pool.filter(|_| sample.n > 0);
        let moderated = self.moderated.get(place).copied().flatten().filter(|_| sample.n >= MODERATED_VISITS);
        let candidates = [(Method::Moderated, moderated), (Method::Pooled, pool), (Method::Own, own)];
        let chosen = candidates.into_iter().find_map(|(method, spread)| Some((method, spread?)));
        let bounds = chosen.map(|(_, spread)| self.bounds(sample, spread));
        BranchInterval {
            n: sample.n,
            mean: (sample.n > 0).then_some(sample.mean),
            method: chosen.map(|(method, _)| method),
            df: chosen.map(|(_, spread)| spread.df),
            sd: chosen.map(|(_, spread)| spread.sd),
            lower: bounds.map(|[lower, _]| lower),
            upper: bounds.map(|[_, upper]| upper),
            own: own.map(|spread| self.bounds(sample, spread)),
            pooled: pool.map(|spread| self.bounds(sample, spread)),
        }
    }

    fn bounds(&mut self, sample: &Sample, spread: Spread) -> [f64; 2] {
        let conf = self.options.conf;
        let t = *self.known.entry(spread.df.to_bits()).or_insert_with(|| critical_t(conf, spread.df));
        let reach = t * spread.sd / (sample.n as f64).sqrt();
        [sample.mean - reach, sample.mean + reach].map(|bound| match self.options.clip {
            Some([lowest, highest]) => bound.clamp(lowest, highest),
            None => bound,
        })
    }
}

fn known_degrees<S: serde::Serializer>(df: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match df {
        Some(df) => degrees(df, serializer),
        None => serializer.serialize_none(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    groups: Vec<Vec<f64>>,
    #[serde(default = "default_confidence")]
    conf: f64,
    #[serde(default = "default_clip")]
    clip: Option<[f64; 2]>,
    #[serde(default = "default_min_df")]
    min_df: u64,
}

fn default_clip() -> Option<[f64; 2]> {
    Some(SCORE_RANGE)
}

fn default_min_df() -> u64 {
    MIN_DF
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { groups, conf, clip, min_df } = read(input)?;
    written(&interval(&groups, Options { conf, clip, min_df })?)
}

#[cfg(test)]
mod tests;

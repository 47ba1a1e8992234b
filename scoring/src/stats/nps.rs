//! The net promoter score, with an interval that does not flatter few answers.
//!
//! Of a 0-10 recommendation, 9-10 are promoters, 7-8 passives, 0-6 detractors; the score is the share
//! of promoters minus the share of detractors, in points (-100..100).
//!
//! The plain (Wald) interval is a point when all answers fall into one class. The adjusted one adds
//! three invented answers, 3/4 promoters, 3/4 detractors, 3/2 passives (Rocks 2016; Lewis and Sauro), and
//! is the one to show. What a shopper would recommend is no customer's score: label it as the shopper's.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::StatError;
use super::numbers::{confidence, critical_z, default_confidence, given, normal_p};
use super::{read, written};

/// Answers the adjusted interval adds: promoters and detractors each, and in all.
const ADDED_EACH: f64 = 0.75;
const ADDED: f64 = 3.0;

/// How many answered what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// Answers 9-10.
    pub promoters: u64,
    /// Answers 7-8.
    pub passives: u64,
    /// Answers 0-6.
    pub detractors: u64,
}

/// A net promoter score with its intervals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Nps {
    /// Answers, at least 1.
    pub n: u64,
    /// The score in points, -100..=100.
    pub nps: f64,
    /// Variance of one answer counted as -1, 0 or 1; 0..=1.
    pub var: f64,
    /// Standard error of the score in points, 0..=100.
    pub se: f64,
    /// Plain interval in points, not clipped.
    pub wald: [f64; 2],
    /// Adjusted interval in points, clipped to -100..=100.
    pub adjusted: [f64; 2],
    /// What changed against other answers, when they were given.
    pub difference: Option<Difference>,
}

/// How far two net promoter scores lie apart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// This score minus the other in points, -200..=200, not adjusted.
    pub diff: f64,
    /// Difference of the adjusted scores in standard errors.
    pub z: f64,
    /// Two-sided p of z, 0..=1.
    pub p: f64,
}

/// The net promoter score of answers, and its difference from `compare_to`, such as the wave before.
///
/// Points are -100..=100; `conf` lies strictly between 0 and 1.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): a confidence out of its range, or more answers than 64
///   bits count.
/// * [`TooFew`](super::StatErrorCode::TooFew): no answers, on either side.
///
/// # Source
///
/// Variance of one answer p + d - (p - d)^2; adjusted Wald interval of Rocks 2016.
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::nps::{Answers, nps};
///
/// let wave = nps(Answers { promoters: 15, passives: 10, detractors: 5 }, None, 0.95)?;
/// assert_eq!(wave.nps.round(), 33.0);
/// assert_eq!(wave.adjusted.map(f64::round), [5.0, 56.0]);
///
/// let nobody = Answers { promoters: 0, passives: 0, detractors: 0 };
/// assert_eq!(nps(nobody, None, 0.95).unwrap_err().code, StatErrorCode::TooFew);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn nps(answers: Answers, compare_to: Option<Answers>, conf: f64) -> Result<Nps, StatError> {
    let z = critical_z(confidence(conf)?);
    let n = answers.count()?;
    let other = compare_to.map(|other| other.count().map(|count| (other, count))).transpose()?;
    if n == 0 || other.is_some_and(|(_, count)| count == 0) {
        return Err(StatError::too_few("a net promoter score needs at least one answer on either side"));
    }
    let plain = answers.score(0.0, 0.0);
    let adjusted = answers.score(ADDED_EACH, ADDED);
    let difference = other.map(|(other, _)| {
        let others = other.score(ADDED_EACH, ADDED);
        let z = (adjusted.score - others.score) / (adjusted.error_squared() + others.error_squared()).sqrt();
        Difference { diff: 100.0 * (plain.score - other.score(0.0, 0.0).score), z, p: normal_p(z) }
    });
    Ok(Nps {
        n,
        nps: 100.0 * plain.score,
        var: plain.variance,
        se: 100.0 * plain.error_squared().sqrt(),
        wald: plain.interval(z),
        adjusted: adjusted.interval(z).map(|bound| bound.clamp(-100.0, 100.0)),
        difference,
    })
}

struct Score {
    score: f64,
    variance: f64,
    n: f64,
}

impl Score {
    fn error_squared(&self) -> f64 {
        self.variance / self.n
    }

    fn interval(&self, z: f64) -> [f64; 2] {
        let reach = z * self.error_squared().sqrt();
        [100.0 * (self.score - reach), 100.0 * (self.score + reach)]
    }
}

impl Answers {
    fn count(self) -> Result<u64, StatError> {
        let count = self.promoters.checked_add(self.passives).and_then(|sum| sum.checked_add(self.detractors));
        count.ok_or_else(|| StatError::bad_input("these are more answers than can be counted"))
    }

    fn score(self, added_each: f64, added: f64) -> Score {
        let [promoters, passives, detractors] = [self.promoters, self.passives, self.detractors].map(|n| n as f64);
        let n = promoters + passives + detractors + added;
        let (p, d) = ((promoters + added_each) / n, (detractors + added_each) / n);
        Score { score: p - d, variance: (p + d - (p - d).powi(2)).max(0.0), n }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    promoters: u64,
    passives: u64,
    detractors: u64,
    #[serde(default = "default_confidence")]
    conf: f64,
    #[serde(default, deserialize_with = "given")]
    compare_to: Option<Answers>,
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { promoters, passives, detractors, conf, compare_to } = read(input)?;
    written(&nps(Answers { promoters, passives, detractors }, compare_to, conf)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::StatErrorCode;

    #[test]
    fn trading_promoters_for_detractors_mirrors_everything() {
        for (promoters, passives, detractors) in [(1, 0, 0), (7, 2, 3), (0, 5, 0), (120, 33, 86)] {
            let waves =
                (Answers { promoters, passives, detractors }, Answers { promoters: 4, passives: 1, detractors: 2 });
            let mirrored = |a: Answers| Answers { promoters: a.detractors, detractors: a.promoters, ..a };
            let score = nps(waves.0, Some(waves.1), 0.9).unwrap();
            let other = nps(mirrored(waves.0), Some(mirrored(waves.1)), 0.9).unwrap();
            assert_eq!(score.nps, -other.nps);
            assert_eq!(score.adjusted, [-other.adjusted[1], -other.adjusted[0]]);
            assert_eq!(score.difference.unwrap().z, -other.difference.unwrap().z);
        }
    }

    #[test]
    fn more_answers_than_can_be_counted_are_refused() {
        let answers = Answers { promoters: u64::MAX, passives: 1, detractors: 0 };
        assert_eq!(nps(answers, None, 0.9).unwrap_err().code, StatErrorCode::BadInput);
    }

    #[test]
    fn compare_to_may_be_absent_but_not_null() {
        let input = serde_json::json!({"promoters": 1, "passives": 0, "detractors": 0, "compare_to": null});
        assert_eq!(run(input).unwrap_err().code, StatErrorCode::BadInput);
    }
}

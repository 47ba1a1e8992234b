//! Signs that a shopper was careless or has not been there; each is a reason to look, never a verdict.
//!
//! - [`straight`]: the same answer again and again. A perfect branch earns that honestly, so weigh it by
//!   how often the same standard gets it.
//! - [`speed`]: a report filled in far faster than others.
//! - [`duplicate`]: two reports that agree more than their items let expect.
//!
//! One flag alone detects little (Meade and Craig 2012): count independent ones, and record what
//! reviewers made of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::StatError;
use super::numbers::{median, real};
use super::{read, written};

/// Makes the median absolute deviation estimate the standard deviation of a normal distribution.
const MAD_SCALE: f64 = 1.4826;

/// Robust z below which a report counts as too fast.
const TOO_FAST: f64 = -3.5;

/// Share of identical answers, and z of it, above which a pair counts as a copy.
const COPY_SHARE: f64 = 0.95;
const COPY_Z: f64 = 4.0;

/// How much the answers of one report vary.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Straight {
    /// Answers, at least 1.
    pub n: usize,
    /// Most identical answers in a row, 1..=n.
    pub longstring: usize,
    /// Entropy of the answers in bits, 0 (all equal) to log2 n (all different).
    pub entropy_bits: f64,
    /// Share of the most frequent answer, above 0, up to 1.
    pub modal_share: f64,
}

/// How fast reports were filled in, on logarithms of seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Speed {
    /// Median of ln seconds.
    pub median: f64,
    /// Median absolute deviation of ln seconds, scaled to a standard deviation; above 0.
    pub mad: f64,
    /// Robust z of every report; negative is fast.
    pub z: Vec<f64>,
    /// Whether the report is too fast: z below -3.5.
    pub flagged: Vec<bool>,
}

/// How much two reports agree.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Duplicate {
    /// Items answered in both reports, at least 1.
    pub compared: usize,
    /// Share of them with the same answer, 0..=1.
    pub identical_share: f64,
    /// Agreement above what is expected, in standard deviations; `None` when nothing says what is.
    pub z: Option<f64>,
    /// Whether the pair counts as a copy: a share above .95 and z above 4.
    pub flagged: bool,
}

/// How much the answers of one report vary; unanswered items (`None`) are left out.
///
/// # Errors
///
/// * [`TooFew`](super::StatErrorCode::TooFew): no answer.
///
/// # Source
///
/// Long string index (Johnson 2005); Shannon entropy -sum p log2 p.
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::flags::straight;
///
/// let report = straight(&[Some("Y"), None, Some("Y"), Some("N"), Some("N"), Some("N")])?;
/// assert_eq!((report.n, report.longstring, report.modal_share), (5, 3, 0.6));
///
/// assert_eq!(straight::<&str>(&[None]).unwrap_err().code, StatErrorCode::TooFew);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn straight<S: AsRef<str>>(answers: &[Option<S>]) -> Result<Straight, StatError> {
    let answers: Vec<&str> = answers.iter().flatten().map(AsRef::as_ref).collect();
    if answers.is_empty() {
        return Err(StatError::too_few("there is no answer"));
    }
    let mut frequency: BTreeMap<&str, usize> = BTreeMap::new();
    for answer in &answers {
        *frequency.entry(answer).or_default() += 1;
    }
    let n = answers.len();
    let shares: Vec<f64> = frequency.values().map(|count| *count as f64 / n as f64).collect();
    // From 1/p, as -p log2 p of a single answer is -0.
    let entropy_bits = shares.iter().map(|share| share * (1.0 / share).log2()).sum();
    let longstring = answers.chunk_by(|a, b| a == b).map(<[&str]>::len).max().unwrap_or(0);
    Ok(Straight { n, longstring, entropy_bits, modal_share: shares.into_iter().fold(0.0, f64::max) })
}

/// How fast reports were filled in, each by its seconds.
///
/// Seconds are above 0; reports of one standard, as their lengths differ.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): seconds of 0 or less, or not finite.
/// * [`TooFew`](super::StatErrorCode::TooFew): fewer than three reports.
/// * [`Undefined`](super::StatErrorCode::Undefined): half of the reports took equally long.
///
/// # Source
///
/// z = (ln seconds - median) / (1.4826 median|ln seconds - median|), flagged below -3.5 (Iglewicz and
/// Hoaglin 1993).
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::flags::speed;
///
/// let reports = speed(&[610.0, 700.0, 655.0, 90.0, 820.0])?;
/// assert_eq!(reports.flagged, [false, false, false, true, false]);
///
/// assert_eq!(speed(&[600.0, 600.0, 600.0, 90.0]).unwrap_err().code, StatErrorCode::Undefined);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn speed(seconds: &[f64]) -> Result<Speed, StatError> {
    real("seconds", seconds)?;
    if seconds.iter().any(|seconds| *seconds <= 0.0) {
        return Err(StatError::bad_input("a report takes more than 0 seconds"));
    }
    if seconds.len() < 3 {
        return Err(StatError::too_few("speed needs at least three reports to compare"));
    }
    let logs: Vec<f64> = seconds.iter().map(|seconds| seconds.ln()).collect();
    let centre = median(&logs).unwrap_or(0.0);
    let distances: Vec<f64> = logs.iter().map(|log| (log - centre).abs()).collect();
    let mad = MAD_SCALE * median(&distances).unwrap_or(0.0);
    if mad == 0.0 {
        return Err(StatError::undefined("at least half of the reports took equally long"));
    }
    let z: Vec<f64> = logs.iter().map(|log| (log - centre) / mad).collect();
    Ok(Speed { median: centre, mad, flagged: z.iter().map(|z| *z < TOO_FAST).collect(), z })
}

/// How much two reports agree, item by item; items unanswered (`None`) in either are left out.
///
/// `expected` is the probability, 0..=1, that two reports agree on the item by chance: sum p_k^2 over
/// its answers.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): lists of different lengths, or a probability out of 0..=1.
/// * [`TooFew`](super::StatErrorCode::TooFew): no item is answered in both reports.
///
/// # Source
///
/// z = (agreements - sum e) / sqrt(sum e (1 - e)), the normal approximation of a sum of coin flips.
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::flags::duplicate;
///
/// let report = vec![Some("Y"); 20];
/// assert!(duplicate(&report, &report, Some(&[0.5; 20]))?.flagged);
///
/// assert_eq!(duplicate(&report, &[], None).unwrap_err().code, StatErrorCode::BadInput);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn duplicate<S: PartialEq>(
    a: &[Option<S>],
    b: &[Option<S>],
    expected: Option<&[f64]>,
) -> Result<Duplicate, StatError> {
    if a.len() != b.len() || expected.is_some_and(|expected| expected.len() != a.len()) {
        return Err(StatError::bad_input("entry i of every list is item i: the lists differ in length"));
    }
    if expected.unwrap_or_default().iter().any(|e| !(0.0..=1.0).contains(e)) {
        return Err(StatError::bad_input("an expected agreement is within 0..1"));
    }
    let both = || a.iter().zip(b).map(|(a, b)| a.as_ref().zip(b.as_ref()).map(|(a, b)| a == b));
    let compared = both().flatten().count();
    if compared == 0 {
        return Err(StatError::too_few("no item is answered in both reports"));
    }
    let agreed = both().flatten().filter(|agreed| *agreed).count();
    let z = expected.and_then(|expected| {
        let expected = || both().zip(expected).filter(|(pair, _)| pair.is_some()).map(|(_, e)| e);
        let variance: f64 = expected().map(|e| e * (1.0 - e)).sum();
        (variance > 0.0).then(|| (agreed as f64 - expected().sum::<f64>()) / variance.sqrt())
    });
    let identical_share = agreed as f64 / compared as f64;
    let flagged = identical_share > COPY_SHARE && z.is_some_and(|z| z > COPY_Z);
    Ok(Duplicate { compared, identical_share, z, flagged })
}

type Codes = Vec<Option<String>>;

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Input {
    Straight {
        answers: Codes,
    },
    Speed {
        seconds: Vec<f64>,
    },
    Duplicate {
        a: Codes,
        b: Codes,
        #[serde(default, deserialize_with = "super::numbers::given")]
        expected: Option<Vec<f64>>,
    },
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    match read(input)? {
        Input::Straight { answers } => written(&straight(&answers)?),
        Input::Speed { seconds } => written(&speed(&seconds)?),
        Input::Duplicate { a, b, expected } => written(&duplicate(&a, &b, expected.as_deref())?),
    }
}

#[cfg(test)]
mod tests;

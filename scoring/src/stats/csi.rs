//! The customer satisfaction index: satisfaction weighted by stated importance.
//!
//! Use it when people say how important and how good each thing is. Stated importance barely varies
//! between things, so the index seldom differs much from the plain mean; derived importance
//! ([`drivers`](crate::stats)) tells more. Some published examples print 6.01 for the sample below:
//! a misprint (7/6 x 8 is 9.33, not 9.24).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::StatError;
use super::numbers::{finite, real};
use super::{read, written};

/// A customer satisfaction index.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Csi {
    /// Weighted mean satisfaction in units of the scale.
    pub csi: f64,
    /// The same in percent of the top of the scale.
    pub csi_pct: f64,
}

/// The mean of `satisfaction` weighted by `importance`, thing by thing.
///
/// Importances are 0 or more, in any unit; satisfactions are in units of a scale that ends at
/// `scale_max`, above 0.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): lists of different lengths, an importance below 0, a
///   scale that does not end above 0, or a number that is not finite.
/// * [`TooFew`](super::StatErrorCode::TooFew): nothing was rated.
/// * [`Undefined`](super::StatErrorCode::Undefined): the importances sum to 0, or the sums overflow.
///
/// # Source
///
/// sum(importance x satisfaction) / sum(importance), and its percentage of the scale.
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::csi::csi;
///
/// let index = csi(&[7.0, 5.0, 9.0, 3.0, 6.0], &[8.0, 4.0, 8.0, 3.0, 4.0], 10.0)?;
/// assert!((index.csi_pct - 60.33).abs() < 0.01);
///
/// assert_eq!(csi(&[0.0], &[8.0], 10.0).unwrap_err().code, StatErrorCode::Undefined);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn csi(importance: &[f64], satisfaction: &[f64], scale_max: f64) -> Result<Csi, StatError> {
    real("importance", importance)?;
    real("satisfaction", satisfaction)?;
    real("scale_max", &[scale_max])?;
    if importance.len() != satisfaction.len() {
        return Err(StatError::bad_input("give every importance its satisfaction: the lists differ in length"));
    }
    if importance.iter().any(|weight| *weight < 0.0) {
        return Err(StatError::bad_input("an importance cannot be below 0"));
    }
    if scale_max <= 0.0 {
        return Err(StatError::bad_input("\"scale_max\" must be above 0"));
    }
    if importance.is_empty() {
        return Err(StatError::too_few("rate at least one thing"));
    }
    let total: f64 = importance.iter().sum();
    if total == 0.0 {
        return Err(StatError::undefined("nothing is important: all importances are 0"));
    }
    let weighted: f64 = importance.iter().zip(satisfaction).map(|(weight, rating)| weight * rating).sum();
    let csi = weighted / total;
    let index = Csi { csi, csi_pct: 100.0 * csi / scale_max };
    finite([&total, &index.csi, &index.csi_pct])?;
    Ok(index)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    importance: Vec<f64>,
    satisfaction: Vec<f64>,
    scale_max: f64,
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { importance, satisfaction, scale_max } = read(input)?;
    written(&csi(&importance, &satisfaction, scale_max)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::StatErrorCode;

    #[test]
    fn only_the_proportions_of_importances_count() {
        let index = csi(&[1.0, 2.0, 4.0], &[3.0, 5.0, 4.0], 5.0).unwrap();
        let scaled = csi(&[0.25, 0.5, 1.0], &[3.0, 5.0, 4.0], 5.0).unwrap();
        assert_eq!(index, scaled);
    }

    #[test]
    fn what_cannot_be_rated_is_refused() {
        for (importance, satisfaction, scale_max) in [
            (vec![-1.0, 2.0], vec![1.0, 1.0], 5.0),
            (vec![1.0], vec![], 5.0),
            (vec![], vec![], 0.0),
            (vec![], vec![], -5.0),
        ] {
            assert_eq!(csi(&importance, &satisfaction, scale_max).unwrap_err().code, StatErrorCode::BadInput);
        }
        assert_eq!(csi(&[f64::MAX, f64::MAX], &[1.0, 1.0], 5.0).unwrap_err().code, StatErrorCode::Undefined);
        assert_eq!(csi(&[1.0], &[f64::NAN], 5.0).unwrap_err().code, StatErrorCode::BadInput);
    }
}

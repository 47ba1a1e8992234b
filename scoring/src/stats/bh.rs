//! Many tests at once: which of m p-values still count.
//!
//! With 200 branches and p < .05, ten changes are found where nothing has changed. `q` is the smallest
//! false discovery rate at which a test would be called (Benjamini and Hochberg 1995): of everything
//! with q <= .10, at most a tenth is false on average. `holm` bounds the chance of even one false call, `by`
//! (Benjamini and Yekutieli 2001) is `q` for tests that depend on each other in any way.
//!
//! Use it over one family, such as all branches with one metric. A single figure that was agreed on
//! beforehand needs no correction. A large q does not say that nothing has changed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::StatError;
use super::{read, written};

/// The default rate of false discoveries.
const DEFAULT_ALPHA: f64 = 0.10;

/// What a comparison of q with alpha forgives, as products of p are rounded.
const SLACK: f64 = 1e-12;

/// Adjusted p-values, all in the order of the tests.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BenjaminiHochberg {
    /// Tests, at least 1.
    pub m: usize,
    /// Tests called, 0..=m.
    pub rejected: usize,
    /// Whether the test is called: q <= alpha.
    pub reject: Vec<bool>,
    /// p adjusted by Benjamini and Hochberg, 0..=1.
    pub q: Vec<f64>,
    /// p adjusted by Holm, 0..=1.
    pub holm: Vec<f64>,
    /// p adjusted by Benjamini and Yekutieli, 0..=1.
    pub by: Vec<f64>,
}

/// Adjusts the p-values of a family of tests.
///
/// `p` and the rate of false discoveries `alpha` are 0..=1. Lists come back in the order of `p`.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): a p-value or alpha out of 0..=1.
/// * [`TooFew`](super::StatErrorCode::TooFew): no p-value.
///
/// # Source
///
/// Benjamini and Hochberg 1995, Holm 1979, Benjamini and Yekutieli 2001. With p sorted upwards,
/// q_i = min over j >= i of m p_j / j; by = q sum 1/j; holm_i = max over j <= i of (m - j + 1) p_j.
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::bh::bh;
///
/// let family = bh(&[0.02, 0.9, 0.01, 0.03], 0.05)?;
/// assert_eq!(family.reject, [true, false, true, true]);
/// assert!((family.q[2] - 0.04).abs() < 1e-12);
/// assert!((family.holm[3] - 0.06).abs() < 1e-12);
///
/// assert_eq!(bh(&[1.2], 0.05).unwrap_err().code, StatErrorCode::BadInput);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn bh(p: &[f64], alpha: f64) -> Result<BenjaminiHochberg, StatError> {
    let share = 0.0..=1.0;
    if !share.contains(&alpha) {
        return Err(StatError::bad_input("choose \"alpha\" within 0..1"));
    }
    if let Some(position) = p.iter().position(|p| !share.contains(p)) {
        return Err(StatError::bad_input(format!("p-value {position}, counted from 0, is not within 0..1")));
    }
    if p.is_empty() {
        return Err(StatError::too_few("give at least one p-value"));
    }
    let m = p.len();
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
    let harmonic: f64 = (1..=m).map(|rank| 1.0 / rank as f64).sum();
    let q = step_up(p, &order, 1.0);
    let reject: Vec<bool> = q.iter().map(|q| *q <= alpha + SLACK).collect();
    Ok(BenjaminiHochberg {
        m,
        rejected: reject.iter().filter(|called| **called).count(),
        reject,
        holm: step_down(p, &order),
        by: step_up(p, &order, harmonic),
        q,
    })
}

fn step_up(p: &[f64], order: &[usize], factor: f64) -> Vec<f64> {
    let mut adjusted = vec![0.0; p.len()];
    let mut least = 1.0_f64;
    for (position, &test) in order.iter().enumerate().rev() {
        least = least.min(p[test] * factor * p.len() as f64 / (position + 1) as f64);
        adjusted[test] = least;
    }
    adjusted
}

fn step_down(p: &[f64], order: &[usize]) -> Vec<f64> {
    let mut adjusted = vec![0.0; p.len()];
    let mut most = 0.0_f64;
    for (position, &test) in order.iter().enumerate() {
        most = most.max((p.len() - position) as f64 * p[test]).min(1.0);
        adjusted[test] = most;
    }
    adjusted
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    p: Vec<f64>,
    #[serde(default = "default_alpha")]
    alpha: f64,
}

fn default_alpha() -> f64 {
    DEFAULT_ALPHA
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { p, alpha } = read(input)?;
    written(&bh(&p, alpha)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::StatErrorCode;

    #[test]
    fn equal_p_values_get_equal_answers() {
        let family = bh(&[0.05, 0.0, 0.05, 1.0, 0.05, 0.0], 0.10).unwrap();
        for list in [&family.q, &family.holm, &family.by] {
            assert_eq!((list[0], list[1]), (list[2], list[5]));
            assert_eq!(list[0], list[4]);
        }
        assert_eq!(family.rejected, 5);
    }

    #[test]
    fn alpha_is_met_in_spite_of_rounding() {
        // 3 * 0.1 / 3 rounds above 0.1.
        assert_eq!(bh(&[0.1, 0.1, 0.1], 0.1).unwrap().rejected, 3);
    }

    #[test]
    fn what_is_no_share_is_bad_even_beside_an_empty_list() {
        for p in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(bh(&[0.5, p], 0.1).unwrap_err().code, StatErrorCode::BadInput);
            assert_eq!(bh(&[], p).unwrap_err().code, StatErrorCode::BadInput);
        }
    }
}

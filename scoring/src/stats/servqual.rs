//! SERVQUAL: how far a service falls short of what is expected of it.
//!
//! A gap is perception minus expectation, so a negative gap is a shortfall. Items are averaged within a
//! dimension, dimensions within a respondent, respondents last. For mystery shopping the expectation is
//! the standard, and a gap is score - 1. With weights (100 points a respondent shares out over the
//! dimensions) the overall gap counts what matters to that respondent.
//!
//! A mean gap says nothing about how many respondents it comes from; show `n` beside it.
//!
//! Source: Parasuraman, Zeithaml and Berry 1988, and the worksheets printed since.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::StatError;
use super::numbers::{finite, given, real};
use super::sample::mean;
use super::{read, written};

/// What the weights of one respondent sum to, and how far they may miss it.
const WEIGHT_TOTAL: f64 = 100.0;
const WEIGHT_SLACK: f64 = 1e-9;

/// What one respondent said about one dimension.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "RatingInput")]
pub struct Rating {
    /// Id of the dimension.
    pub id: String,
    /// The gap, or the items it comes from.
    pub gap: Gap,
    /// Points of 100 this respondent gives the dimension.
    pub weight: Option<f64>,
}

/// How the gap of a dimension is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Gap {
    /// Perception minus expectation, already averaged.
    Known(f64),
    /// Perception and expectation of every item.
    Items(Vec<[f64; 2]>),
}

/// Gaps of a service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Servqual {
    /// Respondents, at least 1.
    pub n: usize,
    /// Mean gap of every dimension.
    pub dimensions: Vec<DimensionGap>,
    /// Mean over respondents of the mean of their gaps, in units of the scale.
    pub unweighted: f64,
    /// Mean over respondents of their weighted gap, when all of them gave weights.
    pub weighted: Option<f64>,
}

/// Gap of one dimension.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DimensionGap {
    /// Id of the dimension.
    pub id: String,
    /// Mean gap over respondents, in units of the scale; negative is a shortfall.
    pub gap: f64,
}

/// Averages the gaps that respondents see, dimension by dimension and overall.
///
/// Gaps are in units of the scale asked on; weights are points that sum to 100 for each respondent.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): respondents do not list the same dimensions in the same
///   order, one of them weights some dimensions and not all, weights do not sum to 100 (+-1e-9), or a
///   number is not finite.
/// * [`TooFew`](super::StatErrorCode::TooFew): no respondent, dimension or item.
/// * [`Undefined`](super::StatErrorCode::Undefined): the sums overflow.
///
/// # Source
///
/// gap = mean(p - e); unweighted = mean of the gaps; weighted = sum(weight x gap) / 100.
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::servqual::{Gap, Rating, servqual};
///
/// let rating = |id: &str, gap, weight| Rating { id: id.into(), gap, weight: Some(weight) };
/// let items = Gap::Items(vec![[5.0, 7.0], [6.0, 7.0]]);
/// let service = servqual(&[vec![rating("tangibles", items, 40.0), rating("empathy", Gap::Known(-1.0), 60.0)]])?;
/// assert_eq!((service.dimensions[0].gap, service.unweighted, service.weighted), (-1.5, -1.25, Some(-1.2)));
///
/// let half_weighted = servqual(&[vec![rating("tangibles", Gap::Known(-1.0), 50.0)]]);
/// assert_eq!(half_weighted.unwrap_err().code, StatErrorCode::BadInput);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn servqual(respondents: &[Vec<Rating>]) -> Result<Servqual, StatError> {
    for respondent in respondents {
        check(respondent, &respondents[0])?;
    }
    let Some(first) = respondents.first().filter(|first| !first.is_empty()) else {
        return Err(StatError::too_few("give at least one respondent with one dimension"));
    };
    let gaps = respondents.iter().map(|respondent| gaps(respondent)).collect::<Result<Vec<_>, _>>()?;
    let n = respondents.len();
    let dimensions: Vec<DimensionGap> = first
        .iter()
        .enumerate()
        .map(|(place, rating)| {
            let gap = gaps.iter().map(|respondent| respondent[place]).sum::<f64>() / n as f64;
            DimensionGap { id: rating.id.clone(), gap }
        })
        .collect();
    let unweighted = gaps.iter().map(|respondent| mean(respondent)).sum::<f64>() / n as f64;
    let weighted_sum: Option<f64> =
        respondents.iter().zip(&gaps).map(|(respondent, gaps)| weighted(respondent, gaps)).sum();
    let weighted = weighted_sum.map(|sum| sum / n as f64);
    finite(dimensions.iter().map(|dimension| &dimension.gap).chain([&unweighted]).chain(&weighted))?;
    Ok(Servqual { n, dimensions, unweighted, weighted })
}

fn check(respondent: &[Rating], first: &[Rating]) -> Result<(), StatError> {
    if !respondent.iter().map(|rating| &rating.id).eq(first.iter().map(|rating| &rating.id)) {
        return Err(StatError::bad_input("let all respondents list the same dimensions in the same order"));
    }
    for rating in respondent {
        match &rating.gap {
            Gap::Known(gap) => real("gap", &[*gap])?,
            Gap::Items(items) => real("items", items.as_flattened())?,
        }
    }
    let weights: Vec<f64> = respondent.iter().filter_map(|rating| rating.weight).collect();
    if weights.is_empty() {
        return Ok(());
    }
    if weights.len() != respondent.len() {
        return Err(StatError::bad_input("let a respondent weight all dimensions or none"));
    }
    // Written so that a sum that is no number fails too.
    let on_target = (weights.iter().sum::<f64>() - WEIGHT_TOTAL).abs() <= WEIGHT_SLACK;
    if on_target { Ok(()) } else { Err(StatError::bad_input("let the weights of a respondent sum to 100")) }
}

fn gaps(respondent: &[Rating]) -> Result<Vec<f64>, StatError> {
    let gap = |rating: &Rating| match &rating.gap {
        Gap::Known(gap) => Ok(*gap),
        Gap::Items(items) if items.is_empty() => {
            Err(StatError::too_few(format!("dimension \"{}\" has no item", rating.id)))
        }
        Gap::Items(items) => Ok(items.iter().map(|[p, e]| p - e).sum::<f64>() / items.len() as f64),
    };
    respondent.iter().map(gap).collect()
}

fn weighted(respondent: &[Rating], gaps: &[f64]) -> Option<f64> {
    let products = respondent.iter().zip(gaps).map(|(rating, gap)| rating.weight.map(|weight| weight * gap));
    products.sum::<Option<f64>>().map(|sum| sum / WEIGHT_TOTAL)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RatingInput {
    id: String,
    #[serde(default, deserialize_with = "given")]
    gap: Option<f64>,
    #[serde(default, deserialize_with = "given")]
    items: Option<Vec<[f64; 2]>>,
    #[serde(default, deserialize_with = "given")]
    weight: Option<f64>,
}

impl TryFrom<RatingInput> for Rating {
    type Error = &'static str;

    fn try_from(input: RatingInput) -> Result<Self, Self::Error> {
        let gap = match (input.gap, input.items) {
            (Some(gap), None) => Gap::Known(gap),
            (None, Some(items)) => Gap::Items(items),
            _ => return Err("give every dimension either \"gap\" or \"items\""),
        };
        Ok(Self { id: input.id, gap, weight: input.weight })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    respondents: Vec<Vec<Rating>>,
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { respondents } = read(input)?;
    written(&servqual(&respondents)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stats::StatErrorCode::{BadInput, TooFew};

    #[test]
    fn shapes_are_looked_at_before_quantities() {
        for (respondents, code) in [
            (json!([[]]), TooFew),
            (json!([[], []]), TooFew),
            (json!([[{"id": "a", "items": []}]]), TooFew),
            (json!([[{"id": "a", "items": []}, {"id": "b", "gap": null}]]), BadInput),
            (json!([[{"id": "a", "items": []}], []]), BadInput),
            (json!([[{"id": "a", "items": []}], [{"id": "b", "gap": 1}]]), BadInput),
            (json!([[{"id": "a"}]]), BadInput),
            (json!([[{"id": "a", "gap": 1, "items": [[1, 2]]}]]), BadInput),
            (json!([[{"id": "a", "items": [[1, 2, 3]]}]]), BadInput),
            (json!([[{"id": "a", "gap": 1, "weight": null}]]), BadInput),
            (json!([[{"id": "a", "gap": 1, "weight": 100}, {"id": "b", "gap": 1}]]), BadInput),
        ] {
            assert_eq!(run(json!({"respondents": respondents})).unwrap_err().code, code, "{respondents}");
        }
    }

    #[test]
    fn one_respondent_without_weights_leaves_the_weighted_gap_open() {
        let respondents = json!([[{"id": "a", "gap": 1, "weight": 100}], [{"id": "a", "items": [[5, 2]]}]]);
        let output = run(json!({"respondents": respondents})).unwrap();
        assert_eq!(
            output,
            json!({"n": 2, "dimensions": [{"id": "a", "gap": 2.0}], "unweighted": 2.0, "weighted": null})
        );
    }
}

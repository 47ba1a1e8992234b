//! Uplift: which few items would raise the score of a branch most.
//!
//! The uplift of an item is the exact gain of the mean visit score if the item were always answered
//! perfectly and nothing else changed: its share of the weight, times how much it falls short, times
//! how often it is asked. All uplifts together are what is missing to 100%, before caps.
//!
//! An item is worth an action when the evidence is there (asked at least 3 times, and the failure rate
//! surely above 10%) or when it is critical and has failed. Of these the most urgent are picked: knock-out
//! failures always, then by what an action can win for its effort, until 3 are picked or 60% of the
//! points are covered; people do not do more.
//!
//! Caps of critical items are not additive and not in the uplift: rescore with the item set right to see
//! what they cost. The failure rate of a branch with few visits is mostly luck, so a change after an
//! action proves little by itself; compare with the shrunken level (see [`shrink`](super::shrink)).
//!
//! Source: the gap decomposition of a weighted mean; Wilson 1927 for the failure rate.

use serde::{Deserialize, Serialize};
use serde_json::Value;

mod gains;
mod json;
mod picks;

use super::failure::StatError;
use super::numbers::{finite, given};
use super::wilson::wilson;
use crate::standard::Aggregation;

/// How sure the interval of the failure rate is.
const CONFIDENCE: f64 = 0.95;

/// Fewer questions asked are no evidence.
const LEAST_ASKED: u64 = 3;

/// The failure rate must surely be above this to be worth an action.
const TOLERATED_RATE: f64 = 0.1;

/// Items, what the visits of one branch scored on them, and how scores are formed.
#[derive(Clone, Debug, PartialEq)]
pub struct UpliftInput {
    /// The items, in the order of the standard.
    pub items: Vec<UpliftItem>,
    /// For every visit the score of every item, 0..=1, in the order of the items; nothing where an item
    /// was not asked.
    pub visits: Vec<Vec<Option<f64>>>,
    /// How item scores become a visit score.
    pub aggregation: Aggregation,
    /// Weights of the sections; needed for weighted sections only.
    pub sections: Vec<SectionWeight>,
}

/// An item that an action could improve.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpliftItem {
    /// Id, one of a kind.
    pub id: String,
    /// Weight, from 0 up.
    pub weight: f64,
    /// Section it belongs to; needed for weighted sections only.
    #[serde(default, deserialize_with = "given")]
    pub section: Option<String>,
    /// Share of the gap that an action can be expected to close, 0..=1.
    #[serde(default = "fully_controllable")]
    pub controllability: f64,
    /// What an action costs.
    #[serde(default)]
    pub effort: Effort,
    /// Whether a failure caps the score.
    #[serde(default)]
    pub critical: bool,
    /// Who would have to act.
    #[serde(default, deserialize_with = "given")]
    pub owner: Option<String>,
}

fn fully_controllable() -> f64 {
    1.0
}

/// What an action on an item costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Effort {
    /// Little: counts 1.
    #[default]
    #[serde(rename = "S")]
    Small,
    /// Some: counts 2.
    #[serde(rename = "M")]
    Medium,
    /// Much: counts 4.
    #[serde(rename = "L")]
    Large,
}

impl Effort {
    fn cost(self) -> f64 {
        match self {
            Effort::Small => 1.0,
            Effort::Medium => 2.0,
            Effort::Large => 4.0,
        }
    }
}

/// The weight of a section.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectionWeight {
    /// Id, one of a kind.
    pub id: String,
    /// Weight, from 0 up.
    pub weight: f64,
}

/// What could be won, and where to start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Uplift {
    /// Visits with a score, at least 1.
    pub visits: usize,
    /// What is missing to a full score on average, in basis points, 0..=10000.
    pub recoverable_bp: f64,
    /// The items in the order given.
    pub items: Vec<ItemUplift>,
    /// Ids of the items worth an action, the most urgent first.
    pub order: Vec<String>,
    /// Ids of the items to act on now, in that order.
    pub picked: Vec<String>,
}

/// What could be won by one item.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ItemUplift {
    /// Id of the item.
    pub id: String,
    /// Gain of the mean visit score if the item were always perfect, in basis points, 0..=10000.
    pub uplift_bp: f64,
    /// Visits in which it was asked, with or without a visit score.
    pub asked: u64,
    /// Visits in which it was short of perfect.
    pub failed: u64,
    /// Wilson's 95% interval of the share that failed, 0..=1; nothing if never asked.
    pub fail_rate: Option<[f64; 2]>,
    /// Uplift times controllability by effort, in basis points.
    pub priority: f64,
    /// Whether it is critical and has failed.
    pub critical_failure: bool,
    /// Whether it is worth an action.
    pub eligible: bool,
}

/// Says what every item would add to the mean score of a branch, and which to act on.
///
/// Takes O(visits times items) time.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): an id twice, a visit with more or fewer scores than
///   items, a score or controllability outside 0..=1, a negative or infinite weight; with weighted
///   sections an item without a known section.
/// * [`TooFew`](super::StatErrorCode::TooFew): no visit with a score.
/// * [`Undefined`](super::StatErrorCode::Undefined): weights too large to be added.
///
/// # Source
///
/// The exact gain of a weighted mean: w (1 - s) / (sum of weights asked), averaged over the visits; in
/// weighted sections times the section's share of the weights of scored sections.
///
/// ```
/// use peegel_scoring::Aggregation;
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::uplift::{Effort, UpliftInput, UpliftItem, uplift};
///
/// let item = |id: &str, weight| UpliftItem {
///     id: id.to_string(), weight, section: None, controllability: 1.0, effort: Effort::Small, critical: false,
///     owner: None,
/// };
/// let visit = vec![Some(1.0), Some(0.5)];
/// let branch = UpliftInput {
///     items: vec![item("greeting", 1.0), item("needs", 3.0)],
///     visits: vec![visit; 4],
///     aggregation: Aggregation::Pooled,
///     sections: vec![],
/// };
/// let gains = uplift(&branch)?;
/// // Half of 3 of 4 points is missing in each visit.
/// assert_eq!((gains.recoverable_bp, gains.items[1].uplift_bp), (3750.0, 3750.0));
/// assert_eq!(gains.picked, ["needs"]);
///
/// let unasked = UpliftInput { visits: vec![vec![None, None]], ..branch };
/// assert_eq!(uplift(&unasked).unwrap_err().code, StatErrorCode::TooFew);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn uplift(input: &UpliftInput) -> Result<Uplift, StatError> {
    check(input)?;
    let sections = gains::sections(input)?;
    let gains = gains::gains(input, &sections)?;
    let items = input.items.iter().zip(&gains.mean).enumerate();
    let items = items.map(|(position, (item, gain))| judged(item, *gain, input, position));
    let items = items.collect::<Result<Vec<ItemUplift>, StatError>>()?;
    let recoverable_bp = items.iter().map(|item| item.uplift_bp).sum();
    finite(items.iter().flat_map(|item| [&item.uplift_bp, &item.priority]).chain([&recoverable_bp]))?;
    let order = picks::order(&items);
    let picked = picks::picked(&order, &items, input, recoverable_bp);
    let ids = |positions: Vec<usize>| positions.into_iter().map(|position| items[position].id.clone()).collect();
    Ok(Uplift { visits: gains.visits, recoverable_bp, order: ids(order), picked: ids(picked), items })
}

fn check(input: &UpliftInput) -> Result<(), StatError> {
    let ids = || input.items.iter().map(|item| item.id.as_str());
    if let Some(id) = repeated(ids()).or_else(|| repeated(input.sections.iter().map(|section| section.id.as_str()))) {
        return Err(StatError::bad_input(format!("the id \"{id}\" is there twice")));
    }
    let share = 0.0..=1.0;
    for item in &input.items {
        let weighty = item.weight.is_finite() && item.weight >= 0.0;
        if !weighty || !share.contains(&item.controllability) {
            let message = format!("the item \"{}\" needs a weight from 0 up and a controllability of 0..1", item.id);
            return Err(StatError::bad_input(message));
        }
    }
    if input.sections.iter().any(|section| !(section.weight.is_finite() && section.weight >= 0.0)) {
        return Err(StatError::bad_input("section weights are numbers from 0 up"));
    }
    let complete = |visit: &Vec<Option<f64>>| visit.len() == input.items.len();
    let in_range = |visit: &Vec<Option<f64>>| visit.iter().flatten().all(|score| share.contains(score));
    if input.visits.iter().all(|visit| complete(visit) && in_range(visit)) {
        Ok(())
    } else {
        Err(StatError::bad_input("visits give every item a score of 0..1, or nothing where it was not asked"))
    }
}

fn repeated<'a>(ids: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut sorted: Vec<&str> = ids.collect();
    sorted.sort_unstable();
    sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

fn judged(item: &UpliftItem, gain: f64, input: &UpliftInput, position: usize) -> Result<ItemUplift, StatError> {
    let scores = || input.visits.iter().filter_map(|visit| visit[position]);
    let asked = scores().count() as u64;
    let failed = scores().filter(|score| *score < 1.0).count() as u64;
    let rate = if asked > 0 { Some(wilson(failed, asked, CONFIDENCE)?) } else { None };
    let uplift_bp = 10_000.0 * gain;
    let critical_failure = item.critical && failed > 0;
    let surely = rate.as_ref().is_some_and(|rate| rate.lower > TOLERATED_RATE);
    Ok(ItemUplift {
        id: item.id.clone(),
        uplift_bp,
        asked,
        failed,
        fail_rate: rate.map(|rate| [rate.lower, rate.upper]),
        priority: uplift_bp * item.controllability / item.effort.cost(),
        critical_failure,
        eligible: critical_failure || (asked >= LEAST_ASKED && surely && uplift_bp > 0.0),
    })
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    json::run(input)
}

#[cfg(test)]
mod tests;

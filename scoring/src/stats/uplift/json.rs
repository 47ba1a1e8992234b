//! From visits by item id to visits in the order of the items.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::Value;

use super::super::failure::StatError;
use super::super::{read, written};
use super::{SectionWeight, UpliftInput, UpliftItem, uplift};
use crate::standard::Aggregation;
use crate::words::Word;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    items: Vec<UpliftItem>,
    visits: Vec<BTreeMap<String, Option<f64>>>,
    #[serde(default = "pooled")]
    aggregation: String,
    #[serde(default)]
    sections: Vec<SectionWeight>,
}

fn pooled() -> String {
    Aggregation::Pooled.as_str().to_string()
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { items, visits, aggregation, sections } = read(input)?;
    let unknown = || StatError::bad_input(format!("\"aggregation\" is not \"{aggregation}\" here"));
    let aggregation = Aggregation::from_word(&aggregation).ok_or_else(unknown)?;
    let positions: HashMap<&str, usize> = items.iter().map(|item| item.id.as_str()).zip(0..).collect();
    let visits = visits.iter().map(|visit| ordered(visit, &positions, items.len())).collect::<Result<_, _>>()?;
    written(&uplift(&UpliftInput { items, visits, aggregation, sections })?)
}

fn ordered(
    visit: &BTreeMap<String, Option<f64>>,
    positions: &HashMap<&str, usize>,
    items: usize,
) -> Result<Vec<Option<f64>>, StatError> {
    let mut scores = vec![None; items];
    for (id, score) in visit {
        let unknown = || StatError::bad_input(format!("a visit scores the unknown item \"{id}\""));
        scores[*positions.get(id.as_str()).ok_or_else(unknown)?] = *score;
    }
    Ok(scores)
}

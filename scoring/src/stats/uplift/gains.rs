//! The exact gain of the mean visit score, item by item.

use std::collections::HashMap;

use super::super::failure::StatError;
use super::UpliftInput;
use crate::standard::Aggregation;

/// The section of every item and the weight of every section; pooled visits are one section.
pub(super) struct Sections {
    of_item: Vec<usize>,
    weights: Vec<f64>,
}

pub(super) fn sections(input: &UpliftInput) -> Result<Sections, StatError> {
    if input.aggregation == Aggregation::Pooled {
        return Ok(Sections { of_item: vec![0; input.items.len()], weights: vec![1.0] });
    }
    let known: HashMap<&str, usize> = input.sections.iter().map(|section| section.id.as_str()).zip(0..).collect();
    let mut of_item = Vec::with_capacity(input.items.len());
    for item in &input.items {
        let section = item.section.as_deref().and_then(|section| known.get(section));
        let unknown =
            || StatError::bad_input(format!("the item \"{}\" needs a section that \"sections\" has", item.id));
        of_item.push(*section.ok_or_else(unknown)?);
    }
    Ok(Sections { of_item, weights: input.sections.iter().map(|section| section.weight).collect() })
}

/// Mean gain by item as a share, and the number of visits with a score.
pub(super) struct Gains {
    pub(super) visits: usize,
    pub(super) mean: Vec<f64>,
}

pub(super) fn gains(input: &UpliftInput, sections: &Sections) -> Result<Gains, StatError> {
    let mut mean = vec![0.0; input.items.len()];
    let mut visits = 0;
    for visit in &input.visits {
        let Some(factors) = point_values(input, sections, visit) else { continue };
        visits += 1;
        for (position, score) in visit.iter().enumerate() {
            let value = input.items[position].weight * factors[sections.of_item[position]];
            mean[position] += score.map_or(0.0, |score| value * (1.0 - score));
        }
    }
    if visits == 0 {
        return Err(StatError::too_few("no visit has a score"));
    }
    mean.iter_mut().for_each(|gain| *gain /= visits as f64);
    Ok(Gains { visits, mean })
}

// By section, what one point of weight adds to the visit score; none when the visit has no score.
fn point_values(input: &UpliftInput, sections: &Sections, visit: &[Option<f64>]) -> Option<Vec<f64>> {
    let mut possible = vec![0.0; sections.weights.len()];
    for (position, item) in input.items.iter().enumerate() {
        if visit[position].is_some() {
            possible[sections.of_item[position]] += item.weight;
        }
    }
    let scored = || possible.iter().zip(&sections.weights).filter(|(possible, _)| **possible > 0.0);
    let weights: f64 = scored().map(|(_, weight)| weight).sum();
    if weights <= 0.0 {
        return None;
    }
    let value = |(possible, weight): (&f64, &f64)| if *possible > 0.0 { weight / weights / possible } else { 0.0 };
    Some(possible.iter().zip(&sections.weights).map(value).collect())
}

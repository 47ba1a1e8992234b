//! From rows of level names to numbered columns.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::super::failure::StatError;
use super::super::{read, written};
use super::{Effect, variance_components};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    facets: Vec<String>,
    rows: Vec<Vec<Value>>,
    effects: Vec<NamedEffect>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedEffect {
    name: String,
    facets: Vec<String>,
}

// The number 1 and the word "1" are different levels.
#[derive(PartialEq, Eq, Hash)]
enum Level {
    Whole(i128),
    Word(String),
}

impl Level {
    fn read(value: Value) -> Option<Self> {
        match value {
            Value::String(word) => Some(Level::Word(word)),
            Value::Number(number) => number.as_i128().map(Level::Whole),
            _ => None,
        }
    }
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { facets, rows, effects } = read(input)?;
    if facets.iter().enumerate().any(|(position, facet)| facets[..position].contains(facet)) {
        return Err(StatError::bad_input("name every facet once"));
    }
    let effects = effects.into_iter().map(|effect| numbered(effect, &facets)).collect::<Result<Vec<_>, _>>()?;
    let (columns, y) = columns(rows, facets.len())?;
    let columns: Vec<&[u32]> = columns.iter().map(Vec::as_slice).collect();
    written(&variance_components(&columns, &effects, &y)?)
}

fn numbered(effect: NamedEffect, facets: &[String]) -> Result<Effect, StatError> {
    let position = |name: &String| {
        let unknown =
            || StatError::bad_input(format!("the effect \"{}\" has an unknown facet \"{name}\"", effect.name));
        facets.iter().position(|facet| facet == name).ok_or_else(unknown)
    };
    let facets = effect.facets.iter().map(position).collect::<Result<Vec<usize>, StatError>>()?;
    Ok(Effect { name: effect.name, facets })
}

fn columns(rows: Vec<Vec<Value>>, facets: usize) -> Result<(Vec<Vec<u32>>, Vec<f64>), StatError> {
    let mut numbers: Vec<HashMap<Level, u32>> = (0..facets).map(|_| HashMap::new()).collect();
    let mut columns = vec![Vec::with_capacity(rows.len()); facets];
    let mut y = Vec::with_capacity(rows.len());
    for (position, mut row) in rows.into_iter().enumerate() {
        let refuse = |what: &str| StatError::bad_input(format!("row {position}, counted from 0, {what}"));
        if row.len() != facets + 1 {
            return Err(refuse("needs one level per facet and a number at the end"));
        }
        let score = row.pop().and_then(|score| score.as_f64());
        y.push(score.ok_or_else(|| refuse("does not end with a number"))?);
        for ((level, numbers), column) in row.into_iter().zip(&mut numbers).zip(&mut columns) {
            let level = Level::read(level).ok_or_else(|| refuse("has a level that is no string or integer"))?;
            let next = numbers.len() as u32;
            column.push(*numbers.entry(level).or_insert(next));
        }
    }
    Ok((columns, y))
}

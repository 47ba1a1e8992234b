//! Krippendorff's alpha: agreement of any number of raters, with gaps, on any kind of answer.
//!
//! alpha = 1 - (disagreement seen) / (disagreement if the same values were dealt out by chance): 1 is
//! perfect, 0 is chance, below 0 is worse than chance. It takes missing values and any number of raters
//! per unit, so it fits double scoring where each item is one unit and some answers are missing. Common
//! reading: rely on .80 and more, take .667 to .80 as tentative.
//!
//! The level says what a disagreement is: `nominal` any difference, `ordinal` the ranks in between,
//! `interval` the squared difference, `ratio` the squared relative difference.
//!
//! Without variation alpha is not determined, however well everyone agrees: show the plain agreement
//! beside it. It says nothing about who is right, and a rare answer can give a low alpha in spite of a
//! high agreement.
//!
//! Source: Krippendorff 2011, "Computing Krippendorff's alpha-reliability", whose 4 x 12 example is
//! among the cases.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::StatError;
use super::numbers::{finite, given};
use super::{read, written};

/// Ratings by rater, then by unit; nothing where a rater skipped a unit.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Ratings {
    /// Codes, ranks or measures.
    Numbers(Vec<Vec<Option<f64>>>),
    /// Words, only compared as equal or not.
    Words(Vec<Vec<Option<String>>>),
}

/// What counts as a disagreement, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Any difference, all alike.
    Nominal,
    /// By the number of ratings in between.
    Ordinal,
    /// By the squared difference.
    Interval,
    /// By the squared ratio of difference and sum; only for values from 0 up.
    Ratio,
}

const ALL_LEVELS: [Level; 4] = [Level::Nominal, Level::Ordinal, Level::Interval, Level::Ratio];

/// Agreement beyond chance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Krippendorff {
    /// Units with at least 2 values.
    pub units: usize,
    /// Values of these units.
    pub pairable: usize,
    /// Share of pairs within a unit that are equal, 0..=1.
    pub agreement: f64,
    /// Alpha by level, at most 1; nothing when all values are equal.
    pub alpha: BTreeMap<Level, Option<f64>>,
}

/// Krippendorff's alpha at the levels asked for; by default all for numbers and nominal for words.
///
/// Takes O(values log values) time, but O(distinct values squared) for [`Level::Ratio`]: 20 000
/// distinct values take about a second.
///
/// # Errors
///
/// * [`BadInput`](super::StatErrorCode::BadInput): raters with different numbers of units, a number
///   that is not finite, words at another level than nominal, a negative number at the ratio level
///   (also when no level is asked for).
/// * [`TooFew`](super::StatErrorCode::TooFew): no unit with two values.
/// * [`Undefined`](super::StatErrorCode::Undefined): numbers too large for their squares.
///
/// # Source
///
/// Krippendorff 2011: alpha = 1 - (n - 1) sum_u D_u / (m_u - 1) / D, where D sums the difference over
/// the ordered pairs of all n values, D_u over those of unit u with m_u values.
///
/// ```
/// use peegel_scoring::stats::StatErrorCode;
/// use peegel_scoring::stats::krippendorff::{Level, Ratings, krippendorff};
///
/// let yes_no = |answers: &str| answers.chars().map(|answer| Some(answer.to_string())).collect();
/// let reviewers = Ratings::Words(vec![yes_no("YNYY"), yes_no("YNNY")]);
/// let agreement = krippendorff(&reviewers, None)?;
/// assert_eq!(agreement.agreement, 0.75);
/// let alpha = agreement.alpha[&Level::Nominal].expect("the answers vary");
/// assert!((alpha - 8.0 / 15.0).abs() < 1e-12);
///
/// let levels = [Level::Interval];
/// assert_eq!(krippendorff(&reviewers, Some(&levels)).unwrap_err().code, StatErrorCode::BadInput);
/// # Ok::<(), peegel_scoring::stats::StatError>(())
/// ```
pub fn krippendorff(ratings: &Ratings, levels: Option<&[Level]>) -> Result<Krippendorff, StatError> {
    let (coded, levels) = match ratings {
        Ratings::Numbers(rows) => {
            let levels = levels.unwrap_or(&ALL_LEVELS);
            check_numbers(rows, levels)?;
            // Adding 0 turns -0 into 0, which is the same answer.
            (Coded::new(&units(rows)?, |a, b| (a + 0.0).total_cmp(&(b + 0.0)), |value| *value), levels)
        }
        Ratings::Words(rows) => {
            let levels = levels.unwrap_or(&[Level::Nominal]);
            if levels.iter().any(|level| *level != Level::Nominal) {
                return Err(StatError::bad_input("words have no order: only the level \"nominal\" fits"));
            }
            (Coded::new(&units(rows)?, String::cmp, |_| 0.0), levels)
        }
    };
    if coded.units.is_empty() {
        return Err(StatError::too_few("no unit has two values to compare"));
    }
    coded.agreement(levels)
}

fn check_numbers(rows: &[Vec<Option<f64>>], levels: &[Level]) -> Result<(), StatError> {
    let numbers = || rows.iter().flatten().flatten();
    if !numbers().all(|value| value.is_finite()) {
        return Err(StatError::bad_input("every number of \"data\" must be finite"));
    }
    if levels.contains(&Level::Ratio) && numbers().any(|value| *value < 0.0) {
        return Err(StatError::bad_input("the level \"ratio\" takes no negative values: leave it out of \"levels\""));
    }
    Ok(())
}

// The values of every unit that has at least two.
fn units<T>(rows: &[Vec<Option<T>>]) -> Result<Vec<Vec<&T>>, StatError> {
    let count = rows.first().map_or(0, Vec::len);
    if rows.iter().any(|row| row.len() != count) {
        return Err(StatError::bad_input("give every rater the same number of units, null where one is missing"));
    }
    let unit = |position: usize| rows.iter().filter_map(|row| row[position].as_ref()).collect();
    Ok((0..count).map(unit).filter(|values: &Vec<&T>| values.len() >= 2).collect())
}

// A distinct value by its place in the order of values, and how often it occurs.
type Tally = Vec<(usize, f64)>;

struct Coded {
    units: Vec<Tally>,
    all: Tally,
    measures: Vec<f64>,
}

impl Coded {
    fn new<T>(units: &[Vec<&T>], order: impl Fn(&T, &T) -> Ordering, measure: impl Fn(&T) -> f64) -> Self {
        let mut distinct: Vec<&T> = units.iter().flatten().copied().collect();
        distinct.sort_by(|a, b| order(a, b));
        distinct.dedup_by(|a, b| order(a, b).is_eq());
        let code = |value: &&T| distinct.binary_search_by(|known| order(known, value)).unwrap_or_else(|place| place);
        let tallies = units.iter().map(|unit| tally(unit.iter().map(code).collect())).collect();
        let all = tally(units.iter().flatten().map(code).collect());
        Coded { units: tallies, all, measures: distinct.into_iter().map(measure).collect() }
    }

    fn agreement(&self, levels: &[Level]) -> Result<Krippendorff, StatError> {
        let pairable = values(&self.all);
        let different = self.within_units(Level::Nominal, &[]);
        let mut alpha = BTreeMap::new();
        for &level in levels {
            let at_level = self.alpha(level);
            finite(at_level.as_ref())?;
            alpha.insert(level, at_level);
        }
        let agreement = 1.0 - different / pairable;
        Ok(Krippendorff { units: self.units.len(), pairable: pairable as usize, agreement, alpha })
    }

    fn alpha(&self, level: Level) -> Option<f64> {
        if self.all.len() == 1 {
            return None;
        }
        let measures = if level == Level::Ordinal { &mid_ranks(&self.all) } else { &self.measures };
        let expected = disagreement(level, &self.all, measures) / (values(&self.all) - 1.0);
        Some(1.0 - self.within_units(level, measures) / expected)
    }

    fn within_units(&self, level: Level, measures: &[f64]) -> f64 {
        self.units.iter().map(|unit| disagreement(level, unit, measures) / (values(unit) - 1.0)).sum()
    }
}

fn tally(mut codes: Vec<usize>) -> Tally {
    codes.sort_unstable();
    codes.chunk_by(|a, b| a == b).map(|equal| (equal[0], equal.len() as f64)).collect()
}

fn values(tally: &Tally) -> f64 {
    tally.iter().map(|(_, count)| count).sum()
}

// The number of values from one to another, each end counted half, is the distance of their mid ranks.
fn mid_ranks(all: &Tally) -> Vec<f64> {
    let mut below = 0.0;
    let rank = |(_, count): &(usize, f64)| {
        below += count;
        below - count / 2.0
    };
    all.iter().map(rank).collect()
}

// The difference of two values, summed over all ordered pairs.
fn disagreement(level: Level, tally: &Tally, measures: &[f64]) -> f64 {
    let n = values(tally);
    match level {
        Level::Nominal => tally.iter().map(|(_, count)| count * (n - count)).sum(),
        Level::Ordinal | Level::Interval => {
            let mean = tally.iter().map(|(code, count)| count * measures[*code]).sum::<f64>() / n;
            2.0 * n * tally.iter().map(|(code, count)| count * (measures[*code] - mean).powi(2)).sum::<f64>()
        }
        Level::Ratio => {
            let mut sum = 0.0;
            for (position, (code, count)) in tally.iter().enumerate() {
                let value = measures[*code];
                let relative = |other: f64| ((value - other) / (value + other)).powi(2);
                let others = tally[..position].iter().map(|(other, count)| count * relative(measures[*other]));
                sum += count * others.sum::<f64>();
            }
            2.0 * sum
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    data: Ratings,
    #[serde(default, deserialize_with = "given")]
    levels: Option<Vec<Level>>,
}

pub(super) fn run(input: Value) -> Result<Value, StatError> {
    let Input { data, levels } = read(input)?;
    written(&krippendorff(&data, levels.as_deref())?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stats::StatErrorCode;

    const GAP: f64 = f64::NAN;

    fn numbers(rows: &[&[f64]]) -> Ratings {
        let value = |value: &f64| (!value.is_nan()).then_some(*value);
        Ratings::Numbers(rows.iter().map(|row| row.iter().map(value).collect()).collect())
    }

    // Krippendorff 2011, section C: four observers, twelve units.
    fn observers() -> Ratings {
        numbers(&[
            &[1., 2., 3., 3., 2., 1., 4., 1., 2., GAP, GAP, GAP],
            &[1., 2., 3., 3., 2., 2., 4., 1., 2., 5., GAP, 3.],
            &[GAP, 3., 3., 3., 2., 3., 4., 2., 2., 5., 1., GAP],
            &[1., 2., 3., 3., 2., 4., 4., 1., 2., 5., 1., GAP],
        ])
    }

    #[test]
    fn krippendorff_2011() {
        let alpha = krippendorff(&observers(), None).unwrap().alpha;
        let printed =
            [(Level::Nominal, 0.743), (Level::Ordinal, 0.815), (Level::Interval, 0.849), (Level::Ratio, 0.797)];
        for (level, printed) in printed {
            assert!((alpha[&level].unwrap() - printed).abs() < 5e-4, "{level:?}");
        }
    }

    #[test]
    fn raters_and_units_may_stand_in_any_order() {
        let Ratings::Numbers(mut rows) = observers() else { unreachable!() };
        let before = krippendorff(&observers(), None).unwrap();
        rows.reverse();
        rows.iter_mut().for_each(|row| row.reverse());
        let after = krippendorff(&Ratings::Numbers(rows), None).unwrap();
        assert_eq!((before.units, before.pairable, before.agreement), (after.units, after.pairable, after.agreement));
        for (level, alpha) in before.alpha {
            assert!((alpha.unwrap() - after.alpha[&level].unwrap()).abs() < 1e-14);
        }
    }

    #[test]
    fn equal_values_have_no_alpha_even_if_their_mean_is_rounded() {
        let alike = krippendorff(&numbers(&[&[0.1, 0.1], &[0.1, 0.1], &[0.1, GAP]]), None).unwrap();
        assert_eq!(alike.agreement, 1.0);
        assert!(alike.alpha.values().all(Option::is_none));
    }

    #[test]
    fn zeros_are_equal_and_a_ratio_of_zeros_is_no_difference() {
        let zeros = krippendorff(&numbers(&[&[0.0, 1.0], &[-0.0, 1.0]]), Some(&[Level::Ratio])).unwrap();
        assert_eq!((zeros.agreement, zeros.alpha[&Level::Ratio]), (1.0, Some(1.0)));
    }

    #[test]
    fn an_optional_member_is_left_out_and_not_null() {
        let input = |levels: Value| json!({"data": [["a", "b"], ["a", null]], "levels": levels});
        assert!(run(input(json!(["nominal"]))).is_ok());
        for levels in [Value::Null, json!(["mean"]), json!("nominal")] {
            assert_eq!(run(input(levels)).unwrap_err().code, StatErrorCode::BadInput);
        }
        let mixed = json!({"data": [["a", 1], ["a", 1]]});
        assert_eq!(run(mixed).unwrap_err().code, StatErrorCode::BadInput);
    }

    #[test]
    fn bad_input_comes_before_too_few() {
        let code = |ratings: &Ratings, levels| krippendorff(ratings, levels).unwrap_err().code;
        assert_eq!(code(&numbers(&[&[-1.0]]), None), StatErrorCode::BadInput);
        assert_eq!(code(&numbers(&[&[1.0, 2.0], &[1.0]]), None), StatErrorCode::BadInput);
        assert_eq!(code(&numbers(&[&[f64::INFINITY]]), None), StatErrorCode::BadInput);
        assert_eq!(code(&numbers(&[&[-1.0]]), Some(&[Level::Ordinal])), StatErrorCode::TooFew);
        assert_eq!(code(&numbers(&[]), None), StatErrorCode::TooFew);
        assert_eq!(code(&numbers(&[&[1e200, 2e200], &[2e200, 1e200]]), None), StatErrorCode::Undefined);
    }
}

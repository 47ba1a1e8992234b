//! Scoring all visits of some columns in one pass.

use crate::answer::State;
use crate::columns::counts::{ItemCounts, count};
use crate::columns::figures::Figures;
use crate::columns::lane::{Lane, Packed, Pair};
use crate::columns::pass;
use crate::columns::plan::{Plan, Scale};
use crate::columns::points::HIGHEST;
use crate::columns::store::Columns;
use crate::parse::MAX_WEIGHT;
use crate::score::{Mode, scored_states};
use crate::standard::{Item, Role, Standard};

/// Scores many visits at once.
///
/// Every figure equals what [`score()`](crate::score()) with [`Mode::Rescore`]
/// gives for that visit alone. Sums are kept in the narrowest integers that hold the largest
/// possible one; where 128 bits do not, visits are scored one by one.
#[derive(Clone, Debug)]
pub struct Scorer {
    standard: Standard,
}

/// Why columns cannot be scored so.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScorerError {
    /// The columns were made for other items, or for items of the same ids that are answered otherwise.
    OtherItems,
    /// There is not one weight for each item.
    WeightCount {
        /// The number of items.
        items: usize,
        /// The number of weights given.
        weights: usize,
    },
    /// A weight is outside 0..=1000000.
    WeightOutOfRange {
        /// Position of the item.
        item: usize,
    },
}

impl std::fmt::Display for ScorerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ScorerError::OtherItems => f.write_str("encode the visits anew: these columns hold answers to other items"),
            ScorerError::WeightCount { items, weights } => {
                write!(f, "give one weight for each of the {items} items: {weights} were given")
            }
            ScorerError::WeightOutOfRange { item } => {
                write!(f, "choose a weight from 0 to {MAX_WEIGHT} for the item at position {item}")
            }
        }
    }
}

impl std::error::Error for ScorerError {}

/// How wide sums are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// Earned and possible points share 64 bits.
    Packed,
    /// 64 bits each.
    Narrow,
    /// 128 bits for points earned.
    Wide,
    /// No width is enough.
    Exact,
}

impl Scorer {
    /// A scorer for a standard.
    pub fn new(standard: &Standard) -> Self {
        Scorer { standard: standard.clone() }
    }

    /// The same with other weights of the items, in the order of the questionnaire.
    ///
    /// # Errors
    ///
    /// [`ScorerError::WeightCount`] unless there is one weight an item, and
    /// [`ScorerError::WeightOutOfRange`] for the first outside 0..=1000000.
    pub fn with_weights(&self, weights: &[i64]) -> Result<Self, ScorerError> {
        let items = self.standard.items.len();
        if items != weights.len() {
            return Err(ScorerError::WeightCount { items, weights: weights.len() });
        }
        let mut standard = self.standard.clone();
        for (position, (item, &weight)) in standard.items.iter_mut().zip(weights).enumerate() {
            if !(0..=MAX_WEIGHT).contains(&weight) {
                return Err(ScorerError::WeightOutOfRange { item: position });
            }
            item.weight = weight;
        }
        Ok(Scorer { standard })
    }

    /// Scores every visit of the columns into `figures`, whose former content is replaced.
    ///
    /// # Errors
    ///
    /// [`ScorerError::OtherItems`] when the columns were made for a standard with other items. Ids,
    /// types with their fields, and where N/A is allowed must be the same; weights, conditions,
    /// policies, caps, sections, dimensions and bands may differ.
    pub fn score(&self, columns: &Columns, figures: &mut Figures) -> Result<(), ScorerError> {
        self.fits(columns)?;
        let scale = Scale::new(&self.standard, columns);
        let width = scale.as_ref().map_or(Width::Exact, |scale| width(&self.standard, scale));
        self.score_in(width, scale.as_ref(), columns, figures);
        Ok(())
    }

    /// How often each answer to each item was given, items in order; an answer to a hidden item is missing.
    ///
    /// # Errors
    ///
    /// [`ScorerError::OtherItems`] as for [`score`](Self::score).
    pub fn count(&self, columns: &Columns) -> Result<Vec<ItemCounts>, ScorerError> {
        self.fits(columns)?;
        Ok(count(&self.standard, columns))
    }

    fn fits(&self, columns: &Columns) -> Result<(), ScorerError> {
        let same = |(a, b): (&Item, &Item)| a.id == b.id && a.kind == b.kind && a.na_allowed == b.na_allowed;
        let (own, other) = (&self.standard.items, &columns.standard.items);
        let fit = own.len() == other.len() && own.iter().zip(other).all(same);
        if fit { Ok(()) } else { Err(ScorerError::OtherItems) }
    }

    pub(super) fn score_in(&self, width: Width, scale: Option<&Scale>, columns: &Columns, figures: &mut Figures) {
        figures.reset(&self.standard, columns.len());
        let by_blocks = match width {
            Width::Packed => self.by_blocks::<Packed>(scale, columns, figures),
            Width::Narrow => self.by_blocks::<Pair<i64>>(scale, columns, figures),
            Width::Wide => self.by_blocks::<Pair<i128>>(scale, columns, figures),
            Width::Exact => None,
        };
        match by_blocks {
            Some(left) => left.into_iter().for_each(|visit| self.one_by_one(visit, columns, figures)),
            None => (0..columns.len()).for_each(|visit| self.one_by_one(visit, columns, figures)),
        }
    }

    // The visits that are still to be scored, `None` for all.
    fn by_blocks<L: Lane>(
        &self,
        scale: Option<&Scale>,
        columns: &Columns,
        figures: &mut Figures,
    ) -> Option<Vec<usize>> {
        let highest_bp = i64::try_from(highest_bp(&self.standard)).ok()?;
        let plan = Plan::<L>::new(&self.standard, columns, scale?, highest_bp)?;
        let mut left = pass::run(plan, columns.len(), figures);
        left.extend(columns.unlisted());
        Some(left)
    }

    fn one_by_one(&self, visit: usize, columns: &Columns, figures: &mut Figures) {
        let states: Vec<State> = columns.states(&self.standard, visit);
        figures.set(visit, &self.standard, &scored_states(&self.standard, states, Mode::Rescore));
    }
}

// The narrowest numbers that hold every sum, and every step of rounding it to basis points.
pub(super) fn width(standard: &Standard, scale: &Scale) -> Width {
    if highest_bp(standard) > HIGHEST.into() {
        return Width::Exact;
    }
    let most = i128::from(scale.most);
    let Some(points) = scale.denominator.checked_mul(most) else { return Width::Exact };
    match points.checked_mul(20_001) {
        Some(_) if points < 1 << 31 && most < 1 << 32 => Width::Packed,
        Some(step) if step < 1 << 63 => Width::Narrow,
        Some(_) => Width::Wide,
        None => Width::Exact,
    }
}

// No score lies above: all of the bonus beside the lightest item alone.
fn highest_bp(standard: &Standard) -> i128 {
    if standard.cap_bonus {
        return 10_000;
    }
    let weights =
        |role| standard.items.iter().filter(move |item| item.role == role).map(|item| i128::from(item.weight));
    let lightest = weights(Role::Normal).filter(|&weight| weight > 0).min().unwrap_or(1);
    10_000 + 10_000 * weights(Role::Bonus).sum::<i128>() / lightest
}

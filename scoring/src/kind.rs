//! The types of items and how each type turns an answer into a score.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::answer::Reply;
use crate::fraction::Fraction;
use crate::words::words;

/// The type of an item with the fields of that type.
///
/// Every type says what it accepts and how an answer becomes a score, an exact fraction in 0..=1.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ItemKind {
    /// True or false; one when equal to `positive`, else zero.
    YesNo {
        /// The answer that earns the points.
        positive: bool,
    },
    /// One option; its points over the highest points, zero when either is not positive.
    Choice {
        /// The options, at least two.
        options: Options,
    },
    /// A whole number in `min..=max`.
    Rating {
        /// Lowest rating.
        min: i64,
        /// Highest rating, above `min`.
        max: i64,
        /// How the rating becomes a score.
        scale: RatingScale,
    },
    /// Any number of distinct options, also none.
    Multi {
        /// The options, at least two.
        options: Options,
        /// How the chosen options become a score.
        mode: MultiMode,
    },
    /// An exact decimal, for example seconds waited.
    Numeric {
        /// Lowest accepted value.
        min: Option<Fraction>,
        /// Highest accepted value.
        max: Option<Fraction>,
        /// How the value becomes a score.
        scale: NumericScale,
    },
    /// How likely the auditor would recommend the branch, 0..=10.
    Nps {
        /// How the value becomes a score.
        scale: NpsScale,
    },
    /// Free text, never scored.
    Text,
}

words! {
    /// The word for a type of item.
    TypeName {
        /// True or false.
        YesNo = "yes_no",
        /// One of some options.
        Choice = "choice",
        /// A whole number in a range.
        Rating = "rating",
        /// Several of some options.
        Multi = "multi",
        /// An exact decimal.
        Numeric = "numeric",
        /// A recommendation, 0..=10.
        Nps = "nps",
        /// Free text.
        Text = "text",
    }
}

impl ItemKind {
    /// The word for this type.
    ///
    /// ```
    /// use peegel_scoring::{ItemKind, TypeName};
    /// assert_eq!(ItemKind::Text.type_name(), TypeName::Text);
    /// assert_eq!(ItemKind::YesNo { positive: false }.type_name().as_str(), "yes_no");
    /// ```
    pub fn type_name(&self) -> TypeName {
        match self {
            ItemKind::YesNo { .. } => TypeName::YesNo,
            ItemKind::Choice { .. } => TypeName::Choice,
            ItemKind::Rating { .. } => TypeName::Rating,
            ItemKind::Multi { .. } => TypeName::Multi,
            ItemKind::Numeric { .. } => TypeName::Numeric,
            ItemKind::Nps { .. } => TypeName::Nps,
            ItemKind::Text => TypeName::Text,
        }
    }

    /// Whether a valid answer has a score: not for text, `nps` with map `none` and `numeric`
    /// without bands or steps.
    ///
    /// ```
    /// use peegel_scoring::{ItemKind, NpsScale};
    /// assert!(ItemKind::Nps { scale: NpsScale::Linear }.yields_score());
    /// assert!(!ItemKind::Nps { scale: NpsScale::Unscored }.yields_score());
    /// ```
    pub fn yields_score(&self) -> bool {
        !matches!(
            self,
            ItemKind::Text
                | ItemKind::Nps { scale: NpsScale::Unscored }
                | ItemKind::Numeric { scale: NumericScale::Unscored, .. }
        )
    }
}

impl ItemKind {
    /// The score of a valid answer, `None` when the type yields none.
    pub(crate) fn score(&self, reply: &Reply) -> Option<Fraction> {
        match (self, reply) {
            (ItemKind::YesNo { positive }, Reply::Bool(answer)) => {
                Some(if answer == positive { Fraction::ONE } else { Fraction::ZERO })
            }
            (ItemKind::Choice { options }, Reply::Option(chosen)) => {
                Some(options.best(Some(options.list[*chosen].points)))
            }
            (ItemKind::Rating { min, max, scale }, Reply::Whole(answer)) => Some(scale.score(*answer, *min, *max)),
            (ItemKind::Multi { options, mode }, Reply::Options(chosen)) => Some(options.score(*mode, chosen)),
            (ItemKind::Numeric { scale, .. }, Reply::Number(answer)) => scale.score(answer),
            (ItemKind::Nps { scale }, Reply::Whole(answer)) => scale.score(*answer),
            _ => None,
        }
    }
}

/// One answer option.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChoiceOption {
    /// Id, unique within the item.
    pub id: String,
    /// Points, -1000000..=1000000.
    pub points: i64,
}

/// The options of an item, found by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub(crate) list: Vec<ChoiceOption>,
    index: BTreeMap<String, usize>,
    /// The first option with a number for an id, by that number.
    numbers: BTreeMap<Fraction, usize>,
    /// For each option the first one that equals it; shared, because every condition on the item keeps it.
    pub(crate) equals: Arc<[usize]>,
    max_points: i64,
    positive_points: i64,
}

impl Options {
    pub(crate) fn new(list: Vec<ChoiceOption>) -> Self {
        let index = list.iter().enumerate().map(|(position, option)| (option.id.clone(), position)).collect();
        let mut numbers = BTreeMap::new();
        let mut first = |(position, option): (usize, &ChoiceOption)| match Fraction::decimal(&option.id) {
            Some(number) => *numbers.entry(number).or_insert(position),
            None => position,
        };
        Options {
            equals: list.iter().enumerate().map(&mut first).collect(),
            numbers,
            max_points: list.iter().map(|o| o.points).max().unwrap_or(0),
            positive_points: list.iter().map(|o| o.points.max(0)).sum(),
            index,
            list,
        }
    }

    /// The options in the order of the standard.
    ///
    /// ```
    /// # use {peegel_scoring::{ItemKind, Standard}, serde_json::json};
    /// let standard = Standard::parse(&json!({
    ///     "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}],
    ///     "items": [{"id": "shelf", "section": "s", "type": "choice", "weight": 3,
    ///                "options": [{"id": "full", "points": 2}, {"id": "gaps", "points": 1}]}],
    /// }))
    /// .unwrap();
    /// let ItemKind::Choice { options } = &standard.items()[0].kind else { panic!("it is a choice") };
    /// assert_eq!(options.as_slice()[0].points, 2);
    /// ```
    pub fn as_slice(&self) -> &[ChoiceOption] {
        &self.list
    }

    pub(crate) fn position(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// The first option whose id equals this number or, unless both are numbers, this text.
    pub(crate) fn first_equal(&self, number: Option<&Fraction>, text: Option<&str>) -> Option<usize> {
        number.map_or_else(|| self.position(text?), |number| self.numbers.get(number).copied())
    }

    /// The best of the chosen points over the highest points, at least zero.
    pub(crate) fn best(&self, points: Option<i64>) -> Fraction {
        share(points.unwrap_or(0).max(0), self.max_points)
    }

    /// The score of a set of distinct options.
    pub(crate) fn score(&self, mode: MultiMode, chosen: &[usize]) -> Fraction {
        let points = || chosen.iter().map(|&position| self.list[position].points);
        match mode {
            MultiMode::Sum => {
                let sum = points().sum::<i64>().clamp(0, self.positive_points);
                share(sum, self.positive_points)
            }
            MultiMode::Best => self.best(points().max()),
            MultiMode::AllOrNothing => {
                let wanted = self.list.iter().filter(|o| o.points > 0).count();
                if chosen.len() == wanted && points().all(|p| p > 0) { Fraction::ONE } else { Fraction::ZERO }
            }
        }
    }
}

// Zero when nothing can be earned.
fn share(points: i64, of: i64) -> Fraction {
    if of <= 0 {
        return Fraction::ZERO;
    }
    Fraction::new(points.into(), of.into()).unwrap_or(Fraction::ZERO)
}

words! {
    /// How several chosen options become a score.
    MultiMode {
        /// The sum of the points over the sum of the positive points, between zero and one.
        Sum = "sum",
        /// The highest chosen points over the highest points.
        Best = "best",
        /// One when exactly the options with positive points are chosen, else zero.
        AllOrNothing = "all_or_nothing",
    }
}

/// How a rating becomes a score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RatingScale {
    /// `(v - min) / (max - min)`: the lowest rating earns nothing.
    Linear,
    /// `v / max`: the lowest rating still earns its share.
    Proportional,
    /// A score in basis points for each rating from `min` on.
    Table(Vec<i64>),
}

words! {
    /// The words for the two formulas of a rating.
    RatingMap {
        /// `(v - min) / (max - min)`.
        Linear = "linear",
        /// `v / max`.
        Proportional = "proportional",
    }
}

/// How a number becomes a score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumericScale {
    /// The number is only recorded.
    Unscored,
    /// Straight lines between the knots, flat outside them.
    Bands(Vec<Knot>),
    /// The score of the first knot at or above the value.
    Steps {
        /// The knots; each `x` is the upper end of its step, included.
        knots: Vec<Knot>,
        /// The score above the last knot, in basis points.
        otherwise_bp: i64,
    },
}

/// A value with its score.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Knot {
    /// The value, strictly above that of the knot before.
    pub x: Fraction,
    /// The score there in basis points, 0..=10000.
    pub bp: i64,
}

words! {
    /// How a recommendation becomes a score.
    NpsScale {
        /// Not at all (the default): the net promoter score of many visits is reported separately,
        /// see [`stats::nps`](crate::stats::nps).
        Unscored = "none",
        /// A tenth a point: 7 is 7/10.
        Linear = "linear",
        /// Promoter (9, 10) one, passive (7, 8) a half, detractor zero.
        Class = "class",
    }
}

impl RatingScale {
    /// The score of `v`, which lies in `min..=max`.
    pub(crate) fn score(&self, v: i64, min: i64, max: i64) -> Fraction {
        let (v, min, max) = (i128::from(v), i128::from(min), i128::from(max));
        let fraction = match self {
            RatingScale::Linear => Fraction::new(v - min, max - min),
            RatingScale::Proportional => Fraction::new(v, max),
            RatingScale::Table(table) => {
                usize::try_from(v - min).ok().and_then(|step| table.get(step)).map(|&bp| Fraction::from_bp(bp))
            }
        };
        // Only a standard that failed its checks could miss here.
        fraction.unwrap_or(Fraction::ZERO)
    }
}

impl NpsScale {
    /// The score of `v`, which lies in `0..=10`.
    pub(crate) fn score(self, v: i64) -> Option<Fraction> {
        match self {
            NpsScale::Unscored => None,
            NpsScale::Linear => Fraction::new(v.into(), 10),
            NpsScale::Class if v >= 9 => Some(Fraction::ONE),
            NpsScale::Class if v >= 7 => Fraction::new(1, 2),
            NpsScale::Class => Some(Fraction::ZERO),
        }
    }
}

impl NumericScale {
    /// The score of `value`.
    pub(crate) fn score(&self, value: &Fraction) -> Option<Fraction> {
        match self {
            NumericScale::Unscored => None,
            NumericScale::Bands(knots) => interpolate(knots, value),
            NumericScale::Steps { knots, otherwise_bp } => {
                let first = knots.iter().find(|knot| *value <= knot.x);
                Some(Fraction::from_bp(first.map_or(*otherwise_bp, |knot| knot.bp)))
            }
        }
    }
}

fn interpolate(knots: &[Knot], value: &Fraction) -> Option<Fraction> {
    let above = knots.iter().position(|knot| *value <= knot.x);
    let (left, right) = match above {
        None => return knots.last().map(|knot| Fraction::from_bp(knot.bp)),
        Some(0) => return Some(Fraction::from_bp(knots[0].bp)),
        Some(right) => (&knots[right - 1], &knots[right]),
    };
    let along = (value - &left.x).checked_div(&(&right.x - &left.x))?;
    let rise = Fraction::from_bp(right.bp - left.bp);
    Some(&Fraction::from_bp(left.bp) + &(&rise * &along))
}

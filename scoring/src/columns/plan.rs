//! Compiling a standard for the columns at hand: common denominator, weights and tables.

use num_integer::Integer;

use crate::columns::answers::Answers;
use crate::columns::lane::Lane;
use crate::columns::mask::Mask;
use crate::columns::number::{Number, Rounding};
use crate::columns::store::{Columns, NA};
use crate::fraction::Fraction;
use crate::standard::{Item, NaPolicy, Role, Scope, Standard};

/// The numbers that decide how wide sums must be.
pub(super) struct Scale {
    /// A common denominator of all scores.
    pub(super) denominator: i128,
    /// Weights of the items without their common factor.
    pub(super) weights: Vec<i64>,
    /// What the shares of each dimension are divided by.
    shares: Vec<i64>,
    /// Most points possible in a section, a dimension or the visit, with bonus and penalty.
    pub(super) most: i64,
}

impl Scale {
    /// `None` when the common denominator is beyond 128 bits.
    pub(super) fn new(standard: &Standard, columns: &Columns) -> Option<Self> {
        let factor = standard.items.iter().fold(0, |factor: i64, item| factor.gcd(&item.weight)).max(1);
        let weights: Vec<_> = standard.items.iter().map(|item| item.weight / factor).collect();
        let mut shares = vec![0; standard.dimensions.len()];
        for share in standard.items.iter().flat_map(|item| &item.dimensions) {
            shares[share.dimension] = share.share_bp.gcd(&shares[share.dimension]);
        }
        let mut possible = vec![0; standard.dimensions.len()];
        let mut denominator: i128 = 1;
        for ((item, column), weight) in standard.items.iter().zip(&columns.columns).zip(&weights) {
            for share in &item.dimensions {
                possible[share.dimension] += weight * (share.share_bp / shares[share.dimension].max(1));
            }
            if item.is_scorable() && *weight > 0 {
                let own = column.dictionary.denominator;
                denominator = (denominator / denominator.gcd(&own)).checked_mul(own)?;
            }
        }
        let visit = weights.iter().sum::<i64>();
        let most = possible.into_iter().max().unwrap_or(0).max(visit).max(1);
        Some(Scale { denominator, weights, shares, most })
    }
}

/// A standard compiled for some columns.
pub(super) struct Plan<'a, L: Lane> {
    pub(super) standard: &'a Standard,
    pub(super) items: Vec<ItemPlan<'a, L>>,
    pub(super) rounding: Rounding<L::Number>,
    /// Weight of all ordinary items.
    pub(super) asked: i64,
}

pub(super) struct ItemPlan<'a, L> {
    pub(super) answers: Answers<'a, L>,
    pub(super) shown: Option<Mask>,
    pub(super) section: usize,
    /// The dimensions it counts for, each with the share of the weight.
    pub(super) dimensions: Vec<(usize, i64)>,
    /// Its weight among what can be asked for: zero unless an ordinary item.
    pub(super) asked: i64,
    pub(super) critical: Option<(Scope, i32)>,
}

impl<'a, L: Lane> Plan<'a, L> {
    /// `None` when a number does not fit.
    pub(super) fn new(standard: &'a Standard, columns: &'a Columns, scale: &Scale) -> Option<Self> {
        let denominator = L::Number::from_i128(scale.denominator)?;
        let mut items: Vec<ItemPlan<L>> = Vec::with_capacity(standard.items.len());
        for (position, item) in standard.items.iter().enumerate() {
            let weight = scale.weights[position];
            let mut answers = Answers::new(&columns.columns[position]);
            if item.is_scorable() && weight > 0 {
                let worth = |score: Option<&Fraction>| worth(item.role, weight, score, scale.denominator);
                let na = if item.role == Role::Normal { na_score(item.na) } else { None };
                answers.set_worth(worth(na.as_ref())?, |state| worth(state.score.as_ref()))?;
            }
            if let Some(critical) = &item.critical {
                let limit = Fraction::from_bp(critical.fail_below_bp);
                answers.set_failing(|state| state.score.as_ref().is_some_and(|score| *score < limit));
            }
            let shown = item.show_if.as_ref().map(|condition| {
                Mask::new(condition, &mut |parent, test| {
                    items[parent].answers.add_test(test.holds(&NA), |state| test.holds(state))
                })
            });
            items.push(ItemPlan {
                answers,
                shown,
                section: item.section,
                dimensions: dimensions(item, scale),
                asked: if item.is_normal_scorable() { weight } else { 0 },
                critical: item.critical.as_ref().and_then(|c| Some((c.scope, i32::try_from(c.cap_bp).ok()?))),
            });
        }
        let asked = items.iter().map(|item| item.asked).sum();
        Some(Plan { standard, items, rounding: Rounding::new(denominator, scale.most), asked })
    }
}

fn na_score(policy: NaPolicy) -> Option<Fraction> {
    match policy {
        NaPolicy::Exclude => None,
        NaPolicy::Zero => Some(Fraction::ZERO),
        NaPolicy::Full => Some(Fraction::ONE),
    }
}

// Points in units of one over the denominator. `None` when they do not fit.
fn worth<L: Lane>(role: Role, weight: i64, score: Option<&Fraction>, denominator: i128) -> Option<L> {
    let Some(score) = score else { return Some(L::default()) };
    let of = |score: i128| score.checked_mul(weight.into());
    let earned = score.numerator_over(denominator)?;
    match role {
        Role::Normal => L::new(of(earned)?, weight),
        Role::Bonus => L::new(of(earned)?, 0),
        Role::Penalty => L::new(of(earned - denominator)?, 0),
    }
}

fn dimensions(item: &Item, scale: &Scale) -> Vec<(usize, i64)> {
    if !item.is_normal_scorable() {
        return Vec::new();
    }
    let shares = item.dimensions.iter().filter(|share| share.share_bp > 0);
    shares.map(|share| (share.dimension, share.share_bp / scale.shares[share.dimension])).collect()
}

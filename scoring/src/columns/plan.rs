//! Compiling a standard for the columns at hand: common denominator, weights and tables.

use num_integer::Integer;

use crate::answer::State;
use crate::columns::answers::Answers;
use crate::columns::dictionary::Dictionary;
use crate::columns::lane::Lane;
use crate::columns::mask::Mask;
use crate::columns::number::{Number, Rounding};
use crate::columns::part::Part;
use crate::columns::pass::UNCAPPED;
use crate::columns::store::{Columns, NA};
use crate::fraction::Fraction;
use crate::standard::{NaPolicy, Role, Scope, Standard};

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
    /// How many visits there are, which decides what making tables may cost.
    pub(super) visits: usize,
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
        Some(Scale { denominator, weights, shares, most, visits: columns.len() })
    }
}

/// A standard compiled for some columns.
pub(super) struct Plan<'a, L: Lane> {
    pub(super) standard: &'a Standard,
    pub(super) items: Vec<ItemPlan<'a>>,
    pub(super) sections: Vec<Part<L>>,
    pub(super) dimensions: Vec<Part<L>>,
    pub(super) rounding: Rounding<L::Number>,
    /// Weight of all ordinary items.
    pub(super) asked: i32,
}

pub(super) struct ItemPlan<'a> {
    pub(super) answers: Answers<'a>,
    pub(super) shown: Option<Mask>,
    /// Its weight among what can be asked for: zero unless an ordinary item.
    pub(super) asked: i32,
    /// What failing it caps.
    pub(super) caps: Option<Scope>,
}

impl<'a, L: Lane> Plan<'a, L> {
    /// `None` when a number does not fit.
    pub(super) fn new(standard: &'a Standard, columns: &'a Columns, scale: &Scale, highest_bp: i64) -> Option<Self> {
        let denominator = L::Number::from_i128(scale.denominator)?;
        let parts = |count: usize| (0..count).map(|_| Part::new(scale.visits)).collect();
        let mut plan = Plan {
            standard,
            items: item_plans(standard, columns),
            sections: parts(standard.sections.len()),
            dimensions: parts(standard.dimensions.len()),
            rounding: Rounding::new(denominator, scale.most, highest_bp),
            asked: 0,
        };
        for position in 0..standard.items.len() {
            plan.count(position, &columns.columns[position].dictionary, scale)?;
        }
        let Plan { sections, dimensions, rounding, .. } = &mut plan;
        sections.iter_mut().for_each(|part| part.set_scores(|sum| section_score(standard, rounding, sum)));
        dimensions.iter_mut().for_each(|part| part.set_scores(|sum| dimension_score(rounding, sum)));
        Some(plan)
    }

    // Enters an item in its section and dimensions.
    fn count(&mut self, position: usize, dictionary: &Dictionary, scale: &Scale) -> Option<()> {
        let item = &self.standard.items[position];
        let plan = &mut self.items[position];
        let weight = scale.weights[position];
        if let Some(critical) = &item.critical {
            let limit = Fraction::from_bp(critical.fail_below_bp);
            let cap_bp = i32::try_from(critical.cap_bp).ok()?;
            let fails = |state: &State| state.score.as_ref().is_some_and(|score| *score < limit);
            plan.answers.set_caps(UNCAPPED, |state| if fails(state) { cap_bp } else { UNCAPPED });
            plan.caps = Some(critical.scope);
        }
        if !item.is_scorable() || weight == 0 {
            return Some(());
        }
        let na = if item.role == Role::Normal { na_score(item.na) } else { None };
        let by_code = |share: i64| {
            let worth = |score: Option<&Fraction>| worth(item.role, weight, share, score, scale.denominator);
            dictionary.by_code(L::default(), worth(na.as_ref())?, |state| worth(state.score.as_ref()))
        };
        self.sections[item.section].add(position, &by_code(1)?);
        if item.role == Role::Normal {
            plan.asked = i32::try_from(weight).ok()?;
            self.asked = self.asked.checked_add(plan.asked)?;
            for share in item.dimensions.iter().filter(|share| share.share_bp > 0) {
                let own = by_code(share.share_bp / scale.shares[share.dimension])?;
                self.dimensions[share.dimension].add(position, &own);
            }
        }
        Some(())
    }
}

/// The score of a dimension, half up; absent when nothing was possible.
pub(super) fn dimension_score<L: Lane>(rounding: &Rounding<L::Number>, sum: L) -> i32 {
    rounding.to_score(sum.earned(), sum.possible())
}

/// The score of a section, or of the visit from the points of all sections, before caps.
pub(super) fn section_score<L: Lane>(standard: &Standard, rounding: &Rounding<L::Number>, sum: L) -> i32 {
    let earned = sum.earned().max(L::Number::from(0));
    let most = if standard.cap_bonus { earned.min(rounding.whole(sum.possible())) } else { earned };
    rounding.to_score(most, sum.possible())
}

/// The items with their conditions, not worth anything yet.
pub(super) fn item_plans<'a>(standard: &'a Standard, columns: &'a Columns) -> Vec<ItemPlan<'a>> {
    let mut items: Vec<ItemPlan> = Vec::with_capacity(standard.items.len());
    for (item, column) in standard.items.iter().zip(&columns.columns) {
        let shown = item.show_if.as_ref().map(|condition| {
            Mask::new(condition, &mut |parent, test| {
                items[parent].answers.add_test(test.holds(&NA), |state| test.holds(state))
            })
        });
        items.push(ItemPlan { answers: Answers::new(column), shown, asked: 0, caps: None });
    }
    items
}

fn na_score(policy: NaPolicy) -> Option<Fraction> {
    match policy {
        NaPolicy::Exclude => None,
        NaPolicy::Zero => Some(Fraction::ZERO),
        NaPolicy::Full => Some(Fraction::ONE),
    }
}

// Points in units of one over the denominator. `None` when they do not fit.
fn worth<L: Lane>(role: Role, weight: i64, share: i64, score: Option<&Fraction>, denominator: i128) -> Option<L> {
    let Some(score) = score else { return Some(L::default()) };
    let points = |score: i128| score.checked_mul(weight.into())?.checked_mul(share.into());
    let earned = score.numerator_over(denominator)?;
    match role {
        Role::Normal => L::new(points(earned)?, weight.checked_mul(share)?),
        Role::Bonus => L::new(points(earned)?, 0),
        Role::Penalty => L::new(points(earned - denominator)?, 0),
    }
}

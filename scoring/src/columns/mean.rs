//! The exact weighted mean of the scores of sections.

use num_traits::ToPrimitive;

use crate::columns::lane::Lane;
use crate::columns::number::Number;
use crate::columns::pass::{Block, UNCAPPED};
use crate::columns::plan::Plan;
use crate::columns::points::ABSENT;

/// A section that has a score: its weight, 10000 times its points over the denominator, its possible points.
type Term<N> = (i64, N, i64);

/// The visit score of `weighted_sections`; `None` when it needs more than 128 bits.
pub(super) fn mean_of_sections<L: Lane>(plan: &Plan<L>, block: &Block<L>, visit: usize) -> Option<i32> {
    let sections = plan.standard.sections.iter().zip(&block.sections).zip(&block.section_caps);
    let terms = sections.filter_map(|((section, sums), caps)| {
        let sum = sums[visit];
        let cap = caps.get(visit).copied().filter(|&cap| cap != UNCAPPED);
        let whole = plan.rounding.whole(sum.possible());
        let mut earned = (L::Number::from(10_000) * sum.earned()).max(L::Number::from(0));
        if plan.standard.cap_bonus {
            earned = earned.min(L::Number::from(10_000) * whole);
        }
        if let Some(cap) = cap {
            earned = earned.min(L::Number::from(cap.into()) * whole);
        }
        (sum.possible() > 0).then_some((section.weight, earned, sum.possible()))
    });
    // Nearly always 64 bits are enough.
    let small = terms.clone().map(|(weight, earned, possible)| Some((weight, earned.to_i64()?, possible)));
    let of_small = mean(small, plan.rounding.denominator.to_i64());
    of_small.or_else(|| {
        let wide = terms.map(|(weight, earned, possible)| Some((weight, earned.to_i128()?, possible)));
        mean(wide, plan.rounding.denominator.to_i128())
    })
}

fn mean<N: Number>(terms: impl Iterator<Item = Option<Term<N>>>, denominator: Option<N>) -> Option<i32> {
    let (mut above, mut below, mut weights) = (N::from(0), N::from(1), 0);
    for term in terms {
        let (weight, earned, possible) = term?;
        // above / below + weight * earned / possible
        let own = N::from(weight).checked_mul(&earned)?.checked_mul(&below)?;
        above = above.checked_mul(&N::from(possible))?.checked_add(&own)?;
        below = below.checked_mul(&N::from(possible))?;
        weights += weight;
    }
    if weights == 0 {
        return Some(ABSENT);
    }
    let whole = below.checked_mul(&denominator?)?.checked_mul(&N::from(weights))?;
    let top = above.checked_add(&above)?.checked_add(&whole)?;
    Some(N::quotient(top, whole.checked_add(&whole)?).to_i64_known() as i32)
}

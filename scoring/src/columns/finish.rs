//! From the sums of a block to the scores of its visits.

use std::ops::Range;

use crate::columns::figures::{CAPPED, Figures, INSUFFICIENT, NO_BAND, PASSED};
use crate::columns::lane::Lane;
use crate::columns::mean::mean_of_sections;
use crate::columns::number::{Number, Rounding};
use crate::columns::pass::{Sums, UNCAPPED};
use crate::columns::plan::Plan;
use crate::columns::points::ABSENT;
use crate::standard::{Aggregation, Standard};

/// What finishing needs beside the plan.
pub(super) struct Finish {
    /// Rounds shares of the weight asked.
    shares: Rounding<i64>,
    /// The band of each score; higher scores lie in the last.
    bands: Vec<u16>,
    /// The highest score before caps.
    ceiling: i64,
}

impl Finish {
    pub(super) fn new<L: Lane>(plan: &Plan<L>) -> Self {
        let index = |score_bp| plan.standard.band_of(score_bp).and_then(|band| u16::try_from(band).ok());
        Finish {
            shares: Rounding::new(1, plan.asked),
            bands: (0..=10_000).map(|score_bp| index(score_bp).unwrap_or(NO_BAND)).collect(),
            ceiling: if plan.standard.cap_bonus { 10_000 } else { i64::MAX },
        }
    }

    /// Writes the figures of a block; visits whose score needs more than 128 bits go to `left`.
    pub(super) fn block<L: Lane>(
        &self,
        plan: &Plan<L>,
        sums: &mut Sums<L>,
        block: Range<usize>,
        figures: &mut Figures,
        left: &mut Vec<usize>,
    ) {
        for (sums, points) in sums.dimensions.iter().zip(&mut figures.dimensions) {
            for (score, sum) in points.values[block.clone()].iter_mut().zip(sums) {
                *score = part(&plan.rounding, *sum, i64::MAX);
            }
        }
        for ((sums, caps), points) in sums.sections.iter().zip(&sums.section_caps).zip(&mut figures.sections) {
            let scores = &mut points.values[block.clone()];
            for (score, sum) in scores.iter_mut().zip(sums) {
                *score = part(&plan.rounding, *sum, self.ceiling);
            }
            for (score, cap) in scores.iter_mut().zip(caps) {
                *score = (*cap).min(*score);
            }
        }
        let raw = &mut figures.raw_bp.values[block.clone()];
        match plan.standard.aggregation {
            Aggregation::Pooled => self.pooled(plan, sums, raw),
            Aggregation::WeightedSections => {
                for (visit, raw) in raw.iter_mut().enumerate() {
                    match mean_of_sections(plan, sums, visit) {
                        Some(score) => *raw = score,
                        None => left.push(block.start + visit),
                    }
                }
            }
        }
        self.judge(plan.standard, sums, block, figures);
    }

    fn pooled<L: Lane>(&self, plan: &Plan<L>, sums: &Sums<L>, raw: &mut [i32]) {
        for (visit, raw) in raw.iter_mut().enumerate() {
            let mut total = L::default();
            let mut lost = L::Number::from(0);
            for (sums, caps) in sums.sections.iter().zip(&sums.section_caps) {
                let sum = sums[visit];
                total = total.plus(sum);
                if let Some(&cap) = caps.get(visit)
                    && cap != UNCAPPED
                {
                    let most =
                        plan.rounding.denominator * L::Number::from(sum.possible()) * L::Number::from(cap.into());
                    lost = lost + (L::Number::from(10_000) * sum.earned() - most).max(L::Number::from(0));
                }
            }
            let earned = L::Number::from(10_000) * total.earned() - lost;
            *raw = rounded(&plan.rounding, earned, total.possible(), self.ceiling);
        }
    }

    fn judge<L: Lane>(&self, standard: &Standard, sums: &Sums<L>, block: Range<usize>, figures: &mut Figures) {
        for visit in 0..block.len() {
            let at = block.start + visit;
            let raw = figures.raw_bp.values[at];
            let cap = sums.visit_caps[visit];
            let score = raw.min(cap);
            let possible: i64 = sums.sections.iter().map(|sums| sums[visit].possible()).sum();
            let asked = sums.asked[visit];
            let share = rounded(&self.shares, 10_000 * possible, asked, i64::MAX);
            let enough = asked > 0 && 10_000 * possible >= standard.min_scored_share_bp * asked;
            let insufficient = raw == ABSENT || !enough;
            let passed = standard.pass_bp.is_some_and(|pass_bp| i64::from(score) >= pass_bp) && cap == UNCAPPED;
            let band = self.bands[score.clamp(0, 10_000) as usize];
            figures.score_bp.values[at] = score;
            figures.scored_share_bp.values[at] = share;
            figures.bands[at] = if insufficient { NO_BAND } else { band };
            let mut marks = if cap == UNCAPPED { 0 } else { CAPPED };
            marks |= if insufficient { INSUFFICIENT } else { 0 };
            marks |= if passed && !insufficient { PASSED } else { 0 };
            figures.marks[at] = marks;
        }
    }
}

fn part<L: Lane>(rounding: &Rounding<L::Number>, sum: L, ceiling: i64) -> i32 {
    rounded(rounding, L::Number::from(10_000) * sum.earned(), sum.possible(), ceiling)
}

// Half up, between zero and the ceiling; absent when nothing was possible.
fn rounded<N: Number>(rounding: &Rounding<N>, earned: N, possible: i64, ceiling: i64) -> i32 {
    let score_bp = rounding.to_bp(earned.max(N::from(0)), possible.max(1)).min(ceiling);
    // Every score was found to fit before the pass began.
    if possible == 0 { ABSENT } else { score_bp as i32 }
}

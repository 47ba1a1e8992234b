//! From the sums of a block to the scores of its visits.

use crate::columns::figures::{CAPPED, Figures, INSUFFICIENT, NO_BAND, PASSED};
use crate::columns::lane::Lane;
use crate::columns::mean::mean_of_sections;
use crate::columns::number::{Number, Rounding};
use crate::columns::pass::{BLOCK, Block, UNCAPPED};
use crate::columns::plan::{Plan, section_score};
use crate::columns::points::ABSENT;
use crate::standard::Aggregation;

/// What finishing needs beside the plan.
pub(super) struct Finish<N> {
    /// Rounds shares of the weight asked.
    shares: Rounding<i64>,
    /// By score up to 10000; no band and no pass mark begins above.
    verdicts: Vec<Verdict>,
    /// Room for what the caps of sections take from each visit, times 10000.
    lost: Vec<N>,
}

#[derive(Clone, Copy)]
struct Verdict {
    band: u16,
    passed: bool,
}

impl<N: Number> Finish<N> {
    pub(super) fn new<L: Lane<Number = N>>(plan: &Plan<L>) -> Self {
        let verdict = |score_bp| Verdict {
            band: plan.standard.band_of(score_bp).and_then(|band| u16::try_from(band).ok()).unwrap_or(NO_BAND),
            passed: plan.standard.pass_bp.is_some_and(|pass_bp| score_bp >= pass_bp),
        };
        Finish {
            shares: Rounding::new(1, plan.asked.into(), 10_000),
            verdicts: (0..=10_000).map(verdict).collect(),
            lost: vec![N::from(0); BLOCK],
        }
    }

    /// Visits whose score needs more than 128 bits go to `left`.
    pub(super) fn visits<L: Lane<Number = N>>(
        &mut self,
        plan: &Plan<L>,
        block: &Block<L>,
        figures: &mut Figures,
        left: &mut Vec<usize>,
    ) {
        let at = block.visits.clone();
        let (raw, scores) = (&mut figures.raw_bp.values[at.clone()], &mut figures.score_bp.values[at.clone()]);
        match plan.standard.aggregation {
            Aggregation::Pooled => pooled(plan, block, &mut self.lost, raw),
            Aggregation::WeightedSections => {
                for (visit, raw) in raw.iter_mut().enumerate() {
                    *raw = mean_of_sections(plan, block, visit).unwrap_or_else(|| {
                        left.push(at.start + visit);
                        ABSENT
                    });
                }
            }
        }
        let shares = &mut figures.scored_share_bp.values[at.clone()];
        let verdicts = figures.bands[at.clone()].iter_mut().zip(&mut figures.marks[at]);
        let written = scores.iter_mut().zip(shares).zip(verdicts);
        let known = raw.iter().zip(&block.visit_caps).zip(&block.total).zip(&block.asked);
        for (((score, share), (band, marks)), (((&raw, &cap), total), &asked)) in written.zip(known) {
            let (possible, asked) = (total.possible(), i64::from(asked));
            let few = 10_000 * possible < plan.standard.min_scored_share_bp * asked;
            let insufficient = few || asked == 0 || raw == ABSENT;
            *score = raw.min(cap);
            *share = self.shares.to_score(possible, asked);
            let verdict = self.verdicts[(*score).clamp(0, 10_000) as usize];
            let passed = verdict.passed && cap == UNCAPPED && !insufficient;
            *band = if insufficient { NO_BAND } else { verdict.band };
            *marks = mark(cap != UNCAPPED, CAPPED) | mark(insufficient, INSUFFICIENT) | mark(passed, PASSED);
        }
    }
}

fn mark(set: bool, mark: u8) -> u8 {
    if set { mark } else { 0 }
}

// The points of all sections, but of a capped section at most its cap of what is possible in it.
fn pooled<L: Lane>(plan: &Plan<L>, block: &Block<L>, lost: &mut [L::Number], raw: &mut [i32]) {
    for (raw, &total) in raw.iter_mut().zip(&block.total) {
        *raw = section_score(plan.standard, &plan.rounding, total);
    }
    let none = L::Number::from(0);
    let lost = &mut lost[..raw.len()];
    lost.fill(none);
    for (sums, caps) in block.sections.iter().zip(&block.section_caps) {
        for ((lost, sum), &cap) in lost.iter_mut().zip(sums).zip(caps) {
            let most = plan.rounding.whole(sum.possible()) * L::Number::from(cap.min(10_000).into());
            let over = (L::Number::from(10_000) * sum.earned() - most).max(none);
            *lost = *lost + if cap == UNCAPPED { none } else { over };
        }
    }
    let ceiling = if plan.standard.cap_bonus { 10_000 } else { i64::MAX };
    for ((raw, &lost), total) in raw.iter_mut().zip(&*lost).zip(&block.total) {
        if lost > none && total.possible() > 0 {
            let earned = (L::Number::from(10_000) * total.earned() - lost).max(none);
            *raw = plan.rounding.ten_thousandths(earned, total.possible()).min(ceiling) as i32;
        }
    }
}

//! The pass over the visits: block by block, item by item, a table look-up and a few additions a visit.

use std::ops::Range;

use crate::columns::figures::Figures;
use crate::columns::finish::Finish;
use crate::columns::lane::Lane;
use crate::columns::plan::{ItemPlan, Plan};
use crate::standard::Scope;

/// Visits in a block: so few that the sums of all sections and dimensions stay in the fast memory of the processor.
const BLOCK: usize = 512;

/// No cap.
pub(super) const UNCAPPED: i32 = i32::MAX;

/// The sums of the visits of one block.
pub(super) struct Sums<L> {
    pub(super) sections: Vec<Vec<L>>,
    pub(super) dimensions: Vec<Vec<L>>,
    /// Weight of the ordinary items that were shown.
    pub(super) asked: Vec<i64>,
    /// The lowest cap of each section, empty for one that nothing caps.
    pub(super) section_caps: Vec<Vec<i32>>,
    /// The lowest cap of the visit.
    pub(super) visit_caps: Vec<i32>,
}

/// Scores all visits but those given back: their numbers need more than 128 bits.
pub(super) fn run<L: Lane>(mut plan: Plan<L>, visits: usize, figures: &mut Figures) -> Vec<usize> {
    let mut sums = Sums::new(&plan);
    let finish = Finish::new(&plan);
    let (mut worth, mut bytes) = (vec![L::default(); BLOCK], vec![0; BLOCK]);
    let mut left = Vec::new();
    let mut start = 0;
    while start < visits {
        let block = start..visits.min(start + BLOCK);
        sums.clear(plan.asked);
        for item in 0..plan.items.len() {
            hide(&mut plan.items, item, block.clone(), &mut bytes, &mut sums.asked);
            let item = &plan.items[item];
            if item.answers.has_worth() {
                item.answers.worth(block.clone(), &mut worth);
                sums.add(item, &worth);
            }
            if let Some((scope, cap_bp)) = item.critical {
                item.answers.failing(block.clone(), &mut bytes);
                sums.cap(item.section, scope, cap_bp, &bytes);
            }
        }
        finish.block(&plan, &mut sums, block.clone(), figures, &mut left);
        start = block.end;
    }
    left
}

// Takes out the visits in which the condition of an item does not hold. Its parents come earlier.
fn hide<L: Lane>(items: &mut [ItemPlan<L>], item: usize, block: Range<usize>, hidden: &mut [u8], asked: &mut [i64]) {
    let (before, rest) = items.split_at_mut(item);
    let Some((item, shown)) = rest.first_mut().and_then(|item| item.shown.take().map(|shown| (item, shown))) else {
        return;
    };
    let hidden = &mut hidden[..block.len()];
    shown.evaluate(&|parent, test, holds| before[parent].answers.test(test, block.clone(), holds), hidden);
    hidden.iter_mut().for_each(|hidden| *hidden = !*hidden);
    item.answers.hide(block, hidden);
    for (asked, &hidden) in asked.iter_mut().zip(&*hidden) {
        *asked -= if hidden == 0 { 0 } else { item.asked };
    }
    item.shown = Some(shown);
}

impl<L: Lane> Sums<L> {
    fn new(plan: &Plan<L>) -> Self {
        let sums = |parts: usize| vec![vec![L::default(); BLOCK]; parts];
        let mut section_caps = vec![Vec::new(); plan.standard.sections.len()];
        for item in &plan.items {
            if let Some((Scope::Section, _)) = item.critical {
                section_caps[item.section] = vec![UNCAPPED; BLOCK];
            }
        }
        Sums {
            sections: sums(plan.standard.sections.len()),
            dimensions: sums(plan.standard.dimensions.len()),
            asked: vec![0; BLOCK],
            section_caps,
            visit_caps: vec![UNCAPPED; BLOCK],
        }
    }

    fn clear(&mut self, asked: i64) {
        self.sections.iter_mut().chain(&mut self.dimensions).for_each(|sums| sums.fill(L::default()));
        self.section_caps.iter_mut().chain([&mut self.visit_caps]).for_each(|caps| caps.fill(UNCAPPED));
        self.asked.fill(asked);
    }

    fn add(&mut self, item: &ItemPlan<L>, worth: &[L]) {
        add(&mut self.sections[item.section], worth, |worth| worth);
        for &(dimension, share) in &item.dimensions {
            let sums = &mut self.dimensions[dimension];
            if share == 1 {
                add(sums, worth, |worth| worth);
            } else {
                add(sums, worth, |worth| worth.times(share));
            }
        }
    }

    fn cap(&mut self, section: usize, scope: Scope, cap_bp: i32, failing: &[u8]) {
        let caps = match scope {
            Scope::Section => &mut self.section_caps[section],
            Scope::Visit => &mut self.visit_caps,
        };
        for (cap, &failing) in caps.iter_mut().zip(failing) {
            let own = if failing == 0 { UNCAPPED } else { cap_bp };
            *cap = own.min(*cap);
        }
    }
}

fn add<L: Lane>(sums: &mut [L], worth: &[L], of: impl Fn(L) -> L) {
    for (sum, &worth) in sums.iter_mut().zip(worth) {
        *sum = sum.plus(of(worth));
    }
}

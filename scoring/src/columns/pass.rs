//! The pass over the visits: block by block, first what is hidden, then part by part the points.

use std::ops::Range;

use crate::columns::figures::Figures;
use crate::columns::finish::Finish;
use crate::columns::lane::Lane;
use crate::columns::part::Results;
use crate::columns::plan::{ItemPlan, Plan, dimension_score, section_score};
use crate::standard::Scope;

/// Visits in a block: so few that their sums stay in the fastest memory of the processor.
pub(super) const BLOCK: usize = 1024;

/// No cap.
pub(super) const UNCAPPED: i32 = i32::MAX;

/// What is known of the visits of one block.
pub(super) struct Block<L> {
    pub(super) visits: Range<usize>,
    /// The points of each section.
    pub(super) sections: Vec<Vec<L>>,
    /// The points of one dimension.
    pub(super) dimension: Vec<L>,
    /// The points of all sections.
    pub(super) total: Vec<L>,
    /// Weight of the ordinary items that were shown.
    pub(super) asked: Vec<i32>,
    /// The lowest cap of each section, empty for one that nothing caps.
    pub(super) section_caps: Vec<Vec<i32>>,
    /// The lowest cap of the visit.
    pub(super) visit_caps: Vec<i32>,
    hidden: Vec<u8>,
    places: Vec<u16>,
}

/// Scores all visits but those given back: their numbers need more than 128 bits.
pub(super) fn run<L: Lane>(mut plan: Plan<L>, visits: usize, figures: &mut Figures) -> Vec<usize> {
    let mut finish = Finish::new(&plan);
    let mut block = Block::new(&plan);
    let mut left = Vec::new();
    for start in (0..visits).step_by(BLOCK) {
        block.begin(start..visits.min(start + BLOCK), plan.asked);
        for item in 0..plan.items.len() {
            block.hide(&mut plan.items, item);
            block.cap(&plan, item);
        }
        block.dimensions(&plan, figures);
        block.sections(&plan, figures);
        finish.visits(&plan, &block, figures, &mut left);
    }
    left
}

/// Takes the answers to an item out where its condition does not hold: there `hidden` becomes 0xff.
///
/// Its parents, which come earlier, must have been through this. False when the item has no condition.
pub(super) fn hide(items: &mut [ItemPlan], item: usize, visits: &Range<usize>, hidden: &mut [u8]) -> bool {
    let (before, rest) = items.split_at_mut(item);
    let Some(ItemPlan { answers, shown: Some(shown), .. }) = rest.first_mut() else { return false };
    shown.evaluate(&|parent, test, holds| before[parent].answers.test(test, visits, holds), hidden);
    hidden.iter_mut().for_each(|hidden| *hidden = !*hidden);
    answers.hide(visits, hidden);
    true
}

impl<L: Lane> Block<L> {
    pub(super) fn new(plan: &Plan<L>) -> Self {
        let mut section_caps = vec![Vec::new(); plan.sections.len()];
        for (item, of) in plan.items.iter().zip(&plan.standard.items) {
            if item.caps == Some(Scope::Section) {
                section_caps[of.section] = vec![UNCAPPED; BLOCK];
            }
        }
        Block {
            visits: 0..0,
            sections: vec![vec![L::default(); BLOCK]; plan.sections.len()],
            dimension: vec![L::default(); BLOCK],
            total: vec![L::default(); BLOCK],
            asked: vec![0; BLOCK],
            section_caps,
            visit_caps: vec![UNCAPPED; BLOCK],
            hidden: vec![0; BLOCK],
            places: vec![0; BLOCK],
        }
    }

    fn begin(&mut self, visits: Range<usize>, asked: i32) {
        self.visits = visits;
        self.section_caps.iter_mut().chain([&mut self.visit_caps]).for_each(|caps| caps.fill(UNCAPPED));
        self.asked.fill(asked);
    }

    fn hide(&mut self, items: &mut [ItemPlan], item: usize) {
        let hidden = &mut self.hidden[..self.visits.len()];
        if !hide(items, item, &self.visits, hidden) {
            return;
        }
        let asked = items[item].asked;
        for (sum, &hidden) in self.asked.iter_mut().zip(&*hidden) {
            // All ones where hidden, without a branch that nobody can foretell.
            *sum -= asked & i32::from(hidden.cast_signed());
        }
    }

    fn cap(&mut self, plan: &Plan<L>, item: usize) {
        let caps = match plan.items[item].caps {
            None => return,
            Some(Scope::Section) => &mut self.section_caps[plan.standard.items[item].section],
            Some(Scope::Visit) => &mut self.visit_caps,
        };
        plan.items[item].answers.cap(&self.visits, caps);
    }

    fn dimensions(&mut self, plan: &Plan<L>, figures: &mut Figures) {
        let score = |sum| dimension_score(&plan.rounding, sum);
        for (dimension, points) in plan.dimensions.iter().zip(&mut figures.dimensions) {
            let scores = &mut points.values[self.visits.clone()];
            let places = &mut self.places[..scores.len()];
            dimension.scores(&plan.items, &self.visits, score, Results { places, sums: &mut self.dimension, scores });
        }
    }

    fn sections(&mut self, plan: &Plan<L>, figures: &mut Figures) {
        let score = |sum| section_score(plan.standard, &plan.rounding, sum);
        self.total.fill(L::default());
        for (position, points) in figures.sections.iter_mut().enumerate() {
            let (sums, caps) = (&mut self.sections[position], &self.section_caps[position]);
            let scores = &mut points.values[self.visits.clone()];
            let places = &mut self.places[..scores.len()];
            let (section, results) = (&plan.sections[position], Results { places, sums, scores });
            section.scores_and_total(&plan.items, &self.visits, score, results, &mut self.total);
            let scores = &mut points.values[self.visits.clone()];
            scores.iter_mut().zip(caps).for_each(|(score, &cap)| *score = cap.min(*score));
        }
    }
}

//! A section or dimension: items whose codes together are looked up in one table.

use std::ops::Range;

use crate::columns::answers::Bits;
use crate::columns::lane::Lane;
use crate::columns::plan::ItemPlan;

/// Most bits of a joint code: tables of so many entries stay in the fast memory of the processor.
const MOST_BITS: u32 = 14;

/// The items of a section or dimension.
pub(super) struct Part<L> {
    joints: Vec<Joint<L>>,
    most_bits: u32,
    /// The sum and score of each joint code, when one joint holds all items.
    scored: Vec<(L, i32)>,
}

/// Some items whose codes, side by side in the bits of one number, are the place of their sum in a table.
///
/// Few answers differ, so few sums do: four items with "yes", "no", N/A and missing have 256 joint
/// codes. One look-up then does what four look-ups and additions would, and of a part that is one
/// joint even the rounded score is looked up.
struct Joint<L> {
    items: Vec<(usize, Bits)>,
    bits: u32,
    sums: Vec<L>,
}

/// Where a part leaves its results for the visits of a block.
pub(super) struct Results<'a, L> {
    /// Room for joint codes.
    pub(super) places: &'a mut [u16],
    /// Room for sums.
    pub(super) sums: &'a mut [L],
    pub(super) scores: &'a mut [i32],
}

impl<L: Lane> Part<L> {
    /// A part without items, for so many visits: a table must not take longer to make than it saves.
    pub(super) fn new(visits: usize) -> Self {
        let most_bits = visits.max(1).ilog2().saturating_sub(4).min(MOST_BITS);
        Part { joints: vec![Joint::new()], most_bits, scored: Vec::new() }
    }

    /// Adds an item with what each of its codes is worth; their number is a power of two.
    pub(super) fn add(&mut self, item: usize, worth: &[L]) {
        let bits = worth.len().ilog2();
        let fits = |joint: &Joint<L>| joint.bits == 0 || joint.bits + bits <= self.most_bits;
        let position = self.joints.iter().position(fits).unwrap_or(self.joints.len());
        if position == self.joints.len() {
            self.joints.push(Joint::new());
        }
        self.joints[position].add(item, worth, bits);
    }

    /// Makes the table of scores, where one table can hold them.
    pub(super) fn set_scores(&mut self, score: impl Fn(L) -> i32) {
        if let [joint] = self.joints.as_slice() {
            self.scored = joint.sums.iter().map(|&sum| (sum, score(sum))).collect();
        }
    }

    /// Finds the scores of the visits.
    pub(super) fn scores(
        &self,
        items: &[ItemPlan],
        visits: &Range<usize>,
        score: impl Fn(L) -> i32,
        Results { places, sums, scores }: Results<L>,
    ) {
        if let [joint] = self.joints.as_slice() {
            joint.find(items, visits, places);
            scores.iter_mut().zip(&*places).for_each(|(of, &at)| *of = self.scored[usize::from(at)].1);
        } else {
            self.sums(items, visits, places, sums);
            scores.iter_mut().zip(sums).for_each(|(of, &mut sum)| *of = score(sum));
        }
    }

    /// Finds the scores and points of the visits, and adds the points to a total.
    pub(super) fn scores_and_total(
        &self,
        items: &[ItemPlan],
        visits: &Range<usize>,
        score: impl Fn(L) -> i32,
        Results { places, sums, scores }: Results<L>,
        total: &mut [L],
    ) {
        if let [joint] = self.joints.as_slice() {
            joint.find(items, visits, places);
            for (((of, total), kept), &at) in scores.iter_mut().zip(total).zip(sums).zip(&*places) {
                let (sum, score) = self.scored[usize::from(at)];
                *total = total.plus(sum);
                *kept = sum;
                *of = score;
            }
        } else {
            self.sums(items, visits, places, sums);
            for ((of, total), &mut sum) in scores.iter_mut().zip(total).zip(sums) {
                *total = total.plus(sum);
                *of = score(sum);
            }
        }
    }

    fn sums(&self, items: &[ItemPlan], visits: &Range<usize>, places: &mut [u16], sums: &mut [L]) {
        for (position, joint) in self.joints.iter().enumerate() {
            joint.find(items, visits, places);
            let own = places.iter().map(|&at| joint.sums[usize::from(at)]);
            if position == 0 {
                sums.iter_mut().zip(own).for_each(|(sum, own)| *sum = own);
            } else {
                sums.iter_mut().zip(own).for_each(|(sum, own)| *sum = sum.plus(own));
            }
        }
    }
}

impl<L: Lane> Joint<L> {
    fn new() -> Self {
        Joint { items: Vec::new(), bits: 0, sums: vec![L::default()] }
    }

    fn add(&mut self, item: usize, worth: &[L], bits: u32) {
        // At most 16 bits, those of the widest code, so both fit.
        self.items.push((item, Bits { mask: (worth.len() - 1) as u16, factor: self.sums.len() as u16 }));
        self.bits += bits;
        let mut sums = Vec::with_capacity(worth.len() * self.sums.len());
        worth.iter().for_each(|&own| sums.extend(self.sums.iter().map(|sum| sum.plus(own))));
        self.sums = sums;
    }

    fn find(&self, items: &[ItemPlan], visits: &Range<usize>, places: &mut [u16]) {
        places.fill(0);
        for pair in self.items.chunks(2) {
            match pair {
                [(one, bits), (other, other_bits)] => {
                    let other = (&items[*other].answers, *other_bits);
                    items[*one].answers.place_two(*bits, other, visits, places);
                }
                _ => pair.iter().for_each(|(item, bits)| items[*item].answers.place(*bits, visits, places)),
            }
        }
    }
}

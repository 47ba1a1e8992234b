//! How the order of branches by their means holds when the weights are moved.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::rehearsals::types::{BranchSensitivity, ChainSensitivity};
use crate::scorecards::figures::{Tally, half_up};

/// One draw in so many lies at or beyond the ranks that are told as low and high.
const TAIL: usize = 20;

/// Ranks of branches with the candidate's own weights and in every draw.
pub struct Sensitivity<'a> {
    own: &'a [Tally],
    draws: &'a [Vec<Tally>],
    own_ranks: Vec<Option<i64>>,
    /// By draw, then by branch.
    ranks: Vec<Vec<Option<i64>>>,
}

impl<'a> Sensitivity<'a> {
    /// Ranks the branches by their sums: with the own weights, and in each draw.
    pub fn of(own: &'a [Tally], draws: &'a [Vec<Tally>]) -> Self {
        Self { own, draws, own_ranks: ranks(own), ranks: draws.iter().map(|draw| ranks(draw)).collect() }
    }

    /// The chain as a whole.
    pub fn of_chain(&self) -> ChainSensitivity {
        let scored = self.own_ranks.iter().flatten().count() as i64;
        let pairs = scored * (scored - 1) / 2;
        if pairs == 0 || self.draws.is_empty() {
            return ChainSensitivity { any_order_change_bp: None, changed_pairs_bp: None };
        }
        let changed: Vec<_> = self.draws.iter().map(|draw| changed_pairs(self.own, draw)).collect();
        let draws = changed.len() as i64;
        let any = changed.iter().filter(|pairs| **pairs > 0).count() as i64;
        ChainSensitivity {
            any_order_change_bp: half_up(any * 10_000, draws),
            changed_pairs_bp: half_up(changed.iter().sum::<i64>() * 10_000, pairs * draws),
        }
    }

    /// One branch; `None` when it has no score.
    pub fn of_branch(&self, position: usize, band_at: impl Fn(i64) -> Option<Arc<str>>) -> Option<BranchSensitivity> {
        let rank = self.own_ranks.get(position).copied().flatten()?;
        let mut ranks: Vec<_> = self.ranks.iter().filter_map(|draw| draw.get(position).copied().flatten()).collect();
        ranks.sort_unstable();
        let tail = ranks.len().div_ceil(TAIL).max(1);
        let band = |tally: Tally| tally.mean().and_then(&band_at);
        let own_band = band(self.own[position]);
        let draws = self.draws.len() as i64;
        let other_band = self.draws.iter().filter(|draw| draw.get(position).copied().and_then(band) != own_band);
        Some(BranchSensitivity {
            rank,
            rank_low: *ranks.get(tail - 1)?,
            rank_high: *ranks.get(ranks.len() - tail)?,
            rank_changes_bp: half_up(ranks.iter().filter(|other| **other != rank).count() as i64 * 10_000, draws)?,
            band_changes_bp: half_up(other_band.count() as i64 * 10_000, draws)?,
        })
    }
}

/// Compares two means without rounding; the better one is greater.
fn by_mean(a: Tally, b: Tally) -> Ordering {
    (i128::from(a.sum) * i128::from(b.n)).cmp(&(i128::from(b.sum) * i128::from(a.n)))
}

/// The rank of each branch: one more than how many have a better mean; none without a score.
fn ranks(means: &[Tally]) -> Vec<Option<i64>> {
    let mut order: Vec<_> = (0..means.len()).filter(|&position| means[position].n > 0).collect();
    order.sort_by(|&a, &b| by_mean(means[b], means[a]));
    let mut ranks = vec![None; means.len()];
    let mut rank = 0;
    for (place, &position) in order.iter().enumerate() {
        if place == 0 || by_mean(means[order[place - 1]], means[position]) != Ordering::Equal {
            rank = place as i64 + 1;
        }
        ranks[position] = Some(rank);
    }
    ranks
}

/// Pairs of branches of which the better one on one side is the worse one on the other. Ties change nothing.
fn changed_pairs(own: &[Tally], draw: &[Tally]) -> i64 {
    let scored = |position: &usize| own[*position].n > 0 && draw.get(*position).is_some_and(|mean| mean.n > 0);
    let mut order: Vec<_> = (0..own.len()).filter(scored).collect();
    // Ties of the own order stand as the draw has them, and so are no changes.
    order.sort_by(|&a, &b| by_mean(own[b], own[a]).then_with(|| by_mean(draw[b], draw[a])));
    let mut means: Vec<_> = order.into_iter().map(|position| draw[position]).collect();
    let mut spare = means.clone();
    rises(&mut means, &mut spare)
}

/// Pairs in which a later mean is better than an earlier one; sorts them on the way, best first.
fn rises(means: &mut [Tally], spare: &mut [Tally]) -> i64 {
    if means.len() < 2 {
        return 0;
    }
    let middle = means.len() / 2;
    let mut count = rises(&mut means[..middle], spare) + rises(&mut means[middle..], spare);
    let (mut left, mut right) = (0, middle);
    for slot in spare.iter_mut().take(means.len()) {
        let takes_right =
            left == middle || (right < means.len() && by_mean(means[right], means[left]) == Ordering::Greater);
        if takes_right {
            // Better than everything that is left of the earlier half.
            count += (middle - left) as i64;
            *slot = means[right];
            right += 1;
        } else {
            *slot = means[left];
            left += 1;
        }
    }
    let len = means.len();
    means.copy_from_slice(&spare[..len]);
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tallies(means: &[i64]) -> Vec<Tally> {
        means.iter().map(|&sum| Tally { n: i64::from(sum >= 0), sum: sum.max(0) }).collect()
    }

    #[test]
    fn equal_means_share_a_rank_and_no_score_has_none() {
        assert_eq!(ranks(&tallies(&[70, 90, 70, -1, 10])), [Some(2), Some(1), Some(2), None, Some(4)]);
    }

    #[test]
    fn changed_pairs_are_those_of_a_plain_count() {
        let mut random = crate::demo::random::Random::new(5);
        for size in 0..40 {
            let mut draw = || tallies(&(0..size).map(|_| random.below(12) as i64 - 1).collect::<Vec<_>>());
            let (own, other) = (draw(), draw());
            let mut expected = 0;
            for a in 0..own.len() {
                for b in 0..a {
                    let both = [&own, &other].iter().all(|side| side[a].n > 0 && side[b].n > 0);
                    let (x, y) = (by_mean(own[a], own[b]), by_mean(other[a], other[b]));
                    expected += i64::from(both && x == y.reverse() && x != Ordering::Equal);
                }
            }
            assert_eq!(changed_pairs(&own, &other), expected, "{own:?} {other:?}");
        }
    }

    #[test]
    fn a_draw_that_swaps_two_branches_is_told() {
        let own = tallies(&[90, 80, 10]);
        let draws = [tallies(&[90, 80, 10]), tallies(&[80, 90, 10])];
        let sensitivity = Sensitivity::of(&own, &draws);
        let chain = sensitivity.of_chain();
        assert_eq!((chain.any_order_change_bp, chain.changed_pairs_bp), (Some(5000), Some(1667)));
        let first = sensitivity.of_branch(0, |bp| (bp >= 85).then(|| Arc::from("A"))).unwrap();
        assert_eq!((first.rank, first.rank_low, first.rank_high), (1, 1, 2));
        assert_eq!((first.rank_changes_bp, first.band_changes_bp), (5000, 5000));
        let last = sensitivity.of_branch(2, |_| None).unwrap();
        assert_eq!((last.rank, last.rank_low, last.rank_high, last.rank_changes_bp), (3, 3, 3, 0));
    }
}

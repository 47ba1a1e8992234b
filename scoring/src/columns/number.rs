//! Whole numbers of 64 and 128 bits, and rounding a quotient of them to basis points.

use std::ops::Sub;

use num_traits::{CheckedAdd, CheckedMul, ToPrimitive};

use crate::columns::points::ABSENT;

/// What sums are made in.
pub(super) trait Number:
    Copy + Default + Ord + From<i64> + CheckedAdd + CheckedMul + Sub<Output = Self> + ToPrimitive
{
    fn from_i128(n: i128) -> Option<Self>;

    /// For results that are known to fit 64 bits.
    fn to_i64_known(self) -> i64;

    /// `numerator / denominator` for positive numbers.
    fn quotient(numerator: Self, denominator: Self) -> Self;
}

impl Number for i64 {
    fn from_i128(n: i128) -> Option<Self> {
        n.try_into().ok()
    }

    fn to_i64_known(self) -> i64 {
        self
    }

    fn quotient(numerator: i64, denominator: i64) -> i64 {
        numerator / denominator
    }
}

impl Number for i128 {
    fn from_i128(n: i128) -> Option<Self> {
        Some(n)
    }

    fn to_i64_known(self) -> i64 {
        self as i64
    }

    fn quotient(numerator: i128, denominator: i128) -> i128 {
        // Division of 128 bits is many times slower.
        match (u64::try_from(numerator), u64::try_from(denominator)) {
            (Ok(numerator), Ok(denominator)) => (numerator / denominator).into(),
            _ => numerator / denominator,
        }
    }
}

/// Rounds shares of possible points to basis points, half up.
pub(super) struct Rounding<N> {
    /// The common denominator of all points earned.
    pub(super) denominator: N,
    /// What one point of 1/denominator earned is worth in units of 2^-48 basis points, rounded up,
    /// by points possible.
    ///
    /// A share is then one multiplication instead of a division. Its error is below `earned / 2^48`.
    /// A quotient over `2 * denominator * possible` that is no whole number misses the next one by at
    /// least `1 / (2 * denominator * possible)`, which is more while twice the product of both numbers
    /// stays below 2^48: so the result is exact.
    factors: Vec<u64>,
}

/// Bits behind the point of the factors.
const FRACTION: u32 = 48;

/// Largest number of factors worth their memory.
const MOST_FACTORS: i64 = 1 << 14;

/// Highest score whose product with a factor surely fits 64 bits.
const HIGHEST_BP: i64 = 60_000;

impl<N: Number> Rounding<N> {
    /// For at most `most` points possible and no score above `highest_bp`.
    pub(super) fn new(denominator: N, most: i64, highest_bp: i64) -> Self {
        let small = |points: &i64| *points < 1 << (FRACTION / 2 - 1);
        let largest = denominator.to_i64().and_then(|denominator| denominator.checked_mul(most)).filter(small);
        let fit = largest.is_some() && most <= MOST_FACTORS && highest_bp <= HIGHEST_BP;
        let count = if fit { most + 1 } else { 0 };
        let one = (10_000_u64) << FRACTION;
        let whole = |possible: i64| (denominator.to_i64_known() * possible) as u64;
        let factor = |possible| if possible == 0 { 0 } else { one.div_ceil(whole(possible)) };
        Rounding { factors: (0..count).map(factor).collect(), denominator }
    }

    /// All points that are possible, in units of one over the denominator.
    pub(super) fn whole(&self, possible: i64) -> N {
        self.denominator * N::from(possible)
    }

    /// The same as a score: absent when nothing is possible.
    pub(super) fn to_score(&self, earned: N, possible: i64) -> i32 {
        let score_bp = self.to_bp(earned, possible);
        // Every score was found to fit before the pass began.
        if possible == 0 { ABSENT } else { score_bp as i32 }
    }

    /// `earned / denominator / possible` in basis points. `earned` is not negative; zero when nothing is possible.
    pub(super) fn to_bp(&self, earned: N, possible: i64) -> i64 {
        match self.factors.get(possible as usize) {
            Some(factor) => ((earned.to_i64_known() as u64 * factor + (1 << (FRACTION - 1))) >> FRACTION) as i64,
            None => self.ten_thousandths(N::from(10_000) * earned, possible),
        }
    }

    /// The same of points that were multiplied by 10000.
    pub(super) fn ten_thousandths(&self, earned: N, possible: i64) -> i64 {
        let whole = self.whole(possible.max(1));
        N::quotient(earned + earned + whole, whole + whole).to_i64_known()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_round_as_division_does() {
        // Around the largest numbers that have factors, and small ones with many ties.
        for (denominator, most) in [(1, 40), (7, 60), (240, 300), (8_388_607, 1), (512, 16_383), (511, 16_384)] {
            let rounding = Rounding::<i64>::new(denominator, most, 10_000);
            assert_eq!(rounding.factors.len() as i64, most + 1);
            for possible in (1..=most).rev().take(70) {
                let whole = denominator * possible;
                let step = (whole / 5000).max(1);
                for earned in (0..=whole).step_by(step as usize).chain([whole]) {
                    let expected = rounding.ten_thousandths(10_000 * earned, possible);
                    assert_eq!(rounding.to_bp(earned, possible), expected, "{earned} of {whole}");
                }
            }
        }
        assert!(Rounding::<i64>::new(8_388_608, 1, 10_000).factors.is_empty());
        assert!(Rounding::<i64>::new(1, 16_385, 10_000).factors.is_empty());
        assert!(Rounding::<i64>::new(1, 10, 60_001).factors.is_empty());
        assert!(Rounding::<i128>::new(i128::MAX, 10, 10_000).factors.is_empty());
    }
}

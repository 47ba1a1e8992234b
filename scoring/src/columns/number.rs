//! Whole numbers of 64 and 128 bits, and rounding a quotient of them to basis points.

use std::ops::Sub;

use num_traits::{CheckedAdd, CheckedMul, ToPrimitive};

/// Largest possible weight with a reciprocal of its own.
const MOST_RECIPROCALS: i64 = 1 << 14;

/// What sums are made in.
pub(super) trait Number:
    Copy + Default + Ord + From<i64> + CheckedAdd + CheckedMul + Sub<Output = Self> + ToPrimitive
{
    fn from_i128(n: i128) -> Option<Self>;

    /// At most 64 bits, for results that are known to fit.
    fn to_i64_known(self) -> i64;

    /// `numerator / denominator` for positive numbers; `reciprocal` is that of the denominator.
    fn quotient(numerator: Self, denominator: Self, reciprocal: Option<u64>) -> Self;
}

impl Number for i64 {
    fn from_i128(n: i128) -> Option<Self> {
        n.try_into().ok()
    }

    fn to_i64_known(self) -> i64 {
        self
    }

    fn quotient(numerator: i64, denominator: i64, reciprocal: Option<u64>) -> i64 {
        let Some(reciprocal) = reciprocal else { return numerator / denominator };
        // floor(2^64 / d) is short of 2^64 / d by less than one, so the product below is short of
        // n / d by less than n / 2^64 + 1 < 2: at most one is missing.
        let (numerator, denominator) = (numerator as u64, denominator as u64);
        let estimate = ((u128::from(numerator) * u128::from(reciprocal)) >> 64) as u64;
        let rest = numerator - estimate * denominator;
        (estimate + u64::from(rest >= denominator)) as i64
    }
}

impl Number for i128 {
    fn from_i128(n: i128) -> Option<Self> {
        Some(n)
    }

    fn to_i64_known(self) -> i64 {
        self as i64
    }

    fn quotient(numerator: i128, denominator: i128, _: Option<u64>) -> i128 {
        match (u64::try_from(numerator), u64::try_from(denominator)) {
            (Ok(numerator), Ok(denominator)) => (numerator / denominator).into(),
            _ => numerator / denominator,
        }
    }
}

/// Rounds shares of possible points to basis points.
pub(super) struct Rounding<N> {
    /// The common denominator of all points earned.
    pub(super) denominator: N,
    /// Of `2 * denominator * possible`, by possible points.
    reciprocals: Vec<u64>,
}

impl<N: Number> Rounding<N> {
    /// For at most `most` points possible.
    pub(super) fn new(denominator: N, most: i64) -> Self {
        let reciprocals = (0..=most).map(|possible| {
            let whole = denominator.checked_mul(&N::from(possible))?;
            Some(u64::MAX / whole.checked_add(&whole)?.to_u64()?.max(1))
        });
        let few = most <= MOST_RECIPROCALS;
        let reciprocals = if few { reciprocals.collect::<Option<_>>() } else { None };
        Rounding { denominator, reciprocals: reciprocals.unwrap_or_default() }
    }

    /// `earned / (10000 * denominator) / possible` in basis points, half up; neither is negative, possible not zero.
    pub(super) fn to_bp(&self, earned: N, possible: i64) -> i64 {
        let whole = self.denominator * N::from(possible);
        let reciprocal = self.reciprocals.get(possible as usize).copied();
        N::quotient(earned + earned + whole, whole + whole, reciprocal).to_i64_known()
    }
}

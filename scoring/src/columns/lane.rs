//! The pair of sums a part of the standard has for each visit, in as few bits as it needs.

use crate::columns::number::Number;

/// What an answer is worth: points earned, over the common denominator, and points possible.
///
/// Which type holds every sum of a standard is decided once, from the largest sum possible, so
/// that adding needs no checks.
pub(super) trait Lane: Copy + Default {
    type Number: Number;

    /// `None` when it does not fit.
    fn new(earned: i128, possible: i64) -> Option<Self>;

    fn plus(self, other: Self) -> Self;

    fn earned(self) -> Self::Number;

    fn possible(self) -> i64;
}

/// Both in 64 bits: earned, which a penalty can make negative, above possible.
#[derive(Clone, Copy, Default)]
pub(super) struct Packed(i64);

impl Lane for Packed {
    type Number = i64;

    fn new(earned: i128, possible: i64) -> Option<Self> {
        let (earned, possible) = (i32::try_from(earned).ok()?, u32::try_from(possible).ok()?);
        Some(Packed((i64::from(earned) << 32) + i64::from(possible)))
    }

    fn plus(self, other: Self) -> Self {
        Packed(self.0 + other.0)
    }

    fn earned(self) -> i64 {
        self.0 >> 32
    }

    fn possible(self) -> i64 {
        self.0 & 0xffff_ffff
    }
}

/// Each in a number of its own.
#[derive(Clone, Copy, Default)]
pub(super) struct Pair<N> {
    earned: N,
    possible: i64,
}

impl<N: Number> Lane for Pair<N> {
    type Number = N;

    fn new(earned: i128, possible: i64) -> Option<Self> {
        Some(Pair { earned: N::from_i128(earned)?, possible })
    }

    fn plus(self, other: Self) -> Self {
        Pair { earned: self.earned + other.earned, possible: self.possible + other.possible }
    }

    fn earned(self) -> N {
        self.earned
    }

    fn possible(self) -> i64 {
        self.possible
    }
}

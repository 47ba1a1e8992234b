//! Totals that visits can be added to and taken out of again, in any order.

use crate::fraction::Fraction;

/// Number, sum and sum of squares of whole numbers, for example of scores in basis points.
///
/// Exact and without order: the same values give the same totals however they were added, removed
/// and merged, so a visit that is rejected leaves nothing behind.
///
/// ```
/// use peegel_scoring::{Fraction, columns::{Moments, TotalsError}};
///
/// let mut branch = Moments::new();
/// for score_bp in [9_000, 7_500, 8_000] {
///     branch.add(score_bp)?;
/// }
/// branch.remove(7_500)?;
/// assert_eq!(branch.mean(), Fraction::new(8_500, 1));
/// assert_eq!(branch.variance(), Some(500_000.0));
/// assert_eq!(branch.remove(10_000), Err(TotalsError::NotContained));
/// # Ok::<(), TotalsError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    n: u64,
    sum: i128,
    sum_of_squares: i128,
}

/// Why totals stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TotalsError {
    /// What is taken out cannot have been added.
    NotContained,
    /// The totals would not fit 128 bits.
    TooLarge,
}

impl std::fmt::Display for TotalsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            TotalsError::NotContained => "take out only what was added: these totals cannot contain it",
            TotalsError::TooLarge => "split the totals: they would not fit 128 bits",
        })
    }
}

impl std::error::Error for TotalsError {}

impl Moments {
    /// Totals of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Totals that were stored.
    ///
    /// # Errors
    ///
    /// [`TotalsError::NotContained`] when no values have these totals: a number or sum of squares
    /// below what the other two need.
    ///
    /// ```
    /// use peegel_scoring::columns::{Moments, TotalsError};
    /// assert!(Moments::from_parts(2, 17_000, 145_000_000).is_ok());
    /// assert_eq!(Moments::from_parts(2, 17_000, 1), Err(TotalsError::NotContained));
    /// ```
    pub fn from_parts(n: u64, sum: i128, sum_of_squares: i128) -> Result<Self, TotalsError> {
        let moments = Moments { n, sum, sum_of_squares };
        if moments.is_possible() { Ok(moments) } else { Err(TotalsError::NotContained) }
    }

    /// Adds one value.
    ///
    /// # Errors
    ///
    /// [`TotalsError::TooLarge`]; the totals are then unchanged. Scores in basis points never get there.
    pub fn add(&mut self, value: i64) -> Result<(), TotalsError> {
        self.merge(&Self::of(value))
    }

    /// Takes out one value that was added.
    ///
    /// # Errors
    ///
    /// [`TotalsError::NotContained`] when what remains would be the totals of no values; they are then unchanged.
    pub fn remove(&mut self, value: i64) -> Result<(), TotalsError> {
        self.separate(&Self::of(value))
    }

    /// Adds all values of other totals.
    ///
    /// # Errors
    ///
    /// [`TotalsError::TooLarge`]; the totals are then unchanged.
    pub fn merge(&mut self, other: &Self) -> Result<(), TotalsError> {
        let merged = || {
            Some(Moments {
                n: self.n.checked_add(other.n)?,
                sum: self.sum.checked_add(other.sum)?,
                sum_of_squares: self.sum_of_squares.checked_add(other.sum_of_squares)?,
            })
        };
        *self = merged().ok_or(TotalsError::TooLarge)?;
        Ok(())
    }

    /// Takes out all values of other totals, which were merged before.
    ///
    /// # Errors
    ///
    /// [`TotalsError::NotContained`] when what remains would be the totals of no values; they are then unchanged.
    pub fn separate(&mut self, other: &Self) -> Result<(), TotalsError> {
        let rest = || {
            Some(Moments {
                n: self.n.checked_sub(other.n)?,
                sum: self.sum.checked_sub(other.sum)?,
                sum_of_squares: self.sum_of_squares.checked_sub(other.sum_of_squares)?,
            })
        };
        *self = rest().filter(Moments::is_possible).ok_or(TotalsError::NotContained)?;
        Ok(())
    }

    /// How many values.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// The sum of the values.
    pub fn sum(&self) -> i128 {
        self.sum
    }

    /// The sum of their squares.
    pub fn sum_of_squares(&self) -> i128 {
        self.sum_of_squares
    }

    /// The exact mean, `None` of nothing.
    pub fn mean(&self) -> Option<Fraction> {
        Fraction::new(self.sum, self.n.into())
    }

    /// The exact sum of squared distances from the mean; zero of nothing.
    ///
    /// Over all groups, divided by [`n`](Self::n) less the number of groups, this is the pooled variance.
    ///
    /// ```
    /// use peegel_scoring::{Fraction, columns::{Moments, TotalsError}};
    ///
    /// let groups = [[9_000, 7_000], [4_000, 6_000]];
    /// let mut within = Fraction::ZERO;
    /// for group in groups {
    ///     let mut moments = Moments::new();
    ///     group.iter().try_for_each(|&score_bp| moments.add(score_bp))?;
    ///     within = &within + &moments.squared_distances();
    /// }
    /// // Four values less two groups.
    /// assert_eq!((within.to_f64() / 2.0).sqrt(), 2_000_000_f64.sqrt());
    /// # Ok::<(), TotalsError>(())
    /// ```
    pub fn squared_distances(&self) -> Fraction {
        let Some(mean) = self.mean() else { return Fraction::ZERO };
        &Fraction::integer(self.sum_of_squares) - &(&mean * &Fraction::integer(self.sum))
    }

    /// The variance with `n - 1`, `None` of fewer than two values.
    pub fn variance(&self) -> Option<f64> {
        if self.n < 2 {
            return None;
        }
        let degrees = Fraction::integer(i128::from(self.n) - 1);
        Some(self.squared_distances().checked_div(&degrees)?.to_f64())
    }

    fn of(value: i64) -> Self {
        let value = i128::from(value);
        Moments { n: 1, sum: value, sum_of_squares: value * value }
    }

    // The square of a sum is at most the number of values times the sum of their squares, and whole
    // numbers are at most their squares.
    fn is_possible(&self) -> bool {
        if self.n == 0 {
            return (self.sum, self.sum_of_squares) == (0, 0);
        }
        self.sum_of_squares >= 0
            && i128::try_from(self.sum.unsigned_abs()).is_ok_and(|sum| sum <= self.sum_of_squares)
            && self.squared_distances() >= Fraction::ZERO
    }
}

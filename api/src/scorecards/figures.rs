//! Arithmetic on totals, in whole numbers.

use std::collections::BTreeMap;

use peegel_scoring::Fraction;

use crate::scorecards::store::SumRow;
use crate::scorecards::totals::CRITICAL;

/// Below this many visits a mean is said to rest on few.
pub const FEW_VISITS: i64 = 3;

/// What is known of one metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many values.
    pub n: i64,
    /// Their sum.
    pub sum: i64,
}

impl Tally {
    /// The mean, rounded half up; none of nothing.
    pub fn mean(self) -> Option<i64> {
        half_up(self.sum, self.n)
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self { n: self.n + other.n, sum: self.sum + other.sum }
    }
}

/// `sum / n` rounded half up; none when `n` is not positive.
pub fn half_up(sum: i64, n: i64) -> Option<i64> {
    if n <= 0 {
        return None;
    }
    let (sum, n) = (i128::from(sum), i128::from(n));
    i64::try_from((2 * sum + n).div_euclid(2 * n)).ok()
}

/// The mean of means, each weighing the same, rounded once.
pub fn mean_of_means(tallies: impl Iterator<Item = Tally>) -> Option<i64> {
    let means: Vec<_> = tallies.filter_map(|tally| Fraction::new(tally.sum.into(), tally.n.into())).collect();
    let sum = means.iter().fold(Fraction::ZERO, |sum, mean| &sum + mean);
    let count = i64::try_from(means.len()).ok()?;
    Some(sum.checked_div(&Fraction::whole(count))?.scaled(1))
}

/// The totals of one standard version, by metric.
#[derive(Clone, Debug, Default)]
pub struct Tallies(BTreeMap<String, Tally>);

impl Tallies {
    /// A metric by its whole name.
    pub fn get(&self, metric: &str) -> Tally {
        self.0.get(metric).copied().unwrap_or_default()
    }

    /// A metric of a section, dimension or item.
    pub fn of(&self, kind: &str, id: &str) -> Tally {
        self.get(&format!("{kind}{id}"))
    }

    /// How many critical items failed, over all visits.
    pub fn critical_failures(&self) -> i64 {
        let from = self.0.range(CRITICAL.to_owned()..);
        from.take_while(|(metric, _)| metric.starts_with(CRITICAL)).map(|(_, tally)| tally.sum).sum()
    }
}

impl FromIterator<(String, Tally)> for Tallies {
    fn from_iter<I: IntoIterator<Item = (String, Tally)>>(tallies: I) -> Self {
        Self(tallies.into_iter().collect())
    }
}

/// Id and version of a standard.
pub type StandardKey = (String, i32);

/// Totals by standard version.
pub type ByStandard = BTreeMap<StandardKey, Tallies>;

/// Sorts sums by standard version.
pub fn by_standard(rows: Vec<SumRow>) -> ByStandard {
    let mut sorted = ByStandard::new();
    for row in rows {
        let tallies = sorted.entry((row.standard_id, row.standard_version)).or_default();
        tallies.0.insert(row.metric, Tally { n: row.n, sum: row.sum });
    }
    sorted
}

/// A metric over all standard versions.
pub fn over_all(totals: &ByStandard, metric: &str) -> Tally {
    totals.values().fold(Tally::default(), |all, tallies| all.plus(tallies.get(metric)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_rounded_half_up() {
        assert_eq!(half_up(5, 2), Some(3));
        assert_eq!(half_up(-5, 2), Some(-2));
        assert_eq!(half_up(7, 3), Some(2));
        assert_eq!(half_up(0, 0), None);
    }

    #[test]
    fn in_a_mean_of_means_every_branch_weighs_the_same() {
        let tallies = [Tally { n: 1, sum: 10_000 }, Tally { n: 3, sum: 3 }, Tally::default()];
        assert_eq!(mean_of_means(tallies.into_iter()), Some(5001));
        assert_eq!(mean_of_means(std::iter::empty()), None);
    }

    #[test]
    fn critical_failures_are_summed_over_items() {
        let tally = |n| Tally { n, sum: n };
        let tallies: Tallies = [("critical/a", 2), ("critical/b", 1), ("dimension/c", 9), ("attempted", 4)]
            .map(|(metric, n)| (metric.to_owned(), tally(n)))
            .into_iter()
            .collect();
        assert_eq!(tallies.critical_failures(), 3);
    }
}

//! One optional score for each visit.

use std::collections::BTreeMap;

/// An optional score in basis points for each visit, in visit order.
///
/// Four bytes each; the rare score of 2^31 - 1 and above, which a huge bonus without a ceiling can
/// give, is kept apart and exact.
///
/// ```
/// use peegel_scoring::columns::Points;
/// let points: Points = [Some(9_500), None, Some(0)].into_iter().collect();
/// assert_eq!(points.get(0), Some(9_500));
/// assert_eq!(points.get(1), None);
/// assert_eq!(points.iter().flatten().sum::<i64>(), 9_500);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Points {
    pub(super) values: Vec<i32>,
    beyond: BTreeMap<usize, i64>,
}

/// No score.
pub(super) const ABSENT: i32 = i32::MIN;

/// Stands for a score that is kept apart.
const BEYOND: i32 = i32::MAX;

/// The highest score that needs no place apart.
pub(super) const HIGHEST: i64 = BEYOND as i64 - 1;

impl Points {
    /// The score of a visit; `None` when it has none or there is no such visit.
    pub fn get(&self, visit: usize) -> Option<i64> {
        self.read(visit, *self.values.get(visit)?)
    }

    /// The score of each visit.
    pub fn iter(&self) -> impl Iterator<Item = Option<i64>> {
        self.values.iter().enumerate().map(|(visit, &value)| self.read(visit, value))
    }

    /// The number of visits.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no visit.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    fn read(&self, visit: usize, value: i32) -> Option<i64> {
        match value {
            ABSENT => None,
            BEYOND => self.beyond.get(&visit).copied(),
            value => Some(value.into()),
        }
    }

    pub(super) fn reset(&mut self, visits: usize) {
        self.values.resize(visits, ABSENT);
        self.beyond.clear();
    }

    pub(super) fn set(&mut self, visit: usize, score_bp: Option<i64>) {
        self.values[visit] = match score_bp {
            None => ABSENT,
            Some(score_bp) => {
                i32::try_from(score_bp).ok().filter(|value| (0..BEYOND).contains(value)).unwrap_or_else(|| {
                    self.beyond.insert(visit, score_bp);
                    BEYOND
                })
            }
        };
    }
}

impl FromIterator<Option<i64>> for Points {
    fn from_iter<I: IntoIterator<Item = Option<i64>>>(scores: I) -> Self {
        let scores: Vec<_> = scores.into_iter().collect();
        let mut points = Points::default();
        points.reset(scores.len());
        for (visit, score_bp) in scores.into_iter().enumerate() {
            points.set(visit, score_bp);
        }
        points
    }
}

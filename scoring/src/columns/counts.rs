//! How often each answer to each item was given.

use crate::answer::Status;
use crate::columns::codes::Code;
use crate::columns::pass::{BLOCK, hide};
use crate::columns::plan::item_plans;
use crate::columns::store::Columns;
use crate::columns::totals::TotalsError;
use crate::standard::Standard;

/// How often each answer to an item was given.
///
/// Counts belong to the codes of one [`Columns`]: only they give a value its code.
///
/// ```
/// use peegel_scoring::columns::{Code, ItemCounts, TotalsError};
///
/// let mut counts = ItemCounts::new();
/// counts.add(Code::Value(1));
/// counts.add(Code::Na);
/// counts.remove(Code::Na)?;
/// assert_eq!((counts.count(Code::Value(1)), counts.count(Code::Na)), (1, 0));
/// assert_eq!(counts.remove(Code::Missing), Err(TotalsError::NotContained));
/// # Ok::<(), TotalsError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemCounts {
    values: Vec<u64>,
    unlisted: u64,
    na: u64,
    missing: u64,
}

impl ItemCounts {
    /// Counts of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one answer.
    pub fn add(&mut self, code: Code) {
        *self.place(code) += 1;
    }

    /// Takes back one answer that was counted.
    ///
    /// # Errors
    ///
    /// [`TotalsError::NotContained`] when there is none; the counts are then unchanged.
    pub fn remove(&mut self, code: Code) -> Result<(), TotalsError> {
        let rest = self.count(code).checked_sub(1).ok_or(TotalsError::NotContained)?;
        *self.place(code) = rest;
        // Equal counts are equal however they came about.
        while self.values.last() == Some(&0) {
            self.values.pop();
        }
        Ok(())
    }

    /// Adds other counts of the same item by the same codes.
    pub fn merge(&mut self, other: &Self) {
        if self.values.len() < other.values.len() {
            self.values.resize(other.values.len(), 0);
        }
        self.values.iter_mut().zip(&other.values).for_each(|(count, other)| *count += other);
        self.unlisted += other.unlisted;
        self.na += other.na;
        self.missing += other.missing;
    }

    /// How often this answer was given.
    pub fn count(&self, code: Code) -> u64 {
        match code {
            Code::Value(value) => self.values.get(usize::from(value)).copied().unwrap_or(0),
            Code::Unlisted => self.unlisted,
            Code::Na => self.na,
            Code::Missing => self.missing,
        }
    }

    /// How many valid answers were given, without N/A.
    pub fn answered(&self) -> u64 {
        self.unlisted + self.values.iter().sum::<u64>()
    }

    /// Every value that was counted, by its code, with how often.
    pub fn values(&self) -> impl Iterator<Item = (u16, u64)> {
        (0..=u16::MAX).zip(self.values.iter().copied()).filter(|(_, count)| *count > 0)
    }

    fn place(&mut self, code: Code) -> &mut u64 {
        match code {
            Code::Value(value) => {
                let value = usize::from(value);
                if self.values.len() <= value {
                    self.values.resize(value + 1, 0);
                }
                &mut self.values[value]
            }
            Code::Unlisted => &mut self.unlisted,
            Code::Na => &mut self.na,
            Code::Missing => &mut self.missing,
        }
    }
}

/// Counts the answers to each item where it is shown.
pub(super) fn count(standard: &Standard, columns: &Columns) -> Vec<ItemCounts> {
    let mut items = item_plans(standard, columns);
    let mut counts = vec![ItemCounts::new(); items.len()];
    let mut hidden = vec![0; BLOCK];
    // Tables do not know whether an unlisted answer passes a test: such visits are counted one by one.
    let mut listed = vec![true; columns.len()];
    for visit in columns.unlisted() {
        listed[visit] = false;
        for (item, state) in columns.states(standard, visit).iter().enumerate() {
            let code = columns.code(item, visit).filter(|_| state.status != Status::Hidden);
            counts[item].add(code.unwrap_or(Code::Missing));
        }
    }
    for start in (0..columns.len()).step_by(BLOCK) {
        let visits = start..columns.len().min(start + BLOCK);
        for (item, counts) in counts.iter_mut().enumerate() {
            hide(&mut items, item, &visits, &mut hidden[..visits.len()]);
            let mut listed = listed[visits.clone()].iter();
            items[item].answers.codes(&visits, |code| {
                if listed.next() == Some(&true) {
                    counts.add(code);
                }
            });
        }
    }
    counts
}

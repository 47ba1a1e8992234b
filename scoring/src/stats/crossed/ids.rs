//! Ids as numbers.

use std::collections::HashMap;

/// A column of ids: the sorted ids, and the number of the id of every row.
pub(super) struct Numbered {
    pub(super) ids: Vec<String>,
    pub(super) of_row: Vec<u32>,
}

impl Numbered {
    pub(super) fn new<'a>(column: impl Iterator<Item = &'a str> + Clone) -> Self {
        let mut ids: Vec<&str> = column.clone().collect();
        ids.sort_unstable();
        ids.dedup();
        let numbers: HashMap<&str, u32> = ids.iter().copied().zip(0..).collect();
        let of_row = column.map(|id| numbers[id]).collect();
        Numbered { ids: ids.into_iter().map(str::to_string).collect(), of_row }
    }
}

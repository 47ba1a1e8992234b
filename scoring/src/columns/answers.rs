//! The codes of one item with the tables that give them a meaning.

use std::ops::Range;

use crate::answer::State;
use crate::columns::codes::{Cell, Codes};
use crate::columns::lane::Lane;
use crate::columns::store::Column;

/// The codes of one item and everything that is looked up by them.
pub(super) enum Answers<'a, L> {
    Small(Tables<'a, u8, L>),
    Wide(Tables<'a, u16, L>),
}

pub(super) struct Tables<'a, C: Cell, L> {
    column: &'a Column,
    codes: &'a [C],
    /// The codes of the current block with "missing" where the item is hidden; empty when it never is.
    shown: Vec<C>,
    worth: Option<C::Table<L>>,
    failing: Option<C::Table<u8>>,
    tests: Vec<C::Table<u8>>,
}

/// Runs the same code for both widths.
macro_rules! either {
    ($answers:expr, $tables:ident => $run:expr) => {
        match $answers {
            Answers::Small($tables) => $run,
            Answers::Wide($tables) => $run,
        }
    };
}

impl<'a, L: Lane> Answers<'a, L> {
    pub(super) fn new(column: &'a Column) -> Self {
        match &column.codes {
            Codes::Small(codes) => Answers::Small(Tables::new(column, codes)),
            Codes::Wide(codes) => Answers::Wide(Tables::new(column, codes)),
        }
    }

    /// Keeps what each answer is worth; `None` when something does not fit.
    pub(super) fn set_worth(&mut self, na: L, of: impl Fn(&State) -> Option<L>) -> Option<()> {
        either!(self, tables => tables.set_worth(na, of))
    }

    /// Keeps which answers are a critical failure.
    pub(super) fn set_failing(&mut self, fails: impl Fn(&State) -> bool) {
        either!(self, tables => tables.failing = Some(tables.flags(false, fails)));
    }

    /// Keeps one more test of a condition and gives its position.
    pub(super) fn add_test(&mut self, na: bool, passes: impl Fn(&State) -> bool) -> usize {
        either!(self, tables => {
            let table = tables.flags(na, passes);
            tables.tests.push(table);
            tables.tests.len() - 1
        })
    }

    /// Whether some answer can be worth something.
    pub(super) fn has_worth(&self) -> bool {
        either!(self, tables => tables.worth.is_some())
    }

    /// Takes the answers of hidden visits out of the current block: `hidden` is 0xff or 0.
    pub(super) fn hide(&mut self, block: Range<usize>, hidden: &[u8]) {
        either!(self, tables => tables.hide(block, hidden));
    }

    pub(super) fn worth(&self, block: Range<usize>, worth: &mut [L]) {
        either!(self, tables => tables.look_up(tables.worth.as_ref(), block, worth));
    }

    pub(super) fn failing(&self, block: Range<usize>, failing: &mut [u8]) {
        either!(self, tables => tables.look_up(tables.failing.as_ref(), block, failing));
    }

    pub(super) fn test(&self, test: usize, block: Range<usize>, passes: &mut [u8]) {
        either!(self, tables => tables.look_up(tables.tests.get(test), block, passes));
    }
}

impl<'a, C: Cell, L: Lane> Tables<'a, C, L> {
    fn new(column: &'a Column, codes: &'a [C]) -> Self {
        Tables { column, codes, shown: Vec::new(), worth: None, failing: None, tests: Vec::new() }
    }

    fn set_worth(&mut self, na: L, of: impl Fn(&State) -> Option<L>) -> Option<()> {
        let values: Option<Vec<L>> = self.column.dictionary.states.iter().map(of).collect();
        self.worth = Some(C::table(L::default(), na, values?.into_iter()));
        Some(())
    }

    fn flags(&self, na: bool, of: impl Fn(&State) -> bool) -> C::Table<u8> {
        let byte = |flag: bool| if flag { 0xff } else { 0 };
        C::table(0, byte(na), self.column.dictionary.states.iter().map(|state| byte(of(state))))
    }

    fn hide(&mut self, block: Range<usize>, hidden: &[u8]) {
        self.shown.clear();
        self.shown.extend(self.codes[block].iter().zip(hidden).map(|(code, &hidden)| code.hidden(hidden)));
    }

    fn look_up<T: Copy>(&self, table: Option<&C::Table<T>>, block: Range<usize>, found: &mut [T]) {
        let Some(table) = table else { return };
        let codes = if self.shown.is_empty() { &self.codes[block] } else { &self.shown };
        for (found, &code) in found.iter_mut().zip(codes) {
            *found = C::look_up(table, code);
        }
    }
}

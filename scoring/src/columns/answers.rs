//! The codes of one item with the tables that give them a meaning.

use std::ops::Range;

use crate::answer::State;
use crate::columns::codes::{Cell, Code, Codes};
use crate::columns::store::Column;

/// The codes of one item and what is looked up by them.
pub(super) enum Answers<'a> {
    Small(Tables<'a, u8>),
    Wide(Tables<'a, u16>),
}

pub(super) struct Tables<'a, C: Cell> {
    column: &'a Column,
    codes: &'a [C],
    /// The codes of the current block with "missing" where the item is hidden; empty when it never is.
    shown: Vec<C>,
    /// The cap that each answer puts on the section or visit.
    caps: Option<C::Table<i32>>,
    /// Whether each answer passes the test of a condition: 0xff or 0.
    tests: Vec<C::Table<u8>>,
}

/// Where a code stands in a joint code: the bits of it that matter, and what they are multiplied by.
#[derive(Clone, Copy)]
pub(super) struct Bits {
    pub(super) mask: u16,
    pub(super) factor: u16,
}

impl Bits {
    fn of(self, code: impl Into<u16>) -> u16 {
        (code.into() & self.mask) * self.factor
    }
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

impl<'a> Answers<'a> {
    pub(super) fn new(column: &'a Column) -> Self {
        match &column.codes {
            Codes::Small(codes) => Answers::Small(Tables::new(column, codes)),
            Codes::Wide(codes) => Answers::Wide(Tables::new(column, codes)),
        }
    }

    /// Keeps the cap that each answer sets; `none` where it sets none.
    pub(super) fn set_caps(&mut self, none: i32, of: impl Fn(&State) -> i32) {
        either!(self, tables => tables.caps = Some(tables.table(none, none, of)));
    }

    /// Keeps a test of a condition and gives its position.
    pub(super) fn add_test(&mut self, na: bool, passes: impl Fn(&State) -> bool) -> usize {
        let byte = |flag: bool| if flag { 0xff } else { 0 };
        either!(self, tables => {
            let table = tables.table(0, byte(na), |state| byte(passes(state)));
            tables.tests.push(table);
            tables.tests.len() - 1
        })
    }

    /// Takes the answers of hidden visits out of the current block: `hidden` is 0xff or 0.
    pub(super) fn hide(&mut self, visits: &Range<usize>, hidden: &[u8]) {
        either!(self, tables => tables.hide(visits, hidden));
    }

    /// Adds the bits of each code to its place.
    pub(super) fn place(&self, bits: Bits, visits: &Range<usize>, places: &mut [u16]) {
        either!(self, tables => {
            for (place, &code) in places.iter_mut().zip(tables.shown(visits)) {
                *place += bits.of(code);
            }
        });
    }

    /// The same for two items at once, which loads and stores each place once.
    pub(super) fn place_two(&self, bits: Bits, other: (&Self, Bits), visits: &Range<usize>, places: &mut [u16]) {
        let (Answers::Small(one), (Answers::Small(two), more)) = (self, other) else {
            self.place(bits, visits, places);
            return other.0.place(other.1, visits, places);
        };
        for ((place, &code), &also) in places.iter_mut().zip(one.shown(visits)).zip(two.shown(visits)) {
            *place += bits.of(code) + more.of(also);
        }
    }

    /// Lowers the caps of visits whose answer sets a lower one.
    pub(super) fn cap(&self, visits: &Range<usize>, caps: &mut [i32]) {
        either!(self, tables => tables.each(tables.caps.as_ref(), visits, caps, |cap, own| *cap = own.min(*cap)));
    }

    /// Writes which visits pass a test.
    pub(super) fn test(&self, test: usize, visits: &Range<usize>, passes: &mut [u8]) {
        either!(self, tables => tables.each(tables.tests.get(test), visits, passes, |passes, own| *passes = own));
    }

    /// The codes of the visits, missing where the item is hidden.
    pub(super) fn codes(&self, visits: &Range<usize>, mut each: impl FnMut(Code)) {
        either!(self, tables => tables.shown(visits).iter().for_each(|code| each(code.code())));
    }
}

impl<'a, C: Cell> Tables<'a, C> {
    fn new(column: &'a Column, codes: &'a [C]) -> Self {
        Tables { column, codes, shown: Vec::new(), caps: None, tests: Vec::new() }
    }

    fn table<T: Copy>(&self, absent: T, na: T, of: impl Fn(&State) -> T) -> C::Table<T> {
        C::table(absent, na, self.column.dictionary.states.iter().map(of))
    }

    fn hide(&mut self, visits: &Range<usize>, hidden: &[u8]) {
        self.shown.clear();
        self.shown.extend(self.codes[visits.clone()].iter().zip(hidden).map(|(code, &hidden)| code.hidden(hidden)));
    }

    fn shown(&self, visits: &Range<usize>) -> &[C] {
        if self.shown.is_empty() { &self.codes[visits.clone()] } else { &self.shown }
    }

    fn each<T: Copy, U>(
        &self,
        table: Option<&C::Table<T>>,
        visits: &Range<usize>,
        places: &mut [U],
        mut put: impl FnMut(&mut U, T),
    ) {
        let Some(table) = table else { return };
        for (place, &code) in places.iter_mut().zip(self.shown(visits)) {
            put(place, C::look_up(table, code));
        }
    }
}

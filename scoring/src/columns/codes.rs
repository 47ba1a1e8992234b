//! Codes of answers: one small number for each item and visit.

/// What a visit answered to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// A valid answer: the position of its value in the dictionary of the item.
    Value(u16),
    /// A valid answer that is in no dictionary; its visit is scored one by one.
    Unlisted,
    /// N/A, where it is allowed.
    Na,
    /// No answer, or one that is not valid.
    Missing,
}

/// A code as it lies in memory: values from zero, N/A and missing at the end.
pub(super) trait Cell: Copy + Into<u16> {
    const UNLISTED: Self;
    const NA: Self;
    const MISSING: Self;
    /// Something for each possible code.
    type Table<T>;

    /// A table of `absent`, but for N/A and the values known so far.
    fn table<T: Copy>(absent: T, na: T, values: impl Iterator<Item = T>) -> Self::Table<T>;

    fn look_up<T: Copy>(table: &Self::Table<T>, code: Self) -> T;

    /// Missing where `hidden` is 0xff, unchanged where it is 0.
    fn hidden(self, hidden: u8) -> Self;

    fn code(self) -> Code;
}

/// Most values that fit one byte beside the three codes without a value.
pub(super) const SMALL_VALUES: usize = 253;

/// Most values that fit two bytes beside the three codes without a value.
pub(super) const WIDE_VALUES: usize = 65_533;

impl Cell for u8 {
    const UNLISTED: u8 = 253;
    const NA: u8 = 254;
    const MISSING: u8 = 255;
    // An array, so that no look-up needs a bounds check.
    type Table<T> = Box<[T; 256]>;

    fn table<T: Copy>(absent: T, na: T, values: impl Iterator<Item = T>) -> Self::Table<T> {
        let mut table = Box::new([absent; 256]);
        for (place, value) in table.iter_mut().zip(values.take(SMALL_VALUES)) {
            *place = value;
        }
        table[usize::from(Self::NA)] = na;
        table
    }

    fn look_up<T: Copy>(table: &Self::Table<T>, code: u8) -> T {
        table[usize::from(code)]
    }

    fn hidden(self, hidden: u8) -> u8 {
        self | hidden
    }

    fn code(self) -> Code {
        loaded(self, u16::from)
    }
}

impl Cell for u16 {
    const UNLISTED: u16 = 65_533;
    const NA: u16 = 65_534;
    const MISSING: u16 = 65_535;
    type Table<T> = Vec<T>;

    fn table<T: Copy>(absent: T, na: T, values: impl Iterator<Item = T>) -> Self::Table<T> {
        let mut table = vec![absent; 1 << 16];
        for (place, value) in table.iter_mut().zip(values.take(WIDE_VALUES)) {
            *place = value;
        }
        table[usize::from(Self::NA)] = na;
        table
    }

    fn look_up<T: Copy>(table: &Self::Table<T>, code: u16) -> T {
        table[usize::from(code)]
    }

    fn hidden(self, hidden: u8) -> u16 {
        self | u16::from_le_bytes([hidden, hidden])
    }

    fn code(self) -> Code {
        loaded(self, |code| code)
    }
}

/// The codes of one item in visit order, in one byte each for as long as its values allow.
pub(super) enum Codes {
    Small(Vec<u8>),
    Wide(Vec<u16>),
}

impl Codes {
    pub(super) fn push(&mut self, code: Code) {
        if let (Codes::Small(codes), Code::Value(value)) = (&*self, code)
            && usize::from(value) >= SMALL_VALUES
        {
            *self = Codes::Wide(codes.iter().map(|code| stored(code.code(), |value| value)).collect());
        }
        match self {
            // A value of a small column was just seen to fit.
            Codes::Small(codes) => codes.push(stored(code, |value| value as u8)),
            Codes::Wide(codes) => codes.push(stored(code, |value| value)),
        }
    }

    pub(super) fn get(&self, visit: usize) -> Option<Code> {
        match self {
            Codes::Small(codes) => codes.get(visit).map(|code| code.code()),
            Codes::Wide(codes) => codes.get(visit).map(|code| code.code()),
        }
    }

    pub(super) fn clear(&mut self) {
        match self {
            Codes::Small(codes) => codes.clear(),
            Codes::Wide(codes) => codes.clear(),
        }
    }

    /// Bytes held, also those for visits to come.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Codes::Small(codes) => codes.capacity(),
            Codes::Wide(codes) => 2 * codes.capacity(),
        }
    }
}

fn stored<C: Cell>(code: Code, of_value: impl Fn(u16) -> C) -> C {
    match code {
        Code::Value(value) => of_value(value),
        Code::Unlisted => C::UNLISTED,
        Code::Na => C::NA,
        Code::Missing => C::MISSING,
    }
}

fn loaded<C: Cell + PartialEq>(code: C, to_value: impl Fn(C) -> u16) -> Code {
    match code {
        code if code == C::MISSING => Code::Missing,
        code if code == C::NA => Code::Na,
        code if code == C::UNLISTED => Code::Unlisted,
        code => Code::Value(to_value(code)),
    }
}

//! Conditions over a block of visits: one byte a visit, 0xff where a condition holds.
//!
//! Bytes and not bits, because what they are made of (tables by code) and what they do (turning the
//! code of a hidden item into "missing" by one `or`) is a byte a visit too: nothing is packed or unpacked.

use crate::condition::{Condition, Test};

/// A compiled condition: its atoms are tables of the items they look at.
pub(super) enum Mask {
    All(Vec<Mask>),
    Any(Vec<Mask>),
    Not(Box<Mask>),
    /// An item and the position of its table.
    Atom(usize, usize),
}

impl Mask {
    /// Compiles a condition; `place` keeps the test for an item and gives the position of its table.
    pub(super) fn new(condition: &Condition, place: &mut impl FnMut(usize, &Test) -> usize) -> Self {
        match condition {
            Condition::All(parts) => Mask::All(parts.iter().map(|part| Mask::new(part, place)).collect()),
            Condition::Any(parts) => Mask::Any(parts.iter().map(|part| Mask::new(part, place)).collect()),
            Condition::Not(part) => Mask::Not(Box::new(Mask::new(part, place))),
            Condition::Atom { item, test } => Mask::Atom(*item, place(*item, test)),
        }
    }

    /// Writes where the condition holds; `atom` does so for the table of an item.
    pub(super) fn evaluate(&self, atom: &impl Fn(usize, usize, &mut [u8]), holds: &mut [u8]) {
        match self {
            Mask::All(parts) => {
                holds.fill(0xff);
                each(parts, atom, holds, |holds, part| *holds &= part);
            }
            Mask::Any(parts) => {
                holds.fill(0);
                each(parts, atom, holds, |holds, part| *holds |= part);
            }
            Mask::Not(part) => {
                part.evaluate(atom, holds);
                holds.iter_mut().for_each(|holds| *holds = !*holds);
            }
            Mask::Atom(item, table) => atom(*item, *table, holds),
        }
    }
}

fn each(parts: &[Mask], atom: &impl Fn(usize, usize, &mut [u8]), holds: &mut [u8], join: impl Fn(&mut u8, u8)) {
    let mut of_part = vec![0; holds.len()];
    for part in parts {
        part.evaluate(atom, &mut of_part);
        for (holds, &part) in holds.iter_mut().zip(&of_part) {
            join(holds, part);
        }
    }
}

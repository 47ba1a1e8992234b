//! The distinct answers to an item, each with its code and its exact score.

use std::collections::BTreeMap;

use num_integer::Integer;

use crate::answer::{Reply, State, Status};
use crate::columns::codes::{SMALL_VALUES, WIDE_VALUES};
use crate::kind::ItemKind;

/// Largest common denominator of the scores in a dictionary.
///
/// Measurements with a few decimals stay far below. One answer with forty decimals would make the
/// sums of all visits slow, so it is left out and only its own visit is.
const MAX_DENOMINATOR: i128 = 1_000_000_000;

/// The distinct answers to an item.
pub(super) struct Dictionary {
    /// Each answer with its score; its position is its code.
    pub(super) states: Vec<State>,
    /// A common denominator of the scores.
    pub(super) denominator: i128,
    codes: Codes,
    limit: usize,
}

/// How the code of an answer is found.
enum Codes {
    /// Few possible answers: all are listed in order from the start. Whole numbers begin at `first`.
    Fixed { first: i64 },
    /// Answers are listed as they come.
    Seen(BTreeMap<Reply, u16>),
}

impl Dictionary {
    pub(super) fn new(kind: &ItemKind) -> Self {
        let (first, all) = match kind {
            ItemKind::YesNo { .. } => (0, Some(vec![Reply::Bool(false), Reply::Bool(true)])),
            ItemKind::Choice { options } if options.list.len() <= SMALL_VALUES => {
                (0, Some((0..options.list.len()).map(Reply::Option).collect()))
            }
            ItemKind::Rating { min, max, .. } if max.checked_sub(*min).is_some_and(|n| n < SMALL_VALUES as i64) => {
                (*min, Some((*min..=*max).map(Reply::Whole).collect()))
            }
            ItemKind::Nps { .. } => (0, Some((0..=10).map(Reply::Whole).collect())),
            ItemKind::Text => (0, Some(vec![Reply::Text])),
            _ => (0, None),
        };
        let codes = if all.is_some() { Codes::Fixed { first } } else { Codes::Seen(BTreeMap::new()) };
        let mut dictionary = Dictionary { states: Vec::new(), denominator: 1, codes, limit: WIDE_VALUES };
        for reply in all.into_iter().flatten() {
            let state = scored(kind, reply);
            // Points and ratings are bounded by the standard, so their denominators are too.
            dictionary.denominator = dictionary.with(&state).unwrap_or(dictionary.denominator);
            dictionary.states.push(state);
        }
        dictionary
    }

    /// The code of a valid answer; the answer itself when it finds no place.
    pub(super) fn code(&mut self, kind: &ItemKind, reply: Reply) -> Result<u16, State> {
        let seen = match &mut self.codes {
            Codes::Fixed { first } => return Ok(position(&reply, *first)),
            Codes::Seen(seen) => seen,
        };
        if let Some(&code) = seen.get(&reply) {
            return Ok(code);
        }
        let state = scored(kind, reply);
        let denominator = self.with(&state).filter(|&common| common <= MAX_DENOMINATOR);
        match (denominator, u16::try_from(self.states.len())) {
            (Some(denominator), Ok(code)) if self.states.len() < self.limit => {
                self.denominator = denominator;
                if let Codes::Seen(seen) = &mut self.codes {
                    seen.insert(state.reply.clone(), code);
                }
                self.states.push(state);
                Ok(code)
            }
            _ => Err(state),
        }
    }

    /// A table by the lower bits of a code, `None` when some value is: its length is a power of two.
    ///
    /// N/A and missing are the last entries, as their codes end in ones. Codes without an answer
    /// are `absent`.
    pub(super) fn by_code<T: Copy>(&self, absent: T, na: T, of: impl Fn(&State) -> Option<T>) -> Option<Vec<T>> {
        // Where every answer is listed, the code of an unlisted one never occurs.
        let others = if matches!(self.codes, Codes::Fixed { .. }) { 2 } else { 3 };
        let length = (self.states.len() + others).next_power_of_two();
        let mut table = vec![absent; length];
        for (place, state) in table.iter_mut().zip(&self.states) {
            *place = of(state)?;
        }
        table[length - 2] = na;
        Some(table)
    }

    /// Lowers the number of answers that find a place.
    #[cfg(test)]
    pub(super) fn limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    // The common denominator with one more answer, `None` beyond 128 bits.
    fn with(&self, state: &State) -> Option<i128> {
        let own = state.score.as_ref().map_or(Some(1), |score| score.small_denominator())?;
        (self.denominator / self.denominator.gcd(&own)).checked_mul(own)
    }
}

fn scored(kind: &ItemKind, reply: Reply) -> State {
    State { status: Status::Ok, score: kind.score(&reply), reply }
}

// The reply was read for the item of the dictionary, so it lies within its fixed answers.
fn position(reply: &Reply, first: i64) -> u16 {
    match reply {
        Reply::Bool(answer) => u16::from(*answer),
        Reply::Option(option) => *option as u16,
        Reply::Whole(answer) => (answer - first) as u16,
        _ => 0,
    }
}

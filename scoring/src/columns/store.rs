//! The answers of many visits, by item.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::answer::{AnswerCode, Given, State, Status, lacks_evidence, read};
use crate::columns::codes::{Code, Codes};
use crate::columns::dictionary::Dictionary;
use crate::fraction::Fraction;
use crate::standard::{Item, Standard};

/// The answers of many visits to the items of a standard, one small code for each.
///
/// Answers are read as by [`Mode::Rescore`](crate::Mode::Rescore): nothing is refused, what is not
/// valid counts as missing and is counted in [`warnings`](Self::warnings). A code takes one byte
/// where an item has at most 253 distinct answers, else two.
///
/// ```
/// use peegel_scoring::{Standard, columns::{Code, Columns}};
/// use serde_json::json;
///
/// let standard = Standard::parse(&json!({
///     "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}],
///     "items": [{"id": "greeted", "section": "s", "type": "yes_no", "weight": 1}],
/// }))
/// .unwrap();
/// let mut columns = Columns::new(&standard);
/// columns.push(json!({"greeted": {"v": true}}).as_object().unwrap());
/// columns.push(json!({"greeted": {"v": "yes"}, "smiled": {"v": true}}).as_object().unwrap());
/// assert_eq!(columns.len(), 2);
/// // A wrong type, and an item that the standard does not have.
/// assert_eq!(columns.warnings(), [0, 2]);
/// assert_eq!(columns.code(0, 1), Some(Code::Missing));
/// ```
pub struct Columns {
    pub(super) standard: Arc<Standard>,
    pub(super) columns: Vec<Column>,
    warnings: Vec<u32>,
    /// Answers without a code, by visit, then item.
    unlisted: Vec<Unlisted>,
    /// Whether each item of the visit being pushed is hidden.
    hidden: Vec<bool>,
}

/// The codes of one item with what they mean.
pub(super) struct Column {
    pub(super) dictionary: Dictionary,
    pub(super) codes: Codes,
}

struct Unlisted {
    visit: usize,
    item: usize,
    state: State,
}

pub(super) static NA: State = State::without_value(Status::Na);
static MISSING: State = State::without_value(Status::Unanswered);
static HIDDEN: State = State::without_value(Status::Hidden);

impl Columns {
    /// Empty columns for the items of a standard.
    pub fn new(standard: &Standard) -> Self {
        let columns = standard
            .items
            .iter()
            .map(|item| Column { dictionary: Dictionary::new(&item.kind), codes: Codes::Small(Vec::new()) });
        Columns {
            columns: columns.collect(),
            standard: Arc::new(standard.clone()),
            warnings: Vec::new(),
            unlisted: Vec::new(),
            hidden: Vec::new(),
        }
    }

    /// Adds the answers of one visit, `{item id: {"v": value} or {"na": true}}`, from any version.
    ///
    /// Never fails: an answer that this standard does not accept is missing and raises the visit's
    /// count in [`warnings`](Self::warnings).
    pub fn push(&mut self, answers: &Map<String, Value>) {
        let standard = Arc::clone(&self.standard);
        let visit = self.len();
        let (mut known, mut warnings) = (0, 0);
        self.hidden.clear();
        for (position, item) in standard.items.iter().enumerate() {
            let answer = answers.get(&item.id);
            known += usize::from(answer.is_some());
            let hidden = item.show_if.as_ref().is_some_and(|shown| !shown.holds(&|item| self.state(item, visit)));
            self.hidden.push(hidden);
            let fault = self.push_answer(position, item, answer, hidden);
            warnings += usize::from(fault.is_some());
        }
        warnings += answers.len() - known;
        self.warnings.push(u32::try_from(warnings).unwrap_or(u32::MAX));
    }

    // The answer to a hidden item is kept: another version may show the item.
    fn push_answer(
        &mut self,
        position: usize,
        item: &Item,
        answer: Option<&Value>,
        hidden: bool,
    ) -> Option<AnswerCode> {
        let given = Given::read(answer);
        let nothing = matches!(given, Given::Nothing);
        let (code, fault) = match given {
            Given::Nothing => (Code::Missing, item.required.then_some(AnswerCode::MissingRequired)),
            Given::Na if item.na_allowed => (Code::Na, None),
            Given::Na => (Code::Missing, Some(AnswerCode::NaNotAllowed)),
            Given::Malformed => (Code::Missing, Some(AnswerCode::BadType)),
            Given::Value(value) => match read(&item.kind, value) {
                Err(fault) => (Code::Missing, Some(fault)),
                Ok(reply) => {
                    let column = &mut self.columns[position];
                    let (code, lacks) = match column.dictionary.code(&item.kind, reply) {
                        Ok(code) => {
                            let score = column.dictionary.states[usize::from(code)].score.as_ref();
                            (Code::Value(code), lacks_evidence(item, score, answer))
                        }
                        Err(state) => {
                            let lacks = lacks_evidence(item, state.score.as_ref(), answer);
                            self.unlisted.push(Unlisted { visit: self.warnings.len(), item: position, state });
                            (Code::Unlisted, lacks)
                        }
                    };
                    (code, lacks.then_some(AnswerCode::EvidenceMissing))
                }
            },
        };
        self.columns[position].codes.push(code);
        if hidden { (!nothing).then_some(AnswerCode::AnswerForHidden) } else { fault }
    }

    /// The number of visits.
    pub fn len(&self) -> usize {
        self.warnings.len()
    }

    /// Whether there is no visit.
    pub fn is_empty(&self) -> bool {
        self.warnings.is_empty()
    }

    /// Removes all visits and keeps the meaning of every code.
    ///
    /// Memory is kept for as many visits again, so a stream of any length, pushed, scored and cleared
    /// block by block, runs in the memory of its largest block.
    pub fn clear(&mut self) {
        for column in &mut self.columns {
            column.codes.clear();
        }
        self.warnings.clear();
        self.unlisted.clear();
    }

    /// The number of faults in the answers of each visit: what rescoring lists as warnings.
    pub fn warnings(&self) -> &[u32] {
        &self.warnings
    }

    /// What a visit answered to an item, by their positions; `None` beyond the last.
    ///
    /// Hidden items keep what was answered.
    pub fn code(&self, item: usize, visit: usize) -> Option<Code> {
        self.columns.get(item)?.codes.get(visit)
    }

    /// The exact score of a [`Code::Value`] of an item, `None` when its type yields none or the item has no such code.
    ///
    /// ```
    /// use peegel_scoring::{Fraction, Standard, columns::{Code, Columns}};
    /// use serde_json::json;
    ///
    /// let standard = Standard::parse(&json!({
    ///     "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}],
    ///     "items": [{"id": "clean", "section": "s", "type": "rating", "min": 1, "max": 5, "weight": 1}],
    /// }))
    /// .unwrap();
    /// let mut columns = Columns::new(&standard);
    /// columns.push(json!({"clean": {"v": 4}}).as_object().unwrap());
    /// let Some(Code::Value(value)) = columns.code(0, 0) else { panic!("it is answered") };
    /// assert_eq!(columns.item_score(0, value), Fraction::new(3, 4).as_ref());
    /// assert_eq!(columns.item_score(0, 99), None);
    /// ```
    pub fn item_score(&self, item: usize, value: u16) -> Option<&Fraction> {
        self.columns.get(item)?.dictionary.states.get(usize::from(value))?.score.as_ref()
    }

    /// Bytes that the codes and warnings take, also those held for visits to come; without the dictionaries.
    pub fn bytes(&self) -> usize {
        let codes: usize = self.columns.iter().map(|column| column.codes.bytes()).sum();
        codes + self.warnings.capacity() * size_of::<u32>()
    }

    /// The visits with an answer that has no code, ascending.
    pub(super) fn unlisted(&self) -> impl Iterator<Item = usize> {
        let mut last = None;
        self.unlisted.iter().map(|unlisted| unlisted.visit).filter(move |&visit| last.replace(visit) != Some(visit))
    }

    /// Every item of a visit as the exact path sees it, under the conditions of `standard`.
    pub(super) fn states(&self, standard: &Standard, visit: usize) -> Vec<State> {
        let mut states: Vec<State> = Vec::with_capacity(standard.items.len());
        for (position, item) in standard.items.iter().enumerate() {
            let hidden = item.show_if.as_ref().is_some_and(|shown| !shown.holds(&|item| states.get(item)));
            let state = if hidden { &HIDDEN } else { self.answer(position, visit) };
            states.push(state.clone());
        }
        states
    }

    // The item of the visit being pushed.
    fn state(&self, item: usize, visit: usize) -> Option<&State> {
        Some(if *self.hidden.get(item)? { &HIDDEN } else { self.answer(item, visit) })
    }

    fn answer(&self, item: usize, visit: usize) -> &State {
        match self.code(item, visit) {
            Some(Code::Value(value)) => &self.columns[item].dictionary.states[usize::from(value)],
            Some(Code::Na) => &NA,
            Some(Code::Unlisted) => {
                let place = self.unlisted.binary_search_by_key(&(visit, item), |entry| (entry.visit, entry.item));
                place.map_or(&MISSING, |place| &self.unlisted[place].state)
            }
            Some(Code::Missing) | None => &MISSING,
        }
    }

    /// Lowers the number of distinct answers that get a code.
    #[cfg(test)]
    pub(super) fn limit(&mut self, limit: usize) {
        for column in &mut self.columns {
            column.dictionary.limit(limit);
        }
    }
}

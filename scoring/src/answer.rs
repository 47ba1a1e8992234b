//! One answer: what was given, whether it is valid, what it scores.

use serde::Serialize;
use serde_json::Value;

use crate::fraction::Fraction;
use crate::kind::{ItemKind, Options};
use crate::read::{number, whole};
use crate::standard::{EvidencePolicy, Item};
use crate::words::words;

words! {
    /// What became of an item in a visit.
    Status {
        /// Its condition does not hold: it was not asked.
        Hidden = "hidden",
        /// It was asked and has no valid answer.
        Unanswered = "unanswered",
        /// It was answered with N/A, and may be.
        Na = "na",
        /// It has a valid answer.
        Ok = "ok",
    }
}

words! {
    /// What is wrong with an answer, in the order of precedence; an answer has its first fault only.
    AnswerCode {
        /// The standard has no such item.
        UnknownItem = "unknown_item",
        /// A visible required item has no answer.
        MissingRequired = "missing_required",
        /// The item is hidden by its condition, but has an answer.
        AnswerForHidden = "answer_for_hidden",
        /// The item does not allow N/A.
        NaNotAllowed = "na_not_allowed",
        /// The answer has the wrong JSON type.
        BadType = "bad_type",
        /// The item has no such option.
        UnknownOption = "unknown_option",
        /// An option is chosen twice.
        DuplicateOption = "duplicate_option",
        /// The number is outside the range of the item.
        OutOfRange = "out_of_range",
        /// The answer needs evidence and has none.
        EvidenceMissing = "evidence_missing",
    }
}

/// A fault of the answer to one item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnswerProblem {
    /// Id of the item, or the unknown id that was answered.
    pub item: String,
    /// What is wrong.
    pub code: AnswerCode,
}

/// The value of a valid answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reply {
    None,
    Bool(bool),
    /// The position of the chosen option.
    Option(usize),
    /// The positions of the chosen options, ascending.
    Options(Vec<usize>),
    /// A rating or a recommendation.
    Whole(i64),
    /// The value of a numeric item.
    Number(Fraction),
    Text,
}

/// An item in a visit: its status, its value, its score.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) status: Status,
    pub(crate) reply: Reply,
    /// The score of every valid answer whose type yields one.
    pub(crate) score: Option<Fraction>,
}

impl State {
    pub(crate) const fn without_value(status: Status) -> Self {
        State { status, reply: Reply::None, score: None }
    }
}

/// What stands in the answers for an item.
pub(crate) enum Given<'a> {
    /// Nothing: no member, null, an object with neither value nor N/A.
    Nothing,
    /// N/A, which wins over a value beside it.
    Na,
    /// A value.
    Value(&'a Value),
    /// Neither an answer object nor null, or `na` is no boolean.
    Malformed,
}

impl<'a> Given<'a> {
    pub(crate) fn read(answer: Option<&'a Value>) -> Self {
        let fields = match answer {
            None | Some(Value::Null) => return Given::Nothing,
            Some(Value::Object(fields)) => fields,
            Some(_) => return Given::Malformed,
        };
        match (fields.get("na"), fields.get("v")) {
            (Some(Value::Bool(true)), _) => Given::Na,
            (None | Some(Value::Bool(false)), Some(value)) => Given::Value(value),
            (None | Some(Value::Bool(false)), None) => Given::Nothing,
            (Some(_), _) => Given::Malformed,
        }
    }
}

/// Whether the evidence the item asks for is missing from a valid answer with this score.
pub(crate) fn lacks_evidence(item: &Item, score: Option<&Fraction>, answer: Option<&Value>) -> bool {
    let needed = match item.evidence {
        EvidencePolicy::Never => false,
        EvidencePolicy::Always => true,
        EvidencePolicy::OnFail => score.is_some_and(|score| *score < Fraction::ONE),
    };
    // Anything but a whole number above zero proves nothing.
    needed && answer.and_then(|answer| answer.get("evidence")).and_then(whole).unwrap_or(0) < 1
}

/// Reads the value of an answer and scores it.
pub(crate) fn judge(kind: &ItemKind, value: &Value) -> Result<State, AnswerCode> {
    let reply = read(kind, value)?;
    Ok(State { status: Status::Ok, score: kind.score(&reply), reply })
}

/// Reads the value of an answer.
pub(crate) fn read(kind: &ItemKind, value: &Value) -> Result<Reply, AnswerCode> {
    Ok(match kind {
        ItemKind::YesNo { .. } => Reply::Bool(value.as_bool().ok_or(AnswerCode::BadType)?),
        ItemKind::Choice { options } => {
            let id = value.as_str().ok_or(AnswerCode::BadType)?;
            Reply::Option(options.position(id).ok_or(AnswerCode::UnknownOption)?)
        }
        ItemKind::Rating { min, max, .. } => Reply::Whole(int_in(value, *min, *max)?),
        ItemKind::Multi { options, .. } => Reply::Options(chosen(options, value)?),
        ItemKind::Numeric { min, max, .. } => {
            let answer = number(value).ok_or(AnswerCode::BadType)?;
            let low = min.as_ref().is_some_and(|min| answer < *min);
            if low || max.as_ref().is_some_and(|max| answer > *max) {
                return Err(AnswerCode::OutOfRange);
            }
            Reply::Number(answer)
        }
        ItemKind::Nps { .. } => Reply::Whole(int_in(value, 0, 10)?),
        ItemKind::Text => {
            value.as_str().ok_or(AnswerCode::BadType)?;
            Reply::Text
        }
    })
}

fn int_in(value: &Value, min: i64, max: i64) -> Result<i64, AnswerCode> {
    let n = whole(value).ok_or(AnswerCode::BadType)?;
    i64::try_from(n).ok().filter(|n| (min..=max).contains(n)).ok_or(AnswerCode::OutOfRange)
}

// Faults in the order of the codes, not of the list: a wrong type anywhere comes first.
fn chosen(options: &Options, value: &Value) -> Result<Vec<usize>, AnswerCode> {
    let list = value.as_array().ok_or(AnswerCode::BadType)?;
    if list.iter().any(|value| !value.is_string()) {
        return Err(AnswerCode::BadType);
    }
    let position = |value: &Value| value.as_str().and_then(|id| options.position(id));
    let mut chosen: Vec<usize> = list.iter().map(position).collect::<Option<_>>().ok_or(AnswerCode::UnknownOption)?;
    chosen.sort_unstable();
    if chosen.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(AnswerCode::DuplicateOption);
    }
    Ok(chosen)
}

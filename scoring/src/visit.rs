//! Walking through the answers of a visit: what was asked, what is valid, what is wrong.

use serde_json::{Map, Value};

use crate::answer::{AnswerCode, AnswerProblem, Given, State, Status, judge, lacks_evidence};
use crate::standard::{Item, Standard};

/// The state of every item, in order, and every fault of the answers in the order of reporting.
pub(crate) struct Visit {
    pub(crate) states: Vec<State>,
    pub(crate) problems: Vec<AnswerProblem>,
}

/// Reads the answers item by item; conditions look at the states found so far.
pub(crate) fn walk(standard: &Standard, answers: &Map<String, Value>) -> Visit {
    let mut states = Vec::with_capacity(standard.items.len());
    let mut problems = Vec::new();
    let mut known = 0;
    for item in &standard.items {
        let answer = answers.get(&item.id);
        known += usize::from(answer.is_some());
        let (state, problem) = settle(item, answer, &states);
        states.push(state);
        problems.extend(problem.map(|code| AnswerProblem { item: item.id.clone(), code }));
    }
    if known < answers.len() {
        let mut unknown: Vec<_> = answers.keys().filter(|id| !standard.index.contains_key(*id)).collect();
        unknown.sort();
        let problem = |id: &String| AnswerProblem { item: id.clone(), code: AnswerCode::UnknownItem };
        problems.extend(unknown.into_iter().map(problem));
    }
    Visit { states, problems }
}

// A fault makes the answer "unanswered", except that missing evidence leaves it valid.
fn settle(item: &Item, answer: Option<&Value>, before: &[State]) -> (State, Option<AnswerCode>) {
    let given = Given::read(answer);
    if item.show_if.as_ref().is_some_and(|condition| !condition.holds(&|item| before.get(item))) {
        let fault = (!matches!(given, Given::Nothing)).then_some(AnswerCode::AnswerForHidden);
        return (State::without_value(Status::Hidden), fault);
    }
    let fault = match given {
        Given::Nothing => item.required.then_some(AnswerCode::MissingRequired),
        Given::Na if item.na_allowed => return (State::without_value(Status::Na), None),
        Given::Na => Some(AnswerCode::NaNotAllowed),
        Given::Malformed => Some(AnswerCode::BadType),
        Given::Value(value) => match judge(&item.kind, value) {
            Ok(state) => {
                let lacks = lacks_evidence(item, state.score.as_ref(), answer);
                return (state, lacks.then_some(AnswerCode::EvidenceMissing));
            }
            Err(code) => Some(code),
        },
    };
    (State::without_value(Status::Unanswered), fault)
}

/// The status of every item, in order: what a form shows for the answers given so far.
///
/// Works on drafts: faults are not reported, an invalid answer counts as unanswered.
///
/// ```
/// use peegel_scoring::{Standard, Status, visible};
/// use serde_json::json;
///
/// let standard = Standard::parse(&json!({
///     "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}],
///     "items": [
///         {"id": "queue", "section": "s", "type": "yes_no", "weight": 1},
///         {"id": "minutes", "section": "s", "type": "numeric", "weight": 1,
///          "show_if": {"item": "queue", "op": "eq", "value": true}},
///     ],
/// }))
/// .unwrap();
/// let answers = json!({"queue": {"v": false}});
/// let statuses = visible(&standard, answers.as_object().unwrap());
/// assert_eq!(statuses, [("queue", Status::Ok), ("minutes", Status::Hidden)]);
/// ```
pub fn visible<'a>(standard: &'a Standard, answers: &Map<String, Value>) -> Vec<(&'a str, Status)> {
    let states = walk(standard, answers).states;
    standard.items.iter().map(|item| item.id.as_str()).zip(states.iter().map(|state| state.status)).collect()
}

//! What of a visit is kept to be compared with others: marks of its answers, numbers of its texts, and its times.

use peegel_scoring::stats::flags::straight;
use peegel_scoring::{ItemKind, Mode, Standard, score};
use serde_json::{Map, Value};

use crate::canonical::canonical;
use crate::entity::{revision, sketch, stay, visit};
use crate::secrets::sha256_hex;
use crate::signals::texts;

/// Characters of the mark of one answer: two different ones share it once in 65536 times.
const MARK: usize = 4;
/// The mark of an item without an answer.
const NO_MARK: &str = "----";

/// The sketch of a visit as it was filed last.
pub fn of_visit(
    visit: &visit::Model,
    revision: &revision::Model,
    stay: Option<&stay::Model>,
    standard: &Standard,
) -> sketch::Model {
    let answers: Map<String, Value> = serde_json::from_str(&revision.answers).unwrap_or_default();
    let marked = marked(&answers, standard);
    let row = straight(&marks(&marked)).map_or(0, |row| row.longstring);
    let words = texts::written(&answers, |item| is_text(standard, item));
    let stay_ms = stay.and_then(|stay| Some((stay.left_at? - stay.arrived_at?).num_milliseconds()));
    sketch::Model {
        firm_id: visit.firm_id,
        visit_id: visit.id,
        assignment_id: visit.assignment_id,
        auditor_id: visit.auditor_id,
        branch_id: visit.branch_id,
        standard_id: visit.standard_id.clone(),
        standard_version: visit.standard_version,
        revision: revision.revision,
        filed_at: visit.submitted_at.unwrap_or(visit.received_at),
        longest_run: i32::try_from(row).unwrap_or(i32::MAX),
        answers: marked,
        text: texts::sketch(&words),
        answering_ms: stay.and_then(|stay| stay.answering_ms),
        stay_ms: stay_ms.filter(|ms| *ms > 0),
    }
}

/// Whether an item takes a text.
pub fn is_text(standard: &Standard, item: &str) -> bool {
    standard.item(item).is_some_and(|item| matches!(item.kind, ItemKind::Text))
}

/// One mark an item, in the order of the standard.
fn marked(answers: &Map<String, Value>, standard: &Standard) -> String {
    let mark = |item: &peegel_scoring::Item| {
        let answer = answers.get(&item.id).filter(|_| !matches!(item.kind, ItemKind::Text))?;
        if answer["na"] == true {
            return Some(mark_of("na"));
        }
        match &answer["v"] {
            Value::Null => None,
            // Options are chosen in any order.
            Value::Array(chosen) => {
                let mut chosen: Vec<_> = chosen.iter().map(ToString::to_string).collect();
                chosen.sort_unstable();
                Some(mark_of(&chosen.join(" ")))
            }
            value => Some(mark_of(&canonical(value).ok()?.text)),
        }
    };
    standard.items().iter().map(|item| mark(item).unwrap_or_else(|| NO_MARK.to_owned())).collect()
}

fn mark_of(answer: &str) -> String {
    let mut hash = sha256_hex(answer.as_bytes());
    hash.truncate(MARK);
    hash
}

/// The marks one by one; none for items without an answer.
pub fn marks(answers: &str) -> Vec<Option<&str>> {
    (0..answers.len() / MARK).map(|n| answers.get(n * MARK..(n + 1) * MARK).filter(|mark| *mark != NO_MARK)).collect()
}

/// Whether every answer that yields a score earned all of it.
pub fn earned_all(answers: &Map<String, Value>, standard: &Standard) -> bool {
    let answers = answers.iter().filter_map(|(item, answer)| {
        let members = answer.as_object()?.iter().filter(|(name, _)| matches!(name.as_str(), "v" | "na"));
        Some((item.clone(), Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect())))
    });
    let result = score(standard, &answers.collect(), Mode::Rescore).scored();
    result.is_some_and(|result| result.items.iter().filter_map(|item| item.score.as_ref()).all(|score| score.is_one()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn standard() -> Standard {
        let options = json!([{"id": "x", "points": 1}, {"id": "y", "points": 1}]);
        Standard::parse(&json!({
            "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}],
            "items": [
                {"id": "a", "section": "s", "type": "yes_no", "weight": 1, "na_allowed": true},
                {"id": "b", "section": "s", "type": "yes_no", "weight": 1, "positive": false},
                {"id": "c", "section": "s", "type": "multi", "weight": 1, "mode": "sum", "options": options},
                {"id": "t", "section": "s", "type": "text", "weight": 0},
            ],
        }))
        .unwrap()
    }

    fn of(answers: &Value) -> String {
        marked(answers.as_object().unwrap(), &standard())
    }

    #[test]
    fn the_same_answers_have_the_same_marks() {
        let one = of(&json!({"a": {"v": true}, "b": {"v": true}, "c": {"v": ["x", "y"]}, "t": {"v": "Tere"}}));
        let marks: Vec<_> = marks(&one);
        assert_eq!((marks.len(), marks[0] == marks[1], marks[3]), (4, true, None));
        let other = of(&json!({"c": {"v": ["y", "x"]}, "b": {"v": true, "comment": "Jah"}, "a": {"v": true}}));
        assert_eq!(one, other, "the order of options, comments and texts are not answers");
        assert_ne!(one, of(&json!({"a": {"na": true}, "b": {"v": true}, "c": {"v": ["x", "y"]}})));
        assert_eq!(of(&json!({})), "----------------");
    }

    #[test]
    fn all_points_are_no_straight_line_of_one_answer() {
        let earned = |answers: Value| earned_all(answers.as_object().unwrap(), &standard());
        assert!(earned(json!({"a": {"v": true, "comment": "Jah"}, "b": {"v": false}})));
        assert!(!earned(json!({"a": {"v": true}, "b": {"v": true}})));
    }
}

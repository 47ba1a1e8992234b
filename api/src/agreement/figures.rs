//! How far two reviewers agree: the statistics of [`peegel_scoring::stats`], asked by item and of the whole visit.

use std::collections::BTreeMap;

use peegel_scoring::stats::icc::icc;
use peegel_scoring::stats::krippendorff::{Krippendorff, Level, Ratings, krippendorff};
use peegel_scoring::{ItemKind, Mode, ScoreResult, Standard, Status, score};
use serde_json::{Map, Value};

use crate::agreement::types::{AgreementFigures, AgreementLevel, ItemAgreement};

/// The confidence of intervals.
const CONFIDENCE: f64 = 0.95;
/// What stands for N/A among words. No option has this id: ids hold no spaces.
const NOT_APPLICABLE: &str = "not applicable";

/// What one reviewer made of a visit.
pub struct Judged {
    answers: Map<String, Value>,
    result: ScoreResult,
}

impl Judged {
    /// Scores answers as they are kept, with comments and whatever else stands beside their values.
    pub fn of(standard: &Standard, answers: &Map<String, Value>) -> Option<Self> {
        let answers = values(answers);
        let result = score(standard, &answers, Mode::Rescore).scored()?;
        Some(Self { answers, result })
    }

    /// The score of the visit, in basis points.
    pub fn score_bp(&self) -> Option<i64> {
        self.result.visit.score_bp
    }

    /// How many items have an answer that can be compared.
    pub fn answered(&self) -> usize {
        self.result.items.iter().filter(|item| matches!(item.status, Status::Ok | Status::Na)).count()
    }

    fn points(&self, at: usize) -> Option<f64> {
        let item = self.result.items.get(at).filter(|item| item.status == Status::Ok)?;
        item.score.as_ref().map(peegel_scoring::Fraction::to_f64)
    }

    fn value(&self, at: usize) -> Option<&Value> {
        let item = self.result.items.get(at).filter(|item| item.status == Status::Ok)?;
        self.answers.get(&item.id)?.get("v")
    }

    fn is_na(&self, at: usize) -> bool {
        self.result.items.get(at).is_some_and(|item| item.status == Status::Na)
    }

    fn number(&self, at: usize) -> Option<f64> {
        match self.value(at)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => peegel_scoring::Fraction::decimal(text).map(|number| number.to_f64()),
            _ => None,
        }
    }

    fn word(&self, at: usize) -> Option<String> {
        if self.is_na(at) {
            return Some(NOT_APPLICABLE.to_owned());
        }
        match self.value(at)? {
            // What is chosen has no order.
            Value::Array(chosen) => {
                let mut chosen: Vec<_> = chosen.iter().map(Value::to_string).collect();
                chosen.sort_unstable();
                Some(chosen.join(" "))
            }
            value => Some(value.to_string()),
        }
    }
}

/// The answers as the scoring engine takes them: their values alone.
pub fn values(answers: &Map<String, Value>) -> Map<String, Value> {
    let value = |answer: &Value| {
        let members = answer.as_object()?.iter().filter(|(name, _)| matches!(name.as_str(), "v" | "na"));
        Some(Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect()))
    };
    answers.iter().filter_map(|(item, answer)| Some((item.clone(), value(answer)?))).collect()
}

/// How far both agree on each item that takes no text.
pub fn of_items(standard: &Standard, pairs: &[(Judged, Judged)]) -> Vec<ItemAgreement> {
    let items = standard.items().iter().enumerate().filter(|(_, item)| !matches!(item.kind, ItemKind::Text));
    items
        .map(|(at, item)| ItemAgreement { item_id: item.id.clone(), figures: of_item(&item.kind, at, pairs) })
        .collect()
}

/// How far both agree on the score of the visit.
pub fn of_visit(pairs: &[(Judged, Judged)]) -> AgreementFigures {
    let score = |judged: &Judged| judged.score_bp().map(|bp| bp as f64);
    figures(AgreementLevel::Interval, numbers(pairs, score), numbers(pairs, score))
}

fn of_item(kind: &ItemKind, at: usize, pairs: &[(Judged, Judged)]) -> AgreementFigures {
    let points = numbers(pairs, |judged| judged.points(at));
    let level = match kind {
        ItemKind::Rating { .. } | ItemKind::Nps { .. } => AgreementLevel::Ordinal,
        ItemKind::Numeric { .. } => AgreementLevel::Interval,
        _ => AgreementLevel::Nominal,
    };
    if level != AgreementLevel::Nominal {
        return figures(level, numbers(pairs, |judged| judged.number(at)), points);
    }
    let words = both(pairs, |judged| judged.word(at));
    let n = words.len();
    let (first, second) = words.into_iter().map(|(one, other)| (Some(one), Some(other))).unzip();
    let alpha = krippendorff(&Ratings::Words(vec![first, second]), Some(&[Level::Nominal])).ok();
    with_points(level, n, alpha, &points)
}

/// What both have.
fn both<T>(pairs: &[(Judged, Judged)], of: impl Fn(&Judged) -> Option<T>) -> Vec<(T, T)> {
    pairs.iter().filter_map(|(first, second)| Some((of(first)?, of(second)?))).collect()
}

fn numbers(pairs: &[(Judged, Judged)], of: impl Fn(&Judged) -> Option<f64>) -> Vec<(f64, f64)> {
    both(pairs, of)
}

fn figures(level: AgreementLevel, values: Vec<(f64, f64)>, points: Vec<(f64, f64)>) -> AgreementFigures {
    let n = values.len();
    let (first, second) = values.into_iter().map(|(one, other)| (Some(one), Some(other))).unzip();
    let at = if level == AgreementLevel::Ordinal { Level::Ordinal } else { Level::Interval };
    let alpha = krippendorff(&Ratings::Numbers(vec![first, second]), Some(&[at])).ok();
    with_points(level, n, alpha, &points)
}

fn with_points(
    level: AgreementLevel,
    n: usize,
    alpha: Option<Krippendorff>,
    points: &[(f64, f64)],
) -> AgreementFigures {
    let table: Vec<_> = points.iter().map(|(one, other)| vec![*one, *other]).collect();
    let icc = icc(&table, CONFIDENCE).ok();
    let limits = icc.as_ref().and_then(|icc| icc.ci.as_ref()).map(|ci| ci.icc1);
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    AgreementFigures {
        n: count(n),
        level,
        equal: alpha.as_ref().map(|found| rounded(found.agreement)),
        alpha: alpha.and_then(|found| only(found.alpha)).map(rounded),
        scored: count(points.len()),
        icc1: icc.as_ref().map(|icc| rounded(icc.icc.icc1)),
        icc1_lower: limits.map(|[lower, _]| rounded(lower)),
        icc1_upper: limits.map(|[_, upper]| rounded(upper)),
    }
}

/// The figure of the one level that was asked for.
fn only(alpha: BTreeMap<Level, Option<f64>>) -> Option<f64> {
    alpha.into_values().next().flatten()
}

/// To four decimals.
fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn standard() -> Standard {
        let options = json!([{"id": "full", "points": 2}, {"id": "part", "points": 1}, {"id": "none", "points": 0}]);
        Standard::parse(&json!({
            "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}],
            "items": [
                {"id": "greet", "section": "s", "type": "yes_no", "weight": 1, "na_allowed": true},
                {"id": "polite", "section": "s", "type": "rating", "min": 1, "max": 5, "weight": 1},
                {"id": "needs", "section": "s", "type": "choice", "weight": 1, "options": options},
                {"id": "why", "section": "s", "type": "text", "weight": 0},
            ],
        }))
        .unwrap()
    }

    fn pairs(both: &[(Value, Value)]) -> Vec<(Judged, Judged)> {
        let judged = |answers: &Value| Judged::of(&standard(), answers.as_object().unwrap()).unwrap();
        both.iter().map(|(first, second)| (judged(first), judged(second))).collect()
    }

    fn greets(first: Value, second: Value) -> (Value, Value) {
        (json!({"greet": first}), json!({"greet": second}))
    }

    #[test]
    fn answers_are_compared_by_their_kind() {
        // The example of Krippendorff's documentation: YNYY beside YNNY.
        let (yes, no) = (json!({"v": true}), json!({"v": false, "comment": "no"}));
        let all = [
            greets(yes.clone(), yes.clone()),
            greets(no.clone(), no.clone()),
            greets(yes.clone(), no.clone()),
            greets(yes.clone(), yes.clone()),
        ];
        let found = &of_items(&standard(), &pairs(&all))[0];
        assert_eq!(
            (found.item_id.as_str(), found.figures.n, found.figures.level),
            ("greet", 4, AgreementLevel::Nominal)
        );
        assert_eq!((found.figures.equal, found.figures.alpha), (Some(0.75), Some(0.5333)));
        // Means 1, 0, 1/2, 1: mean squares 11/24 between and 1/8 within, so (11/24 - 3/24) / (11/24 + 3/24).
        assert_eq!((found.figures.scored, found.figures.icc1), (4, Some(0.5714)));
    }

    #[test]
    fn ratings_differ_by_what_lies_between_and_texts_not_at_all() {
        let rated = |first: i64, second: i64| (json!({"polite": {"v": first}}), json!({"polite": {"v": second}}));
        let found = of_items(&standard(), &pairs(&[rated(1, 1), rated(5, 5), rated(3, 4)]));
        assert_eq!(found.len(), 3, "the text is left out");
        assert_eq!((found[1].figures.level, found[1].figures.n), (AgreementLevel::Ordinal, 3));
        assert!(found[1].figures.alpha.unwrap() > 0.9, "{:?}", found[1]);
        assert_eq!(found[2].figures.n, 0);
        assert_eq!((found[2].figures.alpha, found[2].figures.icc1), (None, None));
    }

    #[test]
    fn what_cannot_be_told_is_null_and_what_is_unanswered_is_no_pair() {
        let (yes, na) = (json!({"v": true}), json!({"na": true}));
        let alike = [greets(yes.clone(), yes.clone()), greets(yes.clone(), yes.clone())];
        let found = &of_items(&standard(), &pairs(&alike))[0].figures;
        assert_eq!((found.n, found.equal, found.alpha, found.icc1), (2, Some(1.0), None, None));
        let mixed = [greets(yes.clone(), na.clone()), (json!({"greet": yes}), json!({})), greets(na.clone(), na)];
        let found = &of_items(&standard(), &pairs(&mixed))[0].figures;
        assert_eq!((found.n, found.scored, found.equal), (2, 0, Some(0.5)), "N/A is an answer without points");
        assert_eq!(of_visit(&[]).n, 0);
    }
}

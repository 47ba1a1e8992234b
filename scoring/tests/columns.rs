//! The pass over columns gives exactly what scoring visit by visit gives.

use std::collections::BTreeMap;

use peegel_scoring::columns::{Code, Columns, Figures, Scorer, ScorerError};
use peegel_scoring::{Fraction, Mode, ScoreResult, Standard, Status, score, visible};
use serde_json::{Map, Value, json};

#[path = "support/numbers.rs"]
mod numbers;
#[path = "support/standards.rs"]
mod standards;
#[path = "support/values.rs"]
mod values;

use numbers::Numbers;

const CASES: &str = include_str!("../../fixtures/scoring/scoring_cases.json");

fn parse(json: &Value) -> Standard {
    Standard::parse(json).unwrap_or_else(|problems| panic!("{problems:?} in {json}"))
}

fn rescored(standard: &Standard, answers: &Map<String, Value>) -> ScoreResult {
    score(standard, answers, Mode::Rescore).scored().expect("rescoring never refuses")
}

/// One visit of the figures, in the words of the exact path.
fn assert_visit(figures: &Figures, visit: usize, standard: &Standard, expected: &ScoreResult) {
    let of = &expected.visit;
    assert_eq!(figures.raw_bp().get(visit), of.raw.as_ref().map(Fraction::to_bp), "raw");
    assert_eq!(figures.score_bp().get(visit), of.score_bp, "score");
    assert_eq!(figures.scored_share_bp().get(visit), of.scored_share_bp, "share");
    assert_eq!(figures.capped(visit), of.capped, "capped");
    assert_eq!(figures.insufficient(visit), of.insufficient, "insufficient");
    assert_eq!(figures.passed(visit), of.passed, "passed");
    let label = figures.band(visit).map(|band| standard.bands()[band].label.clone());
    assert_eq!(label, of.band, "band");
    let sections: Vec<_> = figures.sections().iter().map(|points| points.get(visit)).collect();
    assert_eq!(sections, expected.sections.iter().map(|s| s.score_bp).collect::<Vec<_>>(), "sections");
    let dimensions: Vec<_> = figures.dimensions().iter().map(|points| points.get(visit)).collect();
    assert_eq!(dimensions, expected.dimensions.iter().map(|d| d.score_bp).collect::<Vec<_>>(), "dimensions");
}

/// Scores the visits both ways.
fn assert_equal(standard: &Standard, visits: &[Map<String, Value>]) -> Figures {
    let mut columns = Columns::new(standard);
    visits.iter().for_each(|answers| columns.push(answers));
    let mut figures = Figures::new();
    Scorer::new(standard).score(&columns, &mut figures).expect("the same standard");
    assert_eq!((columns.len(), figures.len()), (visits.len(), visits.len()));
    for (visit, answers) in visits.iter().enumerate() {
        let expected = rescored(standard, answers);
        let warnings = expected.warnings.as_ref().map(Vec::len);
        assert_eq!(Some(columns.warnings()[visit] as usize), warnings, "warnings");
        assert_visit(&figures, visit, standard, &expected);
    }
    figures
}

#[test]
fn every_ready_case_scores_the_same() {
    let cases: Vec<Value> = serde_json::from_str(CASES).expect("the cases are JSON");
    let mut compared = 0;
    for case in &cases {
        let (Ok(standard), Some(answers)) = (Standard::parse(&case["standard"]), case["answers"].as_object()) else {
            continue;
        };
        assert_equal(&standard, std::slice::from_ref(answers));
        compared += 1;
    }
    assert!(compared > 180, "only {compared} cases");
}

#[test]
fn random_standards_score_the_same() {
    let mut numbers = Numbers(7);
    for round in 0..4000 {
        let json = standards::standard(&mut numbers);
        let standard = parse(&json);
        let visits: Vec<_> = (0..1 + numbers.below(12)).map(|_| standards::answers(&standard, &mut numbers)).collect();
        let compared = std::panic::catch_unwind(|| assert_equal(&standard, &visits));
        assert!(compared.is_ok(), "round {round}: {json} {}", json!(visits));
    }
}

#[test]
fn blocks_of_any_length_score_the_same() {
    let mut numbers = Numbers(11);
    for length in [0, 1, 63, 64, 65, 127, 1023, 1024, 1025, 2048, 4095, 4096, 4097] {
        let json = standards::standard(&mut numbers);
        let standard = parse(&json);
        let visits: Vec<_> = (0..length).map(|_| standards::answers(&standard, &mut numbers)).collect();
        assert_equal(&standard, &visits);
    }
}

#[test]
fn other_weights_score_as_a_standard_that_has_them() {
    let mut numbers = Numbers(13);
    let mut figures = Figures::new();
    for _ in 0..300 {
        let mut json = standards::standard(&mut numbers);
        let standard = parse(&json);
        let visits: Vec<_> = (0..5).map(|_| standards::answers(&standard, &mut numbers)).collect();
        let mut columns = Columns::new(&standard);
        visits.iter().for_each(|answers| columns.push(answers));
        let weights: Vec<i64> = standard.items().iter().map(|_| numbers.below(130) as i64).collect();
        for (item, weight) in json["items"].as_array_mut().expect("items").iter_mut().zip(&weights) {
            item["weight"] = json!(weight);
        }
        let changed = parse(&json);
        let scorer = Scorer::new(&standard).with_weights(&weights).expect("weights in range");
        scorer.score(&columns, &mut figures).expect("the same items");
        for (visit, answers) in visits.iter().enumerate() {
            assert_visit(&figures, visit, &changed, &rescored(&changed, answers));
        }
    }
}

#[test]
fn weights_must_fit_the_standard() {
    let standard = wait_standard();
    let scorer = Scorer::new(&standard);
    let error = |weights: &[i64]| scorer.with_weights(weights).err();
    assert_eq!(error(&[1]), Some(ScorerError::WeightCount { items: 2, weights: 1 }));
    assert_eq!(error(&[1, -1]), Some(ScorerError::WeightOutOfRange { item: 1 }));
    assert_eq!(error(&[1_000_001, 1]), Some(ScorerError::WeightOutOfRange { item: 0 }));
    assert_eq!(error(&[0, 1_000_000]), None);
}

#[test]
fn columns_of_other_items_are_refused() {
    let mut numbers = Numbers(17);
    let standard = wait_standard();
    let mut other = wait_json();
    other["items"][1]["na_allowed"] = json!(true);
    let mut figures = Figures::new();
    for other in [parse(&other), parse(&standards::standard(&mut numbers))] {
        let columns = Columns::new(&other);
        assert_eq!(Scorer::new(&standard).score(&columns, &mut figures), Err(ScorerError::OtherItems));
        assert_eq!(Scorer::new(&standard).count(&columns), Err(ScorerError::OtherItems));
    }
    // What does not change the meaning of an answer may differ: the columns outlive the rules.
    let mut changed = wait_json();
    changed["items"][0]["show_if"] = json!({"all": []});
    changed["items"][1]["critical"] = json!({"scope": "visit", "cap_bp": 1});
    changed["aggregation"] = json!("weighted_sections");
    let mut columns = Columns::new(&standard);
    columns.push(&answers(json!({"polite": {"v": false}, "wait": {"v": 90}})));
    assert_eq!(Scorer::new(&parse(&changed)).score(&columns, &mut figures), Ok(()));
    assert_eq!(figures.score_bp().get(0), Some(1));
}

/// A yes-no item and a numeric one.
fn wait_json() -> Value {
    json!({
        "id": "wait", "version": 1, "sections": [{"id": "s", "weight": 1}], "items": [
            {"id": "polite", "section": "s", "type": "yes_no", "weight": 1},
            {"id": "wait", "section": "s", "type": "numeric", "weight": 2, "bands": [[0, 10_000], [100_000, 0]]},
        ],
    })
}

fn wait_standard() -> Standard {
    parse(&wait_json())
}

fn answers(json: Value) -> Map<String, Value> {
    json.as_object().expect("an object").clone()
}

#[test]
fn more_distinct_numbers_than_codes_score_the_same() {
    let standard = wait_standard();
    let mut columns = Columns::new(&standard);
    let visits: Vec<_> = (0..70_000).map(|n| answers(json!({"polite": {"v": n % 3 == 0}, "wait": {"v": n}}))).collect();
    visits.iter().for_each(|answers| columns.push(answers));
    assert_eq!(columns.code(1, 252), Some(Code::Value(252)));
    assert_eq!(columns.code(1, 253), Some(Code::Value(253)));
    assert_eq!(columns.code(1, 65_532), Some(Code::Value(65_532)));
    assert_eq!(columns.code(1, 65_533), Some(Code::Unlisted));
    let mut figures = Figures::new();
    Scorer::new(&standard).score(&columns, &mut figures).expect("the same standard");
    for (visit, answers) in visits.iter().enumerate() {
        assert_visit(&figures, visit, &standard, &rescored(&standard, answers));
    }
    let counts = Scorer::new(&standard).count(&columns).expect("the same standard");
    assert_eq!(counts[1].count(Code::Unlisted), 70_000 - 65_533);
    assert_eq!(counts[1].answered(), 70_000);
}

#[test]
fn a_stream_of_blocks_scores_the_same_in_the_same_memory() {
    let mut numbers = Numbers(19);
    let standard = parse(&standards::standard(&mut numbers));
    let (mut columns, mut figures) = (Columns::new(&standard), Figures::new());
    let scorer = Scorer::new(&standard);
    let mut bytes = None;
    for _ in 0..5 {
        let visits: Vec<_> = (0..200).map(|_| standards::answers(&standard, &mut numbers)).collect();
        visits.iter().for_each(|answers| columns.push(answers));
        scorer.score(&columns, &mut figures).expect("the same standard");
        for (visit, answers) in visits.iter().enumerate() {
            assert_visit(&figures, visit, &standard, &rescored(&standard, answers));
        }
        columns.clear();
        assert!(columns.is_empty() && columns.warnings().is_empty());
        assert_eq!(*bytes.get_or_insert(columns.bytes()), columns.bytes());
    }
}

#[test]
fn counts_are_those_of_the_exact_path() {
    let mut numbers = Numbers(23);
    for _ in 0..300 {
        let standard = parse(&standards::standard(&mut numbers));
        let mut columns = Columns::new(&standard);
        let mut statuses: Vec<BTreeMap<&str, u64>> = vec![BTreeMap::new(); standard.items().len()];
        for _ in 0..20 {
            let answers = standards::answers(&standard, &mut numbers);
            columns.push(&answers);
            for (item, (_, status)) in visible(&standard, &answers).into_iter().enumerate() {
                *statuses[item].entry(status.as_str()).or_default() += 1;
            }
        }
        let counts = Scorer::new(&standard).count(&columns).expect("the same standard");
        for (counts, statuses) in counts.iter().zip(&statuses) {
            let of = |status: Status| statuses.get(status.as_str()).copied().unwrap_or(0);
            assert_eq!(counts.answered(), of(Status::Ok));
            assert_eq!(counts.count(Code::Na), of(Status::Na));
            assert_eq!(counts.count(Code::Missing), of(Status::Hidden) + of(Status::Unanswered));
            let listed: u64 = counts.values().map(|(_, count)| count).sum();
            assert_eq!(listed + counts.count(Code::Unlisted), counts.answered());
        }
    }
}

#[test]
fn a_score_without_a_ceiling_may_be_huge() {
    let mut json = wait_json();
    json["cap_bonus"] = json!(false);
    json["items"][1] = json!({"id": "wait", "section": "s", "type": "yes_no", "weight": 1_000_000, "role": "bonus"});
    let visits = [
        answers(json!({"polite": {"v": true}, "wait": {"v": true}})),
        answers(json!({"polite": {"v": true}, "wait": {"v": false}})),
    ];
    let figures = assert_equal(&parse(&json), &visits);
    assert_eq!(figures.score_bp().iter().collect::<Vec<_>>(), [Some(10_000_010_000), Some(10_000)]);
}

#[test]
fn more_weight_than_31_bits_scores_the_same() {
    let mut json = wait_json();
    let items = (0..2200).map(|n| {
        json!({"id": format!("q{n}"), "section": "s", "type": "yes_no", "weight": 1_000_000 - n % 2, "required": false})
    });
    json["items"] = items.collect();
    let visits = [answers(json!({"q0": {"v": true}, "q1": {"v": false}, "q2": {"na": true}})), Map::new()];
    assert_equal(&parse(&json), &visits);
}

//! The pass over columns gives exactly what scoring visit by visit gives.

use peegel_scoring::columns::{Columns, Figures, Scorer};
use peegel_scoring::{Fraction, Mode, ScoreResult, Standard, score};
use serde_json::{Map, Value, json};

#[path = "support/numbers.rs"]
mod numbers;
#[path = "support/standards.rs"]
mod standards;

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
    for round in 0..3000 {
        let json = standards::standard(&mut numbers);
        let standard = parse(&json);
        let visits: Vec<_> = (0..1 + numbers.below(12)).map(|_| standards::answers(&standard, &mut numbers)).collect();
        let compared = std::panic::catch_unwind(|| assert_equal(&standard, &visits));
        assert!(compared.is_ok(), "round {round}: {json} {}", json!(visits));
    }
}

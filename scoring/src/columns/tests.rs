//! What only the inside shows: every width of sums, and dictionaries that are full.

use serde_json::json;

use crate::columns::plan::Scale;
use crate::columns::scorer::{Width, width};
use crate::columns::{Code, Columns, Figures, Scorer};
use crate::score::{Mode, score};
use crate::standard::Standard;

#[path = "../../tests/support/numbers.rs"]
mod numbers;
#[path = "../../tests/support/standards.rs"]
mod standards;
#[path = "../../tests/support/values.rs"]
mod values;

use numbers::Numbers;

fn parse(json: &serde_json::Value) -> Standard {
    Standard::parse(json).unwrap_or_else(|problems| panic!("{problems:?} in {json}"))
}

/// Everything the figures say, for comparison.
fn all(figures: &Figures, visits: usize) -> Vec<String> {
    let of = |visit| {
        let parts = figures.sections().iter().chain(figures.dimensions()).map(|points| points.get(visit));
        let visit_bp =
            [figures.raw_bp(), figures.score_bp(), figures.scored_share_bp()].map(|points| points.get(visit));
        let marks = (figures.band(visit), figures.passed(visit), figures.capped(visit), figures.insufficient(visit));
        format!("{visit_bp:?} {marks:?} {:?}", parts.collect::<Vec<_>>())
    };
    (0..visits).map(of).collect()
}

#[test]
fn every_width_gives_the_same() {
    let widths = [Width::Packed, Width::Narrow, Width::Wide, Width::Exact];
    let mut chosen = [0; 4];
    let mut numbers = Numbers(3);
    for _ in 0..2000 {
        let standard = parse(&standards::standard(&mut numbers));
        let mut columns = Columns::new(&standard);
        for _ in 0..6 {
            columns.push(&standards::answers(&standard, &mut numbers));
        }
        let scorer = Scorer::new(&standard);
        let mut scale = Scale::new(&standard, &columns);
        if let Some(scale) = &mut scale {
            // Tables for one item, for a few and for as many as ever.
            scale.visits = numbers.pick(&[1, 1 << 8, 1 << 11, 1 << 18]);
        }
        let least = scale.as_ref().map_or(Width::Exact, |scale| width(&standard, scale));
        let least = widths.iter().position(|&width| width == least).expect("one of them");
        chosen[least] += 1;
        let mut figures = Figures::new();
        scorer.score_in(Width::Exact, scale.as_ref(), &columns, &mut figures);
        let expected = all(&figures, columns.len());
        for &width in &widths[least..] {
            scorer.score_in(width, scale.as_ref(), &columns, &mut figures);
            assert_eq!(all(&figures, columns.len()), expected, "{width:?}");
        }
    }
    assert!(chosen.iter().all(|&times| times > 50), "packed, narrow, wide, exact: {chosen:?}");
}

#[test]
fn full_dictionaries_lose_nothing() {
    let mut numbers = Numbers(5);
    let mut unlisted = 0;
    for _ in 0..500 {
        let standard = parse(&standards::standard(&mut numbers));
        let mut columns = Columns::new(&standard);
        columns.limit(2);
        let visits: Vec<_> = (0..9).map(|_| standards::answers(&standard, &mut numbers)).collect();
        visits.iter().for_each(|answers| columns.push(answers));
        let mut figures = Figures::new();
        Scorer::new(&standard).score(&columns, &mut figures).expect("the same standard");
        for (visit, answers) in visits.iter().enumerate() {
            let result = score(&standard, answers, Mode::Rescore).scored().expect("rescoring never refuses");
            let warnings = result.warnings.as_ref().map(Vec::len);
            assert_eq!(warnings, Some(columns.warnings()[visit] as usize));
            assert_eq!(figures.score_bp().get(visit), result.visit.score_bp, "{}", json!(answers));
            for (points, section) in figures.sections().iter().zip(&result.sections) {
                assert_eq!(points.get(visit), section.score_bp);
            }
            let codes = (0..standard.items().len()).filter_map(|item| columns.code(item, visit));
            unlisted += codes.filter(|&code| code == Code::Unlisted).count();
        }
    }
    assert!(unlisted > 500, "only {unlisted} answers without a code");
}

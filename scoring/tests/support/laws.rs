//! What holds for every visit: each way to score it tells the same, and the formulas of the specification do too.

use std::collections::BTreeSet;

use peegel_scoring::columns::{Columns, Figures, Scorer};
use peegel_scoring::{
    Aggregation, AnswerCode, AnswerProblem, Fraction, Item, Mode, NaPolicy, Outcome, Role, Scope, ScoreResult,
    Standard, Status, UnansweredPolicy, score, visible,
};
use serde_json::{Map, Value};

type Answers = Map<String, Value>;

/// Scores visits by every way and compares.
pub fn check_visits(standard: &Standard, visits: &[Answers]) {
    let rescored: Vec<ScoreResult> = visits.iter().map(|answers| check_visit(standard, answers)).collect();
    check_columns(standard, visits, &rescored);
}

/// Submits and rescores a visit; gives what rescoring says.
fn check_visit(standard: &Standard, answers: &Answers) -> ScoreResult {
    let rescored = score(standard, answers, Mode::Rescore).scored().expect("rescoring never refuses");
    let warnings = rescored.warnings.clone().expect("rescoring lists warnings");
    check_order(standard, answers, &warnings);
    check_formulas(standard, &rescored, Mode::Rescore);
    match score(standard, answers, Mode::Submit) {
        Outcome::Refused(problems) => {
            assert!(!problems.is_empty());
            assert_eq!(problems, warnings);
        }
        Outcome::Scored(submitted) => {
            assert_eq!(warnings, [], "what has warnings is refused");
            check_formulas(standard, &submitted, Mode::Submit);
            if standard.unanswered() == UnansweredPolicy::Exclude {
                let mut expected = rescored.clone();
                expected.warnings = None;
                assert_eq!(*submitted, expected);
            }
        }
    }
    let statuses: Vec<_> = rescored.items.iter().map(|item| (item.id.as_str(), item.status)).collect();
    assert_eq!(visible(standard, answers), statuses);
    rescored
}

// One fault an item at most, in item order; then the items that do not exist, by id.
fn check_order(standard: &Standard, answers: &Answers, problems: &[AnswerProblem]) {
    let unknown = |problem: &&AnswerProblem| problem.code == AnswerCode::UnknownItem;
    let mut items = standard.items().iter();
    for problem in problems.iter().filter(|problem| !unknown(problem)) {
        assert!(items.any(|item| item.id == problem.item), "{problem:?} stands out of order");
    }
    let last: Vec<&str> = problems.iter().filter(unknown).map(|problem| problem.item.as_str()).collect();
    assert!(problems.iter().rev().take(last.len()).all(|problem| unknown(&problem)), "unknown items come last");
    let expected: BTreeSet<&str> =
        answers.keys().map(String::as_str).filter(|id| standard.item(id).is_none()).collect();
    assert!(last.into_iter().eq(expected));
}

/// The columns give what the exact path gave.
fn check_columns(standard: &Standard, visits: &[Answers], rescored: &[ScoreResult]) {
    let mut columns = Columns::new(standard);
    visits.iter().for_each(|answers| columns.push(answers));
    let mut figures = Figures::new();
    Scorer::new(standard).score(&columns, &mut figures).expect("the columns are those of the standard");
    assert_eq!((columns.len(), figures.len()), (visits.len(), visits.len()));
    for (visit, expected) in rescored.iter().enumerate() {
        let warnings = expected.warnings.as_ref().map(Vec::len);
        assert_eq!(columns.warnings().get(visit).map(|n| *n as usize), warnings, "warnings");
        let of = &expected.visit;
        assert_eq!(figures.raw_bp().get(visit), of.raw.as_ref().map(Fraction::to_bp), "raw");
        assert_eq!(figures.score_bp().get(visit), of.score_bp, "score");
        assert_eq!(figures.scored_share_bp().get(visit), of.scored_share_bp, "share");
        let marks = (figures.capped(visit), figures.insufficient(visit), figures.passed(visit));
        assert_eq!(marks, (of.capped, of.insufficient, of.passed), "capped, insufficient, passed");
        let band = figures.band(visit).map(|band| standard.bands()[band].label.as_str());
        assert_eq!(band, of.band.as_deref(), "band");
        let sections = figures.sections().iter().map(|points| points.get(visit));
        assert!(sections.eq(expected.sections.iter().map(|section| section.score_bp)), "sections");
        let dimensions = figures.dimensions().iter().map(|points| points.get(visit));
        assert!(dimensions.eq(expected.dimensions.iter().map(|dimension| dimension.score_bp)), "dimensions");
    }
}

/// The sums of a section by their letters in the specification.
struct Sums {
    possible: Fraction,
    earned: Fraction,
    asked: Fraction,
    cap: Option<Fraction>,
}

/// Works the result out again from the status and score of each item, by the formulas and nothing else.
fn check_formulas(standard: &Standard, result: &ScoreResult, mode: Mode) {
    let zero_if_empty = mode == Mode::Submit && standard.unanswered() == UnansweredPolicy::Zero;
    let (items, one) = (standard.items(), Fraction::ONE);
    assert_eq!(items.len(), result.items.len());
    let mut plain = true;
    let mut sums: Vec<Sums> = standard.sections().iter().map(|_| empty()).collect();
    let mut dimensions: Vec<(Fraction, Fraction)> = vec![(Fraction::ZERO, Fraction::ZERO); standard.dimensions().len()];
    let mut entering = Vec::new();
    let (mut visit_cap, mut failures) = (None, Vec::new());
    for (item, of) in items.iter().zip(&result.items) {
        assert_eq!(item.id, of.id);
        assert!(of.status == Status::Ok || of.score.is_none(), "only answers have scores");
        assert_eq!(of.status == Status::Ok && item.kind.yields_score(), of.score.is_some());
        assert!(of.score.iter().all(|s| (Fraction::ZERO..=Fraction::ONE).contains(s)), "a score lies in 0..=1");
        let (section, weight) = (&mut sums[item.section], Fraction::whole(item.weight));
        let enters = enters(item, of.status, of.score.as_ref(), zero_if_empty);
        if item.role == Role::Normal && item.is_scorable() && of.status != Status::Hidden {
            section.asked = &section.asked + &weight;
        }
        if let Some(s) = &enters {
            section.possible = &section.possible + &weight;
            section.earned = &section.earned + &(&weight * s);
            for share in &item.dimensions {
                let (earned, possible) = &mut dimensions[share.dimension];
                let part = &weight * &Fraction::from_bp(share.share_bp);
                *earned = &*earned + &(&part * s);
                *possible = &*possible + &part;
            }
        }
        if let (true, Some(s)) = (item.scored, &of.score) {
            match item.role {
                Role::Normal => {}
                Role::Bonus => section.earned = &section.earned + &(&weight * s),
                Role::Penalty => section.earned = &section.earned - &(&weight * &(&one - s)),
            }
            plain &= item.role == Role::Normal;
        }
        if let (Some(critical), Some(s)) = (&item.critical, &of.score)
            && *s < Fraction::from_bp(critical.fail_below_bp)
        {
            let cap = if critical.scope == Scope::Visit { &mut visit_cap } else { &mut section.cap };
            let own = Fraction::from_bp(critical.cap_bp);
            *cap = Some(cap.take().map_or(own.clone(), |cap| own.min(cap)));
            failures.push((item.id.as_str(), critical.scope, critical.cap_bp));
        }
        entering.push(enters);
    }
    let got = result.critical_failures.iter().map(|failure| (failure.item.as_str(), failure.scope, failure.cap_bp));
    assert!(got.eq(failures), "critical failures");

    let scores: Vec<Option<Fraction>> = sums
        .iter()
        .map(|section| {
            let raw = clamp(section.earned.checked_div(&section.possible)?, standard.cap_bonus());
            Some(least(raw, section.cap.as_ref()))
        })
        .collect();
    check_parts(standard, result, &sums, &scores, &dimensions);
    let total = |of: fn(&Sums) -> &Fraction| sums.iter().fold(Fraction::ZERO, |sum, section| &sum + of(section));
    let (possible, asked) = (total(|section| &section.possible), total(|section| &section.asked));
    let weights = standard.sections().iter().zip(&scores).filter(|(_, score)| score.is_some());
    let weight = Fraction::whole(weights.map(|(section, _)| section.weight).sum());
    let raw = match standard.aggregation() {
        Aggregation::Pooled => {
            let earned = sums.iter().fold(Fraction::ZERO, |sum, section| {
                let most = section.cap.as_ref().map(|cap| cap * &section.possible);
                &sum + &least(section.earned.clone(), most.as_ref())
            });
            earned.checked_div(&possible).map(|raw| clamp(raw, standard.cap_bonus()))
        }
        Aggregation::WeightedSections => {
            let parts = standard.sections().iter().zip(&scores);
            let parts = parts.filter_map(|(section, score)| Some(&Fraction::whole(section.weight) * score.as_ref()?));
            parts.fold(Fraction::ZERO, |sum, part| &sum + &part).checked_div(&weight)
        }
    };
    check_verdict(standard, result, raw.as_ref(), visit_cap.as_ref(), possible.checked_div(&asked));

    let mut lost_in_all = Fraction::ZERO;
    for ((item, of), s) in items.iter().zip(&result.items).zip(entering) {
        let share = match standard.aggregation() {
            Aggregation::Pooled => Fraction::whole(item.weight).checked_div(&possible),
            Aggregation::WeightedSections => {
                let of_section = Fraction::whole(standard.sections()[item.section].weight).checked_div(&weight);
                let of_item = Fraction::whole(item.weight).checked_div(&sums[item.section].possible);
                of_section.zip(of_item).map(|(section, item)| &section * &item)
            }
        };
        let share = share.filter(|_| raw.is_some());
        let lost = s.zip(share).map(|(s, share)| &share * &(&one - &s));
        assert_eq!(of.lost, lost, "lost by {}", item.id);
        lost_in_all = lost.iter().fold(lost_in_all, |sum, lost| &sum + lost);
    }
    plain &= sums.iter().all(|section| section.cap.is_none());
    if let (true, Some(raw)) = (plain, &raw) {
        assert_eq!(raw + &lost_in_all, one, "score and losses");
    }
}

fn check_parts(
    standard: &Standard,
    result: &ScoreResult,
    sums: &[Sums],
    scores: &[Option<Fraction>],
    dimensions: &[(Fraction, Fraction)],
) {
    assert!(standard.sections().iter().map(|s| &s.id).eq(result.sections.iter().map(|s| &s.id)));
    for ((section, sums), score) in result.sections.iter().zip(sums).zip(scores) {
        assert_eq!((&section.earned, &section.possible), (&sums.earned, &sums.possible), "{}", section.id);
        assert_eq!((&section.score, section.capped), (score, sums.cap.is_some()), "{}", section.id);
        assert_eq!(section.score_bp, score.as_ref().map(Fraction::to_bp));
        assert_eq!(section.scored_share_bp, sums.possible.checked_div(&sums.asked).map(|share| share.to_bp()));
    }
    assert!(standard.dimensions().iter().map(|d| &d.id).eq(result.dimensions.iter().map(|d| &d.id)));
    for (dimension, (earned, possible)) in result.dimensions.iter().zip(dimensions) {
        assert_eq!((&dimension.score, &dimension.possible), (&earned.checked_div(possible), possible));
        assert_eq!(dimension.score_bp, dimension.score.as_ref().map(Fraction::to_bp));
    }
}

fn check_verdict(
    standard: &Standard,
    result: &ScoreResult,
    raw: Option<&Fraction>,
    cap: Option<&Fraction>,
    share: Option<Fraction>,
) {
    let visit = &result.visit;
    assert_eq!(visit.raw.as_ref(), raw, "raw");
    let score = raw.map(|raw| least(raw.clone(), cap));
    let most = if standard.cap_bonus() { Some(Fraction::ONE) } else { None };
    assert!(score.iter().all(|score| *score >= Fraction::ZERO && most.as_ref().is_none_or(|most| score <= most)));
    assert_eq!(visit.capped, cap.is_some());
    assert_eq!(visit.score, score, "score");
    assert_eq!(visit.score_bp, score.as_ref().map(Fraction::to_bp));
    assert_eq!(visit.scored_share_bp, share.as_ref().map(Fraction::to_bp));
    let enough = share.is_some_and(|share| share >= Fraction::from_bp(standard.min_scored_share_bp()));
    let judged = visit.score_bp.filter(|_| enough);
    assert_eq!(visit.insufficient, judged.is_none());
    let mut bands: Vec<_> = standard.bands().iter().collect();
    bands.sort_by_key(|band| band.min_bp);
    let band = judged.and_then(|bp| bands.into_iter().rev().find(|band| band.min_bp <= bp));
    assert_eq!(visit.band.as_ref(), band.map(|band| &band.label));
    let passed = judged.zip(standard.pass_bp()).map(|(bp, pass_bp)| bp >= pass_bp && cap.is_none());
    assert_eq!(visit.passed, passed);
}

// The score with which an item enters the ordinary points.
fn enters(item: &Item, status: Status, score: Option<&Fraction>, zero_if_empty: bool) -> Option<Fraction> {
    if item.role != Role::Normal || !item.scored || !item.kind.yields_score() {
        return None;
    }
    match status {
        Status::Ok => score.cloned(),
        Status::Na if item.na == NaPolicy::Zero => Some(Fraction::ZERO),
        Status::Na if item.na == NaPolicy::Full => Some(Fraction::ONE),
        Status::Unanswered if zero_if_empty => Some(Fraction::ZERO),
        _ => None,
    }
}

fn empty() -> Sums {
    Sums { possible: Fraction::ZERO, earned: Fraction::ZERO, asked: Fraction::ZERO, cap: None }
}

fn clamp(score: Fraction, cap_bonus: bool) -> Fraction {
    let score = score.max(Fraction::ZERO);
    if cap_bonus { score.min(Fraction::ONE) } else { score }
}

fn least(score: Fraction, cap: Option<&Fraction>) -> Fraction {
    cap.map_or(score.clone(), |cap| score.min(cap.clone()))
}

//! Scoring a visit: sums, caps, the visit score, what each item lost.

use serde_json::{Map, Value};

use crate::answer::{State, Status};
use crate::fraction::Fraction;
use crate::result::{CriticalFailure, DimensionScore, ItemScore, Outcome, ScoreResult, SectionScore, VisitScore};
use crate::standard::{Aggregation, Item, NaPolicy, Role, Scope, Standard, UnansweredPolicy};
use crate::visit::walk;

/// Why a visit is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A visit is filed: any fault of the answers refuses it.
    Submit,
    /// History under this or another version: never fails, faulty answers count as unanswered.
    Rescore,
}

/// Scores the answers of a visit: `{item id: {"v": value} or {"na": true}, with "evidence": count}`.
///
/// Exact: the same standard, answers and mode give the same result everywhere, always. Never
/// panics and never fails for size. In [`Mode::Submit`] any fault gives [`Outcome::Refused`] with
/// all faults in item order; in [`Mode::Rescore`] faults become warnings.
///
/// Every answer and every condition is looked at once. Only sums of many different denominators cost more:
/// 250 sections whose weights share no factor take some tens of milliseconds a visit, ordinary standards some tens of
/// microseconds.
///
/// ```
/// use peegel_scoring::{Fraction, Mode, Outcome, Standard, score};
/// use serde_json::json;
///
/// let standard = Standard::parse(&json!({
///     "id": "queue", "version": 1, "sections": [{"id": "s", "weight": 1}],
///     "items": [{"id": "seconds", "section": "s", "type": "numeric", "weight": 4,
///                "bands": [[60, 10000], [180, 5000], [300, 0]]}],
/// }))
/// .unwrap();
///
/// // 200.5 seconds lie between half marks and none: 5000 bp less 20.5/120 of them.
/// let answers = json!({"seconds": {"v": "200.5"}});
/// let result = score(&standard, answers.as_object().unwrap(), Mode::Submit).scored().unwrap();
/// assert_eq!(result.visit.score, Fraction::new(199, 480));
/// assert_eq!(result.visit.score_bp, Some(4146));
///
/// // JSON floats are refused: they are not exact.
/// let answers = json!({"seconds": {"v": 200.5}});
/// let Outcome::Refused(faults) = score(&standard, answers.as_object().unwrap(), Mode::Submit) else { panic!() };
/// assert_eq!((faults[0].item.as_str(), faults[0].code.as_str()), ("seconds", "bad_type"));
/// let result = score(&standard, answers.as_object().unwrap(), Mode::Rescore).scored().unwrap();
/// assert_eq!((result.visit.score, result.warnings), (None, Some(faults)));
/// ```
pub fn score(standard: &Standard, answers: &Map<String, Value>, mode: Mode) -> Outcome {
    let visit = walk(standard, answers);
    match mode {
        Mode::Submit if !visit.problems.is_empty() => Outcome::Refused(visit.problems),
        Mode::Submit => Outcome::Scored(Box::new(scored_states(standard, visit.states, mode))),
        Mode::Rescore => {
            let mut result = scored_states(standard, visit.states, mode);
            result.warnings = Some(visit.problems);
            Outcome::Scored(Box::new(result))
        }
    }
}

/// The sums of a section, and of a dimension in basis points of weight.
#[derive(Clone)]
struct Sums {
    /// Weight of the items that were asked and could count.
    asked: i64,
    /// Weight of the items that count.
    possible: i64,
    /// Their points, with bonus and penalty.
    earned: Fraction,
    /// The lowest cap of the critical failures.
    cap: Option<Fraction>,
}

impl Sums {
    const EMPTY: Sums = Sums { asked: 0, possible: 0, earned: Fraction::ZERO, cap: None };

    fn earn(&mut self, weight: i64, score: &Fraction) {
        if weight != 0 && !score.is_zero() {
            self.earned = &self.earned + &(&Fraction::whole(weight) * score);
        }
    }

    fn subtract(&mut self, weight: i64, lost: &Fraction) {
        self.earned = &self.earned - &(&Fraction::whole(weight) * lost);
    }

    fn capped(&self, score: Fraction) -> Fraction {
        capped(score, self.cap.as_ref())
    }

    /// The score after bounds and caps, `None` when nothing was possible.
    fn score(&self, cap_bonus: bool) -> Option<Fraction> {
        let raw = self.earned.checked_div(&Fraction::whole(self.possible))?;
        Some(self.capped(bounded(raw, cap_bonus)))
    }
}

fn capped(score: Fraction, cap: Option<&Fraction>) -> Fraction {
    match cap {
        Some(cap) if *cap < score => cap.clone(),
        _ => score,
    }
}

fn bounded(score: Fraction, cap_bonus: bool) -> Fraction {
    if score < Fraction::ZERO {
        Fraction::ZERO
    } else if cap_bonus && score > Fraction::ONE {
        Fraction::ONE
    } else {
        score
    }
}

fn lower(cap: &mut Option<Fraction>, cap_bp: i64) {
    *cap = Some(capped(Fraction::from_bp(cap_bp), cap.as_ref()));
}

/// Scores the items of a visit in the states they were found in, without warnings.
pub(crate) fn scored_states(standard: &Standard, states: Vec<State>, mode: Mode) -> ScoreResult {
    let mut sections = vec![Sums::EMPTY; standard.sections.len()];
    let mut dimensions = vec![Sums::EMPTY; standard.dimensions.len()];
    let mut critical_failures = Vec::new();
    let mut visit_cap = None;
    let unanswered_is_zero = mode == Mode::Submit && standard.unanswered == UnansweredPolicy::Zero;
    // The score with which each item enters the sums of ordinary points.
    let mut counted: Vec<Option<Fraction>> = Vec::with_capacity(states.len());

    for (item, state) in standard.items.iter().zip(&states) {
        let section = &mut sections[item.section];
        let enters = entering_score(item, state, unanswered_is_zero);
        if item.is_normal_scorable() && state.status != Status::Hidden {
            section.asked += item.weight;
        }
        if let Some(score) = &enters {
            section.possible += item.weight;
            section.earn(item.weight, score);
            for share in &item.dimensions {
                let dimension = &mut dimensions[share.dimension];
                dimension.possible += item.weight * share.share_bp;
                dimension.earn(item.weight * share.share_bp, score);
            }
        }
        counted.push(enters);
        let Some(score) = &state.score else { continue };
        match item.role {
            Role::Bonus if item.scored => section.earn(item.weight, score),
            Role::Penalty if item.scored => section.subtract(item.weight, &(&Fraction::ONE - score)),
            _ => {}
        }
        if let Some(critical) = &item.critical
            && *score < Fraction::from_bp(critical.fail_below_bp)
        {
            lower(if critical.scope == Scope::Visit { &mut visit_cap } else { &mut section.cap }, critical.cap_bp);
            critical_failures.push(CriticalFailure {
                item: item.id.clone(),
                scope: critical.scope,
                cap_bp: critical.cap_bp,
            });
        }
    }

    let scores: Vec<_> = sections.iter().map(|section| section.score(standard.cap_bonus)).collect();
    let raw = match standard.aggregation {
        Aggregation::Pooled => pooled(standard, &sections),
        Aggregation::WeightedSections => weighted(standard, &scores),
    };
    let factors = factors(standard, &sections, &scores, raw.is_some());
    let visit = visit_score(standard, &sections, raw, visit_cap);

    let sections = standard.sections.iter().zip(sections).zip(scores);
    let dimensions = standard.dimensions.iter().zip(dimensions);
    let items = standard.items.iter().zip(states).zip(counted);
    ScoreResult {
        visit,
        critical_failures,
        sections: sections
            .map(|((section, sums), score)| SectionScore {
                id: section.id.clone(),
                possible: Fraction::whole(sums.possible),
                score_bp: score.as_ref().map(Fraction::to_bp),
                score,
                capped: sums.cap.is_some(),
                scored_share_bp: scored_share(sums.possible, sums.asked).map(|share| share.to_bp()),
                earned: sums.earned,
            })
            .collect(),
        dimensions: dimensions
            .map(|(dimension, sums)| {
                let score = sums.score(false);
                DimensionScore {
                    id: dimension.id.clone(),
                    score_bp: score.as_ref().map(Fraction::to_bp),
                    score,
                    possible: Fraction::from_bp(sums.possible),
                }
            })
            .collect(),
        items: items
            .map(|((item, state), counted)| ItemScore {
                id: item.id.clone(),
                status: state.status,
                lost: counted.and_then(|score| lost(item, &score, factors[item.section].as_ref())),
                score: state.score,
            })
            .collect(),
        warnings: None,
    }
}

// `None` when the item stays out of the ordinary points.
fn entering_score(item: &Item, state: &State, unanswered_is_zero: bool) -> Option<Fraction> {
    if !item.is_normal_scorable() {
        return None;
    }
    match (state.status, item.na) {
        (Status::Ok, _) => state.score.clone(),
        (Status::Na, NaPolicy::Zero) => Some(Fraction::ZERO),
        (Status::Na, NaPolicy::Full) => Some(Fraction::ONE),
        (Status::Unanswered, _) if unanswered_is_zero => Some(Fraction::ZERO),
        _ => None,
    }
}

// Points earned over points possible. A capped section gives at most its cap of what is possible
// in it; an uncapped one gives all its points, also negative ones and those of a bonus alone.
fn pooled(standard: &Standard, sections: &[Sums]) -> Option<Fraction> {
    let possible: i64 = sections.iter().map(|section| section.possible).sum();
    let mut earned = Fraction::ZERO;
    for section in sections {
        let limit = section.cap.as_ref().map(|cap| cap * &Fraction::whole(section.possible));
        earned = &earned + &capped(section.earned.clone(), limit.as_ref());
    }
    let raw = earned.checked_div(&Fraction::whole(possible))?;
    Some(bounded(raw, standard.cap_bonus))
}

// The mean of the sections that have a score; the weight of the others is shared by these.
fn weighted(standard: &Standard, scores: &[Option<Fraction>]) -> Option<Fraction> {
    let mut earned = Fraction::ZERO;
    for (section, score) in standard.sections.iter().zip(scores) {
        if let Some(score) = score {
            earned = &earned + &(&Fraction::whole(section.weight) * score);
        }
    }
    earned.checked_div(&Fraction::whole(scored_section_weight(standard, scores)))
}

fn scored_section_weight(standard: &Standard, scores: &[Option<Fraction>]) -> i64 {
    let scored = standard.sections.iter().zip(scores).filter(|(_, score)| score.is_some());
    scored.map(|(section, _)| section.weight).sum()
}

// What one point of each section is worth in the visit score.
fn factors(
    standard: &Standard,
    sections: &[Sums],
    scores: &[Option<Fraction>],
    has_raw: bool,
) -> Vec<Option<Fraction>> {
    if !has_raw {
        return vec![None; sections.len()];
    }
    match standard.aggregation {
        Aggregation::Pooled => {
            let possible: i64 = sections.iter().map(|section| section.possible).sum();
            vec![Fraction::new(1, possible.into()); sections.len()]
        }
        Aggregation::WeightedSections => {
            let total = i128::from(scored_section_weight(standard, scores));
            let pairs = standard.sections.iter().zip(sections);
            pairs
                .map(|(section, sums)| Fraction::new(section.weight.into(), total * i128::from(sums.possible)))
                .collect()
        }
    }
}

fn lost(item: &Item, score: &Fraction, factor: Option<&Fraction>) -> Option<Fraction> {
    let factor = factor?;
    if score.is_one() {
        return Some(Fraction::ZERO);
    }
    Some(factor * &(&Fraction::whole(item.weight) * &(&Fraction::ONE - score)))
}

fn scored_share(possible: i64, asked: i64) -> Option<Fraction> {
    Fraction::new(possible.into(), asked.into())
}

fn visit_score(standard: &Standard, sections: &[Sums], raw: Option<Fraction>, cap: Option<Fraction>) -> VisitScore {
    let possible = sections.iter().map(|section| section.possible).sum();
    let asked = sections.iter().map(|section| section.asked).sum();
    let share = scored_share(possible, asked);
    let enough = Fraction::from_bp(standard.min_scored_share_bp);

    let score = raw.clone().map(|raw| capped(raw, cap.as_ref()));
    let score_bp = score.as_ref().map(Fraction::to_bp);
    let insufficient = score.is_none() || share.as_ref().is_none_or(|share| *share < enough);
    let judged = score_bp.filter(|_| !insufficient);
    let band = judged.and_then(|score_bp| standard.band_of(score_bp).map(|band| standard.bands[band].label.clone()));
    let passed = judged.zip(standard.pass_bp).map(|(score_bp, pass_bp)| score_bp >= pass_bp && cap.is_none());
    VisitScore {
        raw,
        score,
        score_bp,
        band,
        passed,
        insufficient,
        scored_share_bp: share.as_ref().map(Fraction::to_bp),
        capped: cap.is_some(),
    }
}

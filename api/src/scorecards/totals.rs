//! The totals of published visits: what one visit adds, how it is added and removed, and how all are made anew.
//!
//! Totals are whole numbers, so that taking a visit out gives exactly what was there before it came.

use std::collections::BTreeMap;

use peegel_scoring::Fraction;
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::entity::{total, visit};
use crate::events::types::NewEvent;
use crate::failure::Failure;
use crate::scorecards::store;
use crate::visits::store::score_of;
use crate::words::{Outcome, Reporting};
use crate::write::Write;

/// Metric: the score of a visit, in basis points.
pub const VISIT: &str = "visit";
/// Metric: the score before caps on the visit, in basis points.
pub const RAW: &str = "raw";
/// Metric: visits with a verdict, and those that passed.
pub const PASSED: &str = "passed";
/// Metric: visits of which too little was scored; they add nothing else.
pub const INSUFFICIENT: &str = "insufficient";
/// Metric: visits that could not be made; they add nothing else.
pub const ATTEMPTED: &str = "attempted";
/// Metrics of sections: their scores, in basis points.
pub const SECTION: &str = "section/";
/// Metrics of dimensions: their scores, in basis points.
pub const DIMENSION: &str = "dimension/";
/// Metrics of items: their scores, in basis points.
pub const ITEM: &str = "item/";
/// Metrics of items: how often asked, and how often fully met.
pub const MET: &str = "met/";
/// Metrics of items: how much of the visit's score was lost, in millionths of the full score.
pub const LOST: &str = "lost/";
/// Metrics of items: how often a critical one failed.
pub const CRITICAL: &str = "critical/";

/// One full score in millionths.
const MILLION: i64 = 1_000_000;
/// Visits read at once when totals are made anew; each brings its whole result along.
const VISITS_AT_ONCE: u64 = 100;
/// Branches looked up at once when totals are made anew.
const BRANCHES_AT_ONCE: u64 = 200;

/// What is done with a visit's contributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// They come in.
    Add,
    /// They go out.
    Remove,
}

/// One value that a visit adds to a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// The metric.
    pub metric: String,
    /// The value.
    pub value: i64,
}

/// The parts of a stored result that totals are made of.
#[derive(Deserialize)]
struct Scored {
    visit: ScoredVisit,
    critical_failures: Vec<ScoredFailure>,
    sections: Vec<ScoredPart>,
    dimensions: Vec<ScoredPart>,
    items: Vec<ScoredItem>,
}

#[derive(Deserialize)]
struct ScoredVisit {
    raw: Option<String>,
    score_bp: Option<i64>,
    passed: Option<bool>,
    insufficient: bool,
}

#[derive(Deserialize)]
struct ScoredFailure {
    item: String,
}

#[derive(Deserialize)]
struct ScoredPart {
    id: String,
    score_bp: Option<i64>,
}

#[derive(Deserialize)]
struct ScoredItem {
    id: String,
    score: Option<String>,
    lost: Option<String>,
}

/// What a published visit adds, by metric. `result` is the stored result of its current score.
///
/// An excluded visit adds nothing, one that could not be made only [`ATTEMPTED`], one of which too little was scored
/// only [`INSUFFICIENT`].
///
/// # Errors
///
/// [`Failure`] (500) when a completed visit has no result, or one that cannot be read.
pub fn contributions(visit: &visit::Model, result: Option<&str>) -> Result<Vec<Contribution>, Failure> {
    let mut added = Vec::new();
    let mut add = |metric: String, value: i64| added.push(Contribution { metric, value });
    if visit.reporting == Reporting::Excluded {
        return Ok(added);
    }
    if visit.outcome == Outcome::Attempted {
        add(ATTEMPTED.to_owned(), 1);
        return Ok(added);
    }
    let unreadable = |what: &str| Failure::internal(format!("the score of visit {}: {what}", visit.id));
    let result = result.ok_or_else(|| unreadable("is missing"))?;
    let scored: Scored = serde_json::from_str(result).map_err(|error| unreadable(&error.to_string()))?;
    let (Some(score_bp), false) = (scored.visit.score_bp, scored.visit.insufficient) else {
        add(INSUFFICIENT.to_owned(), 1);
        return Ok(added);
    };
    let read = |text: &str| fraction(text).ok_or_else(|| unreadable(&format!("{text} is not a fraction")));
    add(VISIT.to_owned(), score_bp);
    if let Some(raw) = &scored.visit.raw {
        add(RAW.to_owned(), read(raw)?.to_bp());
    }
    if let Some(passed) = scored.visit.passed {
        add(PASSED.to_owned(), passed.into());
    }
    for (kind, parts) in [(SECTION, &scored.sections), (DIMENSION, &scored.dimensions)] {
        for part in parts {
            if let Some(score_bp) = part.score_bp {
                add(format!("{kind}{}", part.id), score_bp);
            }
        }
    }
    for item in &scored.items {
        if let Some(score) = &item.score {
            let score = read(score)?;
            add(format!("{ITEM}{}", item.id), score.to_bp());
            add(format!("{MET}{}", item.id), score.is_one().into());
        }
        if let Some(lost) = &item.lost {
            add(format!("{LOST}{}", item.id), read(lost)?.scaled(MILLION));
        }
    }
    for failure in &scored.critical_failures {
        add(format!("{CRITICAL}{}", failure.item), 1);
    }
    Ok(added)
}

/// Reads `n/d` as the scoring engine writes it, of any length.
fn fraction(text: &str) -> Option<Fraction> {
    let (numerator, denominator) = text.split_once('/')?;
    let (digits, sign) = match numerator.strip_prefix('-') {
        Some(digits) => (digits, -1),
        None => (numerator, 1),
    };
    let signed = &whole(digits)? * &Fraction::whole(sign);
    signed.checked_div(&whole(denominator)?)
}

/// Reads a whole number of any length, in pieces that fit a machine integer.
fn whole(digits: &str) -> Option<Fraction> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut number = Fraction::ZERO;
    for piece in digits.as_bytes().chunks(18) {
        let text = std::str::from_utf8(piece).ok()?;
        let scale = Fraction::whole(10_i64.pow(u32::try_from(piece.len()).ok()?));
        number = &(&number * &scale) + &Fraction::whole(text.parse().ok()?);
    }
    Some(number)
}

/// Adds a published visit to the totals of its branch and wave, or takes it out.
///
/// The branch has to be [locked](store::lock_branch) by the caller.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails or the stored score cannot be read.
pub async fn count_visit(tx: &DatabaseTransaction, visit: &visit::Model, change: Change) -> Result<(), Failure> {
    let sign = match change {
        Change::Add => 1,
        Change::Remove => -1,
    };
    let mut sums = Sums::default();
    sums.add(visit, &contributions_of(tx, visit).await?, sign);
    store::add_totals(tx, sums.rows()).await?;
    if change == Change::Remove {
        store::delete_empty_totals(tx, visit).await?;
    }
    Ok(())
}

async fn contributions_of(db: &impl ConnectionTrait, visit: &visit::Model) -> Result<Vec<Contribution>, Failure> {
    let score = match visit.outcome {
        Outcome::Completed => score_of(db, visit.firm_id, visit.id, visit.current_score_version).await?,
        Outcome::Attempted => None,
    };
    contributions(visit, score.as_ref().map(|score| score.result.as_str()))
}

/// Totals being added up. In the order of their keys, so that two writers never wait for each other in a circle.
#[derive(Default)]
struct Sums(BTreeMap<(Uuid, String, i32, String), total::Model>);

impl Sums {
    fn add(&mut self, visit: &visit::Model, contributions: &[Contribution], sign: i64) {
        for Contribution { metric, value } in contributions {
            let key = (visit.wave_id, visit.standard_id.clone(), visit.standard_version, metric.clone());
            let row = self.0.entry(key).or_insert_with(|| total::Model {
                firm_id: visit.firm_id,
                branch_id: visit.branch_id,
                series_id: visit.wave_id,
                standard_id: visit.standard_id.clone(),
                standard_version: visit.standard_version,
                metric: metric.clone(),
                n: 0,
                sum: 0,
                sum_squares: 0,
            });
            row.n += sign;
            row.sum += sign * value;
            row.sum_squares += sign * value * value;
        }
    }

    fn rows(self) -> Vec<total::Model> {
        self.0.into_values().collect()
    }
}

/// Makes all totals of a firm anew from its published visits, and answers how many of them there are.
///
/// Branch by branch, each in a transaction of its own with the branch locked: memory stays small, and publishing goes
/// on beside it.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails or a stored score cannot be read; the branches done so far stay done.
pub async fn rebuild(app: &App, firm_id: Uuid) -> Result<u64, Failure> {
    let mut visits = 0;
    let mut last = None;
    loop {
        let branches = store::branch_ids_after(app.db.reader(), firm_id, last, BRANCHES_AT_ONCE).await?;
        let Some(newest) = branches.last() else { break };
        last = Some(*newest);
        for branch_id in branches {
            visits += rebuild_branch(app, firm_id, branch_id).await?;
        }
    }
    let mut write = Write::begin(app, firm_id).await?;
    let payload = json!({"visits": visits});
    write.event(NewEvent::by_system("scorecards.rebuilt", "firm", firm_id, payload).log_only());
    write.commit().await?;
    Ok(visits)
}

async fn rebuild_branch(app: &App, firm_id: Uuid, branch_id: Uuid) -> Result<u64, Failure> {
    let tx = app.db.begin().await?;
    store::lock_branch(&tx, firm_id, branch_id).await?;
    store::delete_totals_of_branch(&tx, firm_id, branch_id).await?;
    let mut sums = Sums::default();
    let (mut visits, mut last) = (0, None);
    loop {
        let page = store::published_visits_after(&tx, firm_id, branch_id, last, VISITS_AT_ONCE).await?;
        let Some(newest) = page.last() else { break };
        last = Some(newest.id);
        for visit in &page {
            sums.add(visit, &contributions_of(&tx, visit).await?, 1);
            visits += 1;
        }
    }
    store::add_totals(&tx, sums.rows()).await?;
    tx.commit().await?;
    Ok(visits)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::words::VisitState;

    /// A published visit.
    pub fn published_visit() -> visit::Model {
        visit::Model {
            firm_id: Uuid::from_u128(1),
            id: Uuid::from_u128(2),
            assignment_id: Uuid::from_u128(3),
            wave_id: Uuid::from_u128(4),
            branch_id: Uuid::from_u128(5),
            client_chain_id: Uuid::from_u128(6),
            auditor_id: Uuid::from_u128(7),
            standard_id: "greeting".to_owned(),
            standard_version: 1,
            state: VisitState::Published,
            outcome: Outcome::Completed,
            reporting: Reporting::Included,
            quarantine_reason: None,
            reviewer_id: None,
            review_reason: None,
            write_number: 1,
            write_sha256: None,
            write_status: 201,
            write_answer: None,
            current_revision: 1,
            current_score_version: 1,
            device_at: None,
            received_at: chrono::DateTime::UNIX_EPOCH,
            skew_ms: None,
            submitted_at: None,
            published_at: None,
            public_id: Uuid::from_u128(8),
            copy_of: None,
            purged: 0,
            taken_at: None,
            acted_at: None,
            returned_at: None,
            due_at: None,
            return_items: None,
            reviewed_revision: None,
            attempted_because: None,
            payable: true,
            reporting_reason: None,
        }
    }

    fn result_json() -> String {
        json!({
            "ok": true,
            "visit": {
                "raw": "3/8", "score": "3/8", "score_bp": 3750, "band": "weak", "passed": false,
                "insufficient": false, "scored_share_bp": 8000, "capped": true,
            },
            "critical_failures": [{"item": "offered_help", "scope": "visit", "cap_bp": 10_000}],
            "sections": [{
                "id": "door", "earned": "3/1", "possible": "8/1", "score": "3/8", "score_bp": 3750, "capped": false,
                "scored_share_bp": 8000,
            }],
            "dimensions": [
                {"id": "warmth", "score": "1/2", "score_bp": 5000, "possible": "6/1"},
                {"id": "speed", "score": null, "score_bp": null, "possible": "0/1"},
            ],
            "items": [
                {"id": "greeted", "status": "ok", "score": "1/1", "lost": "0/1"},
                {"id": "name_badge", "status": "na", "score": null, "lost": null},
                {"id": "offered_help", "status": "ok", "score": "1/3", "lost": "5/12"},
            ],
        })
        .to_string()
    }

    fn values(contributions: &[Contribution]) -> Vec<(&str, i64)> {
        contributions.iter().map(|c| (c.metric.as_str(), c.value)).collect()
    }

    #[test]
    fn a_scored_visit_adds_every_part_of_its_score() {
        let added = contributions(&published_visit(), Some(&result_json())).unwrap();
        let expected = [
            ("visit", 3750),
            ("raw", 3750),
            ("passed", 0),
            ("section/door", 3750),
            ("dimension/warmth", 5000),
            ("item/greeted", 10_000),
            ("met/greeted", 1),
            ("lost/greeted", 0),
            ("item/offered_help", 3333),
            ("met/offered_help", 0),
            ("lost/offered_help", 416_667),
            ("critical/offered_help", 1),
        ];
        assert_eq!(values(&added), expected);
    }

    #[test]
    fn too_little_scored_adds_only_that_it_happened() {
        let result = result_json().replace(r#""insufficient":false"#, r#""insufficient":true"#);
        let added = contributions(&published_visit(), Some(&result)).unwrap();
        assert_eq!(values(&added), [("insufficient", 1)]);
    }

    #[test]
    fn a_visit_that_could_not_be_made_adds_an_attempt() {
        let visit = visit::Model { outcome: Outcome::Attempted, ..published_visit() };
        assert_eq!(values(&contributions(&visit, None).unwrap()), [("attempted", 1)]);
    }

    #[test]
    fn an_excluded_visit_adds_nothing() {
        let visit = visit::Model { reporting: Reporting::Excluded, ..published_visit() };
        assert_eq!(contributions(&visit, Some(&result_json())).unwrap(), []);
    }

    #[test]
    fn taking_a_visit_out_leaves_nothing_of_it() {
        let visit = published_visit();
        let added = contributions(&visit, Some(&result_json())).unwrap();
        let mut sums = Sums::default();
        sums.add(&visit, &added, 1);
        sums.add(&visit, &added, -1);
        assert!(sums.rows().iter().all(|row| (row.n, row.sum, row.sum_squares) == (0, 0, 0)));
    }

    #[test]
    fn fractions_of_any_length_are_read_exactly() {
        assert_eq!(fraction("-3/1"), Fraction::new(-3, 1));
        assert_eq!(fraction("0/1"), Some(Fraction::ZERO));
        let digits = "1234567890".repeat(12);
        assert_eq!(fraction(&format!("{digits}/{digits}")), Some(Fraction::ONE));
        assert_eq!(fraction(&format!("{digits}0/{digits}")), Some(Fraction::whole(10)));
        for bad in ["", "1", "/", "1/0", "a/2", "1/-2", "1.5/2", "+1/2"] {
            assert_eq!(fraction(bad), None, "{bad}");
        }
    }
}

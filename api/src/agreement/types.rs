//! Second scorings and their agreement, in requests and in answers.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde_json::Value;
use uuid::Uuid;

use crate::evidence::types::EvidenceView;
use crate::words::SecondScoringState;

/// A second scoring that waits for the caller.
#[derive(Debug, Object)]
pub struct SecondScoringSummary {
    /// The visit.
    pub visit_id: Uuid,
    /// How far it has come.
    pub state: SecondScoringState,
    /// The standard.
    #[oai(validator(max_length = 64))]
    pub standard_id: String,
    /// Its version.
    pub standard_version: i32,
    /// When it was drawn.
    pub drawn_at: DateTime<Utc>,
}

/// A second scoring: what there is to score by, and what the second scorer makes of it.
#[derive(Debug, Object)]
pub struct SecondScoringView {
    /// The visit.
    pub visit_id: Uuid,
    /// How far it has come.
    pub state: SecondScoringState,
    /// The membership of who scores.
    pub scorer_id: Uuid,
    /// The wave.
    pub wave_id: Uuid,
    /// The branch.
    pub branch_id: Uuid,
    /// The standard.
    #[oai(validator(max_length = 64))]
    pub standard_id: String,
    /// Its version.
    pub standard_version: i32,
    /// When it was drawn.
    pub drawn_at: DateTime<Utc>,
    /// What the auditor wrote, in the order of the questions; never what they answered or what others made of it.
    pub notes: Vec<AuditorNote>,
    /// The files of the visit, with the items that each proves.
    pub files: Vec<EvidenceView>,
    /// The files that may not be heard.
    pub unheard: Vec<Uuid>,
    /// What the second scorer answered, by item; absent while nothing is.
    pub answers: Option<Any<Value>>,
    /// The score of these answers in basis points, once they are submitted.
    pub score_bp: Option<i32>,
    /// When they were submitted.
    pub submitted_at: Option<DateTime<Utc>>,
    /// When it was dropped.
    pub dropped_at: Option<DateTime<Utc>>,
    /// Why.
    pub dropped_because: Option<String>,
}

/// What an auditor wrote to a question.
#[derive(Debug, Object)]
pub struct AuditorNote {
    /// The item.
    pub item_id: String,
    /// The comment.
    pub comment: Option<String>,
    /// The answer to a question that takes a text.
    pub text: Option<String>,
}

/// The answers of a second scorer.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct SecondAnswers {
    /// By item id; what cannot be told from the evidence is left out.
    pub answers: HashMap<String, SecondAnswer>,
}

/// An answer of a second scorer.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct SecondAnswer {
    /// The value, as the item takes it.
    pub v: Option<Any<Value>>,
    /// True for N/A.
    pub na: Option<bool>,
    /// A comment.
    #[oai(validator(max_length = 5000))]
    pub comment: Option<String>,
}

/// Why a second scoring is dropped.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct DropReason {
    /// Why it cannot be done, in 1 to 2000 characters.
    #[oai(validator(max_length = 2000))]
    pub reason: String,
}

/// How far first and second reviewers agree, by one version of a standard.
#[derive(Debug, Object)]
pub struct AgreementView {
    /// The standard.
    #[oai(validator(max_length = 64))]
    pub standard_id: String,
    /// The version.
    pub version: i32,
    /// Visits that both have judged, of the latest 500 that were scored a second time.
    pub pairs: i64,
    /// The score of the whole visit, in basis points.
    pub visit: AgreementFigures,
    /// By item, in the order of the questions; without those that take texts.
    pub items: Vec<ItemAgreement>,
}

/// How far both agree on an item.
#[derive(Debug, Object)]
pub struct ItemAgreement {
    /// The item.
    pub item_id: String,
    /// How far.
    pub figures: AgreementFigures,
}

/// How far two agree: each figure null where there are too few pairs, or where all values are alike and nothing can be told.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct AgreementFigures {
    /// Pairs of answers that are compared.
    pub n: i64,
    /// What counts as a disagreement.
    pub level: AgreementLevel,
    /// The share of pairs that are equal, 0 to 1.
    pub equal: Option<f64>,
    /// Krippendorff's alpha at this level: 1 is perfect, 0 is chance. Rely on 0.8 and more, take 0.667 and more as tentative.
    pub alpha: Option<f64>,
    /// Pairs of points that are compared.
    pub scored: i64,
    /// The intraclass correlation of the points of one reviewer (ICC1 of Shrout and Fleiss): others review each visit, and a
    /// difference in level counts.
    pub icc1: Option<f64>,
    /// The lower end of its 95 % interval.
    pub icc1_lower: Option<f64>,
    /// The upper end.
    pub icc1_upper: Option<f64>,
}

/// What counts as a disagreement, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum AgreementLevel {
    /// Any difference, all alike: yes and no, options.
    Nominal,
    /// By the number of answers in between: ratings.
    Ordinal,
    /// By the squared difference: numbers.
    Interval,
}

//! The result of scoring a visit, with the JSON of `peegel score`.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::answer::{AnswerProblem, Status};
use crate::fraction::Fraction;
use crate::standard::Scope;

/// What scoring gives: a result, or the faults that forbid one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The visit has a result; serialised as `{"ok": true, ..}`.
    Scored(Box<ScoreResult>),
    /// A submitted visit with faults; serialised as `{"ok": false, "errors": [..]}`.
    Refused(Vec<AnswerProblem>),
}

impl Outcome {
    /// The result, when there is one; always in [`Mode::Rescore`](crate::Mode::Rescore).
    ///
    /// ```
    /// use peegel_scoring::{Mode, Standard, score};
    /// use serde_json::{Map, json};
    ///
    /// let standard = Standard::parse(&json!({
    ///     "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}],
    ///     "items": [{"id": "a", "section": "s", "type": "yes_no", "weight": 3}],
    /// }))
    /// .unwrap();
    /// assert!(score(&standard, &Map::new(), Mode::Submit).scored().is_none());
    /// assert!(score(&standard, &Map::new(), Mode::Rescore).scored().is_some());
    /// ```
    pub fn scored(self) -> Option<ScoreResult> {
        match self {
            Outcome::Scored(result) => Some(*result),
            Outcome::Refused(_) => None,
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Outcome::Scored(result) => result.serialize(serializer),
            Outcome::Refused(problems) => {
                let mut object = serializer.serialize_struct("Refused", 2)?;
                object.serialize_field("ok", &false)?;
                object.serialize_field("errors", problems)?;
                object.end()
            }
        }
    }
}

/// Everything scoring found out about a visit.
///
/// Serialises with `"ok": true` as its first member.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScoreResult {
    /// The visit as a whole.
    pub visit: VisitScore,
    /// Critical items that failed, in item order.
    pub critical_failures: Vec<CriticalFailure>,
    /// Every section, in the order of the standard.
    pub sections: Vec<SectionScore>,
    /// Every dimension, in the order of the standard.
    pub dimensions: Vec<DimensionScore>,
    /// Every item, in the order of the questionnaire.
    pub items: Vec<ItemScore>,
    /// The faults that rescoring passed over; `None` (and no member) for a submitted visit.
    pub warnings: Option<Vec<AnswerProblem>>,
}

impl Serialize for ScoreResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = if self.warnings.is_some() { 7 } else { 6 };
        let mut object = serializer.serialize_struct("ScoreResult", members)?;
        object.serialize_field("ok", &true)?;
        object.serialize_field("visit", &self.visit)?;
        object.serialize_field("critical_failures", &self.critical_failures)?;
        object.serialize_field("sections", &self.sections)?;
        object.serialize_field("dimensions", &self.dimensions)?;
        object.serialize_field("items", &self.items)?;
        match &self.warnings {
            Some(warnings) => object.serialize_field("warnings", warnings)?,
            None => object.skip_field("warnings")?,
        }
        object.end()
    }
}

/// The score of the visit.
///
/// A score is a fraction of one. It is null, never zero, when nothing could be scored; it exceeds
/// one only with `cap_bonus: false`. Pooled, it is the sum of points earned in all sections over the
/// sum of points possible; otherwise the mean of the section scores by section weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VisitScore {
    /// The score before the caps of critical items on the visit.
    pub raw: Option<Fraction>,
    /// The score after these caps.
    pub score: Option<Fraction>,
    /// `score` in basis points, rounded half up, 0..=10000 unless it exceeds one; what people see and
    /// what grades compare.
    pub score_bp: Option<i64>,
    /// Label of the grade band; null without bands or when insufficient.
    pub band: Option<String>,
    /// Whether the visit passed: reached the pass mark with no critical failure on the visit; null
    /// without a pass mark or when insufficient.
    pub passed: Option<bool>,
    /// Whether too little was scored to judge the visit: leave it out of statistics.
    pub insufficient: bool,
    /// Scored weight over asked weight, in basis points, 0..=10000; null when nothing with weight was asked.
    pub scored_share_bp: Option<i64>,
    /// Whether a critical item failed on the visit, even if its cap does not bind.
    pub capped: bool,
}

/// A critical item that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CriticalFailure {
    /// Id of the item.
    pub item: String,
    /// What it caps.
    pub scope: Scope,
    /// The highest score left, in basis points, 0..=10000.
    pub cap_bp: i64,
}

/// The score of a section; points are weights of items times their scores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SectionScore {
    /// Id of the section.
    pub id: String,
    /// Points earned with bonus and penalty; can be negative or above `possible`.
    pub earned: Fraction,
    /// Points possible: the weight of the ordinary items that count; at least zero.
    pub possible: Fraction,
    /// The score after caps, at least zero; null when nothing was possible.
    pub score: Option<Fraction>,
    /// `score` in basis points, rounded half up.
    pub score_bp: Option<i64>,
    /// Whether a critical item failed on this section, even if its cap does not bind.
    pub capped: bool,
    /// Scored weight over asked weight, in basis points, 0..=10000; null when nothing with weight was
    /// asked in the section.
    pub scored_share_bp: Option<i64>,
}

/// The score of a dimension: without caps, bonus and penalty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DimensionScore {
    /// Id of the dimension.
    pub id: String,
    /// Points earned over points possible, 0..=1; null when nothing was possible.
    pub score: Option<Fraction>,
    /// `score` in basis points, rounded half up.
    pub score_bp: Option<i64>,
    /// Points possible: weights by their shares.
    pub possible: Fraction,
}

/// The score of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ItemScore {
    /// Id of the item.
    pub id: String,
    /// What became of it.
    pub status: Status,
    /// The score of every valid answer whose type yields one, 0..=1, also when it enters no sum.
    pub score: Option<Fraction>,
    /// How much of the visit score the item lost, its share of the points times one less its score;
    /// null when it did not enter the sums. Without bonus, penalty and caps on sections, the raw score
    /// and all losses add up to one.
    pub lost: Option<Fraction>,
}

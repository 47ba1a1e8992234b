//! Exact scoring of mystery-shopper visits.
//!
//! A [`Standard`] says what is asked, what each answer is worth and how points become a score;
//! [`score()`] applies it to the answers of one visit. The library is pure: no files, clock or network,
//! and no floating point outside [`stats`]. The same standard, answers and [`Mode`] give the same bytes
//! on every machine.
//!
//! - [`Standard::parse`] compiles a standard or reports every problem with its JSON pointer.
//! - [`publish::check`] adds what a version must fulfil before it is published.
//! - [`score()`] gives an [`Outcome`]; [`visible`] tells what a form shows for a draft.
//! - [`score_json`] does all of it from JSON to JSON, as `peegel score` prints it.
//! - [`stats`] tells how sure a number made of such scores is.
//!
//! # One visit
//!
//! Three questions of weight 3, 2 and 5. The second is answered with N/A and leaves the sum, so the
//! visit earns 3 of 8 points, and 8 of the 10 points asked are scored.
//!
//! ```
//! use peegel_scoring::{Mode, Outcome, Standard, score};
//! use serde_json::json;
//!
//! let standard = Standard::parse(&json!({
//!     "id": "greeting", "version": 1,
//!     "sections": [{"id": "door", "weight": 1}],
//!     "bands": [{"min_bp": 5000, "label": "good"}, {"min_bp": 0, "label": "weak"}],
//!     "items": [
//!         {"id": "greeted", "section": "door", "type": "yes_no", "weight": 3},
//!         {"id": "name_badge", "section": "door", "type": "yes_no", "weight": 2, "na_allowed": true},
//!         {"id": "offered_help", "section": "door", "type": "yes_no", "weight": 5},
//!     ],
//! }))
//! .expect("the standard has no problems");
//!
//! let answers = json!({"greeted": {"v": true}, "name_badge": {"na": true}, "offered_help": {"v": false}});
//! let outcome = score(&standard, answers.as_object().expect("an object"), Mode::Submit);
//! let Outcome::Scored(result) = outcome else { panic!("the answers have no faults") };
//!
//! assert_eq!(result.visit.score.map(|score| score.to_string()).as_deref(), Some("3/8"));
//! assert_eq!(result.visit.score_bp, Some(3750));
//! assert_eq!(result.visit.scored_share_bp, Some(8000));
//! assert_eq!(result.visit.band.as_deref(), Some("weak"));
//! // The question that failed explains the rest of the score: 3/8 + 5/8 = 1.
//! assert_eq!(result.items[2].lost.as_ref().map(|lost| lost.to_string()).as_deref(), Some("5/8"));
//! ```
//!
//! # Limits
//!
//! Scoring refuses nothing for size: arithmetic moves to big integers when it must. Decimal strings
//! have at most [`MAX_DECIMAL_LENGTH`] characters, conditions nest at most 128 deep, and JSON integers
//! must fit 64 bits (larger values of a numeric item are written as decimal strings).

#![forbid(unsafe_code)]
#![deny(missing_docs)]

// The generators of the integration tests, which unit tests use too, name the crate from outside.
#[cfg(test)]
extern crate self as peegel_scoring;

mod answer;
pub mod columns;
mod condition;
mod fraction;
mod json;
mod kind;
mod parse;
mod parse_item;
mod problem;
pub mod publish;
mod read;
mod result;
mod score;
mod standard;
pub mod stats;
mod visit;
mod words;

pub use answer::{AnswerCode, AnswerProblem, Status};
pub use fraction::{Fraction, MAX_DECIMAL_LENGTH};
pub use json::score_json;
pub use kind::{ChoiceOption, ItemKind, Knot, MultiMode, NpsScale, NumericScale, Options, RatingScale, TypeName};
pub use problem::{Problem, ProblemCode};
pub use result::{CriticalFailure, DimensionScore, ItemScore, Outcome, ScoreResult, SectionScore, VisitScore};
pub use score::{Mode, score};
pub use standard::{
    Aggregation, Band, Critical, Dimension, DimensionShare, EvidenceKind, EvidencePolicy, Item, NaPolicy, Role, Scope,
    Section, Standard, UnansweredPolicy, Version,
};
pub use visit::visible;

/// Version of the scoring semantics, stored with every score.
///
/// Changes only when some visit would get another result.
pub const ENGINE_VERSION: &str = "1";

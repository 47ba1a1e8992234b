//! Exact scoring of mystery-shopper visits, and what may be said about the scores.
//!
//! A [`Standard`] says what is asked, what each answer is worth and how points become a score;
//! [`score()`] applies it to the answers of one visit. The library is pure: no files, clock, network or
//! randomness, and no floating point in any score. The same standard, answers and [`Mode`] give the same
//! bytes on every machine.
//!
//! # Contents
//!
//! One visit, exactly and with reasons:
//!
//! | to | use | gives |
//! |---|---|---|
//! | read a standard | [`Standard::parse`] | a [`Standard`], or every [`Problem`] with its JSON pointer |
//! | publish a version | [`publish::check`] | problems that forbid it, warnings that do not |
//! | show a form for a draft | [`visible`] | the [`Status`] of every item |
//! | score a visit | [`score()`] | an [`Outcome`]: a [`ScoreResult`] with sections, dimensions, losses, or every fault |
//! | do all of it in JSON | [`score_json`] | what `peegel score` prints, with its exit code |
//! | reckon with scores | [`Fraction`] | exact sums, and basis points at the very end |
//!
//! Many visits, the same figures fast:
//!
//! | to | use | gives |
//! |---|---|---|
//! | hold the answers of a whole history | [`columns::Columns`] | a code of one or two bytes for each item and visit |
//! | score all of it, also under other weights | [`columns::Scorer`] | [`columns::Figures`], equal to [`score()`] of each visit |
//! | keep totals that visits enter and leave | [`columns::Moments`], [`columns::ItemCounts`] | exact sums without order |
//!
//! How sure, how different, how trustworthy:
//!
//! | to | use | gives |
//! |---|---|---|
//! | ask one question of numbers | the modules of [`stats`], one a method | intervals, comparisons, rankings, flags |
//! | do it in JSON | [`stats::stats_json`], [`stats::answer`] | what `peegel stats` prints, with its exit code |
//!
//! Units are the same throughout: weights are whole points, a score is a fraction of one, shown in basis
//! points (`_bp`, 10000 is full marks, rounded half up once and last). What does not exist is `None` and
//! null, never zero. Nothing panics on any input.
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
//! # How a score is made
//!
//! An answer scores a fraction between 0 and 1 by the type of its item ([`ItemKind`]). Ordinary items earn
//! weight x score of weight points; N/A and hidden items leave both sums, unless the item says that its
//! N/A counts as zero or full ([`NaPolicy`]); bonus adds and penalty subtracts points without adding to
//! what is possible ([`Role`]). Sections are summed and divided, visits pool the points or take the mean of
//! the sections ([`Aggregation`]). A critical item that fails caps its section or the visit
//! ([`Critical`]). Every point lost has its row ([`ItemScore::lost`]).
//!
//! # Limits
//!
//! Scoring refuses nothing for size: arithmetic moves to big integers when it must. Decimal strings
//! have at most [`MAX_DECIMAL_LENGTH`] characters, conditions nest at most 128 deep, and JSON integers
//! must fit 64 bits (larger values of a numeric item are written as decimal strings; `-0` counts as no
//! integer). Of a member that stands twice in an object, the last counts. Publishing has limits of its
//! own: [`publish::MAX_ITEMS`], [`publish::MAX_OPTIONS`], [`publish::MAX_LANGUAGES`], and those of [`phrases`].

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
pub mod phrases;
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
    Aggregation, Band, Critical, Dimension, DimensionShare, EvidenceKind, EvidencePolicy, Item, Measured, NaPolicy,
    Role, Scope, Section, Standard, UnansweredPolicy, Version,
};
pub use visit::visible;

/// Version of the scoring semantics, stored with every score.
///
/// Changes only when some visit would get another result.
pub const ENGINE_VERSION: &str = "1";

//! Scoring history at scale: the same exact scores for hundreds of thousands of visits in one pass.
//!
//! [`score()`](crate::score()) explains one visit; what-if questions need only the figures, but of
//! all visits: another weight, another cap, two hundred draws of weights around the ones in force.
//! For these, answers are stored by item instead of by visit:
//!
//! - [`Columns`] holds one small code for each item and visit. Reading JSON, checking types and
//!   scoring an answer happen once for each *distinct* answer, when it first comes.
//! - A [`Scorer`] turns codes into points: one table look-up and a few additions an answer. Where an
//!   item is hidden and where a critical item failed is found block by block.
//! - [`Figures`] receives what everyone asks for: the scores of visits, sections and dimensions in
//!   basis points, band, pass, coverage.
//! - [`Moments`] and [`ItemCounts`] are totals that visits can be added to and taken out of again.
//!
//! ```
//! use peegel_scoring::{Standard, columns::{Columns, Figures, Scorer}};
//! use serde_json::json;
//!
//! let standard = Standard::parse(&json!({
//!     "id": "greeting", "version": 1, "sections": [{"id": "door", "weight": 1}],
//!     "items": [
//!         {"id": "greeted", "section": "door", "type": "yes_no", "weight": 3},
//!         {"id": "offered_help", "section": "door", "type": "yes_no", "weight": 5},
//!     ],
//! }))
//! .unwrap();
//! let mut columns = Columns::new(&standard);
//! for (greeted, offered_help) in [(true, true), (true, false), (false, true)] {
//!     let answers = json!({"greeted": {"v": greeted}, "offered_help": {"v": offered_help}});
//!     columns.push(answers.as_object().unwrap());
//! }
//!
//! let scorer = Scorer::new(&standard);
//! let mut figures = Figures::new();
//! scorer.score(&columns, &mut figures)?;
//! assert_eq!(figures.score_bp().iter().collect::<Vec<_>>(), [Some(10_000), Some(3_750), Some(6_250)]);
//!
//! // What if greeting counted as much as offering help?
//! scorer.with_weights(&[1, 1])?.score(&columns, &mut figures)?;
//! assert_eq!(figures.score_bp().iter().collect::<Vec<_>>(), [Some(10_000), Some(5_000), Some(5_000)]);
//! # Ok::<(), peegel_scoring::columns::ScorerError>(())
//! ```
//!
//! # Why it is exact
//!
//! All item scores are fractions over one common denominator D, so a visit's points are whole numbers
//! of 1/D and its score is a quotient of two whole numbers, rounded once. The largest sum possible is
//! known before the pass begins and picks the integers: points earned and possible together in 64
//! bits, 64 bits each, or 128. Three rare things go the way of [`score()`](crate::score()), visit by
//! visit: a D beyond 128 bits, a mean of sections beyond 128 bits, and [`Code::Unlisted`] answers,
//! those for which a dictionary has no place (65533 distinct answers are listed) or whose score has a
//! denominator above 1000000000.
//!
//! # Memory
//!
//! A visit takes one or two bytes an item and four for its warnings. A stream of any length runs in
//! the memory of its largest block: push, score, [`Columns::clear`], and again. Dictionaries stay, at
//! most 65533 answers an item.

mod answers;
mod codes;
mod counts;
mod dictionary;
mod figures;
mod finish;
mod lane;
mod mask;
mod mean;
mod number;
mod part;
mod pass;
mod plan;
mod points;
mod scorer;
mod store;
#[cfg(test)]
mod tests;
mod totals;

pub use codes::Code;
pub use counts::ItemCounts;
pub use figures::Figures;
pub use points::Points;
pub use scorer::{Scorer, ScorerError};
pub use store::Columns;
pub use totals::{Moments, TotalsError};

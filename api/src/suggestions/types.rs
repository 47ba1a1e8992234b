//! Suggestions in answers.

use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde_json::Value;
use uuid::Uuid;

/// What a suggestion was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Enum)]
#[oai(rename_all = "snake_case")]
pub enum SuggestionSource {
    /// Figures measured in a recording.
    Measured,
    /// Phrases heard in a transcript.
    Phrase,
}

/// How sure a suggestion is. A machine has not understood what was said: nothing is surer than `likely`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Certainty {
    /// Nothing speaks against it; listen at the moment named.
    Likely,
    /// Something speaks against it: `reason` says what.
    Unsure,
}

/// An answer that the server offers, with the moment to listen to. Whoever fills the visit in decides.
#[derive(Clone, Debug, Object)]
pub struct Suggestion {
    /// The item.
    pub item_id: String,
    /// What it was made from.
    pub source: SuggestionSource,
    /// The value to answer with, in the unit of the item; null when there is only where to listen.
    pub value: Any<Value>,
    /// The unit of the item, if it has one.
    pub unit: Option<String>,
    /// The recording.
    pub evidence_id: Uuid,
    /// Where in the recording to listen, in milliseconds; none when nothing was found there.
    pub at_ms: Option<i64>,
    /// How sure it is.
    pub certainty: Certainty,
    /// What was found and how it came to the value, for a person.
    pub reason: String,
    /// The figures behind it, by name with their units.
    pub figures: Any<Value>,
}

/// The suggestions for a visit.
#[derive(Debug, Object)]
pub struct SuggestionsView {
    /// The suggestions, in the order of the items of the standard; an item may have several.
    pub data: Vec<Suggestion>,
    /// Recordings that are still to come or to be looked into: ask again later.
    pub waiting: Vec<Uuid>,
    /// Recordings that may not be heard, so that nothing is told of them either.
    pub withheld: Vec<Uuid>,
}

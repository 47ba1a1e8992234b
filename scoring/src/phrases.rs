//! Phrases that a recording should hold, or should not: the member `phrases` of an item.
//!
//! ```json
//! "phrases": {
//!     "heard": {"en": ["may I have your name", "who am I * with"], "et": ["kuidas teie nimi on"]},
//!     "not_heard": {"en": ["not my job"], "et": ["pole minu töö"]}
//! }
//! ```
//!
//! `heard` lists what should be said and `not_heard` what should not, each by language of the standard: 1 to
//! [`MAX_PHRASES`] phrases of 1 to [`MAX_PHRASE_LENGTH`] characters, any of which is enough. A language may be left out.
//! Phrases match as sequences of words, whatever the case and the punctuation. `*` as a word stands for up to
//! [`GAP_WORDS`] words, and at the end of a word for any ending, which languages with many endings need.
//!
//! Scores never look at phrases. They are compared with transcripts to suggest an answer and the moment to listen to.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::problem::{ProblemCode, Problems};
use crate::read::{entry, join};

/// Most phrases of a list.
pub const MAX_PHRASES: usize = 50;

/// Longest phrase, in characters.
pub const MAX_PHRASE_LENGTH: usize = 200;

/// Most words that a `*` stands for.
pub const GAP_WORDS: usize = 3;

/// The two lists.
const LISTS: [&str; 2] = ["heard", "not_heard"];

/// Checks the phrases of an item, if it has some.
pub(crate) fn check(item: &Map<String, Value>, pointer: &str, languages: &[&str], problems: &mut Problems) {
    let Some(value) = item.get("phrases") else { return };
    let pointer = join(pointer, "phrases");
    let Some(lists) = value.as_object() else {
        problems.push(pointer, ProblemCode::BadType, "write an object with \"heard\", \"not_heard\" or both");
        return;
    };
    if lists.is_empty() {
        problems.push(pointer.as_str(), ProblemCode::TooFew, "add \"heard\" or \"not_heard\", or remove the member");
    }
    for (name, by_language) in lists {
        let pointer = join(&pointer, name);
        if !LISTS.contains(&name.as_str()) {
            problems.push(pointer, ProblemCode::UnknownField, "write \"heard\" or \"not_heard\"");
            continue;
        }
        let Some(by_language) = by_language.as_object() else {
            problems.push(pointer, ProblemCode::BadType, "write lists by language, such as {\"en\": [..]}");
            continue;
        };
        if by_language.is_empty() {
            problems.push(pointer.as_str(), ProblemCode::TooFew, "add a list of a language, or remove the member");
        }
        for (language, list) in by_language {
            let pointer = join(&pointer, language);
            // Without a list of languages, texts are in any.
            if !languages.is_empty() && !languages.contains(&language.as_str()) {
                let message = "name this language in \"languages\", or correct it";
                problems.push(pointer.as_str(), ProblemCode::UnknownRef, message);
            }
            phrases(list, &pointer, problems);
        }
    }
}

fn phrases(list: &Value, pointer: &str, problems: &mut Problems) {
    let Some(list) = list.as_array() else {
        problems.push(pointer, ProblemCode::BadType, "write a list of phrases");
        return;
    };
    if list.is_empty() {
        problems.push(pointer, ProblemCode::TooFew, "add a phrase, or remove the language");
    }
    if list.len() > MAX_PHRASES {
        let message = format!("shorten the list: {} phrases, at most {MAX_PHRASES}", list.len());
        problems.push(pointer, ProblemCode::TooMany, message);
    }
    let mut seen = BTreeSet::new();
    for (position, value) in list.iter().enumerate().take(MAX_PHRASES) {
        let pointer = entry(pointer, position);
        let Some(phrase) = value.as_str() else {
            problems.push(pointer, ProblemCode::BadType, "write a phrase as a string");
            continue;
        };
        if phrase.chars().count() > MAX_PHRASE_LENGTH {
            let message = format!("shorten the phrase: at most {MAX_PHRASE_LENGTH} characters");
            problems.push(pointer, ProblemCode::BadLength, message);
            continue;
        }
        let words: Vec<_> = phrase.split_whitespace().collect();
        if let Some(message) = fault(&words) {
            problems.push(pointer, ProblemCode::BadValue, message);
        } else if !seen.insert(words.join(" ").to_lowercase()) {
            problems.push(pointer, ProblemCode::Duplicate, "remove the phrase: it is listed before");
        }
    }
}

/// What is wrong with the words of a phrase, if anything.
fn fault(words: &[&str]) -> Option<&'static str> {
    let is_gap = |word: &&str| *word == "*";
    if words.first().is_none_or(is_gap) || words.last().is_none_or(is_gap) {
        return Some("begin and end the phrase with a word");
    }
    if words.windows(2).any(|pair| pair.iter().all(is_gap)) {
        return Some("write one * between two words");
    }
    let is_stray = |word: &&str| {
        let stem = word.strip_suffix('*').unwrap_or(word);
        stem.contains('*') || stem.len() < word.len() && !stem.chars().any(char::is_alphanumeric)
    };
    if words.iter().filter(|word| !is_gap(word)).any(is_stray) {
        return Some("write * as a word of its own, or at the end of a word");
    }
    let has_word = words.iter().any(|word| word.chars().any(char::is_alphanumeric));
    (!has_word).then_some("write at least one word")
}

//! What was written: whether the same stands in another visit. Rows of three words are compared; a sketch of 64 numbers
//! tells which visits are worth reading, and only those are read.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::demo::random::mix;
use crate::signals::facts::{Facts, Found};
use crate::words::SignalCode;

/// Words of a row.
const ROW: usize = 3;
/// Numbers of a sketch; the error of what it tells is 1/8 at most.
const NUMBERS: usize = 64;
/// The fewest words that are compared: people say the same about the same in one sentence.
pub const LEAST_WORDS: usize = 20;
/// Shared rows over all rows of both, from which on it is a signal; 0 to 1.
pub const SAME_SHARE: f64 = 0.8;
/// What a sketch has to tell for the texts to be read; two errors below, so that hardly any is missed.
pub const READ_SHARE: f64 = 0.6;

/// Signals of this family.
pub fn find(facts: &Facts) -> Vec<Found> {
    facts
        .compared
        .text
        .iter()
        .filter(|same| same.similarity > SAME_SHARE)
        .map(|same| {
            let figures = json!({
                "similarity": (same.similarity * 1000.0).round() / 1000.0, "words": same.words,
                "elsewhere": [{
                    "visit_id": same.visit_id, "same_auditor": same.is_own, "same_branch": same.is_same_branch,
                }],
            });
            facts.of_visit(SignalCode::SameText, figures)
        })
        .collect()
}

/// What was written in the answers of a visit: free texts and comments. `is_text` knows the items that take a text.
pub fn written(answers: &Map<String, Value>, is_text: impl Fn(&str) -> bool) -> Vec<String> {
    let mut words = Vec::new();
    for (item, answer) in answers {
        let text = answer["v"].as_str().filter(|_| is_text(item));
        for text in [text, answer["comment"].as_str()].into_iter().flatten() {
            let split = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
            words.extend(split.map(str::to_lowercase));
        }
    }
    words
}

/// The rows of some words.
fn rows(words: &[String]) -> BTreeSet<u64> {
    words.windows(ROW).map(hash).collect()
}

/// FNV-1a over words with a mark between them, stirred once more.
fn hash(words: &[String]) -> u64 {
    let bytes = words.iter().flat_map(|word| word.bytes().chain([0]));
    mix(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
}

/// Shared rows over all rows of both (Jaccard), 0 to 1.
pub fn similarity(one: &[String], other: &[String]) -> f64 {
    let (one, other) = (rows(one), rows(other));
    let shared = one.intersection(&other).count();
    shared as f64 / (one.len() + other.len() - shared).max(1) as f64
}

/// The sketch of some words: of each of 64 orders of all rows, the first one (MinHash, Broder 1997). Two sketches agree
/// in as many places as their texts share of their rows. None for a short text.
pub fn sketch(words: &[String]) -> Option<String> {
    if words.len() < LEAST_WORDS {
        return None;
    }
    let rows = rows(words);
    let least = |order: u64| rows.iter().map(|row| mix(row ^ mix(order)) >> 32).min().unwrap_or_default();
    Some((0..NUMBERS as u64).map(|order| format!("{:08x}", least(order))).collect())
}

/// The share of rows that two texts have in common, as their sketches tell it.
pub fn estimate(one: &str, other: &str) -> f64 {
    let numbers = |sketch: &str| sketch.as_bytes().chunks(8).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let agreed = numbers(one).into_iter().zip(numbers(other)).filter(|(a, b)| a == b).count();
    agreed as f64 / NUMBERS as f64
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::signals::facts::{Compared, SameText, codes, plain};

    const STORY: &str = "The colleague at the counter saw me at once, asked for whom the present was and what it was \
        for, showed three that fitted, let me try two of them and wrapped the one that I took without being asked.";

    fn words(text: &str) -> Vec<String> {
        written(json!({"a": {"v": text}}).as_object().unwrap(), |_| true)
    }

    #[test]
    fn what_was_written_is_free_texts_and_comments() {
        let answers = json!({
            "why": {"v": "Ei, aitäh!", "comment": "Öeldi kaks korda."}, "shelf": {"v": "full"}, "seen": {"v": true},
            "none": null,
        });
        let words = written(answers.as_object().unwrap(), |item| item == "why");
        assert_eq!(words, ["ei", "aitäh", "öeldi", "kaks", "korda"]);
    }

    #[test]
    fn capitals_and_stops_make_no_other_text() {
        let other = STORY.to_uppercase().replace(',', " - ");
        assert_eq!(similarity(&words(STORY), &words(&other)), 1.0);
        assert_eq!(sketch(&words(STORY)), sketch(&words(&other)));
        assert_eq!(similarity(&[], &[]), 0.0);
    }

    #[test]
    fn a_sketch_tells_what_the_texts_share() {
        let all: Vec<_> = (0..400).map(|n| format!("w{n}")).collect();
        let base = sketch(&all[..300]).unwrap();
        assert_eq!(base.len(), 512);
        for (from, share) in [(0, 1.0), (30, 0.82), (100, 0.5), (300, 0.0)] {
            let other: Vec<_> = all[from..].iter().take(300).cloned().collect();
            let (told, exact) = (estimate(&base, &sketch(&other).unwrap()), similarity(&all[..300], &other));
            assert!((exact - share).abs() < 0.03, "{from}: {exact}");
            assert!((told - exact).abs() < 0.2, "{from}: {told} for {exact}");
        }
    }

    #[test]
    fn a_sentence_is_not_compared() {
        assert_eq!(sketch(&words("Mind kuulati ja sain täpselt selle, mida vaja.")), None);
        assert!(sketch(&words(STORY)).is_some());
        assert_eq!(sketch(&vec!["jah".to_owned(); LEAST_WORDS - 1]), None);
    }

    #[test]
    fn four_fifths_are_the_same() {
        let found = |similarity| {
            let same = SameText { visit_id: Uuid::nil(), similarity, words: 50, is_own: false, is_same_branch: true };
            find(&Facts { compared: Compared { text: Some(same), ..Compared::default() }, ..plain() })
        };
        assert_eq!(found(0.8), []);
        let same = found(0.81);
        assert_eq!((codes(&same), same[0].figures["similarity"].as_f64()), (vec!["same_text"], Some(0.81)));
    }
}

//! Phrases of a standard ([`peegel_scoring::phrases`]) in a transcript: which of them are heard, and when.
//!
//! A phrase is a sequence of words, wherever one cue ends and the next begins, but by one speaker where the transcript
//! tells them apart. A word of a transcript without accents is also taken for one with them, because people leave them
//! out; a word with accents is only itself.

use std::collections::BTreeMap;
use std::ops::Bound;

use peegel_scoring::phrases::GAP_WORDS;
use serde_json::Value;

use crate::transcripts::folding::{bare, words};
use crate::transcripts::types::Cue;

/// Comparisons of words that one look may take, so that no standard and no transcript can make it long.
const MOST_STEPS: usize = 5_000_000;

/// One of the lists of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// What should be said.
    Heard,
    /// What should not.
    NotHeard,
}

/// What came of comparing a list with a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The place of the item in the standard.
    pub item: usize,
    /// The list.
    pub list: List,
    /// How many phrases it has.
    pub phrases: usize,
    /// Those that are said, in the order in which they are first said.
    pub said: Vec<Said>,
}

/// A phrase where it is first said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// As the standard has it.
    pub phrase: String,
    /// Where the cue with its first word begins, in milliseconds; none in a text without times.
    pub at_ms: Option<i64>,
}

/// A part of a phrase.
#[derive(Debug)]
enum Part {
    /// A word, or what it begins with, with and without accents.
    Word { exact: String, bare: String, is_beginning: bool },
    /// Up to [`GAP_WORDS`] words.
    Gap,
}

impl Part {
    fn is(&self, spoken: &str) -> bool {
        match self {
            Self::Word { exact, bare, is_beginning: false } => spoken == exact || spoken == bare,
            Self::Word { exact, bare, is_beginning: true } => spoken.starts_with(exact) || spoken.starts_with(bare),
            Self::Gap => false,
        }
    }
}

fn parts(phrase: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for written in phrase.split_whitespace() {
        if written == "*" {
            parts.push(Part::Gap);
            continue;
        }
        let found = words(written);
        let last = found.len().saturating_sub(1);
        for (n, word) in found.into_iter().enumerate() {
            let is_beginning = n == last && written.ends_with('*');
            parts.push(Part::Word { bare: bare(&word.exact), exact: word.exact, is_beginning });
        }
    }
    parts
}

/// The words of a transcript in their order, and where each stands.
struct Spoken<'a> {
    words: Vec<(String, &'a Cue)>,
    places: BTreeMap<String, Vec<usize>>,
    /// Comparisons that are left.
    steps: usize,
}

impl<'a> Spoken<'a> {
    fn new(cues: &'a [Cue]) -> Self {
        let all: Vec<_> =
            cues.iter().flat_map(|cue| words(&cue.text).into_iter().map(move |word| (word.exact, cue))).collect();
        let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, (word, _)) in all.iter().enumerate() {
            places.entry(word.clone()).or_default().push(place);
        }
        Self { words: all, places, steps: MOST_STEPS }
    }

    /// The first cue in which a phrase begins; an error when there were too many steps.
    fn first(&mut self, phrase: &[Part]) -> Result<Option<&'a Cue>, ()> {
        let Some((begin, rest)) = phrase.split_first() else { return Ok(None) };
        for place in self.beginnings(begin) {
            let speaker = self.words[place].1.speaker.as_deref();
            if self.goes_on(rest, place + 1, speaker)? {
                return Ok(Some(self.words[place].1));
            }
        }
        Ok(None)
    }

    /// Where a word is said, in order.
    fn beginnings(&self, part: &Part) -> Vec<usize> {
        let Part::Word { exact, bare, is_beginning } = part else { return Vec::new() };
        let mut found: Vec<usize> = Vec::new();
        for word in [exact, bare] {
            if *is_beginning {
                let from = (Bound::Included(word.as_str()), Bound::Unbounded);
                let said = self.places.range::<str, _>(from).take_while(|(said, _)| said.starts_with(word.as_str()));
                found.extend(said.flat_map(|(_, places)| places));
            } else {
                found.extend(self.places.get(word).into_iter().flatten());
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether the rest of a phrase is said from a place on.
    fn goes_on(&mut self, rest: &[Part], place: usize, speaker: Option<&str>) -> Result<bool, ()> {
        let Some((part, rest)) = rest.split_first() else { return Ok(true) };
        self.steps = self.steps.checked_sub(1).ok_or(())?;
        if let Part::Gap = part {
            for skipped in 0..=GAP_WORDS {
                if self.goes_on(rest, place + skipped, speaker)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        match self.words.get(place) {
            Some((word, cue)) if part.is(word) && cue.speaker.as_deref() == speaker => {
                self.goes_on(rest, place + 1, speaker)
            }
            _ => Ok(false),
        }
    }
}

/// Compares a transcript with the phrases that the items of a standard have in its language. A list that took too long
/// is left out, and so are those behind it.
pub fn compare(standard: &Value, language: &str, cues: &[Cue]) -> Vec<Comparison> {
    let mut compared = Vec::new();
    let mut spoken: Option<Spoken> = None;
    for (item, value) in standard["items"].as_array().into_iter().flatten().enumerate() {
        for (list, name) in [(List::Heard, "heard"), (List::NotHeard, "not_heard")] {
            let Some(phrases) = in_language(&value["phrases"][name], language) else { continue };
            let spoken = spoken.get_or_insert_with(|| Spoken::new(cues));
            let mut said: Vec<Said> = Vec::new();
            for phrase in &phrases {
                match spoken.first(&parts(phrase)) {
                    Ok(Some(cue)) => said.push(Said { phrase: (*phrase).to_owned(), at_ms: cue.start_ms }),
                    Ok(None) => {}
                    Err(()) => return compared,
                }
            }
            said.sort_by_key(|said| said.at_ms);
            compared.push(Comparison { item, list, phrases: phrases.len(), said });
        }
    }
    compared
}

/// The phrases of a list in a language: of the very tag, or of one with the same first part.
fn in_language<'a>(list: &'a Value, language: &str) -> Option<Vec<&'a str>> {
    let first = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    let by_language = list.as_object()?;
    let same = by_language.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(language));
    let (_, phrases) = same.or_else(|| by_language.iter().find(|(tag, _)| first(tag) == first(language)))?;
    Some(phrases.as_array()?.iter().filter_map(Value::as_str).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cue(start_ms: i64, speaker: &str, text: &str) -> Cue {
        let speaker = Some(speaker).filter(|speaker| !speaker.is_empty()).map(str::to_owned);
        Cue { start_ms: Some(start_ms), end_ms: None, speaker, text: text.to_owned() }
    }

    /// Where a phrase is first said, in milliseconds.
    fn at(phrase: &str, cues: &[Cue]) -> Option<i64> {
        Spoken::new(cues).first(&parts(phrase)).expect("few steps").and_then(|cue| cue.start_ms)
    }

    #[test]
    fn a_phrase_is_found_whatever_its_case_and_marks() {
        let call =
            [cue(0, "", "Good morning!"), cue(5, "", "Well… MAY I have your -- name, please?"), cue(9, "", "Name")];
        for phrase in
            ["may I have your name", "May I, have your NAME?", "may i * name", "have * please", "mornin* well"]
        {
            assert!(at(phrase, &call).is_some(), "{phrase}");
        }
        assert_eq!(at("name", &call), Some(5));
        assert_eq!(at("good * may", &call), Some(0));
        for phrase in ["may have your name", "morning * name", "may I have your names", "orning", "a"] {
            assert_eq!(at(phrase, &call), None, "{phrase}");
        }
        assert_eq!(at("that's not", &[cue(1, "", "That’s not it")]), Some(1));
        assert_eq!(at("e-mail*", &[cue(1, "", "two e mails")]), Some(1));
    }

    #[test]
    fn a_gap_is_of_few_words() {
        let said = |between: &str| at("pole * töö", &[cue(1, "", &format!("see pole {between} töö"))]).is_some();
        assert!(said("") && said("minu") && said("üldse mitte minu"));
        assert!(!said("üks kaks kolm neli"));
    }

    #[test]
    fn a_phrase_goes_over_the_end_of_a_cue_and_not_to_another_speaker() {
        assert_eq!(at("may I have your name", &[cue(1, "", "may I have"), cue(2, "", "your name")]), Some(1));
        assert_eq!(at("may I have", &[cue(1, "A", "may I"), cue(2, "A", "have it")]), Some(1));
        assert_eq!(at("may I have", &[cue(1, "A", "may I"), cue(2, "B", "have it")]), None);
        assert_eq!(at("may I have", &[cue(1, "A", "may I"), cue(2, "", "have it")]), None);
    }

    #[test]
    fn accents_may_be_missing_in_what_was_written_down() {
        assert_eq!(at("segíthetek még", &[cue(1, "", "Segithetek meg valamiben?")]), Some(1));
        assert_eq!(at("segít* még", &[cue(1, "", "Segithetek még valamiben?")]), Some(1));
        assert_eq!(at("voi", &[cue(1, "", "või")]), None);
        assert_eq!(at("või", &[cue(1, "", "võis")]), None);
    }

    #[test]
    fn lists_are_compared_in_the_language_of_the_transcript() {
        let standard = json!({"items": [
            {"id": "a"},
            {"id": "b", "phrases": {"heard": {"en": ["thank you"], "et": ["aitäh", "tänan"]}, "not_heard": {"et": ["pole minu töö"]}}},
            {"id": "c", "phrases": {"heard": {"hu": ["köszönöm"]}}},
        ]});
        let call = [cue(1, "", "Tänan!"), cue(2, "", "Aitäh. See pole minu töö.")];
        let said = |phrase: &str, at_ms| Said { phrase: phrase.to_owned(), at_ms: Some(at_ms) };
        for language in ["et", "et-EE", "ET"] {
            assert_eq!(
                compare(&standard, language, &call),
                [
                    Comparison {
                        item: 1,
                        list: List::Heard,
                        phrases: 2,
                        said: vec![said("tänan", 1), said("aitäh", 2)],
                    },
                    Comparison { item: 1, list: List::NotHeard, phrases: 1, said: vec![said("pole minu töö", 2)] },
                ],
                "{language}"
            );
        }
        assert_eq!(compare(&standard, "en", &call)[0].said, []);
        assert_eq!(compare(&standard, "de", &call), []);
    }

    #[test]
    fn a_hostile_standard_takes_bounded_time() {
        let phrase = format!("{} b", "a * ".repeat(49).trim_end_matches("* "));
        let item = json!({"phrases": {"heard": {"en": vec![phrase; 50]}}});
        let standard = json!({"items": vec![item; 500]});
        let call = [cue(0, "", &"a ".repeat(500_000))];
        let watch = crate::clock::Stopwatch::start();
        assert_eq!(compare(&standard, "en", &call), []);
        assert!(watch.elapsed_us() < 20_000_000, "{} µs", watch.elapsed_us());
    }
}

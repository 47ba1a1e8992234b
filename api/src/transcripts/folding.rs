//! Words as they are compared: in any case, with and without apostrophes and accents.
//!
//! In Estonian and Hungarian a letter with a mark is another letter (`või` is "or", `voi` nothing), and yet people leave
//! the marks out on a keyboard that has none. So a word without marks finds both, and one with marks only itself.

use std::collections::BTreeSet;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest word that is compared, in bytes of UTF-8; longer ones are cut.
pub const TERM_BYTES: usize = 64;

/// A word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Where it stands in the text, in bytes.
    pub place: Range<usize>,
    /// In small letters and normal form C, without apostrophes, at most [`TERM_BYTES`] long.
    pub exact: String,
}

/// The words of a text: letters, digits and their marks. An apostrophe inside a word is no end of it.
pub fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        let is_inside = c.is_alphanumeric() || start.is_some() && (is_combining_mark(c) || is_apostrophe(c));
        match (start, is_inside) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                words.extend(word(text, from..at));
                start = None;
            }
            _ => {}
        }
    }
    words.extend(start.and_then(|from| word(text, from..text.len())));
    words
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '\u{02bc}')
}

fn word(text: &str, place: Range<usize>) -> Option<Word> {
    let written = text[place.clone()].trim_end_matches(is_apostrophe);
    let place = place.start..place.start + written.len();
    let letters = written.chars().filter(|c| !is_apostrophe(*c));
    let exact = cut(letters.flat_map(char::to_lowercase).nfc().collect());
    (!exact.is_empty()).then_some(Word { place, exact })
}

fn cut(mut word: String) -> String {
    while word.len() > TERM_BYTES {
        word.pop();
    }
    word
}

/// A word without marks: `köszönöm` is `koszonom`.
pub fn bare(word: &str) -> String {
    let letters = word.nfd().filter(|c| !is_combining_mark(*c));
    let mut bare = String::with_capacity(word.len());
    for letter in letters {
        match letter {
            'ß' => bare.push_str("ss"),
            'æ' => bare.push_str("ae"),
            'œ' => bare.push_str("oe"),
            'þ' => bare.push_str("th"),
            'ø' => bare.push('o'),
            'ł' => bare.push('l'),
            'đ' | 'ð' => bare.push('d'),
            'ı' => bare.push('i'),
            letter => bare.push(letter),
        }
    }
    cut(bare)
}

/// Everything that a text is found by: its words, and the same without marks.
pub fn terms<'a>(texts: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let mut terms = BTreeSet::new();
    for word in texts.flat_map(words) {
        if !terms.contains(&word.exact) {
            if !word.exact.is_ascii() {
                terms.insert(bare(&word.exact));
            }
            terms.insert(word.exact);
        }
    }
    terms.remove("");
    terms
}

/// Whether a word that somebody looks for is this one, or as a beginning of it.
pub fn finds(wanted: &str, is_beginning: bool, word: &str) -> bool {
    let is = |word: &str| if is_beginning { word.starts_with(wanted) } else { word == wanted };
    is(word) || !word.is_ascii() && is(&bare(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.exact).collect()
    }

    #[test]
    fn words_are_letters_and_digits_in_small() {
        assert_eq!(exact("Tere, KÕIGILE! E-mail: 3.80 €"), ["tere", "kõigile", "e", "mail", "3", "80"]);
        assert_eq!(
            exact("That's not my job, the ‘boss’ didn’t"),
            ["thats", "not", "my", "job", "the", "boss", "didnt"]
        );
        assert_eq!(exact(" … -- ''' "), [""; 0]);
        // Whether the mark is a part of the letter or stands behind it.
        assert_eq!(exact("o\u{303}un"), exact("õun"));
        assert_eq!(exact("Привет 你好"), ["привет", "你好"]);
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "«Köszönöm» a türelmét'";
        let places: Vec<_> = words(text).into_iter().map(|word| text[word.place].to_owned()).collect();
        assert_eq!(places, ["Köszönöm", "a", "türelmét"]);
    }

    #[test]
    fn marks_may_be_left_out_and_not_be_others() {
        for (wanted, word, is_found) in [
            ("koszonom", "köszönöm", true),
            ("köszönöm", "köszönöm", true),
            ("köszönöm", "koszonom", false),
            ("või", "voi", false),
            ("voi", "või", true),
            ("öö", "õõ", false),
            ("strasse", "straße", true),
            ("smorrebrod", "smørrebrød", true),
        ] {
            assert_eq!(finds(wanted, false, word), is_found, "{wanted} in {word}");
        }
        assert!(finds("kosz", true, "köszönöm") && finds("kösz", true, "köszönöm"));
        assert!(!finds("kosz", false, "köszönöm") && !finds("koszz", true, "köszönöm"));
    }

    #[test]
    fn a_text_is_found_by_all_its_words() {
        let terms = terms(["Jó napot!", "jó NAPOT", "Tere"].into_iter());
        assert_eq!(terms.into_iter().collect::<Vec<_>>(), ["jo", "jó", "napot", "tere"]);
    }

    #[test]
    fn long_words_are_cut_between_letters() {
        let word = "õ".repeat(100);
        assert_eq!(exact(&word), ["õ".repeat(32)]);
        assert_eq!(bare(&exact(&"a".repeat(100))[0]), "a".repeat(64));
    }
}

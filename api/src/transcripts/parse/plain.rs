//! Plain text: a line is a cue. `[01:02]` before it is its time, and then `Name:` its speaker.

use super::{Line, MAX_TIME_MS, Problems, clock_ms, cue, digits};
use crate::transcripts::types::Cue;

/// Most words of a speaker's name.
const SPEAKER_WORDS: usize = 4;

/// The cues of a text. Each lasts until the next one that has a time.
pub fn parse(lines: &[Line], problems: &mut Problems) -> Vec<Cue> {
    let mut cues: Vec<Cue> = Vec::new();
    // The last cue with a time.
    let mut timed: Option<(usize, i64)> = None;
    for line in lines {
        let text = line.text.trim();
        let (start_ms, said) = match time(text) {
            Some((Some(start_ms), said)) if start_ms <= MAX_TIME_MS => (Some(start_ms), said),
            Some((Some(_), said)) => {
                problems.at(line.number, "time_too_late", "times go up to 24 hours");
                (None, said)
            }
            Some((None, said)) => {
                problems.at(line.number, "bad_time", "write times as [1:02] or [0:01:02]");
                (None, said)
            }
            None => (None, text),
        };
        if let Some((before, before_ms)) = timed
            && let Some(start_ms) = start_ms
        {
            if start_ms < before_ms {
                problems.at(line.number, "goes_back", "it is before the time of an earlier line");
            }
            // Music and other sounds were a line that is kept, too.
            cues[before].end_ms = Some(start_ms.max(before_ms));
            timed = None;
        }
        let (speaker, said) = match start_ms {
            Some(_) => speaker(said),
            None => (None, said),
        };
        let found = cue(line.number, (start_ms, None), speaker, said, problems);
        if found.is_some()
            && let Some(start_ms) = start_ms
        {
            timed = Some((cues.len(), start_ms));
        }
        cues.extend(found);
    }
    cues
}

/// The time in brackets that a line begins with, none when it is wrong, and the rest; none when there are no brackets
/// around digits and colons.
fn time(line: &str) -> Option<(Option<i64>, &str)> {
    let (inside, rest) = line.strip_prefix('[')?.split_once(']')?;
    let looks_like_it = inside.contains(':') && inside.chars().all(|c| c.is_ascii_digit() || ":.,".contains(c));
    looks_like_it.then(|| (time_ms(inside), rest.trim_start()))
}

fn time_ms(text: &str) -> Option<i64> {
    let Some((clock, fraction)) = text.split_once(['.', ',']) else { return clock_ms(text) };
    let millis = digits(fraction, 3)? * 10_i64.pow(3 - u32::try_from(fraction.len()).ok()?);
    Some(clock_ms(clock)? + millis)
}

/// The name before the first colon, if it looks like one, and the rest.
fn speaker(said: &str) -> (Option<&str>, &str) {
    let name = said.split_once(": ").filter(|(name, _)| {
        let is_letter = |c: char| c.is_alphanumeric() || " .-_'’".contains(c);
        name.starts_with(char::is_alphabetic)
            && name.chars().all(is_letter)
            && name.split_whitespace().count() <= SPEAKER_WORDS
    });
    name.map_or((None, said), |(name, said)| (Some(name), said))
}

//! WebVTT (W3C) and SubRip: blocks of a time and what is said, apart by blank lines.

use super::{Line, MAX_TIME_MS, Problems, clock_ms, cue, digits};
use crate::transcripts::types::Cue;

/// What stands between the two times of a cue.
const ARROW: &str = "-->";

/// Which of the two it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flavour {
    Webvtt,
    Subrip,
}

/// Whether a line begins a WebVTT file.
pub fn is_webvtt(line: &str) -> bool {
    line.strip_prefix("WEBVTT").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

/// Whether a line holds the times of a cue, right or wrong.
pub fn is_timing(line: &str) -> bool {
    line.contains(ARROW) && line.starts_with(|c: char| c.is_ascii_digit() || c == ' ')
}

/// The cues of a WebVTT file.
pub fn webvtt(lines: &[Line], problems: &mut Problems) -> Vec<Cue> {
    let Some((first, rest)) = lines.split_first().filter(|(first, _)| is_webvtt(first.text)) else {
        problems.at(1, "bad_header", "a WebVTT file begins with the line WEBVTT");
        return blocks(lines, Flavour::Webvtt, problems);
    };
    let end = rest.iter().position(|line| is_blank(line)).unwrap_or(rest.len());
    if let Some(line) = rest[..end].iter().find(|line| line.text.contains(ARROW)) {
        problems.at(line.number, "bad_header", &format!("leave an empty line behind line {}", first.number));
    }
    blocks(&rest[end..], Flavour::Webvtt, problems)
}

/// The cues of a SubRip file.
pub fn subrip(lines: &[Line], problems: &mut Problems) -> Vec<Cue> {
    blocks(lines, Flavour::Subrip, problems)
}

fn is_blank(line: &Line) -> bool {
    line.text.trim().is_empty()
}

fn blocks(lines: &[Line], flavour: Flavour, problems: &mut Problems) -> Vec<Cue> {
    let mut cues = Vec::new();
    for block in lines.split(is_blank).filter(|block| !block.is_empty()) {
        let keyword = block[0].text.split([' ', '\t']).next().unwrap_or_default();
        let has_times = block.iter().any(|line| line.text.contains(ARROW));
        if flavour == Flavour::Webvtt && (keyword == "NOTE" || !has_times && matches!(keyword, "STYLE" | "REGION")) {
            continue;
        }
        cues_of(block, flavour, problems, &mut cues);
    }
    cues
}

/// Reads a block; a line with times begins another cue, with a name or number before it only in front of the first.
fn cues_of(block: &[Line], flavour: Flavour, problems: &mut Problems, cues: &mut Vec<Cue>) {
    let times: Vec<_> = (0..block.len()).filter(|n| block[*n].text.contains(ARROW)).collect();
    match times.first() {
        None | Some(2..) => problems.at(block[0].number, "no_times", "a cue begins with its times, START --> END"),
        Some(1) if flavour == Flavour::Subrip && digits(block[0].text.trim(), 9).is_none() => {
            problems.at(block[0].number, "bad_number", "in front of the times stands the number of the cue");
        }
        _ => {}
    }
    for (n, start) in times.iter().enumerate() {
        let end = times.get(n + 1).copied().unwrap_or(block.len());
        let line = block[*start];
        let said: Vec<_> = block[start + 1..end].iter().map(|line| line.text).collect();
        let Some((start_ms, end_ms)) = timing(line, flavour, problems) else { continue };
        for (speaker, text) in spans(&said.join("\n"), flavour) {
            cues.extend(cue(line.number, (Some(start_ms), Some(end_ms)), speaker.as_deref(), &text, problems));
        }
    }
}

/// The times of a cue. What stands behind them says where it is shown.
fn timing(line: Line, flavour: Flavour, problems: &mut Problems) -> Option<(i64, i64)> {
    let (start, rest) = line.text.split_once(ARROW)?;
    let end = rest.split_whitespace().next().unwrap_or_default();
    let (start, end) = (time_ms(start.trim(), flavour), time_ms(end, flavour));
    let (Some(start), Some(end)) = (start, end) else {
        let message = match flavour {
            Flavour::Webvtt => "write times as 00:01:02.345 --> 00:01:04.000",
            Flavour::Subrip => "write times as 00:01:02,345 --> 00:01:04,000",
        };
        problems.at(line.number, "bad_time", message);
        return None;
    };
    if end > MAX_TIME_MS || start > MAX_TIME_MS {
        problems.at(line.number, "time_too_late", "times go up to 24 hours");
        return None;
    }
    if end < start {
        problems.at(line.number, "ends_before_it_begins", "a cue ends after it begins");
        return None;
    }
    Some((start, end))
}

fn time_ms(text: &str, flavour: Flavour) -> Option<i64> {
    let (clock, fraction) = match flavour {
        Flavour::Webvtt => text.split_once('.')?,
        Flavour::Subrip => text.split_once([',', '.'])?,
    };
    let millis = digits(fraction, 3).filter(|_| fraction.len() == 3)?;
    Some(clock_ms(clock)? + millis)
}

/// What is said in a cue without its marks, by who says it: `<v Name>` begins somebody's words.
fn spans(said: &str, flavour: Flavour) -> Vec<(Option<String>, String)> {
    let mut spans = vec![(None, String::new())];
    let mut rest = said;
    while let Some(next) = rest.find(['<', '&', '{']) {
        let (before, marked) = rest.split_at(next);
        push(&mut spans, before);
        rest = match marked.as_bytes()[0] {
            b'<' => match tag(marked) {
                Some((tag, behind)) => {
                    match voice(tag).filter(|_| flavour == Flavour::Webvtt) {
                        Some(speaker) => spans.push((Some(decoded(speaker)), String::new())),
                        None if tag == "/v" => spans.push((None, String::new())),
                        // Where a line is broken by a mark, words stay apart.
                        None if tag.starts_with("br") => push(&mut spans, " "),
                        None => {}
                    }
                    behind
                }
                None => literally(&mut spans, marked),
            },
            b'&' if flavour == Flavour::Webvtt => match entity(marked) {
                Some((letters, behind)) => {
                    push(&mut spans, letters);
                    behind
                }
                None => literally(&mut spans, marked),
            },
            // SubRip of some programs says `{\an8}` to show a cue elsewhere.
            b'{' if flavour == Flavour::Subrip && marked.starts_with("{\\") => match enclosed(marked, '{', '}') {
                Some((_, behind)) => behind,
                None => literally(&mut spans, marked),
            },
            _ => literally(&mut spans, marked),
        };
    }
    push(&mut spans, rest);
    spans.retain(|(_, text)| !text.trim().is_empty());
    spans
}

fn push(spans: &mut [(Option<String>, String)], text: &str) {
    if let Some((_, said)) = spans.last_mut() {
        said.push_str(text);
    }
}

/// Takes the first letter of `marked` for what it is.
fn literally<'a>(spans: &mut [(Option<String>, String)], marked: &'a str) -> &'a str {
    let (letter, behind) = marked.split_at(1);
    push(spans, letter);
    behind
}

/// A tag without its brackets, and what stands behind it; none when the bracket is just one, as in `5 < 6`.
fn tag(marked: &str) -> Option<(&str, &str)> {
    let (tag, behind) = enclosed(marked, '<', '>')?;
    let name = tag.strip_prefix('/').unwrap_or(tag);
    (name.is_empty() || name.starts_with(|c: char| c.is_ascii_alphanumeric())).then_some((tag, behind))
}

/// What stands between two brackets, and what is behind them. Another opening one in between is looked at by itself, so
/// that nothing is looked through twice.
fn enclosed(marked: &str, open: char, close: char) -> Option<(&str, &str)> {
    let inside = marked.strip_prefix(open)?;
    let end = inside.find([open, close]).filter(|end| inside[*end..].starts_with(close))?;
    Some((&inside[..end], &inside[end + close.len_utf8()..]))
}

/// Who speaks, of the tag `v` with or without classes.
fn voice(tag: &str) -> Option<&str> {
    let (name, speaker) = tag.split_once([' ', '\t', '\n'])?;
    (name == "v" || name.starts_with("v.")).then_some(speaker)
}

/// What an entity stands for, and what is behind it. Others stay as they are written.
fn entity(marked: &str) -> Option<(&'static str, &str)> {
    let known = [
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&nbsp;", " "),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&lrm;", ""),
        ("&rlm;", ""),
    ];
    known.into_iter().find_map(|(name, letters)| marked.strip_prefix(name).map(|behind| (letters, behind)))
}

fn decoded(text: &str) -> String {
    let mut spans = vec![(None, String::new())];
    let mut rest = text;
    while let Some(next) = rest.find('&') {
        push(&mut spans, &rest[..next]);
        let marked = &rest[next..];
        rest = match entity(marked) {
            Some((letters, behind)) => {
                push(&mut spans, letters);
                behind
            }
            None => literally(&mut spans, marked),
        };
    }
    push(&mut spans, rest);
    spans.pop().map(|(_, text)| text).unwrap_or_default()
}

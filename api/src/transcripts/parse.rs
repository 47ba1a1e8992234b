//! From a file to cues: WebVTT, SubRip or plain text. Everything that is wrong is named with its line.
//!
//! Crates that read these formats stop at the first fault, or pass over what they do not understand; here somebody is
//! told all that is wrong, because the file is corrected by hand or by another program.

mod plain;
mod subtitles;

use crate::failure::FieldProblem;
use crate::transcripts::folding::terms;
use crate::transcripts::types::Cue;
use crate::words::TranscriptFormat;

/// Largest transcript, in bytes.
pub const TRANSCRIPT_LIMIT_BYTES: u64 = 1024 * 1024;
/// Most cues.
pub const MAX_CUES: usize = 20_000;
/// Longest cue, in characters.
pub const MAX_CUE_CHARS: usize = 2000;
/// Longest name of a speaker, in characters.
pub const MAX_SPEAKER_CHARS: usize = 100;
/// Most different words; a day of talk has fewer.
pub const MAX_WORDS: usize = 20_000;
/// Latest time, in milliseconds: a day.
pub const MAX_TIME_MS: i64 = 24 * 60 * 60 * 1000;
/// Problems that are named; a last one says how many more there are.
const MAX_PROBLEMS: usize = 100;

/// What is wrong with a file so far.
#[derive(Default)]
struct Problems {
    named: Vec<(usize, FieldProblem)>,
    more: usize,
}

impl Problems {
    /// Names what is wrong in a line, counted from 1.
    fn at(&mut self, line: usize, code: &str, message: &str) {
        if self.named.len() < MAX_PROBLEMS {
            let message = format!("line {line}: {message}");
            self.named.push((line, FieldProblem::new(format!("/lines/{line}"), code, message)));
        } else {
            self.more += 1;
        }
    }

    fn finish(mut self) -> Vec<FieldProblem> {
        self.named.sort_by_key(|(line, _)| *line);
        let mut named: Vec<_> = self.named.into_iter().map(|(_, problem)| problem).collect();
        if self.more > 0 {
            named.push(FieldProblem::new("/lines", "more_problems", format!("and {} more problems", self.more)));
        }
        named
    }
}

/// A line of a file with its number.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    text: &'a str,
}

/// Reads a transcript. The media type decides what it is where it can; anything else is looked at.
///
/// # Errors
///
/// Everything that is wrong, at `/lines/N`. No message repeats what the file says.
pub fn parse(bytes: &[u8], media_type: Option<&str>) -> Result<(TranscriptFormat, Vec<Cue>), Vec<FieldProblem>> {
    let mut problems = Problems::default();
    let Some(text) = text_of(bytes, &mut problems) else { return Err(problems.finish()) };
    let lines = lines_of(text, &mut problems);
    let format = format_of(&lines, media_type);
    let mut cues = match format {
        TranscriptFormat::Webvtt => subtitles::webvtt(&lines, &mut problems),
        TranscriptFormat::Subrip => subtitles::subrip(&lines, &mut problems),
        TranscriptFormat::Text | TranscriptFormat::Service => plain::parse(&lines, &mut problems),
    };
    if cues.is_empty() && problems.named.is_empty() {
        problems.at(1, "no_cues", "nothing is said in this file");
    }
    if cues.len() > MAX_CUES {
        problems.at(
            lines.len(),
            "too_many_cues",
            &format!("there are {} cues; at most {MAX_CUES} are kept", cues.len()),
        );
    } else if terms(cues.iter().map(|cue| cue.text.as_str())).len() > 2 * MAX_WORDS {
        problems.at(lines.len(), "too_many_words", &format!("there are more than {MAX_WORDS} different words"));
    }
    let problems = problems.finish();
    if !problems.is_empty() {
        return Err(problems);
    }
    if format != TranscriptFormat::Text {
        // SubRip promises no order. Cues that begin together stay as they were.
        cues.sort_by_key(|cue| cue.start_ms);
    }
    Ok((format, cues))
}

/// The file as text without its mark of order.
fn text_of<'a>(bytes: &'a [u8], problems: &mut Problems) -> Option<&'a str> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        problems.at(1, "not_utf8", "this is UTF-16; save the file as UTF-8");
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let line = split(&good).len().max(1);
            problems.at(line, "not_utf8", "this is not UTF-8; save the file as UTF-8");
            None
        }
    }
}

/// Lines end with CR, LF or both.
fn split(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.find(['\r', '\n']) {
        lines.push(&rest[..end]);
        let length = if rest[end..].starts_with("\r\n") { 2 } else { 1 };
        rest = &rest[end + length..];
    }
    lines.push(rest);
    lines
}

fn lines_of<'a>(text: &'a str, problems: &mut Problems) -> Vec<Line<'a>> {
    let lines: Vec<_> =
        split(text).into_iter().enumerate().map(|(before, text)| Line { number: before + 1, text }).collect();
    for line in &lines {
        if line.text.chars().any(is_control) {
            problems.at(line.number, "control_character", "remove the control characters");
        }
    }
    lines
}

/// What has no place in a text: control characters but tabs, and those that turn the direction of what follows.
pub fn is_control(c: char) -> bool {
    c.is_control() && c != '\t' || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn format_of(lines: &[Line], media_type: Option<&str>) -> TranscriptFormat {
    let media_type = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "text/vtt" => return TranscriptFormat::Webvtt,
        "application/x-subrip" | "application/srt" | "text/srt" => return TranscriptFormat::Subrip,
        _ => {}
    }
    let mut said = lines.iter().filter(|line| !line.text.trim().is_empty());
    let (first, second) = (said.next(), said.next());
    if first.is_some_and(|line| subtitles::is_webvtt(line.text)) {
        TranscriptFormat::Webvtt
    } else if [first, second].into_iter().flatten().any(|line| subtitles::is_timing(line.text)) {
        TranscriptFormat::Subrip
    } else {
        TranscriptFormat::Text
    }
}

/// What is said in a cue as one line, with what is wrong about its length; none when nothing is said.
fn cue(
    line: usize,
    (start_ms, end_ms): (Option<i64>, Option<i64>),
    speaker: Option<&str>,
    text: &str,
    problems: &mut Problems,
) -> Option<Cue> {
    let text = one_line(text);
    if text.chars().count() > MAX_CUE_CHARS {
        problems.at(line, "cue_too_long", &format!("write at most {MAX_CUE_CHARS} characters into a cue"));
    }
    let speaker = speaker.map(one_line).filter(|speaker| !speaker.is_empty());
    if speaker.as_ref().is_some_and(|speaker| speaker.chars().count() > MAX_SPEAKER_CHARS) {
        problems.at(line, "speaker_too_long", &format!("a speaker has at most {MAX_SPEAKER_CHARS} characters"));
    }
    (!text.is_empty()).then_some(Cue { start_ms, end_ms, speaker, text })
}

/// A text with every run of blanks as one.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A number of at most `most` digits.
fn digits(text: &str, most: usize) -> Option<i64> {
    let is_number = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// A time such as `1:02:03` or `02:03` in milliseconds; minutes and seconds below 60 unless the first.
fn clock_ms(text: &str) -> Option<i64> {
    let parts: Vec<_> = text.split(':').collect();
    let below_60 = |text: &str| digits(text, 2).filter(|n| text.len() == 2 && *n < 60);
    let (hours, minutes, seconds) = match parts.as_slice() {
        [hours, minutes, seconds] => (digits(hours, 4)?, below_60(minutes)?, below_60(seconds)?),
        [minutes, seconds] => (0, digits(minutes, 2)?, below_60(seconds)?),
        _ => return None,
    };
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000)
}

#[cfg(test)]
mod tests;

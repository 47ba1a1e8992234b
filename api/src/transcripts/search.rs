//! Finding words in the transcripts of a firm.

use uuid::Uuid;

use crate::app::App;
use crate::consent::service::heard;
use crate::entity::{evidence, transcript};
use crate::evidence::store::evidence_by_ids;
use crate::failure::Failure;
use crate::http::paging::{Page, Slice, cursor};
use crate::people::types::Caller;
use crate::transcripts::folding::{finds, words};
use crate::transcripts::service::cues_of;
use crate::transcripts::store::{self, Filter, Wanted};
use crate::transcripts::types::{Cue, Snippet, TranscriptHit};

/// Words that are looked up; more are only looked for in what these find.
const LOOKED_UP: usize = 8;
/// A beginning of a word has at least this many letters; one letter is a word.
const MIN_BEGINNING: usize = 2;
/// Transcripts that are looked at a time.
const AT_ONCE: u64 = 100;
/// Transcripts that one request looks at; the next one goes on.
const MOST_LOOKED_AT: usize = 2000;
/// Most snippets of a transcript.
const MAX_SNIPPETS: usize = 5;
/// Characters of a snippet before and behind the first word that was found.
const AROUND_CHARS: usize = 100;

/// The words of a search, the first time each is there. The last one may be a beginning, unless something stands behind
/// it.
fn wanted(query: &str) -> Vec<Wanted> {
    let found = words(query);
    let last = found.len().saturating_sub(1);
    let mut wanted: Vec<Wanted> = Vec::new();
    for (n, word) in found.into_iter().enumerate() {
        let is_open = n == last && word.place.end == query.len() && word.exact.chars().count() >= MIN_BEGINNING;
        let word = Wanted { term: word.exact, is_beginning: is_open };
        if !wanted.contains(&word) {
            wanted.push(word);
        }
    }
    wanted
}

/// A page of the transcripts that hold all words of a search, in the order of their files. Those of recordings that may
/// not be heard are not there.
///
/// # Errors
///
/// 400 for a bad cursor.
pub async fn search(
    app: &App,
    caller: &Caller,
    query: &str,
    filter: Filter,
    slice: &Slice,
) -> Result<Page<TranscriptHit>, Failure> {
    let (db, wanted) = (app.db.reader(), wanted(query));
    let most = usize::try_from(slice.limit).unwrap_or(usize::MAX);
    let looked_up = &wanted[..wanted.len().min(LOOKED_UP)];
    let mut after: Option<Uuid> = slice.after()?;
    let (mut hits, mut looked_at): (Vec<TranscriptHit>, usize) = (Vec::new(), 0);
    loop {
        let ids = store::holding(db, caller.firm_id, looked_up, filter, after, AT_ONCE).await?;
        let is_end = ids.len() as u64 != AT_ONCE;
        let files = evidence_by_ids(db, caller.firm_id, &ids).await?;
        let may_be_heard = heard(db, caller.firm_id, &files).await?;
        for file in files.iter().filter(|file| may_be_heard.contains(&file.id)) {
            let Some(hit) = hit(app, file, &wanted).await? else { continue };
            if hits.len() == most {
                let next_cursor = hits.last().map(|last| cursor(&last.evidence_id.to_string()));
                return Ok(Page { data: hits, next_cursor });
            }
            hits.push(hit);
        }
        looked_at += ids.len();
        after = ids.last().copied().or(after);
        if is_end || looked_at >= MOST_LOOKED_AT {
            let next = after.filter(|_| !is_end);
            return Ok(Page { data: hits, next_cursor: next.map(|id| cursor(&id.to_string())) });
        }
    }
}

/// What was found in the transcript of a file; none when it does not hold all words, or is gone.
async fn hit(app: &App, file: &evidence::Model, wanted: &[Wanted]) -> Result<Option<TranscriptHit>, Failure> {
    // One at a time, because a transcript may take a mebibyte.
    let Some(row) = store::transcript_of(app.db.reader(), file.firm_id, file.id).await? else { return Ok(None) };
    Ok(hit_in(&row, &cues_of(&row)?, wanted))
}

fn hit_in(row: &transcript::Model, cues: &[Cue], wanted: &[Wanted]) -> Option<TranscriptHit> {
    let mut is_found = vec![false; wanted.len()];
    // Of each cue that holds one of the words: how many of them, its place, and where in it the first stands.
    let mut holding: Vec<(usize, usize, usize)> = Vec::new();
    for (n, cue) in cues.iter().enumerate() {
        let (mut here, mut first) = (vec![false; wanted.len()], None);
        for word in words(&cue.text) {
            for (k, wanted) in wanted.iter().enumerate() {
                if finds(&wanted.term, wanted.is_beginning, &word.exact) {
                    (here[k], is_found[k]) = (true, true);
                    first.get_or_insert(word.place.start);
                }
            }
        }
        holding.extend(first.map(|first| (here.into_iter().filter(|is_here| *is_here).count(), n, first)));
    }
    if !is_found.iter().all(|is_found| *is_found) {
        return None;
    }
    let cues_found = holding.len();
    holding.sort_by_key(|(count, n, _)| (std::cmp::Reverse(*count), *n));
    holding.truncate(MAX_SNIPPETS);
    holding.sort_by_key(|(_, n, _)| *n);
    let snippet = |(_, n, first): (usize, usize, usize)| Snippet {
        start_ms: cues[n].start_ms,
        speaker: cues[n].speaker.clone(),
        text: around(&cues[n].text, first),
    };
    let snippets = holding.into_iter().map(snippet).collect();
    Some(TranscriptHit {
        evidence_id: row.evidence_id,
        visit_id: row.visit_id,
        language: row.language.clone(),
        cues_found,
        snippets,
    })
}

/// A text cut to what stands around a place in it.
fn around(text: &str, place: usize) -> String {
    let (before, behind) = text.split_at(place);
    let start = before.char_indices().rev().take(AROUND_CHARS).last().map_or(place, |(at, _)| at);
    let end = behind.char_indices().nth(AROUND_CHARS).map_or(text.len(), |(at, _)| place + at);
    let (cut_before, cut_behind) = (if start > 0 { "…" } else { "" }, if end < text.len() { "…" } else { "" });
    format!("{cut_before}{}{cut_behind}", &text[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_is_a_beginning_until_something_follows() {
        let shown = |query: &str| -> Vec<String> {
            let wanted = wanted(query);
            wanted.iter().map(|one| format!("{}{}", one.term, if one.is_beginning { "*" } else { "" })).collect()
        };
        assert_eq!(shown("Kohvi masin"), ["kohvi", "masin*"]);
        assert_eq!(shown("kohvi masin "), ["kohvi", "masin"]);
        assert_eq!(shown("kohvi m"), ["kohvi", "m"]);
        assert_eq!(shown("kohvi kohvi, kohvi"), ["kohvi", "kohvi*"]);
        assert_eq!(shown(" ?! "), [""; 0]);
    }

    #[test]
    fn a_snippet_is_cut_around_what_was_found() {
        assert_eq!(around("üks kaks", 5), "üks kaks");
        let long = format!("{}õ {}", "ä".repeat(300), "ö".repeat(300));
        let cut = around(&long, 602);
        assert_eq!(cut.chars().count(), 2 * AROUND_CHARS + 2, "{cut}");
        assert!(cut.starts_with('…') && cut.ends_with('…') && cut.contains('õ'));
    }
}

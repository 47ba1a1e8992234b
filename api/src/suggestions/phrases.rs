//! Suggestions from transcripts: phrases that should be heard, and those that should not.

use peegel_scoring::ItemKind;
use poem_openapi::types::Any;
use serde_json::{Value, json};

use crate::app::App;
use crate::entity::evidence;
use crate::failure::Failure;
use crate::standards::cache::CompiledStandard;
use crate::suggestions::types::{Certainty, Suggestion, SuggestionSource};
use crate::transcripts::phrases::{Comparison, List, compare};
use crate::transcripts::service::{cues_of, duration_ms};
use crate::transcripts::store::transcript_of;

/// A transcript that ends this long before its recording is not of all of it.
const MISSING_MS: i64 = 30_000;
/// A transcript that ends this long behind its recording belongs to another one.
const BEYOND_MS: i64 = 1_000;

/// Suggestions for the items that have phrases in the language of a transcript. A recording counts for the items that it
/// proves; one that is the only one of its visit for all.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn suggestions(
    app: &App,
    standard: &CompiledStandard,
    recordings: &[evidence::Model],
) -> Result<Vec<Suggestion>, Failure> {
    let mut found = Vec::new();
    for recording in recordings {
        // One at a time, because a transcript may take a mebibyte.
        let row = transcript_of(app.db.reader(), recording.firm_id, recording.id).await?;
        let Some(row) = row else { continue };
        let cues = cues_of(&row)?;
        let last_ms = cues.iter().filter_map(|cue| cue.end_ms.or(cue.start_ms)).max();
        let doubt = doubt(last_ms, duration_ms(recording));
        let proves: Vec<String> = serde_json::from_str(&recording.item_ids).unwrap_or_default();
        for compared in compare(&standard.body, &row.language, &cues) {
            let item = &standard.standard.items()[compared.item];
            if recordings.len() == 1 || proves.contains(&item.id) {
                let value = value(&item.kind, &compared);
                found.push(suggestion(item.id.clone(), recording, value, &compared, doubt.as_deref()));
            }
        }
    }
    Ok(found)
}

/// What a comparison says of a yes-or-no item; null of others, for which it is no more than a place to listen to.
fn value(kind: &ItemKind, compared: &Comparison) -> Value {
    let ItemKind::YesNo { positive } = kind else { return Value::Null };
    let is_good = (compared.list == List::Heard) != compared.said.is_empty();
    json!(if is_good { *positive } else { !*positive })
}

fn suggestion(
    item_id: String,
    recording: &evidence::Model,
    value: Value,
    compared: &Comparison,
    doubt: Option<&str>,
) -> Suggestion {
    let first = compared.said.first();
    let at = first.and_then(|said| said.at_ms).map_or_else(String::new, |at_ms| format!(" at {}", clock(at_ms)));
    let what = match (compared.list, first) {
        (List::Heard, Some(said)) => format!("Heard{at}: “{}”.", said.phrase),
        (List::NotHeard, Some(said)) => format!("Forbidden phrase heard{at}: “{}”.", said.phrase),
        (List::Heard, None) => "Not heard in the whole transcript.".to_owned(),
        (List::NotHeard, None) => "No forbidden phrase in the whole transcript.".to_owned(),
    };
    let said: Vec<_> = compared.said.iter().map(|said| json!({"phrase": said.phrase, "at_ms": said.at_ms})).collect();
    Suggestion {
        item_id,
        source: SuggestionSource::Phrase,
        value: Any(value),
        unit: None,
        evidence_id: recording.id,
        at_ms: first.and_then(|said| said.at_ms),
        certainty: if first.is_some() && doubt.is_none() { Certainty::Likely } else { Certainty::Unsure },
        reason: [what.as_str(), doubt.unwrap_or_default()].join(" ").trim_end().to_owned(),
        figures: Any(json!({"phrases": compared.phrases, "said": said})),
    }
}

/// Why a transcript may not be of the whole recording, or not of this one.
fn doubt(last_ms: Option<i64>, duration_ms: Option<i64>) -> Option<String> {
    let (last_ms, duration_ms) = (last_ms?, duration_ms?);
    let of = format!("{} of {}", clock(last_ms), clock(duration_ms));
    if last_ms + MISSING_MS < duration_ms {
        Some(format!("The transcript ends at {of}."))
    } else if last_ms > duration_ms + BEYOND_MS {
        Some(format!("The transcript goes on to {of}: it may belong to another recording."))
    } else {
        None
    }
}

/// A time as players show it.
fn clock(ms: i64) -> String {
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcripts::phrases::Said;

    #[test]
    fn a_phrase_speaks_for_the_good_answer_or_against_it() {
        let said = vec![Said { phrase: "x".to_owned(), at_ms: Some(1) }];
        let compared = |list, said| Comparison { item: 0, list, phrases: 1, said };
        for (list, said, positive, answer) in [
            (List::Heard, said.clone(), true, true),
            (List::Heard, vec![], true, false),
            (List::NotHeard, said.clone(), true, false),
            (List::NotHeard, vec![], true, true),
            (List::Heard, said.clone(), false, false),
            (List::NotHeard, said.clone(), false, true),
        ] {
            assert_eq!(value(&ItemKind::YesNo { positive }, &compared(list, said)), json!(answer));
        }
        assert_eq!(value(&ItemKind::Text, &compared(List::Heard, said)), Value::Null);
    }

    #[test]
    fn a_transcript_of_another_length_is_doubted() {
        assert_eq!(doubt(Some(59_000), Some(60_000)), None);
        assert_eq!(doubt(Some(10_000), Some(60_000)), Some("The transcript ends at 0:10 of 1:00.".to_owned()));
        assert!(doubt(Some(62_000), Some(60_000)).is_some_and(|doubt| doubt.contains("1:02 of 1:00")));
        assert_eq!(doubt(None, Some(60_000)), None);
        assert_eq!(clock(3_723_999), "1:02:03");
    }
}

//! Suggestions from what is said: phrases of the standard in the transcripts of recordings.

use peegel_scoring::ItemKind;
use poem_openapi::types::Any;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::entity::evidence;
use crate::failure::Failure;
use crate::standards::cache::CompiledStandard;
use crate::suggestions::types::{Certainty, Suggestion, SuggestionSource};
use crate::transcripts::phrases::{Comparison, List, compare};
use crate::transcripts::service::cues_of;
use crate::transcripts::store;

/// Suggestions for the items that have phrases, from the transcripts of recordings that may be heard. A recording counts for
/// the items that it proves; one that is the only one of its visit for all.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn suggestions(
    db: &impl ConnectionTrait,
    standard: &CompiledStandard,
    recordings: &[evidence::Model],
) -> Result<Vec<Suggestion>, Failure> {
    let mut found = Vec::new();
    for recording in recordings {
        let Some(row) = store::transcript_of(db, recording.firm_id, recording.id).await? else { continue };
        let proves: Vec<String> = serde_json::from_str(&recording.item_ids).unwrap_or_default();
        for compared in compare(&standard.body, &row.language, &cues_of(&row)?) {
            let Some(item) = standard.standard.items().get(compared.item) else { continue };
            if recordings.len() == 1 || proves.contains(&item.id) {
                found.push(suggestion(&item.id, &item.kind, recording, &compared));
            }
        }
    }
    Ok(found)
}

fn suggestion(item_id: &str, kind: &ItemKind, recording: &evidence::Model, compared: &Comparison) -> Suggestion {
    let is_said = !compared.said.is_empty();
    let is_met = is_said == (compared.list == List::Heard);
    let value = match kind {
        ItemKind::YesNo { positive } => json!(*positive == is_met),
        // What was said decides no more than this; where to listen is worth knowing all the same.
        _ => Value::Null,
    };
    let reason = match (compared.list, is_said) {
        (List::Heard, true) => "Said as the standard wants it.",
        (List::Heard, false) => {
            "Nothing that the standard wants to be said is in the transcript. It may be in other words."
        }
        (List::NotHeard, true) => "Said, though the standard wants it not to be.",
        (List::NotHeard, false) => "Nothing that the standard wants not to be said is in the transcript.",
    };
    let said: Vec<_> = compared.said.iter().map(|said| json!({"phrase": said.phrase, "at_ms": said.at_ms})).collect();
    Suggestion {
        item_id: item_id.to_owned(),
        source: SuggestionSource::Phrase,
        value: Any(value),
        unit: None,
        evidence_id: recording.id,
        at_ms: compared.said.first().and_then(|said| said.at_ms),
        certainty: if is_said { Certainty::Likely } else { Certainty::Unsure },
        reason: reason.to_owned(),
        figures: Any(json!({"phrases": compared.phrases, "said": said})),
    }
}

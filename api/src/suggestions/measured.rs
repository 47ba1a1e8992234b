//! Suggestions for timed items: figures measured in a recording, in the unit of the item.

use peegel_scoring::{ItemKind, Measured};
use poem_openapi::types::Any;
use serde_json::{Value, json};

use crate::entity::evidence;
use crate::evidence::types::RecordingFacts;
use crate::standards::cache::CompiledStandard;
use crate::suggestions::types::{Certainty, Suggestion, SuggestionSource};

/// A value in milliseconds and what there is to say of it.
struct Figure {
    ms: i64,
    at_ms: i64,
    doubt: Option<&'static str>,
    reason: &'static str,
    figures: Value,
}

/// Suggestions for the items that say what they measure. A recording counts for the items that it proves; one that is the
/// only one of its visit for all.
pub fn suggestions(standard: &CompiledStandard, recordings: &[evidence::Model]) -> Vec<Suggestion> {
    let mut found = Vec::new();
    for (position, item) in standard.standard.items().iter().enumerate() {
        let (Some(measured), ItemKind::Numeric { .. }) = (item.measured, &item.kind) else { continue };
        let unit = standard.body["items"][position]["unit"].as_str();
        for recording in recordings {
            let proves: Vec<String> = serde_json::from_str(&recording.item_ids).unwrap_or_default();
            if recordings.len() > 1 && !proves.contains(&item.id) {
                continue;
            }
            let facts = recording.facts.as_deref().and_then(|facts| serde_json::from_str::<RecordingFacts>(facts).ok());
            let Some(figure) = facts.and_then(|facts| figure(measured, &facts)) else { continue };
            let Some(value) = in_unit(figure.ms, unit) else { continue };
            found.push(Suggestion {
                item_id: item.id.clone(),
                source: SuggestionSource::Measured,
                value: Any(value),
                unit: unit.map(str::to_owned),
                evidence_id: recording.id,
                at_ms: Some(figure.at_ms),
                certainty: if figure.doubt.is_some() { Certainty::Unsure } else { Certainty::Likely },
                reason: [figure.reason, figure.doubt.unwrap_or_default()].join(" ").trim_end().to_owned(),
                figures: Any(figure.figures),
            });
        }
    }
    found
}

fn figure(measured: Measured, facts: &RecordingFacts) -> Option<Figure> {
    let sound = facts.sound.as_ref()?;
    let (first_ms, last_ms) = (sound.first_speech_ms?, sound.last_speech_ms?);
    let cut = facts.truncated.then_some("The end of the recording is missing.");
    Some(match measured {
        Measured::Ring => Figure {
            ms: first_ms,
            at_ms: first_ms,
            // An announcement speaks before anybody answers, and a recorder may be started late.
            doubt: (first_ms < 1_000).then_some("Somebody speaks from the start: the ringing was not recorded."),
            reason: "From the start of the recording to the first speech, be it of a person or of a machine.",
            figures: json!({"first_speech_ms": first_ms}),
        },
        Measured::Hold => Figure {
            ms: sound.hold_ms,
            at_ms: sound.longest_hold_at_ms.unwrap_or(first_ms),
            doubt: cut,
            reason: "Stretches of four seconds or more without speech between the first and the last word, together: \
                     silence or music.",
            figures: json!({
                "hold_ms": sound.hold_ms,
                "longest_hold_ms": sound.longest_hold_ms,
                "longest_hold_at_ms": sound.longest_hold_at_ms,
            }),
        },
        Measured::Talk => Figure {
            ms: last_ms - first_ms - sound.hold_ms,
            at_ms: first_ms,
            doubt: cut,
            reason: "From the first to the last word, less the time on hold.",
            figures: json!({"first_speech_ms": first_ms, "last_speech_ms": last_ms, "hold_ms": sound.hold_ms}),
        },
    })
}

/// A time in the unit of an item, as an answer to it: whole seconds, or minutes with a tenth; none for other units.
fn in_unit(ms: i64, unit: Option<&str>) -> Option<Value> {
    match unit {
        Some("s") => Some(json!((ms + 500) / 1000)),
        Some("min") => {
            let tenths = (ms + 3_000) / 6_000;
            Some(if tenths % 10 == 0 { json!(tenths / 10) } else { json!(format!("{}.{}", tenths / 10, tenths % 10)) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_answers_in_the_unit_of_their_item() {
        assert_eq!(in_unit(11_499, Some("s")), Some(json!(11)));
        assert_eq!(in_unit(11_500, Some("s")), Some(json!(12)));
        assert_eq!(in_unit(90_000, Some("min")), Some(json!("1.5")));
        assert_eq!(in_unit(119_999, Some("min")), Some(json!(2)));
        assert_eq!(in_unit(90_000, Some("EUR")), None);
        assert_eq!(in_unit(90_000, None), None);
    }
}

//! What of an answer may leave the firm: the words of the standard, numbers, yes and no; never what somebody wrote.

use peegel_scoring::{Fraction, ItemKind, Standard};
use serde_json::{Map, Value};

/// Whether a text in the value of an answer is one that the standard knows: an option, or the digits of a number.
///
/// Filing checks values against the kind of their item, except beside `na`, which wins over any value; so the kind alone
/// does not tell that somebody did not write the text. The kind is absent for items that the standard does not have.
pub fn is_of_standard(kind: Option<&ItemKind>, text: &str) -> bool {
    match kind {
        Some(ItemKind::Choice { options } | ItemKind::Multi { options, .. }) => {
            options.as_slice().iter().any(|option| option.id == text)
        }
        Some(ItemKind::Numeric { .. }) => Fraction::decimal(text).is_some(),
        _ => false,
    }
}

/// Whether the value of an answer may be shown as it is.
pub fn may_be_shown(kind: &ItemKind, value: &Value) -> bool {
    match value {
        Value::Bool(_) | Value::Number(_) => !matches!(kind, ItemKind::Text),
        Value::String(text) => is_of_standard(Some(kind), text),
        Value::Array(chosen) => {
            matches!(kind, ItemKind::Multi { .. })
                && chosen.iter().all(|entry| entry.as_str().is_some_and(|text| is_of_standard(Some(kind), text)))
        }
        Value::Null | Value::Object(_) => false,
    }
}

/// The answers without what people wrote, and the items where something was taken away. Texts never score, but that
/// there is one can decide what is asked next: it becomes an empty text, not none.
pub fn without_texts(standard: &Standard, mut answers: Map<String, Value>) -> (Map<String, Value>, Vec<String>) {
    let mut withheld = Vec::new();
    for (item, answer) in &mut answers {
        let kind = standard.item(item).map(|item| &item.kind);
        let mut is_withheld = false;
        let mut withhold = |text: &mut String| {
            is_withheld |= !text.is_empty();
            text.clear();
        };
        // A value that its item does not take is as wrong when it is empty, and beside N/A it is not looked at.
        let texts: Vec<_> = match answer.get_mut("v") {
            Some(Value::Array(values)) => values.iter_mut().collect(),
            Some(value) => vec![value],
            None => Vec::new(),
        };
        for value in texts {
            if let Value::String(text) = value
                && !is_of_standard(kind, text)
            {
                withhold(text);
            }
        }
        if let Some(Value::String(text)) = answer.get_mut("comment") {
            withhold(text);
        }
        if is_withheld {
            withheld.push(item.clone());
        }
    }
    (answers, withheld)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_the_standard_knows_is_shown() {
        let options = json!([{"id": "full", "points": 1}, {"id": "none", "points": 0}]);
        let standard = json!({
            "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}],
            "items": [
                {"id": "seen", "section": "s", "type": "yes_no", "weight": 1},
                {"id": "shelf", "section": "s", "type": "choice", "weight": 1, "options": options},
                {"id": "did", "section": "s", "type": "multi", "weight": 1, "mode": "sum", "options": options},
                {"id": "wait", "section": "s", "type": "numeric", "weight": 0},
                {"id": "story", "section": "s", "type": "text", "weight": 0},
            ],
        });
        let standard = Standard::parse(&standard).unwrap();
        for (item, shown, withheld) in [
            ("seen", vec![json!(true)], vec![json!("Mari"), json!(null), json!({"v": 1})]),
            ("shelf", vec![json!("full")], vec![json!("Mari"), json!("")]),
            ("did", vec![json!([]), json!(["none", "full"])], vec![json!(["full", "Mari"]), json!([1])]),
            ("wait", vec![json!(7), json!("12.50")], vec![json!("7 pm"), json!(["7"])]),
            ("story", vec![], vec![json!("full"), json!("7"), json!(7), json!(true)]),
        ] {
            let kind = &standard.item(item).unwrap().kind;
            for value in shown {
                assert!(may_be_shown(kind, &value), "{item}: {value}");
            }
            for value in withheld {
                assert!(!may_be_shown(kind, &value), "{item}: {value}");
            }
        }
    }
}

//! Changes of a draft, as documents: from the one that is stored to the one that shall be.

use serde_json::{Map, Value, json};

use crate::failure::{Failure, FieldProblem, Kind};
use crate::http::json::Reader;
use crate::library;
use crate::standards::check::{Checked, check};

/// Members of a standard that are changed by name. Items have addresses of their own.
const MEMBERS: [&str; 11] = [
    "title",
    "channel",
    "languages",
    "aggregation",
    "unanswered",
    "cap_bonus",
    "min_scored_share_bp",
    "pass_bp",
    "sections",
    "dimensions",
    "bands",
];

/// Members of an item beside its id.
const ITEM_MEMBERS: [&str; 29] = [
    "section",
    "type",
    "weight",
    "required",
    "na_allowed",
    "na",
    "scored",
    "role",
    "dimensions",
    "critical",
    "evidence",
    "evidence_kind",
    "show_if",
    "phrases",
    "positive",
    "options",
    "mode",
    "min",
    "max",
    "map",
    "table",
    "bands",
    "steps",
    "otherwise_bp",
    "text",
    "help",
    "advice",
    "unit",
    "measured",
];

/// The whole draft anew, which must be the one of the address.
///
/// # Errors
///
/// As [`check`], with `bad_value` when it has another id or version.
pub fn whole(file: &Value, standard_id: &str, version: i32) -> Result<Checked, Failure> {
    let mut problems = Vec::new();
    if file["id"].as_str().is_some_and(|id| id != standard_id) {
        problems.push(FieldProblem::new("/id", "bad_value", "must be that of the address"));
    }
    if file["version"].as_i64().is_some_and(|number| number != i64::from(version)) {
        problems.push(FieldProblem::new("/version", "bad_value", "must be that of the address"));
    }
    with_problems(check(file), problems)
}

/// The draft with other members, those of the standard itself. What is absent stays.
///
/// # Errors
///
/// As [`check`], with `unknown_field` for members that cannot be changed so.
pub fn with_members(mut file: Value, body: &Value) -> Result<Checked, Failure> {
    let mut reader = Reader::new(body, "");
    for name in MEMBERS {
        if let Some(value) = reader.optional_value(name) {
            file[name] = value.clone();
        }
    }
    with_problems(check(&file), reader.finish())
}

/// The draft with an item that is new or another than before. It keeps its place, or stands last; or, if one is named,
/// before another item. Dimensions that an item of the library measures come with it.
///
/// # Errors
///
/// As [`check`], with pointers into the body; what is wrong elsewhere in the draft because of it has none.
pub fn with_item(mut file: Value, item_id: &str, before: Option<&str>, body: &Value) -> Result<Checked, Failure> {
    let mut item = Map::new();
    let mut reader = Reader::new(body, "");
    if let Some(id) = reader.optional_text("from_bank", 64) {
        match library::service::item(&id) {
            Ok(found) => item = found.item.0.as_object().cloned().unwrap_or_default(),
            Err(_) => reader.problem("from_bank", "unknown_ref", "is not an item of the library"),
        }
        if reader.optional_value("dimensions").is_none() {
            add_dimensions(&mut file, &item);
        }
    }
    if reader.optional_value("id").is_some_and(|id| id != item_id) {
        reader.problem("id", "bad_value", "must be that of the address");
    }
    for name in ITEM_MEMBERS {
        if let Some(value) = reader.optional_value(name) {
            item.insert(name.to_owned(), value.clone());
        }
    }
    item.insert("id".to_owned(), json!(item_id));
    let mut problems = reader.finish();
    let position = place(&mut file, item_id, before, item, &mut problems);
    with_problems(check(&file).map_err(|failure| of_item(failure, position)), problems)
}

/// Adds the dimensions that an item of the library measures and the draft does not have, with their titles.
fn add_dimensions(file: &mut Value, item: &Map<String, Value>) {
    if file["dimensions"].is_null() {
        file["dimensions"] = json!([]);
    }
    let Some(known) = file["dimensions"].as_array_mut() else { return };
    for share in item.get("dimensions").and_then(Value::as_array).into_iter().flatten() {
        let dimension = share["id"].as_str().and_then(library::service::dimension);
        if let Some(dimension) = dimension.filter(|_| !known.iter().any(|entry| entry["id"] == share["id"])) {
            known.push(dimension.clone());
        }
    }
}

/// Puts the item where it belongs, and gives its position.
fn place(
    file: &mut Value,
    item_id: &str,
    before: Option<&str>,
    item: Map<String, Value>,
    problems: &mut Vec<FieldProblem>,
) -> usize {
    let Some(items) = file["items"].as_array_mut() else { return 0 };
    let position_of = |items: &[Value], id: &str| items.iter().position(|entry| entry["id"] == id);
    let own = position_of(items, item_id);
    if let Some(own) = own {
        items.remove(own);
    }
    let place = before.filter(|before| *before != item_id).and_then(|before| {
        let place = position_of(items, before);
        if place.is_none() {
            problems.push(FieldProblem::new("", "unknown_ref", "`before` is not an item of the draft"));
        }
        place
    });
    let place = place.or(own).unwrap_or(items.len());
    items.insert(place, Value::Object(item));
    place
}

/// Turns pointers into the draft into pointers into its item.
fn of_item(failure: Failure, position: usize) -> Failure {
    let own = format!("/items/{position}");
    let turned = |problem: FieldProblem| match problem.pointer.strip_prefix(&own) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => FieldProblem { pointer: rest.to_owned(), ..problem },
        _ if problem.pointer.is_empty() => problem,
        _ => {
            let message = format!("{} of the draft: {}", problem.pointer, problem.message);
            FieldProblem { pointer: String::new(), message, ..problem }
        }
    };
    Failure { errors: failure.errors.into_iter().map(turned).collect(), ..failure }
}

/// The draft without an item.
///
/// # Errors
///
/// * 404 when it has no such item.
/// * 409 `item_needed` when others need it, with pointers into the draft as it is.
pub fn without_item(mut file: Value, item_id: &str) -> Result<Checked, Failure> {
    let items = file["items"].as_array_mut();
    let position = items.as_ref().and_then(|items| items.iter().position(|entry| entry["id"] == item_id));
    let (Some(items), Some(position)) = (items, position) else { return Err(Failure::not_found("item")) };
    items.remove(position);
    check(&file).map_err(|failure| match failure.kind {
        Kind::Invalid => {
            let detail = "Other items look at this one; see `errors`. Change them first.";
            let errors = failure.errors.into_iter().map(|problem| moved(problem, position)).collect();
            Failure { errors, ..Failure::conflict("item_needed", detail) }
        }
        _ => failure,
    })
}

/// Turns a pointer into the draft without an item into one into the draft with it.
fn moved(problem: FieldProblem, position: usize) -> FieldProblem {
    let rest = problem.pointer.strip_prefix("/items/").map(|rest| rest.split_once('/').unwrap_or((rest, "")));
    match rest.and_then(|(number, rest)| Some((number.parse::<usize>().ok()?, rest))) {
        Some((number, rest)) if number >= position => {
            let slash = if rest.is_empty() { "" } else { "/" };
            FieldProblem { pointer: format!("/items/{}{slash}{rest}", number + 1), ..problem }
        }
        _ => problem,
    }
}

/// The outcome of checking, with what was wrong before.
fn with_problems(outcome: Result<Checked, Failure>, mut problems: Vec<FieldProblem>) -> Result<Checked, Failure> {
    match outcome {
        Ok(checked) if problems.is_empty() => Ok(checked),
        Ok(_) => Err(Failure::invalid(problems)),
        Err(failure) if failure.kind == Kind::Invalid => {
            problems.extend(failure.errors);
            Err(Failure::invalid(problems))
        }
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Value {
        let item = |id: &str| json!({"id": id, "section": "s", "type": "yes_no", "weight": 1, "text": {"en": "T"}});
        let mut last = item("c");
        last["show_if"] = json!({"item": "b", "op": "eq", "value": true});
        json!({
            "id": "tiny", "version": 2, "languages": ["en"], "sections": [{"id": "s", "weight": 1}],
            "items": [item("a"), item("b"), last],
        })
    }

    fn ids(checked: &Checked) -> Vec<String> {
        let file: Value = serde_json::from_str(&checked.canonical.text).unwrap();
        file["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }

    fn codes(failure: &Failure) -> Vec<(&str, &str)> {
        failure.errors.iter().map(|problem| (problem.pointer.as_str(), problem.code.as_str())).collect()
    }

    #[test]
    fn an_item_keeps_its_place_or_gets_one() {
        let new = json!({"section": "s", "type": "yes_no", "weight": 2});
        let put = |id, before| with_item(draft(), id, before, &new).unwrap();
        assert_eq!(ids(&put("a", None)), ["a", "b", "c"]);
        assert_eq!(ids(&put("x", None)), ["a", "b", "c", "x"]);
        assert_eq!(ids(&put("x", Some("a"))), ["x", "a", "b", "c"]);
        assert_eq!(ids(&put("a", Some("c"))), ["b", "a", "c"]);
        assert_eq!(ids(&put("a", Some("a"))), ["a", "b", "c"]);
    }

    #[test]
    fn problems_point_into_the_item() {
        let body = json!({"id": "z", "section": "none", "type": "yes_no", "weight": -1, "colour": 1});
        let failure = with_item(draft(), "x", Some("q"), &body).unwrap_err();
        let expected = [
            ("/id", "bad_value"),
            ("/colour", "unknown_field"),
            ("", "unknown_ref"),
            ("/section", "unknown_ref"),
            ("/weight", "out_of_range"),
        ];
        assert_eq!(codes(&failure), expected);
        // Another item looks at it.
        let text = json!({"section": "s", "type": "text", "weight": 0});
        let failure = with_item(draft(), "b", None, &text).unwrap_err();
        assert_eq!(failure.errors[0].pointer, "");
        assert!(failure.errors[0].message.starts_with("/items/2/show_if"), "{failure}");
    }

    #[test]
    fn an_item_of_the_library_brings_its_dimensions() {
        let body = json!({"from_bank": "BNK-01", "section": "s", "weight": 7, "advice": null});
        let checked = with_item(draft(), "news", None, &body).unwrap();
        let file: Value = serde_json::from_str(&checked.canonical.text).unwrap();
        let item = &file["items"][3];
        assert_eq!((&item["id"], &item["weight"], &item["type"]), (&json!("news"), &json!(7), &json!("yes_no")));
        assert_eq!(file["dimensions"][0]["id"], "information");
        let none = json!({"from_bank": "BNK-01", "section": "s", "dimensions": []});
        let checked = with_item(draft(), "news", None, &none).unwrap();
        assert!(!checked.canonical.text.contains("information"));
    }

    #[test]
    fn an_item_that_others_look_at_stays() {
        assert_eq!(ids(&without_item(draft(), "c").unwrap()), ["a", "b"]);
        let failure = without_item(draft(), "b").unwrap_err();
        assert_eq!((failure.kind, failure.code), (Kind::Conflict, "item_needed"));
        assert!(failure.errors[0].pointer.starts_with("/items/2/show_if"), "{failure}");
        assert_eq!(without_item(draft(), "x").unwrap_err().kind, Kind::NotFound);
    }

    #[test]
    fn members_are_changed_by_name() {
        let checked = with_members(draft(), &json!({"pass_bp": 8000, "title": null})).unwrap();
        assert!(checked.canonical.text.contains(r#""pass_bp":8000"#));
        let failure = with_members(draft(), &json!({"items": [], "pass_bp": 10_001, "sections": []})).unwrap_err();
        let found = codes(&failure);
        assert!(found.contains(&("/items", "unknown_field")) && found.contains(&("/pass_bp", "out_of_range")));
        let failure = whole(&draft(), "other", 1).unwrap_err();
        assert_eq!(codes(&failure), [("/id", "bad_value"), ("/version", "bad_value")]);
    }
}

//! Reading scenarios, with all problems at once.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::failure::FieldProblem;
use crate::http::json::{Reader, escape, text_problem};
use crate::library;
use crate::library::types::LibraryScenario;
use crate::scenarios::types::ScenarioBody;
use crate::standards::check::is_id;
use crate::words::ScenarioChannel;

/// Longest name, in characters.
const MAX_TITLE: usize = 200;
/// Longest script, in characters: a phone shows it on a few screens.
const MAX_SCRIPT: usize = 4000;
/// Longest thing that is looked for, in characters.
const MAX_CRITERION: usize = 1000;
/// Most things that are looked for.
const MAX_CRITERIA: usize = 50;
/// Most items that a scenario exercises.
const MAX_ITEMS: usize = 100;
/// Most languages: every text is sent to phones in each of them.
const MAX_LANGUAGES: usize = 10;

type Texts = BTreeMap<String, String>;

/// A new scenario: its id and what is stored of it.
pub fn new_scenario(
    body: &Value,
    is_taken: impl Fn(&str) -> bool,
) -> Result<(String, ScenarioBody), Vec<FieldProblem>> {
    let mut reader = Reader::new(body, "");
    let from_library = reader.optional_text("from_library", 64);
    let base = from_library.as_deref().and_then(|id| library::service::scenario_by_id(id).ok());
    if from_library.is_some() && base.is_none() {
        reader.problem("from_library", "unknown_ref", "is not a scenario of the library");
    }
    let id = match (reader.optional_text("id", 64), &base) {
        (Some(id), _) => Some(id),
        (None, Some(base)) if body["id"].is_null() => Some(base.id.clone()),
        (None, _) => None,
    };
    match id.as_deref() {
        Some(id) if !is_id(id) => {
            let message = "must start with a letter or _, and go on with letters, digits, dot, _ or -";
            reader.problem("id", "bad_id", message);
        }
        Some(id) if is_taken(id) => reader.problem("id", "duplicate", "is the id of another scenario"),
        None if body.is_object() && body["id"].is_null() && from_library.is_none() => {
            reader.problem("id", "missing", "is required")
        }
        _ => {}
    }
    let scenario = rest(reader, base.as_ref(), from_library)?;
    Ok((id.unwrap_or_default(), scenario))
}

/// A scenario as it shall be; where it comes from stays.
pub fn changed(body: &Value, from_library: Option<String>) -> Result<ScenarioBody, Vec<FieldProblem>> {
    rest(Reader::new(body, ""), None, from_library)
}

/// What all scenarios have. What is absent is the library's, if it was made from one.
fn rest(
    mut reader: Reader<'_>,
    base: Option<&LibraryScenario>,
    from_library: Option<String>,
) -> Result<ScenarioBody, Vec<FieldProblem>> {
    // The library's problem is named already, and what would be taken from it is not missing.
    let is_own = from_library.is_none();
    let title = member(&mut reader, "title", MAX_TITLE, is_own).or(base.map(|base| base.title.clone()));
    let script = member(&mut reader, "script", MAX_SCRIPT, is_own).or(base.map(|base| base.script.clone()));
    let channel: Option<ScenarioChannel> = match is_own {
        true => reader.word("channel"),
        false => reader.optional_word("channel"),
    };
    let channel = channel.or(base.map(|base| base.channel));
    let pass_criteria = criteria(&mut reader).or(base.map(|base| base.pass_criteria.clone())).unwrap_or_default();
    let items = items(&mut reader).or(base.map(|base| base.items.clone())).unwrap_or_default();
    if let Some(title) = &title {
        let texts = script.iter().map(|script| ("/script".to_owned(), script));
        let of_criteria = pass_criteria.iter().enumerate().map(|(n, texts)| (format!("/pass_criteria/{n}"), texts));
        let lacking: Vec<_> = texts.chain(of_criteria).filter_map(|(at, texts)| lacking(at, title, texts)).collect();
        reader.problems.extend(lacking);
    }
    let problems = reader.finish();
    match (title, script, channel) {
        (Some(title), Some(script), Some(channel)) if problems.is_empty() => {
            Ok(ScenarioBody { title, channel, script, pass_criteria, items, from_library })
        }
        _ => Err(problems),
    }
}

/// A text must be there in every language of the title.
fn lacking(pointer: String, title: &Texts, texts: &Texts) -> Option<FieldProblem> {
    let missing: Vec<_> = title.keys().filter(|language| !texts.contains_key(*language)).map(String::as_str).collect();
    let message = || format!("add the text in: {}", missing.join(", "));
    (!missing.is_empty() && !texts.is_empty()).then(|| FieldProblem::new(pointer, "missing_language", message()))
}

fn member(reader: &mut Reader<'_>, name: &'static str, max_chars: usize, is_required: bool) -> Option<Texts> {
    let value = if is_required { reader.value(name) } else { reader.optional_value(name) }?;
    Some(texts(value, &format!("/{name}"), max_chars, &mut reader.problems))
}

fn criteria(reader: &mut Reader<'_>) -> Option<Vec<Texts>> {
    let list = reader.optional_list("pass_criteria", MAX_CRITERIA)?;
    let mut read = |(n, value)| texts(value, &format!("/pass_criteria/{n}"), MAX_CRITERION, &mut reader.problems);
    Some(list.iter().enumerate().map(&mut read).collect())
}

fn items(reader: &mut Reader<'_>) -> Option<Vec<String>> {
    let list = reader.optional_list("items", MAX_ITEMS)?;
    let mut found: Vec<String> = Vec::new();
    for (n, value) in list.iter().enumerate() {
        let mut wrong = |code, message| reader.problems.push(FieldProblem::new(format!("/items/{n}"), code, message));
        match value.as_str() {
            None => wrong("bad_type", "must be the id of an item"),
            Some(id) if !is_id(id) => wrong("bad_id", "must be the id of an item"),
            Some(id) if found.iter().any(|known| known == id) => wrong("duplicate", "is named before"),
            Some(id) => found.push(id.to_owned()),
        }
    }
    Some(found)
}

/// Texts by language, as far as they can be read.
fn texts(value: &Value, pointer: &str, max_chars: usize, problems: &mut Vec<FieldProblem>) -> Texts {
    let mut found = Texts::new();
    let Some(object) = value.as_object() else {
        problems.push(FieldProblem::new(pointer, "bad_type", "must be an object of texts by language"));
        return found;
    };
    if object.is_empty() {
        problems.push(FieldProblem::new(pointer, "missing_language", "must be written in at least one language"));
    }
    if object.len() > MAX_LANGUAGES {
        let message = format!("is written in {} languages; at most {MAX_LANGUAGES} are allowed", object.len());
        problems.push(FieldProblem::new(pointer, "too_many_languages", message));
        return found;
    }
    for (language, text) in object {
        let at = format!("{pointer}/{}", escape(language));
        let problem = match text.as_str() {
            _ if !is_language(language) => Some(("bad_language", "is no language code such as en".to_owned())),
            None => Some(("bad_type", "must be a text".to_owned())),
            Some(text) => text_problem(text, max_chars),
        };
        match (problem, text.as_str()) {
            (None, Some(text)) => drop(found.insert(language.clone(), text.to_owned())),
            (problem, _) => problems.extend(problem.map(|(code, message)| FieldProblem::new(at, code, message))),
        }
    }
    found
}

/// A language code such as `en` or `pt-BR`.
fn is_language(code: &str) -> bool {
    let mut parts = code.split('-');
    let first = parts.next().unwrap_or_default();
    let is_first = (2..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_lowercase());
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    is_first && code.len() <= 35 && parts.all(is_part)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn codes(problems: &[FieldProblem]) -> Vec<(&str, &str)> {
        problems.iter().map(|problem| (problem.pointer.as_str(), problem.code.as_str())).collect()
    }

    #[test]
    fn the_library_gives_what_is_absent() {
        let (id, scenario) = new_scenario(&json!({"from_library": "C1"}), |_| false).unwrap();
        assert_eq!((id.as_str(), scenario.title["en"].as_str()), ("C1", "Undecided customer"));
        assert_eq!((scenario.pass_criteria.len(), scenario.from_library.as_deref()), (4, Some("C1")));
        let own = json!({"from_library": "C1", "id": "mine", "title": {"en": "A", "fi": "B"}});
        let found = new_scenario(&own, |_| false).unwrap_err();
        assert_eq!(codes(&found)[0], ("/script", "missing_language"));
        assert_eq!(found.len(), 5);
    }

    #[test]
    fn all_problems_are_named_at_once() {
        let body = json!({
            "id": "1st", "title": {"EN": "A", "et": "B"}, "channel": "tv", "script": {},
            "pass_criteria": [{"et": "C"}, {"en": 1}, 7], "items": ["A1", "A1", "a b"], "fee": 1,
        });
        let found = new_scenario(&body, |_| false).unwrap_err();
        let expected = [
            ("/id", "bad_id"),
            ("/title/EN", "bad_language"),
            ("/script", "missing_language"),
            ("/channel", "bad_value"),
            ("/pass_criteria/1/en", "bad_type"),
            ("/pass_criteria/2", "bad_type"),
            ("/items/1", "duplicate"),
            ("/items/2", "bad_id"),
            ("/fee", "unknown_field"),
        ];
        assert_eq!(codes(&found), expected);
        let empty = new_scenario(&json!({}), |_| false).unwrap_err();
        assert_eq!(
            codes(&empty),
            [("/id", "missing"), ("/title", "missing"), ("/script", "missing"), ("/channel", "missing")]
        );
        let unknown = new_scenario(&json!({"from_library": "C99"}), |_| false).unwrap_err();
        assert_eq!(codes(&unknown), [("/from_library", "unknown_ref")]);
    }
}

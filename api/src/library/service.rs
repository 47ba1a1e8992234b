//! What is in the library. It is part of the program: the same for every firm, and never changed by one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use poem_openapi::types::Any;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::http::paging::{Page, Slice};
use crate::library::types::{LibraryItem, LibraryScenario};
use crate::scenarios::types::ScenarioBody;
use crate::words::ScenarioChannel;

const BANK: &str = include_str!("../../../fixtures/standards/bank.json");
const SCENARIOS: &str = include_str!("../../../fixtures/standards/scenarios.json");
/// The standards whose items the scenarios exercise, and whose dimensions the items measure.
const STANDARDS: [&str; 6] = [
    include_str!("../../../fixtures/standards/branch-environment.json"),
    include_str!("../../../fixtures/standards/chat-email.json"),
    include_str!("../../../fixtures/standards/competitor-comparison.json"),
    include_str!("../../../fixtures/standards/complaint-handling.json"),
    include_str!("../../../fixtures/standards/mystery-call.json"),
    include_str!("../../../fixtures/standards/retail-visit.json"),
];

static LIBRARY: LazyLock<Library> = LazyLock::new(Library::read);

struct Library {
    items: Vec<LibraryItem>,
    scenarios: Vec<LibraryScenario>,
    /// Dimensions with their titles, as a standard takes them.
    dimensions: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct ScenarioEntry {
    id: String,
    #[serde(flatten)]
    body: ScenarioBody,
}

impl Library {
    /// Reads the files; a test knows how much is in them.
    fn read() -> Self {
        let (mut dimensions, mut measured) = (BTreeMap::new(), BTreeMap::new());
        for text in STANDARDS {
            let standard: Value = serde_json::from_str(text).unwrap_or_default();
            for dimension in entries(&standard, "dimensions") {
                dimensions.entry(id(dimension)).or_insert_with(|| dimension.clone());
            }
            measured.extend(entries(&standard, "items").map(|item| (id(item), dimensions_of(item))));
        }
        let bank: Value = serde_json::from_str(BANK).unwrap_or_default();
        let items: Vec<_> = entries(&bank, "items").map(library_item).collect();
        measured.extend(items.iter().map(|item| (item.id.clone(), item.dimensions.clone())));
        let mut scenarios: Value = serde_json::from_str(SCENARIOS).unwrap_or_default();
        let scenarios: Vec<ScenarioEntry> = serde_json::from_value(scenarios["scenarios"].take()).unwrap_or_default();
        let scenarios = scenarios.into_iter().map(|entry| scenario(entry, &measured)).collect();
        Self { items, scenarios, dimensions }
    }
}

fn entries<'a>(file: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    file.get(list).and_then(Value::as_array).into_iter().flatten()
}

fn id(entry: &Value) -> String {
    entry["id"].as_str().unwrap_or_default().to_owned()
}

fn dimensions_of(item: &Value) -> Vec<String> {
    entries(item, "dimensions").map(id).collect()
}

fn library_item(item: &Value) -> LibraryItem {
    let languages = item["text"].as_object().into_iter().flatten().map(|(language, _)| language.clone()).collect();
    LibraryItem { id: id(item), languages, dimensions: dimensions_of(item), item: Any(item.clone()) }
}

fn scenario(entry: ScenarioEntry, measured: &BTreeMap<String, Vec<String>>) -> LibraryScenario {
    let ScenarioEntry { id, body } = entry;
    let dimensions: BTreeSet<_> = body.items.iter().filter_map(|item| measured.get(item)).flatten().cloned().collect();
    LibraryScenario {
        id,
        channel: body.channel,
        languages: body.title.keys().cloned().collect(),
        dimensions: dimensions.into_iter().collect(),
        title: body.title,
        script: body.script,
        pass_criteria: body.pass_criteria,
        items: body.items,
    }
}

/// Which entries a list is about. Every part that is there narrows it.
#[derive(Clone, Debug, Default)]
pub struct LibraryFilter {
    /// Measuring this dimension.
    pub dimension: Option<String>,
    /// Written in this language.
    pub language: Option<String>,
    /// Played here, or anywhere; of scenarios only.
    pub channel: Option<ScenarioChannel>,
}

impl LibraryFilter {
    fn admits(&self, dimensions: &[String], languages: &[String]) -> bool {
        let has = |wanted: &Option<String>, list: &[String]| wanted.as_ref().is_none_or(|wanted| list.contains(wanted));
        has(&self.dimension, dimensions) && has(&self.language, languages)
    }
}

/// A page of the items, in the order of the library.
///
/// # Errors
///
/// 400 `bad_cursor` when the cursor is not one of this list.
pub fn items(filter: &LibraryFilter, slice: &Slice) -> Result<Page<LibraryItem>, Failure> {
    page(&LIBRARY.items, |item| filter.admits(&item.dimensions, &item.languages), slice)
}

/// A page of the scenarios, in the order of the library.
///
/// # Errors
///
/// 400 `bad_cursor` when the cursor is not one of this list.
pub fn scenarios(filter: &LibraryFilter, slice: &Slice) -> Result<Page<LibraryScenario>, Failure> {
    let is_played = |channel: ScenarioChannel| {
        filter.channel.is_none_or(|wanted| wanted == channel || channel == ScenarioChannel::Any)
    };
    let admits = |scenario: &LibraryScenario| {
        is_played(scenario.channel) && filter.admits(&scenario.dimensions, &scenario.languages)
    };
    page(&LIBRARY.scenarios, admits, slice)
}

fn page<T>(all: &[T], admits: impl Fn(&T) -> bool, slice: &Slice) -> Result<Page<T>, Failure>
where
    T: Clone + poem_openapi::types::Type + poem_openapi::types::ParseFromJSON + poem_openapi::types::ToJSON,
{
    let after: Option<usize> = slice.after()?;
    let rows = all.iter().enumerate().filter(|(n, entry)| after.is_none_or(|after| *n > after) && admits(entry));
    Ok(slice.page(rows.collect(), |(n, _)| n.to_string(), |(_, entry)| entry.clone()))
}

/// An item.
///
/// # Errors
///
/// 404 when there is none with this id.
pub fn item(id: &str) -> Result<LibraryItem, Failure> {
    let found = LIBRARY.items.iter().find(|item| item.id == id);
    found.cloned().ok_or_else(|| Failure::not_found("item of the library"))
}

/// A scenario.
///
/// # Errors
///
/// 404 when there is none with this id.
pub fn scenario_by_id(id: &str) -> Result<LibraryScenario, Failure> {
    let found = LIBRARY.scenarios.iter().find(|scenario| scenario.id == id);
    found.cloned().ok_or_else(|| Failure::not_found("scenario of the library"))
}

/// A dimension with its title, as a standard takes it, if the library's items measure it.
pub fn dimension(id: &str) -> Option<&'static Value> {
    LIBRARY.dimensions.get(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_can_be_read_and_is_written_in_three_languages() {
        assert_eq!((LIBRARY.items.len(), LIBRARY.scenarios.len()), (15, 24));
        for item in &LIBRARY.items {
            assert_eq!(item.languages, ["en", "et", "hu"], "{}", item.id);
            assert!(item.dimensions.iter().all(|id| dimension(id).is_some()), "{}", item.id);
        }
        for scenario in &LIBRARY.scenarios {
            assert_eq!(scenario.languages, ["en", "et", "hu"], "{}", scenario.id);
            assert!(!scenario.dimensions.is_empty() && !scenario.pass_criteria.is_empty(), "{}", scenario.id);
        }
    }
}

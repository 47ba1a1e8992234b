//! The library in answers.

use std::collections::BTreeMap;

use poem_openapi::Object;
use poem_openapi::types::Any;
use serde_json::Value;

use crate::words::ScenarioChannel;

/// An item of the library.
#[derive(Clone, Debug, Object)]
pub struct LibraryItem {
    /// Its id, to be named in `from_bank`.
    pub id: String,
    /// The languages that it is written in.
    pub languages: Vec<String>,
    /// The dimensions that it measures.
    pub dimensions: Vec<String>,
    /// The item as a standard takes it; the section is up to the standard.
    pub item: Any<Value>,
}

/// A scenario of the library.
#[derive(Clone, Debug, Object)]
pub struct LibraryScenario {
    /// Its id, to be named in `from_library`.
    pub id: String,
    /// Where it is played.
    pub channel: ScenarioChannel,
    /// The languages that it is written in.
    pub languages: Vec<String>,
    /// The dimensions that its items measure.
    pub dimensions: Vec<String>,
    /// Its name by language.
    pub title: BTreeMap<String, String>,
    /// What the auditor does, by language.
    pub script: BTreeMap<String, String>,
    /// What the reviewer looks for, each by language.
    pub pass_criteria: Vec<BTreeMap<String, String>>,
    /// The items of the ready-made standards that it exercises.
    pub items: Vec<String>,
}

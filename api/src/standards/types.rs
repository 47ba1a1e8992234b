//! Standards in requests and in answers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde_json::Value;

use crate::http::problem::ProblemField;
use crate::words::{StandardKind, VersionState};

/// A standard file: one version of a checklist with weights. Texts are objects of texts by language.
///
/// Members that scoring does not read, such as titles and advice, are kept as they are.
#[derive(Debug, Object)]
pub struct StandardDocument {
    /// `peegel.standard/1`.
    pub format: Option<StandardFormat>,
    /// The id that all versions share.
    #[oai(validator(pattern = "^[A-Za-z_][A-Za-z0-9._-]{0,63}$"))]
    pub id: String,
    /// The version, 1, 2, 3 and so on.
    #[oai(validator(minimum(value = "1")))]
    pub version: i32,
    /// The title by language.
    pub title: Option<Any<Value>>,
    /// What it is for, in the firm's own words, such as `store_visit`.
    pub channel: Option<String>,
    /// The languages that every text must be written in.
    pub languages: Option<Vec<String>>,
    /// How section scores become the visit score; `pooled` if absent.
    pub aggregation: Option<Aggregation>,
    /// How optional items left empty count; `exclude` if absent.
    pub unanswered: Option<Unanswered>,
    /// Whether bonus items stop lifting a score at full marks; true if absent.
    pub cap_bonus: Option<bool>,
    /// Smallest share of the asked weight that must be scored, in basis points.
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    pub min_scored_share_bp: Option<i32>,
    /// The pass mark in basis points.
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    pub pass_bp: Option<i32>,
    /// The sections, in the order of the visit.
    pub sections: Vec<Any<Value>>,
    /// What items measure, across sections.
    pub dimensions: Option<Vec<Any<Value>>>,
    /// The grade bands.
    pub bands: Option<Vec<Any<Value>>>,
    /// The items, in the order of the questionnaire; at most 500. The member `phrases` of an item lists what should be
    /// heard in a recording, and what should not: `{"heard": {"en": ["may I have your name"]}, "not_heard": {..}}`.
    #[oai(validator(max_items = 500))]
    pub items: Vec<Any<Value>>,
}

/// The form of a standard file.
#[derive(Clone, Copy, Debug, Enum)]
pub enum StandardFormat {
    /// The first and only one.
    #[oai(rename = "peegel.standard/1")]
    One,
}

/// How section scores become the visit score.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Aggregation {
    /// All points of the visit together.
    Pooled,
    /// Sections by their weights.
    WeightedSections,
}

/// How optional items left empty count.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Unanswered {
    /// Not at all.
    Exclude,
    /// As nothing earned.
    Zero,
}

/// A version of a standard.
#[derive(Debug, Object)]
pub struct StandardVersionView {
    /// The standard.
    pub standard_id: String,
    /// The version.
    pub version: i32,
    /// How far it has come. Only published versions can be assigned.
    pub state: VersionState,
    /// The title by language.
    pub title: BTreeMap<String, String>,
    /// The sha256 of the document in canonical form; also its entity tag.
    pub sha256: String,
    /// How many items it has.
    pub items: usize,
    /// What may be intended and should be looked at.
    pub warnings: Vec<ProblemField>,
}

/// What checking a standard found.
#[derive(Debug, Object)]
pub struct StandardCheckView {
    /// The standard.
    pub standard_id: String,
    /// The version.
    pub version: i32,
    /// The sha256 that the document would be stored under.
    pub sha256: String,
    /// How many items it has.
    pub items: usize,
    /// What may be intended and should be looked at.
    pub warnings: Vec<ProblemField>,
}

/// A standard with its versions.
#[derive(Debug, Object)]
pub struct StandardView {
    /// The standard.
    pub id: String,
    /// What it is for.
    pub kind: StandardKind,
    /// The title of its newest version, by language.
    pub title: BTreeMap<String, String>,
    /// When its first version was imported.
    pub created_at: DateTime<Utc>,
    /// Its versions, the oldest first.
    pub versions: Vec<VersionLine>,
}

/// A version in a list.
#[derive(Debug, Object)]
pub struct VersionLine {
    /// The version.
    pub version: i32,
    /// How far it has come.
    pub state: VersionState,
    /// The sha256 of the document in canonical form.
    pub sha256: String,
    /// When it was imported.
    pub created_at: DateTime<Utc>,
    /// When it was published.
    pub published_at: Option<DateTime<Utc>>,
}

/// Which version to publish.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct PublishVersion {
    /// The version.
    #[oai(validator(minimum(value = "1")))]
    pub version: i32,
}

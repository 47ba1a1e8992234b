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

/// What to change of a draft. What is absent stays; items have addresses of their own.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct DraftChange {
    /// The title by language.
    pub title: Option<Any<Value>>,
    /// What it is for, in the firm's own words, such as `store_visit`.
    pub channel: Option<String>,
    /// The languages that every text must be written in.
    pub languages: Option<Vec<String>>,
    /// How section scores become the visit score.
    pub aggregation: Option<Aggregation>,
    /// How optional items left empty count.
    pub unanswered: Option<Unanswered>,
    /// Whether bonus items stop lifting a score at full marks.
    pub cap_bonus: Option<bool>,
    /// Smallest share of the asked weight that must be scored, in basis points.
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    pub min_scored_share_bp: Option<i32>,
    /// The pass mark in basis points.
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    pub pass_bp: Option<i32>,
    /// The sections, in the order of the visit.
    pub sections: Option<Vec<Any<Value>>>,
    /// What items measure, across sections.
    pub dimensions: Option<Vec<Any<Value>>>,
    /// The grade bands.
    pub bands: Option<Vec<Any<Value>>>,
}

/// An item of a draft as it shall be. The members are those of the items of a standard file.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct StandardItemIn {
    /// An item of the library that gives what is absent here, and brings its dimensions along.
    #[oai(validator(max_length = 64))]
    pub from_bank: Option<String>,
    /// Its id, that of the address.
    pub id: Option<String>,
    /// The section that it stands in.
    pub section: Option<String>,
    /// What its answers are.
    #[oai(rename = "type")]
    pub kind: Option<StandardItemType>,
    /// Its weight.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub weight: Option<i32>,
    /// Whether it must be answered; true if absent.
    pub required: Option<bool>,
    /// Whether "does not apply" is an answer; false if absent.
    pub na_allowed: Option<bool>,
    /// How "does not apply" counts: `exclude`, `zero` or `full`.
    pub na: Option<Any<Value>>,
    /// Whether it counts; true if absent.
    pub scored: Option<bool>,
    /// `normal`, `bonus` or `penalty`.
    pub role: Option<Any<Value>>,
    /// What it measures, each with its share.
    pub dimensions: Option<Any<Value>>,
    /// What failing it does to the score: `{"scope": "visit", "cap_bp": 4000}`.
    pub critical: Option<Any<Value>>,
    /// Whether it takes proof: `never`, `optional`, `on_fail` or `always`.
    pub evidence: Option<Any<Value>>,
    /// What proves it: `photo`, `recording` or `either`.
    pub evidence_kind: Option<Any<Value>>,
    /// When it is asked.
    pub show_if: Option<Any<Value>>,
    /// What should be heard in a recording, and what should not.
    pub phrases: Option<Any<Value>>,
    /// Whether yes is the good answer, of a yes-no item.
    pub positive: Option<bool>,
    /// The options, of a choice.
    pub options: Option<Any<Value>>,
    /// How several options count, of a multiple choice.
    pub mode: Option<Any<Value>>,
    /// The lowest answer, of a scale or a number.
    pub min: Option<Any<Value>>,
    /// The highest answer, of a scale or a number.
    pub max: Option<Any<Value>>,
    /// How answers become scores, of a scale.
    pub map: Option<Any<Value>>,
    /// The score of each answer, of a scale.
    pub table: Option<Any<Value>>,
    /// Scores between which a number's are interpolated.
    pub bands: Option<Any<Value>>,
    /// Scores by steps of a number.
    pub steps: Option<Any<Value>>,
    /// The score of a number that no step names.
    pub otherwise_bp: Option<Any<Value>>,
    /// The question by language.
    pub text: Option<Any<Value>>,
    /// What helps the auditor, by language.
    pub help: Option<Any<Value>>,
    /// What a branch can do about it, by language.
    pub advice: Option<Any<Value>>,
    /// The unit of a number.
    pub unit: Option<Any<Value>>,
    /// The figure of a recording that answers it: `ring`, `hold` or `talk`.
    pub measured: Option<Any<Value>>,
}

/// What the answers of an item are.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "snake_case")]
pub enum StandardItemType {
    /// Yes or no.
    YesNo,
    /// One of some options.
    Choice,
    /// A step of a scale.
    Rating,
    /// Any of some options.
    Multi,
    /// A number.
    Numeric,
    /// 0 to 10.
    Nps,
    /// Words.
    Text,
}

/// What a copy is to be called.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct CopyVersion {
    /// The standard of the copy; the same if absent.
    #[oai(validator(pattern = "^[A-Za-z_][A-Za-z0-9._-]{0,63}$"))]
    pub id: Option<String>,
    /// Its version, which must not be there yet.
    #[oai(validator(minimum(value = "1")))]
    pub version: i32,
}

/// Two versions of a standard, side by side.
#[derive(Debug, Object)]
pub struct VersionComparison {
    /// The standard.
    pub standard_id: String,
    /// The version that is compared.
    pub from_version: i32,
    /// The version that it is compared with.
    pub to_version: i32,
    /// Members of the standard itself that differ, by name.
    pub members: Vec<MemberDifference>,
    /// Sections that differ, as items below.
    pub sections: Vec<PartDifference>,
    /// Dimensions that differ, as items below.
    pub dimensions: Vec<PartDifference>,
    /// Items that differ, in the order of the later version, and then those that are gone.
    pub items: Vec<PartDifference>,
    /// How many items are the same in both.
    pub unchanged_items: usize,
}

/// A part of a standard that is not the same in two versions.
#[derive(Debug, Object)]
pub struct PartDifference {
    /// Its id.
    pub id: String,
    /// What happened to it.
    pub change: PartChange,
    /// Its position before, from 0.
    pub from_position: Option<usize>,
    /// Its position after, from 0.
    pub to_position: Option<usize>,
    /// Its members that differ, by name; all of them when it was added or removed.
    pub members: Vec<MemberDifference>,
}

/// What happened to a part of a standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum PartChange {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Some of its members differ.
    Changed,
    /// It is the same in another place.
    Moved,
}

/// A member that is not the same in two versions.
#[derive(Debug, Object)]
pub struct MemberDifference {
    /// Its name.
    pub name: String,
    /// What it was; absent when it was not there.
    pub from: Option<Any<Value>>,
    /// What it is; absent when it is gone.
    pub to: Option<Any<Value>>,
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

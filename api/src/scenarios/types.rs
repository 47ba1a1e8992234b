//! Scenarios in requests and in answers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use crate::entity::scenario;
use crate::failure::Failure;
use crate::words::ScenarioChannel;

/// What is stored of a version, and what the library has of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioBody {
    /// Its name by language.
    pub title: BTreeMap<String, String>,
    /// Where it is played.
    pub channel: ScenarioChannel,
    /// What the auditor does, by language.
    pub script: BTreeMap<String, String>,
    /// What the reviewer looks for, each by language.
    #[serde(default)]
    pub pass_criteria: Vec<BTreeMap<String, String>>,
    /// The items that it exercises.
    #[serde(default)]
    pub items: Vec<String>,
    /// The scenario of the library that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_library: Option<String>,
}

impl ScenarioBody {
    /// What is stored in a row.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when it cannot be read, which is never stored.
    pub fn of(row: &scenario::Model) -> Result<Self, Failure> {
        serde_json::from_str(&row.body).map_err(Failure::internal)
    }
}

/// A scenario to be added. What is absent is taken from the library's, if one is named.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewScenario {
    /// The id that all versions share; that of the library's if absent.
    #[oai(validator(pattern = "^[A-Za-z_][A-Za-z0-9._-]{0,63}$"))]
    pub id: Option<String>,
    /// A scenario of the library.
    #[oai(validator(max_length = 64))]
    pub from_library: Option<String>,
    /// Its name by language, in every language that it is written in.
    pub title: Option<BTreeMap<String, String>>,
    /// Where it is played.
    pub channel: Option<ScenarioChannel>,
    /// What the auditor does, by language.
    pub script: Option<BTreeMap<String, String>>,
    /// What the reviewer looks for, each by language.
    #[oai(validator(max_items = 50))]
    pub pass_criteria: Option<Vec<BTreeMap<String, String>>>,
    /// The ids of the items that it exercises, of whatever standards.
    #[oai(validator(max_items = 100))]
    pub items: Option<Vec<String>>,
}

/// A scenario as it shall be.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct ScenarioIn {
    /// Its name by language, in every language that it is written in.
    pub title: BTreeMap<String, String>,
    /// Where it is played.
    pub channel: ScenarioChannel,
    /// What the auditor does, by language.
    pub script: BTreeMap<String, String>,
    /// What the reviewer looks for, each by language; nothing if absent.
    #[oai(validator(max_items = 50))]
    pub pass_criteria: Option<Vec<BTreeMap<String, String>>>,
    /// The ids of the items that it exercises, of whatever standards; none if absent.
    #[oai(validator(max_items = 100))]
    pub items: Option<Vec<String>>,
}

/// A version of a scenario.
#[derive(Clone, Debug, Object)]
pub struct ScenarioView {
    /// The id that all versions share.
    pub id: String,
    /// The version. It never changes; a change makes the next one.
    pub version: i32,
    /// Its name by language. It is all that a chain reads of it.
    pub title: BTreeMap<String, String>,
    /// Where it is played.
    pub channel: ScenarioChannel,
    /// What the auditor does, by language.
    pub script: BTreeMap<String, String>,
    /// What the reviewer looks for, each by language. Auditors do not read it.
    pub pass_criteria: Vec<BTreeMap<String, String>>,
    /// The ids of the items that it exercises.
    pub items: Vec<String>,
    /// The scenario of the library that it was made from.
    pub from_library: Option<String>,
    /// The sha256 of the version; also its entity tag.
    pub sha256: String,
    /// When the version was made.
    pub created_at: DateTime<Utc>,
}

impl ScenarioView {
    /// What is told of a row.
    ///
    /// # Errors
    ///
    /// As [`ScenarioBody::of`].
    pub fn of(row: scenario::Model) -> Result<Self, Failure> {
        let body = ScenarioBody::of(&row)?;
        Ok(Self {
            id: row.id,
            version: row.version,
            title: body.title,
            channel: body.channel,
            script: body.script,
            pass_criteria: body.pass_criteria,
            items: body.items,
            from_library: body.from_library,
            sha256: row.body_sha256,
            created_at: row.created_at,
        })
    }
}

/// A scenario as whoever plays it reads it: without what is looked for.
#[derive(Clone, Debug, Object)]
pub struct AssignmentScenario {
    /// The scenario.
    pub id: String,
    /// The version that the assignment was made with.
    pub version: i32,
    /// Its name by language.
    pub title: BTreeMap<String, String>,
    /// Where it is played.
    pub channel: ScenarioChannel,
    /// What to do, by language.
    pub script: BTreeMap<String, String>,
}

impl AssignmentScenario {
    /// What is told of a row.
    ///
    /// # Errors
    ///
    /// As [`ScenarioBody::of`].
    pub fn of(row: scenario::Model) -> Result<Self, Failure> {
        let ScenarioBody { title, channel, script, .. } = ScenarioBody::of(&row)?;
        Ok(Self { id: row.id, version: row.version, title, channel, script })
    }
}

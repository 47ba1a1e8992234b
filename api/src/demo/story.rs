//! The story of the demo as data: `fixtures/demo/demo.json`, with the media and standards it names.

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::NaiveDate;
use rust_embed::RustEmbed;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;

#[derive(RustEmbed)]
#[folder = "../fixtures/media"]
#[include = "*.jpg"]
#[include = "*.png"]
#[include = "*.m4a"]
#[include = "*.mp3"]
#[include = "*.wav"]
#[include = "*.txt"]
struct Media;

#[derive(RustEmbed)]
#[folder = "../fixtures/standards"]
#[include = "*.json"]
struct Standards;

/// The whole story.
#[derive(Debug, Deserialize)]
pub struct Story {
    pub firms: Vec<Firm>,
}

/// An auditing firm.
#[derive(Debug, Deserialize)]
pub struct Firm {
    pub code: String,
    pub name: String,
    pub users: Vec<User>,
    pub standards: Vec<String>,
    pub chains: Vec<Chain>,
    pub waves: Vec<Wave>,
    pub visits: Vec<Visit>,
}

/// Somebody who signs in.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    pub key: String,
    pub email: String,
    pub name: String,
    pub role: String,
    pub locale: String,
    pub chain: Option<String>,
    pub branches: Vec<String>,
}

/// A retail chain.
#[derive(Debug, Deserialize)]
pub struct Chain {
    pub code: String,
    pub name: String,
    pub kind: String,
    pub locale: String,
    pub colour: String,
    pub recording_policy: String,
    pub regions: Vec<Region>,
    pub branches: Vec<Branch>,
}

/// A region of a chain.
#[derive(Debug, Deserialize)]
pub struct Region {
    pub code: String,
    pub name: String,
}

/// A branch, and how good it truly is.
#[derive(Debug, Deserialize)]
pub struct Branch {
    pub code: String,
    pub name: String,
    pub address: String,
    pub city: String,
    pub country: String,
    pub lat: f64,
    pub lon: f64,
    pub time_zone: String,
    pub format: String,
    pub region: String,
    pub quality: f64,
    #[serde(default)]
    pub quality_by_wave: HashMap<String, f64>,
    #[serde(default)]
    pub weak_items: Vec<String>,
}

/// A wave of visits.
#[derive(Debug, Deserialize)]
pub struct Wave {
    pub chain: String,
    pub name: String,
    pub kind: String,
    pub opens_on: NaiveDate,
    pub closes_on: NaiveDate,
}

/// A visit, and what becomes of it.
#[derive(Debug, Deserialize)]
pub struct Visit {
    pub key: String,
    pub wave: String,
    pub branch: String,
    pub standard: String,
    pub scenario: Option<String>,
    pub auditor: String,
    pub day: NaiveDate,
    pub time: String,
    pub story: Fate,
    pub critical_failure: Option<String>,
    #[serde(default)]
    pub na_items: Vec<String>,
    #[serde(default)]
    pub proofs: Vec<Proof>,
    #[serde(default)]
    pub missing: Vec<String>,
    #[serde(default)]
    pub comment: HashMap<String, String>,
    #[serde(default)]
    pub texts: HashMap<String, String>,
    #[serde(default)]
    pub return_reason: HashMap<String, String>,
    pub owner_hint: Option<String>,
    pub faked: Option<Faked>,
}

/// A visit that was never made.
#[derive(Debug, Deserialize)]
pub struct Faked {
    /// Where the auditor was instead.
    pub home: (f64, f64),
    /// How long the stay is said to have been.
    pub minutes: i64,
    /// Whose photo was taken for one of the own.
    pub photos_of: String,
}

/// What becomes of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Approved and published.
    Published,
    /// Waits for a reviewer.
    Submitted,
    /// Sent back with a reason.
    Returned,
    /// Filed, but a file never came.
    Incomplete,
    /// Could not be made; with proof, and published.
    Attempted,
    /// Never filed.
    Draft,
}

/// A file and the items that it proves.
#[derive(Debug, Deserialize)]
pub struct Proof {
    pub file: String,
    pub items: Vec<String>,
}

impl Story {
    /// Reads the story.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the file in the program is not what this type says.
    pub fn read() -> Result<Self, Failure> {
        serde_json::from_str(include_str!("../../../fixtures/demo/demo.json")).map_err(Failure::internal)
    }
}

impl Firm {
    /// The chain and branch with a code.
    pub fn branch(&self, code: &str) -> Option<(&Chain, &Branch)> {
        self.chains
            .iter()
            .find_map(|chain| chain.branches.iter().find(|branch| branch.code == code).map(|branch| (chain, branch)))
    }
}

/// A standard by id.
///
/// # Errors
///
/// [`Failure`] when there is none.
pub fn standard(id: &str) -> Result<Value, Failure> {
    let file = Standards::get(&format!("{id}.json")).ok_or_else(|| Failure::internal(format!("no standard {id}")))?;
    serde_json::from_slice(&file.data).map_err(Failure::internal)
}

/// The bytes of a photo or recording.
///
/// # Errors
///
/// [`Failure`] when there is none.
pub fn media(file: &str) -> Result<Cow<'static, [u8]>, Failure> {
    Media::get(file).map(|media| media.data).ok_or_else(|| Failure::internal(format!("no media {file}")))
}

/// What is said in a recording, which stands beside it; none for other files.
pub fn transcript(file: &str) -> Option<Cow<'static, [u8]>> {
    let (name, _) = file.rsplit_once('.')?;
    Media::get(&format!("{name}.txt")).map(|media| media.data)
}

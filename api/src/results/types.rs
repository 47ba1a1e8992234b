//! A published visit in answers.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use poem_openapi::Object;
use poem_openapi::types::Any;
use serde_json::Value;
use uuid::Uuid;

use crate::appeals::types::AppealLine;
use crate::visits::types::ScoreSummary;
use crate::words::{AttemptedBecause, Outcome, PartOfDay};

/// Published visits, and those that were taken back, in one order: that of their ids, which tells nothing of time.
#[derive(Debug, Object)]
pub struct ResultList {
    /// The published ones.
    pub data: Vec<ResultSummary>,
    /// Those that were taken back and are not published again; with `data` at most `limit` entries.
    pub withdrawn: Vec<WithdrawnResult>,
    /// Send it as `cursor` for the next page; absent on the last one.
    pub next_cursor: Option<String>,
}

/// A result that was taken back.
#[derive(Debug, Object)]
pub struct WithdrawnResult {
    /// The result. Fetching it is 410 `withdrawn`.
    pub result_id: Uuid,
    /// The wave.
    pub wave_id: Uuid,
    /// The branch.
    pub branch_id: Uuid,
    /// The day at the branch when it was taken back.
    pub withdrawn_on: NaiveDate,
    /// What the firm says about it.
    pub reason: Option<String>,
}

/// A published visit in a list.
#[derive(Debug, Object)]
pub struct ResultSummary {
    /// The result. It tells nothing of when or by whom the visit was made.
    pub result_id: Uuid,
    /// The wave.
    pub wave_id: Uuid,
    /// The branch; in a competitor wave a rival's.
    pub branch_id: Uuid,
    /// The standard.
    pub standard_id: String,
    /// Its version.
    pub standard_version: i32,
    /// The day of the visit at the branch.
    pub visited_on: NaiveDate,
    /// The part of that day.
    pub part_of_day: PartOfDay,
    /// Whether the visit could be made.
    pub outcome: Outcome,
    /// Why it could not be made; null when it could.
    pub attempted_because: Option<AttemptedBecause>,
    /// The number of its score; 0 for a visit that never had one.
    pub score_version: i32,
    /// Its score; null for a visit that could not be made.
    pub score: Option<ScoreSummary>,
    /// The day it was published at the branch.
    pub published_on: NaiveDate,
}

/// A published visit with what was found.
#[derive(Debug, Object)]
pub struct ResultView {
    /// The result in short.
    #[oai(flatten)]
    pub summary: ResultSummary,
    /// The name of the scenario that was played, by language; null when there was none.
    pub scenario_name: Option<BTreeMap<String, String>>,
    /// The sections, in the order of the visit; none for a visit that could not be made, as below.
    pub sections: Vec<ResultSection>,
    /// The dimensions of service, in the order of the standard.
    pub dimensions: Vec<ResultDimension>,
    /// The items that were asked, in the order of the questionnaire. Their texts are in the standard.
    pub items: Vec<ResultItem>,
    /// The photos that can be fetched.
    pub photos: Vec<ResultPhoto>,
    /// Appeals against its items, and what came of them.
    pub appeals: Vec<AppealLine>,
    /// The last day at the branch on which it can be appealed.
    pub appeal_until: NaiveDate,
}

/// The score of a section.
#[derive(Debug, Object)]
pub struct ResultSection {
    /// Its id in the standard.
    pub id: String,
    /// Points earned, as an exact fraction.
    pub earned: String,
    /// Points possible, as an exact fraction.
    pub possible: String,
    /// The score as an exact fraction; null when nothing was possible.
    pub score: Option<String>,
    /// The score in basis points.
    pub score_bp: Option<i64>,
    /// True when a critical item failed in it.
    pub capped: bool,
    /// How much of its weight was scored, in basis points.
    pub scored_share_bp: Option<i64>,
}

/// The score of a dimension.
#[derive(Debug, Object)]
pub struct ResultDimension {
    /// Its id in the standard.
    pub id: String,
    /// Points possible, as an exact fraction.
    pub possible: String,
    /// The score as an exact fraction; null when nothing was possible.
    pub score: Option<String>,
    /// The score in basis points.
    pub score_bp: Option<i64>,
}

/// What was found of an item.
#[derive(Debug, Object)]
pub struct ResultItem {
    /// Its id in the standard.
    pub id: String,
    /// The answer; null when there was none, when it was N/A, and where it is withheld.
    pub value: Option<Any<Value>>,
    /// True when the answer was that the item does not apply.
    pub na: bool,
    /// True when there is an answer that is not shown, because it is somebody's own words.
    pub withheld: bool,
    /// The score of the answer as an exact fraction; null where the item has none.
    pub score: Option<String>,
    /// How much of the visit's score it lost, as an exact fraction; null where it did not count.
    pub lost: Option<String>,
    /// True when it failed as a critical item.
    pub critical_failure: bool,
}

/// A photo.
#[derive(Debug, Object)]
pub struct ResultPhoto {
    /// Its number in this result, from 1; fetch it with `GET /v1/results/{result_id}/photos/{n}`.
    pub n: u32,
    /// The items that it proves.
    pub item_ids: Vec<String>,
    /// The width of its largest preview, in pixels.
    pub width_px: Option<i64>,
    /// The height of its largest preview, in pixels.
    pub height_px: Option<i64>,
}

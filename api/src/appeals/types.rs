//! Appeals in requests and in answers.

use chrono::{DateTime, NaiveDate, Utc};
use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde_json::Value;
use uuid::Uuid;

use crate::entity::appeal_file;
use crate::words::AppealState;

/// Appeals against a result.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewAppeals {
    /// The items, each an appeal of its own.
    #[oai(validator(min_items = 1, max_items = 50))]
    pub items: Vec<NewAppeal>,
}

/// An appeal against an item.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewAppeal {
    /// The item, as the result names it.
    #[oai(validator(max_length = 64))]
    pub item_id: String,
    /// What is wrong with the finding, in 1 to 4000 characters.
    #[oai(validator(max_length = 4000))]
    pub reason: String,
}

/// The appeals that were filed.
#[derive(Debug, Object)]
pub struct FiledAppeals {
    /// One an item, in the order of the request.
    pub data: Vec<AppealView>,
}

/// Upholding an appeal.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct Upholding {
    /// The answer to the item that counts from now on, as in the answers of a visit; null for none.
    pub answer: Any<Value>,
    /// Why, in 1 to 2000 characters. The chain reads it.
    #[oai(validator(max_length = 2000))]
    pub reason: String,
    /// Further items whose answers change with it.
    #[oai(validator(max_items = 50))]
    pub also: Option<Vec<AlsoChanged>>,
}

/// Another item whose answer changes when an appeal is upheld.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct AlsoChanged {
    /// The item.
    #[oai(validator(max_length = 64))]
    pub item_id: String,
    /// The answer that counts from now on; null for none.
    pub answer: Any<Value>,
    /// Why, in 1 to 2000 characters. It stays with the firm.
    #[oai(validator(max_length = 2000))]
    pub reason: String,
}

/// Declining an appeal.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct Declining {
    /// Why the finding stands, in 1 to 2000 characters. The chain reads it.
    #[oai(validator(max_length = 2000))]
    pub reason: String,
}

/// An appeal.
#[derive(Debug, Object)]
pub struct AppealView {
    /// The appeal in short.
    #[oai(flatten)]
    pub line: AppealLine,
    /// The wave.
    pub wave_id: Uuid,
    /// The branch.
    pub branch_id: Uuid,
    /// What is said to be wrong with the finding; empty once it was purged.
    pub reason: String,
    /// The files that it brings.
    pub files: Vec<AppealFile>,
    /// Whether the caller filed it.
    pub is_mine: bool,
    /// The visit; for firm admins and reviewers only, as is what follows.
    #[oai(skip_serializing_if_is_none)]
    pub visit_id: Option<Uuid>,
    /// Whether the caller may decide it: nobody does who reviewed the visit first, made it, or filed the appeal.
    #[oai(skip_serializing_if_is_none)]
    pub can_decide: Option<bool>,
    /// The membership of who filed it.
    #[oai(skip_serializing_if_is_none)]
    pub filed_by: Option<Uuid>,
    /// When.
    #[oai(skip_serializing_if_is_none)]
    pub filed_at: Option<DateTime<Utc>>,
    /// The membership of who decided it or took it back.
    #[oai(skip_serializing_if_is_none)]
    pub decided_by: Option<Uuid>,
    /// When.
    #[oai(skip_serializing_if_is_none)]
    pub decided_at: Option<DateTime<Utc>>,
}

/// An appeal in short, as results, scorecards and plans tell of it.
#[derive(Clone, Debug, Object)]
pub struct AppealLine {
    /// Its id. It tells nothing of time.
    pub id: Uuid,
    /// The result.
    pub result_id: Uuid,
    /// The item.
    pub item_id: String,
    /// How far it has come. Decisions are final.
    pub state: AppealState,
    /// The day at the branch when it was filed.
    pub filed_on: NaiveDate,
    /// The day at the branch when it was decided or taken back.
    pub decided_on: Option<NaiveDate>,
    /// Why it was decided so.
    pub decision: Option<String>,
    /// What an upheld one did to the score; null while it did nothing.
    pub change: Option<AppealChange>,
}

/// What an upheld appeal did to the score of a result. Both scores stay readable with their receipts.
#[derive(Clone, Copy, Debug, Object)]
pub struct AppealChange {
    /// The version of the score that it replaced.
    pub from_version: i32,
    /// That score, in basis points.
    pub from_bp: Option<i32>,
    /// The version of the score that came of it.
    pub to_version: i32,
    /// That score, in basis points.
    pub to_bp: Option<i32>,
}

/// A file of an appeal.
#[derive(Debug, Object)]
pub struct AppealFile {
    /// Its id; fetch it with `GET /v1/appeals/{id}/files/{file_id}`.
    pub id: Uuid,
    /// What it is: `image/jpeg`, `image/png` or `application/pdf`.
    pub media_type: String,
    /// Its size.
    pub bytes: i64,
    /// The sha256 of its bytes.
    pub sha256: String,
}

impl From<appeal_file::Model> for AppealFile {
    fn from(row: appeal_file::Model) -> Self {
        Self { id: row.id, media_type: row.media_type, bytes: row.bytes, sha256: row.sha256 }
    }
}

/// How a link to a file of an appeal is to be used.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct AppealLinkIn {
    /// Whether browsers save it instead of showing it; they show it if absent.
    pub download: Option<bool>,
}

/// How many appeals there are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Object)]
pub struct AppealCounts {
    /// Not decided yet.
    pub open: i64,
    /// The branch was right.
    pub upheld: i64,
    /// The finding stands.
    pub declined: i64,
    /// Taken back.
    pub withdrawn: i64,
}

impl AppealCounts {
    /// Adds some in a state.
    pub fn add(&mut self, state: AppealState, n: i64) {
        match state {
            AppealState::Open => self.open += n,
            AppealState::Upheld => self.upheld += n,
            AppealState::Declined => self.declined += n,
            AppealState::Withdrawn => self.withdrawn += n,
        }
    }
}

/// What the rates of appeals are by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum RatesBy {
    /// The item of the standard.
    Item,
    /// The branch.
    Branch,
    /// The auditor who filed the visit.
    Auditor,
    /// The reviewer who had it when the appeal was filed.
    Reviewer,
}

/// How often appeals about something were upheld.
#[derive(Debug, Object)]
pub struct AppealRate {
    /// The standard; with `by=item` only.
    #[oai(skip_serializing_if_is_none)]
    pub standard_id: Option<String>,
    /// The item; with `by=item` only.
    #[oai(skip_serializing_if_is_none)]
    pub item_id: Option<String>,
    /// The branch; with `by=branch` only.
    #[oai(skip_serializing_if_is_none)]
    pub branch_id: Option<Uuid>,
    /// The membership; with `by=auditor` and `by=reviewer` only.
    #[oai(skip_serializing_if_is_none)]
    pub membership_id: Option<Uuid>,
    /// How many there are in each state.
    #[oai(flatten)]
    pub counts: AppealCounts,
    /// The share of upheld ones among those decided, in basis points; null while none is decided.
    pub upheld_share_bp: Option<i64>,
    /// The lower end of its 95 % interval (Wilson).
    pub lower_bp: Option<i64>,
    /// The upper end.
    pub upper_bp: Option<i64>,
    /// True while fewer than 10 are decided: the share says little then, and the interval how little.
    pub too_few: bool,
}

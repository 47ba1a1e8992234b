//! Action plans in answers, and changes of actions in requests.

use chrono::NaiveDate;
use chrono_tz::Tz;
use poem_openapi::Object;
use poem_openapi::types::MaybeUndefined;
use uuid::Uuid;

use crate::appeals::types::AppealLine;
use crate::entity::action;
use crate::http::conditions::etag;
use crate::scorecards::figures::half_up;
use crate::scorecards::texts::Texts;
use crate::scorecards::types::ScorecardWave;
use crate::words::ActionState;

/// Millionths of the full score in one basis point.
const PPM_OF_BP: i64 = 100;

/// What a branch is asked to do after a wave.
#[derive(Debug, Object)]
pub struct ActionPlanView {
    /// The branch.
    pub branch_id: Uuid,
    /// The wave.
    pub wave: ScorecardWave,
    /// The language of the texts.
    pub lang: String,
    /// The actions, most important first: critical failures, then by what the score would gain.
    pub actions: Vec<ActionView>,
    /// Appeals against the published visits, in the order they were filed: what of the findings was contested, and what
    /// came of it.
    pub appeals: Vec<AppealLine>,
}

/// One action of a plan.
#[derive(Debug, Object)]
pub struct ActionView {
    /// The action.
    pub id: Uuid,
    /// The entity tag to send as `If-Match` with a change.
    pub etag: String,
    /// The branch.
    pub branch_id: Uuid,
    /// The wave.
    pub wave_id: Uuid,
    /// Its place in the plan, from 1.
    pub position: i32,
    /// The standard of the item.
    pub standard_id: String,
    /// Its version.
    pub standard_version: i32,
    /// The item that was missed.
    pub item_id: String,
    /// The item's text.
    pub item_text: String,
    /// What the standard advises; null when it has no advice.
    pub advice: Option<String>,
    /// Whether the item failed as a critical one.
    pub critical: bool,
    /// What the branch's mean score would gain if the item were always met, in basis points.
    pub lost_bp: i64,
    /// Visits that asked the item.
    pub asked: i32,
    /// Visits that did not fully meet it.
    pub failed: i32,
    /// In how many waves in a row before this one the item had an action too.
    pub repeats: i32,
    /// How far it has come.
    pub state: ActionState,
    /// Who takes care of it.
    pub owner: Option<String>,
    /// By when.
    pub due_on: Option<NaiveDate>,
    /// Why it was dropped.
    pub drop_reason: Option<String>,
    /// The day at the branch when it was proposed.
    pub proposed_on: NaiveDate,
    /// The day at the branch when it changed last.
    pub changed_on: NaiveDate,
}

impl ActionView {
    /// An action with the texts of its standard. An action is made when a visit is published, so it tells the day at the
    /// branch, and not the time.
    pub fn new(row: action::Model, texts: &Texts<'_>, zone: Tz) -> Self {
        Self {
            id: row.id,
            etag: etag(row.edit_number),
            branch_id: row.branch_id,
            wave_id: row.wave_id,
            position: row.position,
            item_text: texts.item(&row.item_id),
            advice: texts.advice(&row.item_id),
            standard_id: row.standard_id,
            standard_version: row.standard_version,
            item_id: row.item_id,
            critical: row.critical,
            lost_bp: lost_bp(row.lost_ppm),
            asked: row.asked,
            failed: row.failed,
            repeats: row.repeats,
            state: row.state,
            owner: row.owner,
            due_on: row.due_on,
            drop_reason: row.drop_reason,
            proposed_on: row.created_at.with_timezone(&zone).date_naive(),
            changed_on: row.updated_at.with_timezone(&zone).date_naive(),
        }
    }
}

/// Millionths of the full score as basis points, rounded half up.
pub fn lost_bp(lost_ppm: i64) -> i64 {
    half_up(lost_ppm, PPM_OF_BP).unwrap_or(0)
}

/// A change of an action. What is absent stays; null empties.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct ActionChange {
    /// Who takes care of it, in at most 200 characters.
    #[oai(validator(max_length = 200))]
    pub owner: MaybeUndefined<String>,
    /// By when.
    pub due_on: MaybeUndefined<NaiveDate>,
    /// The state it should have. `verified` and `reopened` follow from later visits and cannot be set.
    pub state: Option<ActionState>,
    /// Why it is dropped, in at most 1000 characters; required to drop it.
    #[oai(validator(max_length = 1000))]
    pub drop_reason: Option<String>,
}

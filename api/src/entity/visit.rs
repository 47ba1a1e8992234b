//! Rows of `visits`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::{AttemptedBecause, Outcome, QuarantineReason, Reporting, VisitState};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "visits")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub assignment_id: Uuid,
    pub wave_id: Uuid,
    pub branch_id: Uuid,
    pub client_chain_id: Uuid,
    pub auditor_id: Uuid,
    pub standard_id: String,
    pub standard_version: i32,
    pub state: VisitState,
    pub outcome: Outcome,
    pub reporting: Reporting,
    pub quarantine_reason: Option<QuarantineReason>,
    pub reviewer_id: Option<Uuid>,
    pub review_reason: Option<String>,
    pub write_number: i32,
    #[serde(skip)]
    pub write_sha256: Option<String>,
    #[serde(skip)]
    pub write_status: i32,
    #[serde(skip)]
    pub write_answer: Option<String>,
    pub current_revision: i32,
    pub current_score_version: i32,
    pub device_at: Option<DateTimeUtc>,
    pub received_at: DateTimeUtc,
    pub skew_ms: Option<i64>,
    pub submitted_at: Option<DateTimeUtc>,
    pub published_at: Option<DateTimeUtc>,
    pub public_id: Uuid,
    pub copy_of: Option<Uuid>,
    /// The classes of its data that were purged, one bit each ([`crate::retention::classes`]).
    pub purged: i32,
    /// Since when its reviewer has it.
    pub taken_at: Option<DateTimeUtc>,
    /// When its reviewer did something about it last.
    pub acted_at: Option<DateTimeUtc>,
    pub returned_at: Option<DateTimeUtc>,
    /// Until when the auditor is to file it again.
    pub due_at: Option<DateTimeUtc>,
    /// The items that it was returned for, with what is asked of each, as JSON.
    pub return_items: Option<String>,
    /// The revision that was judged last.
    pub reviewed_revision: Option<i32>,
    /// Why it could not be made.
    pub attempted_because: Option<AttemptedBecause>,
    /// Whether the auditor is paid for it.
    pub payable: bool,
    /// Why it was excluded or included last.
    pub reporting_reason: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

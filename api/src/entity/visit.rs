//! Rows of `visits`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::{Outcome, QuarantineReason, Reporting, VisitState};

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
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

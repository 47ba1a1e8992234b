//! Rows of `signals`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::{SignalCode, SignalVerdict};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "signals")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub visit_id: Uuid,
    pub code: SignalCode,
    /// The file that it is about, or the visit.
    pub subject_id: Uuid,
    /// The figures as JSON.
    pub figures: String,
    pub found_at: DateTimeUtc,
    /// When a reviewer asked the auditor about it.
    pub shared_at: Option<DateTimeUtc>,
    pub answer: Option<String>,
    pub answered_at: Option<DateTimeUtc>,
    pub verdict: Option<SignalVerdict>,
    pub verdict_note: Option<String>,
    pub verdict_by: Option<Uuid>,
    pub verdict_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

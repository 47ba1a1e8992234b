//! Rows of `transcriptions`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::TranscriptionState;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "transcriptions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub evidence_id: Uuid,
    pub state: TranscriptionState,
    /// The language that the service is told.
    pub language: String,
    /// The membership that asked for it; none when it was queued by itself.
    pub author_id: Option<Uuid>,
    pub problem_code: Option<String>,
    pub problem: Option<String>,
    pub created_at: DateTimeUtc,
    pub finished_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

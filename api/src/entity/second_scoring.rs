//! Rows of `second_scorings`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::SecondScoringState;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "second_scorings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub visit_id: Uuid,
    pub state: SecondScoringState,
    pub scorer_id: Uuid,
    /// What the auditor filed, which both reviewers start from.
    pub revision: i32,
    pub standard_id: String,
    pub standard_version: i32,
    pub drawn_at: DateTimeUtc,
    pub answers: Option<String>,
    pub score_bp: Option<i32>,
    pub submitted_at: Option<DateTimeUtc>,
    pub dropped_by: Option<Uuid>,
    pub dropped_at: Option<DateTimeUtc>,
    pub dropped_because: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Rows of `assignments`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::AssignmentState;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "assignments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub wave_id: Uuid,
    pub branch_id: Uuid,
    pub standard_id: String,
    pub standard_version: i32,
    pub scenario_id: Option<String>,
    pub scenario_version: Option<i32>,
    pub auditor_id: Option<Uuid>,
    pub state: AssignmentState,
    pub window_start: DateTimeUtc,
    pub window_end: DateTimeUtc,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

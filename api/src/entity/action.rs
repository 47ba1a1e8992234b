//! Rows of `actions`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::ActionState;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "actions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub branch_id: Uuid,
    pub wave_id: Uuid,
    pub standard_id: String,
    pub standard_version: i32,
    pub item_id: String,
    pub state: ActionState,
    pub position: i32,
    pub critical: bool,
    pub lost_ppm: i64,
    pub asked: i32,
    pub failed: i32,
    pub repeats: i32,
    pub owner: Option<String>,
    pub due_on: Option<Date>,
    pub drop_reason: Option<String>,
    pub edit_number: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

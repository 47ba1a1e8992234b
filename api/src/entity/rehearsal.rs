//! Rows of `rehearsals`.

use sea_orm::entity::prelude::*;

use crate::words::RehearsalState;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rehearsals")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub state: RehearsalState,
    pub standard_id: String,
    pub standard_version: i32,
    pub standard: String,
    pub standard_sha256: String,
    pub history_of: String,
    pub chain_id: Option<Uuid>,
    pub seed: i64,
    pub visits_total: Option<i64>,
    pub visits_done: i64,
    pub failure: Option<String>,
    pub report: Option<String>,
    pub author_id: Uuid,
    pub created_at: DateTimeUtc,
    pub finished_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

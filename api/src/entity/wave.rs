//! Rows of `waves`.

use sea_orm::entity::prelude::*;

use crate::words::{WaveKind, WaveState};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "waves")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub chain_id: Uuid,
    pub name: String,
    pub kind: WaveKind,
    pub state: WaveState,
    pub opens_on: Date,
    pub closes_on: Date,
    pub created_at: DateTimeUtc,
    pub closed_at: Option<DateTimeUtc>,
    /// The share of its visits that are scored a second time, in basis points.
    pub double_scoring_bp: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

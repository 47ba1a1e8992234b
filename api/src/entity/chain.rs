//! Rows of `chains`.

use sea_orm::entity::prelude::*;

use crate::words::{ChainKind, RecordingPolicy};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chains")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub code: String,
    pub name: String,
    pub kind: ChainKind,
    pub locale: String,
    pub colour: String,
    pub recording_policy: RecordingPolicy,
    pub created_at: DateTimeUtc,
    /// Days after publishing in which the chain may appeal.
    pub appeal_days: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Rows of `withdrawals`: results that were taken back. Those of visits that are published again tell nothing.

use sea_orm::entity::prelude::*;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "withdrawals")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    /// The visit.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub withdrawn_at: DateTimeUtc,
    /// What the chain is told.
    pub public_reason: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

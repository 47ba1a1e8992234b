//! Rows of `purges`.

use sea_orm::entity::prelude::*;

use crate::words::{PurgeReason, PurgeState};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "purges")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub because: PurgeReason,
    /// The day of a nightly one.
    pub day: Option<Date>,
    pub state: PurgeState,
    pub counts: String,
    pub skipped: String,
    pub started_at: DateTimeUtc,
    pub finished_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

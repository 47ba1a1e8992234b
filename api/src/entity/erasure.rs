//! Rows of `erasures`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::{ErasureExtent, ErasureReason, ErasureState};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "erasures")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The memberships of the person in the firm, as JSON.
    pub membership_ids: String,
    /// How the person is called now.
    pub label: String,
    pub extent: ErasureExtent,
    pub reason: ErasureReason,
    pub state: ErasureState,
    pub requested_by: Option<Uuid>,
    pub requested_at: DateTimeUtc,
    pub finished_at: Option<DateTimeUtc>,
    pub visits_total: i64,
    pub visits_done: i64,
    pub visits_held: i64,
    /// The last event that was looked at.
    pub after_seq: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

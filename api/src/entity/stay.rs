//! Rows of `stays`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "stays")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub visit_id: Uuid,
    /// The auditor's membership, as the visit has it.
    pub auditor_id: Uuid,
    pub arrived_at: Option<DateTimeUtc>,
    pub left_at: Option<DateTimeUtc>,
    /// How long the questionnaire was worked on, by the phone's clock that never goes back.
    pub answering_ms: Option<i64>,
    /// The list of positions as JSON; null once it was purged, or when the phone sent none.
    pub positions: Option<String>,
    /// sha256 of the firm's id and the phone's own id.
    pub device_sha256: Option<String>,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

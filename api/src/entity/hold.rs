//! Rows of `holds`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::HeldObject;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "holds")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub on_what: HeldObject,
    pub object_id: Uuid,
    pub reason: String,
    pub created_by: Uuid,
    pub created_at: DateTimeUtc,
    pub released_by: Option<Uuid>,
    pub released_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Rows of `standard_versions`.

use sea_orm::entity::prelude::*;

use crate::words::VersionState;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "standard_versions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub standard_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    pub state: VersionState,
    pub body: String,
    pub body_sha256: String,
    pub created_at: DateTimeUtc,
    pub published_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

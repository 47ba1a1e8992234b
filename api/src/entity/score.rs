//! Rows of `scores`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "scores")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub visit_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub score_version: i32,
    pub revision: i32,
    pub standard_id: String,
    pub standard_version: i32,
    pub engine_version: String,
    pub score_bp: Option<i32>,
    pub raw_bp: Option<i32>,
    pub insufficient: bool,
    pub scored_share_bp: Option<i32>,
    pub result: String,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

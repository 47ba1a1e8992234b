//! Rows of `events`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    pub kind: String,
    pub object: String,
    pub actor_id: Option<Uuid>,
    pub at: DateTimeUtc,
    pub feed: bool,
    pub payload: Option<String>,
    pub salt: Option<String>,
    pub payload_sha256: String,
    pub hash: String,
    pub audience_id: Option<Uuid>,
    pub on_board: Option<bool>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Rows of `links`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::LinkKind;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "links")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub kind: LinkKind,
    #[serde(skip)]
    pub token_sha256: String,
    pub user_id: Uuid,
    pub firm_id: Option<Uuid>,
    pub membership_id: Option<Uuid>,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub used_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Rows of `uploads`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::UploadState;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "uploads")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub evidence_id: Uuid,
    pub membership_id: Uuid,
    #[serde(skip)]
    pub code_sha256: String,
    pub state: UploadState,
    pub metadata: String,
    pub length: Option<i64>,
    pub received: i64,
    #[serde(skip)]
    pub hash_state: Option<String>,
    pub unchecked_from: Option<i64>,
    #[serde(skip)]
    pub parts: Option<String>,
    #[serde(skip)]
    pub holder: Option<Uuid>,
    pub held_until: Option<DateTimeUtc>,
    pub wanted: bool,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Rows of `sessions`: the pairs of tokens that signed-in devices were given.

use sea_orm::entity::prelude::*;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub family_id: Uuid,
    pub user_id: Uuid,
    pub membership_id: Option<Uuid>,
    #[serde(skip)]
    pub access_sha256: String,
    #[serde(skip)]
    pub refresh_sha256: String,
    pub client: String,
    #[serde(skip)]
    pub address_sha256: String,
    #[serde(skip)]
    pub device_sha256: Option<String>,
    #[serde(skip)]
    pub asked_from_sha256: Option<String>,
    pub second_factor: bool,
    pub signed_in_at: DateTimeUtc,
    pub created_at: DateTimeUtc,
    pub access_expires_at: DateTimeUtc,
    pub refresh_expires_at: DateTimeUtc,
    pub used_at: Option<DateTimeUtc>,
    pub refreshes: i32,
    pub refreshed_at: Option<DateTimeUtc>,
    pub replaced_by: Option<Uuid>,
    pub superseded: bool,
    pub ended_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

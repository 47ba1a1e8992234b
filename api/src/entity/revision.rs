//! Rows of `revisions`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::RevisionKind;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "revisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub visit_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision: i32,
    pub kind: RevisionKind,
    pub answers: String,
    pub answers_sha256: String,
    pub device: String,
    pub author_id: Uuid,
    pub reasons: Option<String>,
    pub created_at: DateTimeUtc,
    /// The items whose texts a purge took away, as JSON; null while nothing was purged.
    pub withheld: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

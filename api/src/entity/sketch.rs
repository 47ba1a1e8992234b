//! Rows of `sketches`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "sketches")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub visit_id: Uuid,
    pub assignment_id: Uuid,
    pub auditor_id: Uuid,
    pub branch_id: Uuid,
    pub standard_id: String,
    pub standard_version: i32,
    /// The revision that it was made of.
    pub revision: i32,
    /// When the visit was filed first.
    pub filed_at: DateTimeUtc,
    /// Four characters an item of the standard.
    pub answers: String,
    /// The most answers in a row that are the same.
    pub longest_run: i32,
    /// The smallest hashes of what was written; null for a short text.
    pub text: Option<String>,
    pub answering_ms: Option<i64>,
    pub stay_ms: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Rows of `questions`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::QuestionState;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "questions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub visit_id: Uuid,
    /// The item that it is about; none when it is about the visit.
    pub item_id: Option<String>,
    pub state: QuestionState,
    pub asked_by: Uuid,
    pub asked_at: DateTimeUtc,
    pub changed_at: DateTimeUtc,
    pub closed_by: Option<Uuid>,
    pub closed_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

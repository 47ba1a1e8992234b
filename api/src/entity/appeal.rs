//! Rows of `appeals`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::AppealState;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "appeals")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub visit_id: Uuid,
    pub wave_id: Uuid,
    pub branch_id: Uuid,
    pub client_chain_id: Uuid,
    pub item_id: String,
    pub state: AppealState,
    /// Why the branch thinks that the finding is wrong; empty once purged.
    pub reason: String,
    pub filed_by: Uuid,
    pub filed_at: DateTimeUtc,
    pub auditor_id: Uuid,
    /// Who had reviewed the visit when it was filed.
    pub reviewer_id: Option<Uuid>,
    pub decided_by: Option<Uuid>,
    /// When it was decided or taken back.
    pub decided_at: Option<DateTimeUtc>,
    /// Why it was decided so.
    pub decision: Option<String>,
    /// The score that counted when it was filed; once it is upheld, the one that it replaced.
    pub score_version: i32,
    /// The score that came of it.
    pub new_score_version: Option<i32>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Rows of `consents`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::{ConsentBasis, ConsentScope};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "consents")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub scope: ConsentScope,
    /// The chain of the branch, not the client of the wave.
    pub chain_id: Uuid,
    pub branch_id: Option<Uuid>,
    pub visit_id: Option<Uuid>,
    pub evidence_id: Option<Uuid>,
    pub basis: ConsentBasis,
    /// A role or function, in the firm's words.
    pub given_by: Option<String>,
    pub given_at: DateTimeUtc,
    pub notice: String,
    pub country: Option<String>,
    /// The document of the visit that proves it.
    pub proof_id: Option<Uuid>,
    pub covers_from: Option<DateTimeUtc>,
    pub covers_until: Option<DateTimeUtc>,
    pub recorded_by: Uuid,
    pub recorded_at: DateTimeUtc,
    pub withdrawn_by: Option<Uuid>,
    pub withdrawn_at: Option<DateTimeUtc>,
    pub withdrawal_reason: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

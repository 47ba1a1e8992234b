//! Rows of `transcripts`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::TranscriptFormat;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "transcripts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub evidence_id: Uuid,
    pub visit_id: Uuid,
    /// A language tag (BCP 47).
    pub language: String,
    pub format: TranscriptFormat,
    /// The membership that attached it; none when the transcription service wrote it.
    pub author_id: Option<Uuid>,
    /// The cues ([`crate::transcripts::types::Cue`]) as a JSON list.
    pub cues: String,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

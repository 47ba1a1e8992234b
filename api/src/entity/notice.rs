//! Rows of `notices`.

use sea_orm::entity::prelude::*;
use serde::Serialize;

use crate::words::{NoticeAbout, NoticeKind};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
#[sea_orm(table_name = "notices")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub firm_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The fact of the history that it tells of.
    pub seq: i64,
    pub membership_id: Uuid,
    pub kind: NoticeKind,
    pub about: NoticeAbout,
    pub about_id: Uuid,
    pub branch_id: Option<Uuid>,
    pub wave_id: Option<Uuid>,
    pub at: DateTimeUtc,
    pub in_app: bool,
    pub read_at: Option<DateTimeUtc>,
    /// From when on it goes into a letter.
    pub mail_at: Option<DateTimeUtc>,
    /// The letter that it went into.
    pub letter_id: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

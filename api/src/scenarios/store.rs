//! Queries on scenarios.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::entity::scenario;

/// Adds a version.
pub async fn insert(tx: &DatabaseTransaction, row: scenario::Model) -> Result<(), DbErr> {
    row.into_active_model().insert(tx).await.map(drop)
}

/// A version.
pub async fn version(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    id: &str,
    version: i32,
) -> Result<Option<scenario::Model>, DbErr> {
    scenario::Entity::find_by_id((firm_id, id.to_owned(), version)).one(db).await
}

/// The newest version of a scenario.
pub async fn newest(db: &impl ConnectionTrait, firm_id: Uuid, id: &str) -> Result<Option<scenario::Model>, DbErr> {
    scenario::Entity::find()
        .filter(scenario::Column::FirmId.eq(firm_id))
        .filter(scenario::Column::Id.eq(id))
        .order_by_desc(scenario::Column::Version)
        .one(db)
        .await
}

/// The ids of all scenarios of a firm, each with the number of its newest version, in no particular order.
pub async fn newest_numbers(db: &impl ConnectionTrait, firm_id: Uuid) -> Result<Vec<(String, i32)>, DbErr> {
    scenario::Entity::find()
        .select_only()
        .column(scenario::Column::Id)
        .column_as(scenario::Column::Version.max(), "newest")
        .filter(scenario::Column::FirmId.eq(firm_id))
        .group_by(scenario::Column::Id)
        .into_tuple()
        .all(db)
        .await
}

/// All versions of some scenarios, in no particular order.
pub async fn versions_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[&str],
) -> Result<Vec<scenario::Model>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    scenario::Entity::find()
        .filter(scenario::Column::FirmId.eq(firm_id))
        .filter(scenario::Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await
}

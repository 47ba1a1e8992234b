//! Queries of the review.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QuerySelect,
};
use uuid::Uuid;

use crate::entity::{membership, visit};

/// Writes a visit that is locked.
pub async fn update_visit(tx: &DatabaseTransaction, row: visit::Model) -> Result<visit::Model, DbErr> {
    visit::Entity::update(row.into_active_model().reset_all()).exec(tx).await
}

/// Whether two memberships are one person's.
pub async fn same_person(db: &impl ConnectionTrait, firm_id: Uuid, one: Uuid, other: Uuid) -> Result<bool, DbErr> {
    let people: Vec<Uuid> = membership::Entity::find()
        .select_only()
        .column(membership::Column::UserId)
        .filter(membership::Column::FirmId.eq(firm_id))
        .filter(membership::Column::Id.is_in([one, other]))
        .into_tuple()
        .all(db)
        .await?;
    Ok(people.windows(2).all(|pair| pair[0] == pair[1]))
}

//! Queries on actions.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder,
};
use uuid::Uuid;

use crate::entity::action;

/// The actions of a branch in some waves, in the order of the plan.
pub async fn actions_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    branch_id: Uuid,
    wave_ids: impl IntoIterator<Item = Uuid>,
) -> Result<Vec<action::Model>, DbErr> {
    action::Entity::find()
        .filter(action::Column::FirmId.eq(firm_id))
        .filter(action::Column::BranchId.eq(branch_id))
        .filter(action::Column::WaveId.is_in(wave_ids))
        .order_by_asc(action::Column::Position)
        .order_by_asc(action::Column::Id)
        .all(db)
        .await
}

/// An action.
pub async fn action_by_id(db: &impl ConnectionTrait, firm_id: Uuid, id: Uuid) -> Result<Option<action::Model>, DbErr> {
    action::Entity::find_by_id((firm_id, id)).one(db).await
}

/// Writes an action. Its branch has to be locked, so that nobody else writes it too.
pub async fn update_action(tx: &DatabaseTransaction, row: action::Model) -> Result<action::Model, DbErr> {
    action::Entity::update(row.into_active_model().reset_all()).exec(tx).await
}

/// Adds actions: at most as many as one plan has.
pub async fn insert_actions(tx: &DatabaseTransaction, rows: Vec<action::Model>) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    action::Entity::insert_many(rows.into_iter().map(IntoActiveModel::into_active_model))
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Deletes actions.
pub async fn delete_actions(tx: &DatabaseTransaction, firm_id: Uuid, ids: Vec<Uuid>) -> Result<(), DbErr> {
    if ids.is_empty() {
        return Ok(());
    }
    action::Entity::delete_many()
        .filter(action::Column::FirmId.eq(firm_id))
        .filter(action::Column::Id.is_in(ids))
        .exec(tx)
        .await
        .map(drop)
}

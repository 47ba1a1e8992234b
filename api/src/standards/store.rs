//! Queries on standards and their versions.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, FromQueryResult,
    IntoActiveModel, JoinType, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::entity::{assignment, standard, standard_version, visit, wave};
use crate::fieldwork::store::{in_hands_of, on_job_board};
use crate::words::VersionState;

/// A version without its document.
#[derive(Clone, Debug, FromQueryResult)]
pub struct VersionRow {
    pub standard_id: String,
    pub version: i32,
    pub state: VersionState,
    pub body_sha256: String,
    pub created_at: DateTime<Utc>,
    pub published_at: Option<DateTime<Utc>>,
}

/// Adds a standard unless the firm has it.
pub async fn ensure_standard(tx: &DatabaseTransaction, row: standard::Model) -> Result<(), DbErr> {
    let there = OnConflict::columns([standard::Column::FirmId, standard::Column::Id]).do_nothing().to_owned();
    standard::Entity::insert(row.into_active_model()).on_conflict(there).exec_without_returning(tx).await?;
    Ok(())
}

/// All standards of a firm, in no particular order.
pub async fn standards(db: &impl ConnectionTrait, firm_id: Uuid) -> Result<Vec<standard::Model>, DbErr> {
    standard::Entity::find().filter(standard::Column::FirmId.eq(firm_id)).all(db).await
}

/// A version with its document.
pub async fn version(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    standard_id: &str,
    version: i32,
) -> Result<Option<standard_version::Model>, DbErr> {
    standard_version::Entity::find_by_id((firm_id, standard_id.to_owned(), version)).one(db).await
}

/// The versions of some standards, the oldest of each first.
pub async fn versions_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    standard_ids: &[&str],
) -> Result<Vec<VersionRow>, DbErr> {
    use standard_version::Column;
    standard_version::Entity::find()
        .select_only()
        .columns([
            Column::StandardId,
            Column::Version,
            Column::State,
            Column::BodySha256,
            Column::CreatedAt,
            Column::PublishedAt,
        ])
        .filter(Column::FirmId.eq(firm_id))
        .filter(Column::StandardId.is_in(standard_ids.iter().copied()))
        .order_by_asc(Column::Version)
        .into_model()
        .all(db)
        .await
}

/// The versions that an auditor visits by, or could, or one of them if it is named.
pub async fn versions_of_auditor(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    auditor_id: Uuid,
    only: Option<(&str, i32)>,
) -> Result<Vec<(String, i32)>, DbErr> {
    let mut versions = Vec::new();
    for condition in [in_hands_of(auditor_id), on_job_board()] {
        let assigned: Vec<(String, i32)> = assignment::Entity::find()
            .select_only()
            .distinct()
            .column(assignment::Column::StandardId)
            .column(assignment::Column::StandardVersion)
            .filter(assignment::Column::FirmId.eq(firm_id))
            .filter(condition)
            .apply_if(only, |query, (standard_id, version)| {
                query
                    .filter(assignment::Column::StandardId.eq(standard_id))
                    .filter(assignment::Column::StandardVersion.eq(version))
            })
            .into_tuple()
            .all(db)
            .await?;
        versions.extend(assigned);
    }
    let filed: Vec<(String, i32)> = visit::Entity::find()
        .select_only()
        .distinct()
        .column(visit::Column::StandardId)
        .column(visit::Column::StandardVersion)
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::AuditorId.eq(auditor_id))
        .apply_if(only, |query, (standard_id, version)| {
            query.filter(visit::Column::StandardId.eq(standard_id)).filter(visit::Column::StandardVersion.eq(version))
        })
        .into_tuple()
        .all(db)
        .await?;
    versions.extend(filed);
    Ok(versions)
}

/// The versions that a chain was ever visited by, or one of them if it is named.
pub async fn versions_in_chain(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    chain_id: Uuid,
    only: Option<(&str, i32)>,
) -> Result<Vec<(String, i32)>, DbErr> {
    assignment::Entity::find()
        .select_only()
        .distinct()
        .column(assignment::Column::StandardId)
        .column(assignment::Column::StandardVersion)
        .join(
            JoinType::InnerJoin,
            assignment::Entity::belongs_to(wave::Entity)
                .from((assignment::Column::FirmId, assignment::Column::WaveId))
                .to((wave::Column::FirmId, wave::Column::Id))
                .into(),
        )
        .filter(assignment::Column::FirmId.eq(firm_id))
        .filter(wave::Column::ChainId.eq(chain_id))
        .apply_if(only, |query, (standard_id, version)| {
            query
                .filter(assignment::Column::StandardId.eq(standard_id))
                .filter(assignment::Column::StandardVersion.eq(version))
        })
        .into_tuple()
        .all(db)
        .await
}

/// Adds a version.
pub async fn insert_version(tx: &DatabaseTransaction, row: standard_version::Model) -> Result<(), DbErr> {
    row.into_active_model().insert(tx).await.map(drop)
}

/// Gives a draft another document.
pub async fn replace_draft(tx: &DatabaseTransaction, row: standard_version::Model) -> Result<(), DbErr> {
    use standard_version::Column;
    standard_version::Entity::update_many()
        .col_expr(Column::Body, Expr::value(row.body))
        .col_expr(Column::BodySha256, Expr::value(row.body_sha256))
        .filter(Column::FirmId.eq(row.firm_id))
        .filter(Column::StandardId.eq(row.standard_id))
        .filter(Column::Version.eq(row.version))
        .filter(Column::State.eq(VersionState::Draft))
        .exec(tx)
        .await
        .map(drop)
}

/// Moves a version to a state, and notes when it was published.
pub async fn set_version_state(
    tx: &DatabaseTransaction,
    row: &standard_version::Model,
    state: VersionState,
    published_at: Option<DateTime<Utc>>,
) -> Result<(), DbErr> {
    use standard_version::Column;
    standard_version::Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::PublishedAt, Expr::value(published_at))
        .filter(Column::FirmId.eq(row.firm_id))
        .filter(Column::StandardId.eq(row.standard_id.as_str()))
        .filter(Column::Version.eq(row.version))
        .exec(tx)
        .await
        .map(drop)
}

//! Queries on second scorings.

use sea_orm::sea_query::ExprTrait;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use crate::app::App;
use crate::canonical::canonical;
use crate::entity::{membership, revision, second_scoring};
use crate::failure::Failure;
use crate::visits::withhold::without_texts;
use crate::words::{MembershipState, RevisionKind, Role, SecondScoringState};

/// States in which a second scoring is yet to be done.
const OPEN: [SecondScoringState; 2] = [SecondScoringState::Waiting, SecondScoringState::Scoring];

/// Adds a second scoring.
pub async fn insert(tx: &DatabaseTransaction, row: second_scoring::Model) -> Result<(), DbErr> {
    second_scoring::Entity::insert(row.into_active_model()).exec_without_returning(tx).await.map(drop)
}

/// Writes a second scoring that is locked.
pub async fn update(tx: &DatabaseTransaction, row: second_scoring::Model) -> Result<second_scoring::Model, DbErr> {
    second_scoring::Entity::update(row.into_active_model().reset_all()).exec(tx).await
}

fn of(firm_id: Uuid, visit_id: Uuid) -> Select<second_scoring::Entity> {
    second_scoring::Entity::find()
        .filter(second_scoring::Column::FirmId.eq(firm_id))
        .filter(second_scoring::Column::VisitId.eq(visit_id))
}

/// The second scoring of a visit, if it was drawn.
pub async fn of_visit(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_id: Uuid,
) -> Result<Option<second_scoring::Model>, DbErr> {
    of(firm_id, visit_id).one(db).await
}

/// The second scoring of a visit, locked until the transaction ends.
pub async fn lock_of_visit(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    visit_id: Uuid,
) -> Result<Option<second_scoring::Model>, DbErr> {
    of(firm_id, visit_id).lock_exclusive().one(tx).await
}

/// The visits of which somebody has a second scoring yet to do.
pub async fn open_visits(db: &impl ConnectionTrait, firm_id: Uuid, scorer_ids: &[Uuid]) -> Result<Vec<Uuid>, DbErr> {
    second_scoring::Entity::find()
        .select_only()
        .column(second_scoring::Column::VisitId)
        .filter(second_scoring::Column::FirmId.eq(firm_id))
        .filter(second_scoring::Column::ScorerId.is_in(scorer_ids.iter().copied()))
        .filter(second_scoring::Column::State.is_in(OPEN))
        .into_tuple()
        .all(db)
        .await
}

/// The second scorings that somebody has yet to do after an id.
pub async fn list_open(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    scorer_ids: &[Uuid],
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<second_scoring::Model>, DbErr> {
    second_scoring::Entity::find()
        .filter(second_scoring::Column::FirmId.eq(firm_id))
        .filter(second_scoring::Column::ScorerId.is_in(scorer_ids.iter().copied()))
        .filter(second_scoring::Column::State.is_in(OPEN))
        .apply_if(after, |query, after| query.filter(second_scoring::Column::Id.gt(after)))
        .order_by_asc(second_scoring::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// The latest second scorings by a version of a standard that were submitted.
pub async fn latest_submitted(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    (standard_id, version): (&str, i32),
    limit: u64,
) -> Result<Vec<second_scoring::Model>, DbErr> {
    second_scoring::Entity::find()
        .filter(second_scoring::Column::FirmId.eq(firm_id))
        .filter(second_scoring::Column::StandardId.eq(standard_id))
        .filter(second_scoring::Column::StandardVersion.eq(version))
        .filter(second_scoring::Column::State.eq(SecondScoringState::Submitted))
        .order_by_desc(second_scoring::Column::SubmittedAt)
        .order_by_desc(second_scoring::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// The number of the last revision of a visit that its auditor filed.
pub async fn filed_revision(db: &impl ConnectionTrait, firm_id: Uuid, visit_id: Uuid) -> Result<Option<i32>, DbErr> {
    let filed = [RevisionKind::Submission, RevisionKind::Resubmission, RevisionKind::Addition];
    revision::Entity::find()
        .select_only()
        .column(revision::Column::Revision)
        .filter(revision::Column::FirmId.eq(firm_id))
        .filter(revision::Column::VisitId.eq(visit_id))
        .filter(revision::Column::Kind.is_in(filed))
        .order_by_desc(revision::Column::Revision)
        .limit(1)
        .into_tuple()
        .one(db)
        .await
}

/// Revisions of visits by their numbers; at most as many as one statement takes.
pub async fn revisions(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    wanted: &[(Uuid, i32)],
) -> Result<Vec<revision::Model>, DbErr> {
    let mut rows = revision::Entity::find()
        .filter(revision::Column::FirmId.eq(firm_id))
        .filter(revision::Column::VisitId.is_in(wanted.iter().map(|(visit_id, _)| *visit_id)))
        .all(db)
        .await?;
    rows.retain(|row| wanted.contains(&(row.visit_id, row.revision)));
    Ok(rows)
}

/// Who reviews visits: active memberships of these roles, with their persons.
pub async fn reviewers(db: &impl ConnectionTrait, firm_id: Uuid) -> Result<Vec<membership::Model>, DbErr> {
    membership::Entity::find()
        .filter(membership::Column::FirmId.eq(firm_id))
        .filter(membership::Column::Role.is_in([Role::Reviewer, Role::FirmAdmin]))
        .filter(membership::Column::State.eq(MembershipState::Active))
        .order_by_asc(membership::Column::Id)
        .all(db)
        .await
}

/// Takes what people wrote from the second scoring of a visit; how many rows held anything.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn clear_texts(app: &App, tx: &DatabaseTransaction, firm_id: Uuid, visit_id: Uuid) -> Result<u64, Failure> {
    let Some(row) = lock_of_visit(tx, firm_id, visit_id).await? else { return Ok(0) };
    let mut cleared = row.clone();
    cleared.dropped_because = None;
    if let Some(text) = &row.answers {
        let answers = serde_json::from_str(text).map_err(Failure::internal)?;
        let standard = app.standards.get(tx, firm_id, &row.standard_id, row.standard_version).await?;
        let standard =
            standard.ok_or_else(|| Failure::internal(format!("the standard of visit {visit_id} is gone")))?;
        cleared.answers = Some(canonical(&without_texts(&standard.standard, answers).0)?.text);
    }
    if cleared == row {
        return Ok(0);
    }
    update(tx, cleared).await?;
    Ok(1)
}

/// The next visits after an id whose second scorings some memberships did or dropped.
pub async fn visits_by_people(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    by_people(firm_id, ids)
        .select_only()
        .column(second_scoring::Column::VisitId)
        .apply_if(after, |query, after| query.filter(second_scoring::Column::VisitId.gt(after)))
        .order_by_asc(second_scoring::Column::VisitId)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// Second scorings that some memberships did or dropped.
pub fn by_people(firm_id: Uuid, ids: &[Uuid]) -> Select<second_scoring::Entity> {
    let scored = second_scoring::Column::ScorerId.is_in(ids.iter().copied());
    let dropped = second_scoring::Column::DroppedBy.is_in(ids.iter().copied());
    second_scoring::Entity::find().filter(second_scoring::Column::FirmId.eq(firm_id)).filter(scored.or(dropped))
}

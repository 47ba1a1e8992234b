//! Queries of publishing.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use crate::entity::{appeal, assignment, evidence, question, second_scoring, visit, withdrawal};
use crate::publishing::types::OpenKind;
use crate::visits::manifest::MISSING;
use crate::words::{AppealState, AssignmentState, QuestionState, Reporting, SecondScoringState, VisitState};

/// Open things of a kind that are named.
const NAMED: u64 = 20;

/// The approved visits of a wave after an id.
pub async fn approved_after(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    wave_id: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<visit::Model>, DbErr> {
    of_wave(firm_id, wave_id)
        .filter(visit::Column::State.eq(VisitState::Approved))
        .filter(visit::Column::Reporting.eq(Reporting::Included))
        .apply_if(after, |query, after| query.filter(visit::Column::Id.gt(after)))
        .order_by_asc(visit::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

fn of_wave(firm_id: Uuid, wave_id: Uuid) -> Select<visit::Entity> {
    visit::Entity::find().filter(visit::Column::FirmId.eq(firm_id)).filter(visit::Column::WaveId.eq(wave_id))
}

/// Notes that the result of a visit was taken back, in place of the time before.
pub async fn put_withdrawal(tx: &DatabaseTransaction, row: withdrawal::Model) -> Result<(), DbErr> {
    let key = [withdrawal::Column::FirmId, withdrawal::Column::Id];
    let anew = [withdrawal::Column::WithdrawnAt, withdrawal::Column::PublicReason];
    withdrawal::Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::columns(key).update_columns(anew).to_owned())
        .exec_without_returning(tx)
        .await
        .map(drop)
}

/// When the results of visits were taken back last.
pub async fn withdrawals_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_ids: &[Uuid],
) -> Result<Vec<withdrawal::Model>, DbErr> {
    withdrawal::Entity::find()
        .filter(withdrawal::Column::FirmId.eq(firm_id))
        .filter(withdrawal::Column::Id.is_in(visit_ids.iter().copied()))
        .all(db)
        .await
}

/// Takes away what the chain was told when the result of a visit was taken back; only if it is this, if it is named.
pub async fn clear_public_reason(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    visit_id: Uuid,
    only: Option<&str>,
) -> Result<u64, DbErr> {
    let cleared = withdrawal::Entity::update_many()
        .col_expr(withdrawal::Column::PublicReason, Expr::value(None::<String>))
        .filter(withdrawal::Column::FirmId.eq(firm_id))
        .filter(withdrawal::Column::Id.eq(visit_id))
        .filter(withdrawal::Column::PublicReason.is_not_null())
        .apply_if(only, |query, only| query.filter(withdrawal::Column::PublicReason.eq(only)))
        .exec(tx)
        .await?;
    Ok(cleared.rows_affected)
}

/// How many things of a kind are open in a wave, and the first of them.
///
/// A kind of thing that can be open is a variant of [`OpenKind`] and a query here.
pub async fn open(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    wave_id: Uuid,
    kind: OpenKind,
) -> Result<(i64, Vec<Uuid>), DbErr> {
    use visit::Column::{QuarantineReason, Reporting as Counted, State};
    let visits = || of_wave(firm_id, wave_id);
    let in_state = |state: VisitState| visits().filter(State.eq(state));
    let query = match kind {
        OpenKind::UnfulfilledAssignments => return assignments(db, firm_id, wave_id).await,
        OpenKind::OpenQuestions => return questions(db, firm_id, wave_id).await,
        OpenKind::SecondScorings => return second_scorings(db, firm_id, wave_id).await,
        OpenKind::OpenAppeals => return appeals(db, firm_id, wave_id).await,
        OpenKind::Submitted => in_state(VisitState::Submitted),
        OpenKind::InReview => in_state(VisitState::InReview),
        OpenKind::Returned => in_state(VisitState::Returned),
        OpenKind::Resubmitted => in_state(VisitState::Resubmitted),
        OpenKind::ApprovedUnpublished => in_state(VisitState::Approved).filter(Counted.eq(Reporting::Included)),
        OpenKind::Quarantined => visits().filter(QuarantineReason.is_not_null()).filter(State.ne(VisitState::Rejected)),
        OpenKind::MissingFiles => {
            let of_visit =
                Expr::col((evidence::Entity, evidence::Column::VisitId)).equals((visit::Entity, visit::Column::Id));
            let waits = Query::select()
                .column((evidence::Entity, evidence::Column::Id))
                .from(evidence::Entity)
                .and_where(Expr::col((evidence::Entity, evidence::Column::FirmId)).eq(firm_id))
                .and_where(of_visit)
                .and_where(evidence::Column::State.is_in(MISSING))
                .to_owned();
            visits().filter(State.is_not_in([VisitState::Draft, VisitState::Rejected])).filter(Expr::exists(waits))
        }
    };
    counted(db, query, visit::Column::Id).await
}

async fn assignments(db: &impl ConnectionTrait, firm_id: Uuid, wave_id: Uuid) -> Result<(i64, Vec<Uuid>), DbErr> {
    use AssignmentState::{Assigned, Claimed, Open, Started};
    let query = assignment::Entity::find()
        .filter(assignment::Column::FirmId.eq(firm_id))
        .filter(assignment::Column::WaveId.eq(wave_id))
        .filter(assignment::Column::State.is_in([Open, Claimed, Assigned, Started]));
    counted(db, query, assignment::Column::Id).await
}

/// The visits of a wave, for a query about what belongs to visits.
fn ids_of_wave(firm_id: Uuid, wave_id: Uuid) -> SelectStatement {
    Query::select()
        .column(visit::Column::Id)
        .from(visit::Entity)
        .and_where(visit::Column::FirmId.eq(firm_id))
        .and_where(visit::Column::WaveId.eq(wave_id))
        .take()
}

async fn questions(db: &impl ConnectionTrait, firm_id: Uuid, wave_id: Uuid) -> Result<(i64, Vec<Uuid>), DbErr> {
    let query = question::Entity::find()
        .filter(question::Column::FirmId.eq(firm_id))
        .filter(question::Column::VisitId.in_subquery(ids_of_wave(firm_id, wave_id)))
        .filter(question::Column::State.ne(QuestionState::Closed));
    counted(db, query, question::Column::Id).await
}

async fn second_scorings(db: &impl ConnectionTrait, firm_id: Uuid, wave_id: Uuid) -> Result<(i64, Vec<Uuid>), DbErr> {
    use SecondScoringState::{Scoring, Waiting};
    let query = second_scoring::Entity::find()
        .filter(second_scoring::Column::FirmId.eq(firm_id))
        .filter(second_scoring::Column::VisitId.in_subquery(ids_of_wave(firm_id, wave_id)))
        .filter(second_scoring::Column::State.is_in([Waiting, Scoring]));
    counted(db, query, second_scoring::Column::Id).await
}

async fn appeals(db: &impl ConnectionTrait, firm_id: Uuid, wave_id: Uuid) -> Result<(i64, Vec<Uuid>), DbErr> {
    let query = appeal::Entity::find()
        .filter(appeal::Column::FirmId.eq(firm_id))
        .filter(appeal::Column::WaveId.eq(wave_id))
        .filter(appeal::Column::State.eq(AppealState::Open));
    counted(db, query, appeal::Column::Id).await
}

/// How many rows a query has, and the ids of the first.
async fn counted<E: EntityTrait>(
    db: &impl ConnectionTrait,
    query: Select<E>,
    id: E::Column,
) -> Result<(i64, Vec<Uuid>), DbErr> {
    let count: Option<i64> = query.clone().select_only().expr_as(id.count(), "n").into_tuple().one(db).await?;
    let first = query.select_only().column(id).order_by_asc(id).limit(NAMED).into_tuple().all(db).await?;
    Ok((count.unwrap_or(0), first))
}

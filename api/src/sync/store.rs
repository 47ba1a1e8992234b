//! Queries on what concerns an auditor.

use sea_orm::sea_query::{Query, SelectStatement, UnionType};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};
use uuid::Uuid;

use crate::entity::{assignment, event, evidence, visit};
use crate::fieldwork::store::on_job_board;
use crate::words::{AssignmentState, VisitState};

/// States of visits on which something is still to be done or decided.
const UNDECIDED: [VisitState; 6] = [
    VisitState::Draft,
    VisitState::Submitted,
    VisitState::InReview,
    VisitState::Returned,
    VisitState::Resubmitted,
    VisitState::Rejected,
];

/// The hash of an event.
pub async fn hash_of_event(db: &impl ConnectionTrait, firm_id: Uuid, seq: i64) -> Result<Option<String>, DbErr> {
    Ok(event::Entity::find_by_id((firm_id, seq)).one(db).await?.map(|row| row.hash))
}

/// Whose events are asked for.
#[derive(Clone, Copy, Debug)]
pub enum Audience {
    /// One auditor's.
    Auditor(Uuid),
    /// Those of the job board.
    Board,
}

/// Events of an audience with numbers in `(after, until]`, oldest first.
pub async fn events_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    audience: Audience,
    after: i64,
    until: i64,
    limit: u64,
) -> Result<Vec<event::Model>, DbErr> {
    let theirs = match audience {
        Audience::Auditor(id) => event::Column::AudienceId.eq(id),
        Audience::Board => event::Column::OnBoard.eq(true),
    };
    event::Entity::find()
        .filter(event::Column::FirmId.eq(firm_id))
        .filter(theirs)
        .filter(event::Column::Seq.gt(after))
        .filter(event::Column::Seq.lte(until))
        .order_by_asc(event::Column::Seq)
        .limit(limit)
        .all(db)
        .await
}

/// The visits that some files belong to, by file.
pub async fn visits_of_files(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Uuid)>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    evidence::Entity::find()
        .select_only()
        .column(evidence::Column::Id)
        .column(evidence::Column::VisitId)
        .filter(evidence::Column::FirmId.eq(firm_id))
        .filter(evidence::Column::Id.is_in(ids.iter().copied()))
        .into_tuple()
        .all(db)
        .await
}

/// Assignments by id: at most two pages of them.
pub async fn assignments_by_ids(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<assignment::Model>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    assignment::Entity::find()
        .filter(assignment::Column::FirmId.eq(firm_id))
        .filter(assignment::Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await
}

/// Visits of an auditor by id: at most one page of them.
pub async fn own_visits_by_ids(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    auditor_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<visit::Model>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    visit::Entity::find()
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::Id.is_in(ids.iter().copied()))
        .filter(visit::Column::AuditorId.eq(auditor_id))
        .all(db)
        .await
}

/// Assignments that an auditor is to visit, and those whose visit is not decided yet, after an id.
pub async fn in_hands(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    auditor_id: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<assignment::Model>, DbErr> {
    assignment::Entity::find()
        .filter(assignment::Column::FirmId.eq(firm_id))
        .filter(assignment::Column::Id.in_subquery(unfinished(firm_id, auditor_id)))
        .filter(assignment::Column::AuditorId.eq(auditor_id))
        .filter(assignment::Column::State.is_in(IN_HANDS))
        .apply_if(after, |query, after| query.filter(assignment::Column::Id.gt(after)))
        .order_by_asc(assignment::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// States of assignments that are somebody's.
pub const IN_HANDS: [AssignmentState; 4] =
    [AssignmentState::Claimed, AssignmentState::Assigned, AssignmentState::Started, AssignmentState::Fulfilled];

fn unfinished(firm_id: Uuid, auditor_id: Uuid) -> SelectStatement {
    let to_visit = [AssignmentState::Claimed, AssignmentState::Assigned, AssignmentState::Started];
    let filed = Query::select()
        .column(visit::Column::AssignmentId)
        .from(visit::Entity)
        .and_where(visit::Column::FirmId.eq(firm_id))
        .and_where(visit::Column::AuditorId.eq(auditor_id))
        .and_where(visit::Column::State.is_in(UNDECIDED))
        .take();
    // One after the other, so that each is found by its index.
    Query::select()
        .column(assignment::Column::Id)
        .from(assignment::Entity)
        .and_where(assignment::Column::FirmId.eq(firm_id))
        .and_where(assignment::Column::AuditorId.eq(auditor_id))
        .and_where(assignment::Column::State.is_in(to_visit))
        .union(UnionType::Distinct, filed)
        .take()
}

/// Assignments on the job board after an id.
pub async fn on_board(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<assignment::Model>, DbErr> {
    assignment::Entity::find()
        .filter(assignment::Column::FirmId.eq(firm_id))
        .filter(on_job_board())
        .apply_if(after, |query, after| query.filter(assignment::Column::Id.gt(after)))
        .order_by_asc(assignment::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Visits of an auditor that are not decided yet, after an id.
pub async fn undecided_visits(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    auditor_id: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<visit::Model>, DbErr> {
    visit::Entity::find()
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::AuditorId.eq(auditor_id))
        .filter(visit::Column::State.is_in(UNDECIDED))
        .apply_if(after, |query, after| query.filter(visit::Column::Id.gt(after)))
        .order_by_asc(visit::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Visits of an auditor that can be written, the newest ids first.
pub async fn in_work(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    auditor_id: Uuid,
    limit: u64,
) -> Result<Vec<visit::Model>, DbErr> {
    visit::Entity::find()
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::AuditorId.eq(auditor_id))
        .filter(visit::Column::State.is_in([VisitState::Draft, VisitState::Returned]))
        .order_by_desc(visit::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

//! Queries on waves and assignments.

use sea_orm::sea_query::{Expr, ExprTrait, LockType, Query, SelectStatement, UnionType};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::entity::{assignment, branch, visit, wave};
use crate::words::{AssignmentState, WaveKind};

/// Which assignments a list is about. Every part that is there narrows it.
#[derive(Clone, Debug, Default)]
pub struct AssignmentFilter {
    /// Given to this auditor.
    pub auditor_id: Option<Uuid>,
    /// Given to this auditor, or on the job board.
    pub visible_to: Option<Uuid>,
    /// Of this wave.
    pub wave_id: Option<Uuid>,
    /// In this state.
    pub state: Option<AssignmentState>,
}

/// Adds a wave.
pub async fn insert_wave(tx: &DatabaseTransaction, row: wave::Model) -> Result<(), DbErr> {
    row.into_active_model().insert(tx).await.map(drop)
}

/// A wave.
pub async fn wave_by_id(db: &impl ConnectionTrait, firm_id: Uuid, id: Uuid) -> Result<Option<wave::Model>, DbErr> {
    wave::Entity::find_by_id((firm_id, id)).one(db).await
}

/// Waves by id: at most one page of them.
pub async fn waves_by_ids(db: &impl ConnectionTrait, firm_id: Uuid, ids: &[Uuid]) -> Result<Vec<wave::Model>, DbErr> {
    wave::Entity::find()
        .filter(wave::Column::FirmId.eq(firm_id))
        .filter(wave::Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await
}

/// A wave of a chain by its name.
pub async fn wave_by_name(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    chain_id: Uuid,
    name: &str,
) -> Result<Option<wave::Model>, DbErr> {
    wave::Entity::find()
        .filter(wave::Column::FirmId.eq(firm_id))
        .filter(wave::Column::ChainId.eq(chain_id))
        .filter(wave::Column::Name.eq(name))
        .one(db)
        .await
}

/// All waves of a chain, the one that opens first first.
pub async fn waves_of_chain(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    chain_id: Uuid,
) -> Result<Vec<wave::Model>, DbErr> {
    wave::Entity::find()
        .filter(wave::Column::FirmId.eq(firm_id))
        .filter(wave::Column::ChainId.eq(chain_id))
        .order_by_asc(wave::Column::OpensOn)
        .order_by_asc(wave::Column::Id)
        .all(db)
        .await
}

/// The waves in which a branch may have results, the one that opens first first: those of its chain, and the competitor
/// waves of the client whose rival it is.
pub async fn waves_of_branch(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    branch: &branch::Model,
) -> Result<Vec<wave::Model>, DbErr> {
    // Asked wave by wave, so that the index on waves and branches answers: the cost must not grow with assignments.
    let assigned = Query::select()
        .expr(Expr::val(1))
        .from(assignment::Entity)
        .and_where(assignment::Column::FirmId.eq(firm_id))
        .and_where(Expr::col((assignment::Entity, assignment::Column::WaveId)).equals((wave::Entity, wave::Column::Id)))
        .and_where(assignment::Column::BranchId.eq(branch.id))
        .take();
    let compares = Condition::all().add(wave::Column::Kind.eq(WaveKind::Competitor)).add(Expr::exists(assigned));
    wave::Entity::find()
        .filter(wave::Column::FirmId.eq(firm_id))
        .filter(Condition::any().add(wave::Column::ChainId.eq(branch.chain_id)).add(compares))
        .order_by_asc(wave::Column::OpensOn)
        .order_by_asc(wave::Column::Id)
        .all(db)
        .await
}

/// Which of these rival chains have assignments in competitor waves of a client other than this one.
pub async fn compared_with_others(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    client_chain_id: Uuid,
    rival_ids: &[Uuid],
) -> Result<Vec<Uuid>, DbErr> {
    let waves = Query::select()
        .column(wave::Column::Id)
        .from(wave::Entity)
        .and_where(wave::Column::FirmId.eq(firm_id))
        .and_where(wave::Column::Kind.eq(WaveKind::Competitor))
        .and_where(wave::Column::ChainId.ne(client_chain_id))
        .take();
    let visited = Query::select()
        .column(assignment::Column::BranchId)
        .from(assignment::Entity)
        .and_where(assignment::Column::FirmId.eq(firm_id))
        .and_where(assignment::Column::WaveId.in_subquery(waves))
        .take();
    branch::Entity::find()
        .select_only()
        .column(branch::Column::ChainId)
        .distinct()
        .filter(branch::Column::FirmId.eq(firm_id))
        .filter(branch::Column::ChainId.is_in(rival_ids.iter().copied()))
        .filter(branch::Column::Id.in_subquery(visited))
        .into_tuple()
        .all(db)
        .await
}

/// What assignments and visits of an auditor name in a column that both have: the assignments in their hands or on the
/// job board, and the visits that they filed, whoever has the assignment now.
fn named_to_auditor(
    firm_id: Uuid,
    auditor_id: Uuid,
    of_assignment: assignment::Column,
    of_visit: visit::Column,
) -> SelectStatement {
    let assigned = |condition: Condition| {
        Query::select()
            .column((assignment::Entity, of_assignment))
            .from(assignment::Entity)
            .and_where(assignment::Column::FirmId.eq(firm_id))
            .cond_where(condition)
            .take()
    };
    let filed = Query::select()
        .column((visit::Entity, of_visit))
        .from(visit::Entity)
        .and_where(visit::Column::FirmId.eq(firm_id))
        .and_where(visit::Column::AuditorId.eq(auditor_id))
        .take();
    // One after the other, so that each is found by its index.
    assigned(in_hands_of(auditor_id))
        .union(UnionType::Distinct, assigned(on_job_board()))
        .union(UnionType::Distinct, filed)
        .take()
}

/// The waves that an auditor visits for, or could.
pub fn waves_of_auditor(firm_id: Uuid, auditor_id: Uuid) -> SelectStatement {
    named_to_auditor(firm_id, auditor_id, assignment::Column::WaveId, visit::Column::WaveId)
}

/// The branches that an auditor visits, or could.
pub fn branches_of_auditor(firm_id: Uuid, auditor_id: Uuid) -> SelectStatement {
    named_to_auditor(firm_id, auditor_id, assignment::Column::BranchId, visit::Column::BranchId)
}

/// Assignments that an auditor has, or had until they were over.
pub fn in_hands_of(auditor_id: Uuid) -> Condition {
    Condition::all().add(assignment::Column::AuditorId.eq(auditor_id))
}

/// Assignments that any auditor may take. They are in nobody's hands; saying so lets the index on auditors be used.
pub fn on_job_board() -> Condition {
    Condition::all()
        .add(assignment::Column::AuditorId.is_null())
        .add(assignment::Column::State.eq(AssignmentState::Open))
}

/// The latest wave of the same chain and kind that opens before this one.
pub async fn previous_wave(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    wave: &wave::Model,
) -> Result<Option<wave::Model>, DbErr> {
    wave::Entity::find()
        .filter(wave::Column::FirmId.eq(firm_id))
        .filter(wave::Column::ChainId.eq(wave.chain_id))
        .filter(wave::Column::Kind.eq(wave.kind))
        .filter(wave::Column::OpensOn.lt(wave.opens_on))
        .order_by_desc(wave::Column::OpensOn)
        .order_by_desc(wave::Column::Id)
        .one(db)
        .await
}

/// Which waves a list is about. Every part that is there narrows it.
#[derive(Clone, Debug, Default)]
pub struct WaveFilter {
    /// This one.
    pub id: Option<Uuid>,
    /// Of this chain.
    pub chain_id: Option<Uuid>,
    /// That this auditor visits for, or could.
    pub auditor_id: Option<Uuid>,
}

/// Waves after an id.
pub async fn list_waves(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    filter: WaveFilter,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<wave::Model>, DbErr> {
    wave::Entity::find()
        .filter(wave::Column::FirmId.eq(firm_id))
        .apply_if(filter.id, |query, id| query.filter(wave::Column::Id.eq(id)))
        .apply_if(filter.chain_id, |query, id| query.filter(wave::Column::ChainId.eq(id)))
        .apply_if(filter.auditor_id, |query, id| {
            query.filter(wave::Column::Id.in_subquery(waves_of_auditor(firm_id, id)))
        })
        .apply_if(after, |query, after| query.filter(wave::Column::Id.gt(after)))
        .order_by_asc(wave::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Moves a wave to a state.
pub async fn set_wave_state(tx: &DatabaseTransaction, row: &wave::Model) -> Result<(), DbErr> {
    wave::Entity::update_many()
        .col_expr(wave::Column::State, Expr::value(row.state))
        .col_expr(wave::Column::ClosedAt, Expr::value(row.closed_at))
        .filter(wave::Column::FirmId.eq(row.firm_id))
        .filter(wave::Column::Id.eq(row.id))
        .exec(tx)
        .await
        .map(drop)
}

/// Writes the share of a wave's visits that are scored a second time.
pub async fn set_double_scoring(tx: &DatabaseTransaction, row: &wave::Model) -> Result<(), DbErr> {
    wave::Entity::update_many()
        .col_expr(wave::Column::DoubleScoringBp, Expr::value(row.double_scoring_bp))
        .filter(wave::Column::FirmId.eq(row.firm_id))
        .filter(wave::Column::Id.eq(row.id))
        .exec(tx)
        .await
        .map(drop)
}

/// Adds assignments: at most as many as one request brings.
pub async fn insert_assignments(tx: &DatabaseTransaction, rows: Vec<assignment::Model>) -> Result<(), DbErr> {
    assignment::Entity::insert_many(rows.into_iter().map(IntoActiveModel::into_active_model))
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// An assignment.
pub async fn assignment_by_id(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    id: Uuid,
) -> Result<Option<assignment::Model>, DbErr> {
    assignment::Entity::find_by_id((firm_id, id)).one(db).await
}

/// A wave, locked until the transaction ends. Assignments may still be added to it.
pub async fn lock_wave(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid) -> Result<Option<wave::Model>, DbErr> {
    wave::Entity::find_by_id((firm_id, id)).lock(LockType::NoKeyUpdate).one(tx).await
}

/// The wave of an assignment, which cannot be closed until the transaction ends.
pub async fn lock_wave_of(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    assignment_id: Uuid,
) -> Result<Option<wave::Model>, DbErr> {
    let Some(row) = assignment::Entity::find_by_id((firm_id, assignment_id)).one(tx).await? else { return Ok(None) };
    wave::Entity::find_by_id((firm_id, row.wave_id)).lock_shared().one(tx).await
}

/// The assignments of a wave that nobody has taken, locked until the transaction ends.
pub async fn lock_open_of_wave(tx: &DatabaseTransaction, firm_id: Uuid, wave_id: Uuid) -> Result<Vec<Uuid>, DbErr> {
    let rows = assignment::Entity::find()
        .filter(assignment::Column::FirmId.eq(firm_id))
        .filter(assignment::Column::WaveId.eq(wave_id))
        .filter(assignment::Column::State.eq(AssignmentState::Open))
        .order_by_asc(assignment::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Moves the assignments of a wave that nobody has taken to a state.
pub async fn set_open_of_wave(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    wave_id: Uuid,
    state: AssignmentState,
) -> Result<(), DbErr> {
    assignment::Entity::update_many()
        .col_expr(assignment::Column::State, Expr::value(state))
        .filter(assignment::Column::FirmId.eq(firm_id))
        .filter(assignment::Column::WaveId.eq(wave_id))
        .filter(assignment::Column::State.eq(AssignmentState::Open))
        .exec(tx)
        .await
        .map(drop)
}

/// An assignment, locked until the transaction ends.
pub async fn lock_assignment(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    id: Uuid,
) -> Result<Option<assignment::Model>, DbErr> {
    // SQLite has no row locks, and needs none: the transaction holds the only write lock.
    assignment::Entity::find_by_id((firm_id, id)).lock_exclusive().one(tx).await
}

/// Which of these ids assignments already have.
pub async fn taken_assignment_ids(db: &impl ConnectionTrait, firm_id: Uuid, ids: &[Uuid]) -> Result<Vec<Uuid>, DbErr> {
    assignment::Entity::find()
        .select_only()
        .column(assignment::Column::Id)
        .filter(assignment::Column::FirmId.eq(firm_id))
        .filter(assignment::Column::Id.is_in(ids.iter().copied()))
        .into_tuple()
        .all(db)
        .await
}

/// Assignments after an id.
pub async fn list_assignments(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    filter: AssignmentFilter,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<assignment::Model>, DbErr> {
    use assignment::Column;
    assignment::Entity::find()
        .filter(Column::FirmId.eq(firm_id))
        .apply_if(filter.auditor_id, |query, id| query.filter(Column::AuditorId.eq(id)))
        .apply_if(filter.visible_to, |query, id| {
            query.filter(Condition::any().add(in_hands_of(id)).add(on_job_board()))
        })
        .apply_if(filter.wave_id, |query, id| query.filter(Column::WaveId.eq(id)))
        .apply_if(filter.state, |query, state| query.filter(Column::State.eq(state)))
        .apply_if(after, |query, after| query.filter(Column::Id.gt(after)))
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Moves an assignment to a state, and into somebody's hands or out of them.
pub async fn set_assignment_state(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    id: Uuid,
    state: AssignmentState,
    auditor_id: Option<Uuid>,
) -> Result<(), DbErr> {
    assignment::Entity::update_many()
        .col_expr(assignment::Column::State, Expr::value(state))
        .col_expr(assignment::Column::AuditorId, Expr::value(auditor_id))
        .filter(assignment::Column::FirmId.eq(firm_id))
        .filter(assignment::Column::Id.eq(id))
        .exec(tx)
        .await
        .map(drop)
}

//! Queries on visits, drafts, revisions and scores.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::entity::{assignment, consent, evidence, revision, score, stay, visit, visit_draft, wave};
use crate::visits::decide::Effect;
use crate::visits::manifest::MISSING;
use crate::words::{AssignmentState, VisitState};

/// Visits by id, locked in the order of their ids.
pub async fn lock_visits(tx: &DatabaseTransaction, firm_id: Uuid, ids: &[Uuid]) -> Result<Vec<visit::Model>, DbErr> {
    let query = visit::Entity::find()
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(visit::Column::Id);
    query.lock_exclusive().all(tx).await
}

/// Assignments by id, locked in the order of their ids.
pub async fn lock_assignments(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<assignment::Model>, DbErr> {
    let query = assignment::Entity::find()
        .filter(assignment::Column::FirmId.eq(firm_id))
        .filter(assignment::Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(assignment::Column::Id);
    query.lock_exclusive().all(tx).await
}

/// Waves by id.
pub async fn waves(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    ids: impl Iterator<Item = Uuid>,
) -> Result<Vec<wave::Model>, DbErr> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    wave::Entity::find().filter(wave::Column::FirmId.eq(firm_id)).filter(wave::Column::Id.is_in(ids)).all(tx).await
}

/// The sha256 of the answers of some revisions, by visit.
pub async fn filed_answers(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    revisions: &[(Uuid, i32)],
) -> Result<Vec<(Uuid, String)>, DbErr> {
    if revisions.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(Uuid, i32, String)> = revision::Entity::find()
        .select_only()
        .column(revision::Column::VisitId)
        .column(revision::Column::Revision)
        .column(revision::Column::AnswersSha256)
        .filter(revision::Column::FirmId.eq(firm_id))
        .filter(revision::Column::VisitId.is_in(revisions.iter().map(|(visit_id, _)| *visit_id)))
        .into_tuple()
        .all(tx)
        .await?;
    let is_asked = |row: &(Uuid, i32, String)| revisions.contains(&(row.0, row.1));
    Ok(rows.into_iter().filter(is_asked).map(|(visit_id, _, sha256)| (visit_id, sha256)).collect())
}

/// A visit with those that are the same, filed from other devices: the one that it is a copy of, and other copies. All
/// are locked, in the order of their ids, so that two of them cannot be published at once.
pub async fn lock_with_twins(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid) -> Result<Vec<visit::Model>, DbErr> {
    let Some(row) = visit_by_id(tx, firm_id, id).await? else { return Ok(Vec::new()) };
    let first = row.copy_of.unwrap_or(id);
    let ids: Vec<Uuid> = visit::Entity::find()
        .select_only()
        .column(visit::Column::Id)
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::AssignmentId.eq(row.assignment_id))
        .filter(visit::Column::Id.eq(first).or(visit::Column::CopyOf.eq(first)))
        .into_tuple()
        .all(tx)
        .await?;
    lock_visits(tx, firm_id, &ids).await
}

/// The files of some visits, locked in the order of their ids.
pub async fn lock_evidence(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    visit_ids: &[Uuid],
) -> Result<Vec<evidence::Model>, DbErr> {
    if visit_ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = evidence::Entity::find()
        .filter(evidence::Column::FirmId.eq(firm_id))
        .filter(evidence::Column::VisitId.is_in(visit_ids.iter().copied()))
        .order_by_asc(evidence::Column::Id);
    query.lock_exclusive().all(tx).await
}

/// Writes what a batch of one firm came to, with one statement a table where the rows are new.
pub async fn write_effects(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    at: DateTime<Utc>,
    effects: Vec<Effect>,
) -> Result<(), DbErr> {
    let (mut visits, mut revisions, mut scores, mut declared, mut drafts) = (vec![], vec![], vec![], vec![], vec![]);
    let (mut filed, mut fulfilled, mut started, mut dropped, mut redeclared) = (vec![], vec![], vec![], vec![], vec![]);
    let mut consents = Vec::new();
    let mut stays = vec![];
    for effect in effects {
        let visit_id = effect.visit.id;
        match effect.assignment {
            Some(AssignmentState::Fulfilled) => fulfilled.push(effect.visit.assignment_id),
            Some(_) => started.push(effect.visit.assignment_id),
            None => {}
        }
        if effect.is_new {
            visits.push(effect.visit);
        } else {
            visit::Entity::update(effect.visit.into_active_model().reset_all()).exec(tx).await?;
        }
        match effect.draft {
            Some(body) => drafts.push(visit_draft::Model { firm_id, visit_id, body, saved_at: at }),
            None if !effect.is_new => filed.push(visit_id),
            None => {}
        }
        revisions.extend(effect.revision);
        scores.extend(effect.score);
        consents.extend(effect.consents);
        stays.extend(effect.stay.map(IntoActiveModel::into_active_model));
        dropped.extend(effect.manifest.dropped);
        redeclared.extend(effect.manifest.redeclared);
        declared.extend(effect.manifest.declared);
    }
    insert_all::<visit::Entity, _>(tx, visits).await?;
    insert_all::<revision::Entity, _>(tx, revisions).await?;
    insert_all::<score::Entity, _>(tx, scores).await?;
    if !stays.is_empty() {
        // What was told first stays: neither a later filing nor one after a purge changes it.
        let key = [stay::Column::FirmId, stay::Column::VisitId];
        stay::Entity::insert_many(stays)
            .on_conflict(OnConflict::columns(key).do_nothing().to_owned())
            .try_insert()
            .exec_without_returning(tx)
            .await?;
    }
    drop_files(tx, firm_id, dropped).await?;
    redeclare_files(tx, redeclared).await?;
    insert_all::<evidence::Entity, _>(tx, declared).await?;
    insert_all::<consent::Entity, _>(tx, consents).await?;
    if !drafts.is_empty() {
        visit_draft::Entity::insert_many(drafts.into_iter().map(IntoActiveModel::into_active_model))
            .on_conflict(
                OnConflict::columns([visit_draft::Column::FirmId, visit_draft::Column::VisitId])
                    .update_columns([visit_draft::Column::Body, visit_draft::Column::SavedAt])
                    .to_owned(),
            )
            .exec_without_returning(tx)
            .await?;
    }
    if !filed.is_empty() {
        visit_draft::Entity::delete_many()
            .filter(visit_draft::Column::FirmId.eq(firm_id))
            .filter(visit_draft::Column::VisitId.is_in(filed))
            .exec(tx)
            .await?;
    }
    // In this order: a draft and a submit for one assignment may be in the same batch.
    set_assignments(tx, firm_id, started, AssignmentState::Started).await?;
    set_assignments(tx, firm_id, fulfilled, AssignmentState::Fulfilled).await
}

/// Removes files that a draft no longer names, and their references to stored bytes.
async fn drop_files(tx: &DatabaseTransaction, firm_id: Uuid, rows: Vec<evidence::Model>) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let hashes: Vec<_> = rows.iter().flat_map(crate::retention::classes::referred).collect();
    crate::uploads::store::drop_of(tx, firm_id, &ids).await?;
    for id in &ids {
        crate::transcripts::store::delete_of(tx, firm_id, *id).await?;
    }
    crate::evidence::store::unrefer(tx, firm_id, &hashes).await?;
    crate::evidence::store::drop_waveforms(tx, firm_id, ids.iter().copied()).await?;
    evidence::Entity::delete_many()
        .filter(evidence::Column::FirmId.eq(firm_id))
        .filter(evidence::Column::Id.is_in(ids))
        .exec(tx)
        .await
        .map(drop)
}

/// Writes files that a manifest describes anew. Two of them may have swapped their names, which are unique at every
/// moment; so each first gets a name that nobody else has.
async fn redeclare_files(tx: &DatabaseTransaction, rows: Vec<evidence::Model>) -> Result<(), DbErr> {
    if rows.len() > 1 {
        for row in &rows {
            evidence::Entity::update_many()
                .col_expr(evidence::Column::FileName, Expr::value(format!("/{}", row.id)))
                .filter(evidence::Column::FirmId.eq(row.firm_id))
                .filter(evidence::Column::Id.eq(row.id))
                .exec(tx)
                .await?;
        }
    }
    for row in rows {
        evidence::Entity::update(row.into_active_model().reset_all()).exec(tx).await?;
    }
    Ok(())
}

/// Adds rows, with one statement where they fit into one.
pub async fn insert_all<E, M>(tx: &DatabaseTransaction, rows: Vec<M>) -> Result<(), DbErr>
where
    E: EntityTrait<Model = M>,
    M: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: Send,
{
    // Bound parameters of one statement are limited: 32766 on SQLite; no table has more than 30 columns.
    let mut rows = rows.into_iter().map(IntoActiveModel::into_active_model).peekable();
    while rows.peek().is_some() {
        let chunk: Vec<_> = rows.by_ref().take(1000).collect();
        E::insert_many(chunk).exec_without_returning(tx).await?;
    }
    Ok(())
}

async fn set_assignments(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    ids: Vec<Uuid>,
    state: AssignmentState,
) -> Result<(), DbErr> {
    if ids.is_empty() {
        return Ok(());
    }
    assignment::Entity::update_many()
        .col_expr(assignment::Column::State, Expr::value(state))
        .filter(assignment::Column::FirmId.eq(firm_id))
        .filter(assignment::Column::Id.is_in(ids))
        .exec(tx)
        .await
        .map(drop)
}

/// A visit.
pub async fn visit_by_id(db: &impl ConnectionTrait, firm_id: Uuid, id: Uuid) -> Result<Option<visit::Model>, DbErr> {
    visit::Entity::find_by_id((firm_id, id)).one(db).await
}

/// Visits by id.
pub async fn visits_by_ids(db: &impl ConnectionTrait, firm_id: Uuid, ids: &[Uuid]) -> Result<Vec<visit::Model>, DbErr> {
    visit::Entity::find()
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await
}

/// The draft of a visit.
pub async fn draft_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_id: Uuid,
) -> Result<Option<visit_draft::Model>, DbErr> {
    visit_draft::Entity::find_by_id((firm_id, visit_id)).one(db).await
}

/// One revision of a visit.
pub async fn revision_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_id: Uuid,
    revision: i32,
) -> Result<Option<revision::Model>, DbErr> {
    revision::Entity::find_by_id((firm_id, visit_id, revision)).one(db).await
}

/// All revisions of a visit, oldest first.
pub async fn revisions_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_id: Uuid,
) -> Result<Vec<revision::Model>, DbErr> {
    revision::Entity::find()
        .filter(revision::Column::FirmId.eq(firm_id))
        .filter(revision::Column::VisitId.eq(visit_id))
        .order_by_asc(revision::Column::Revision)
        .all(db)
        .await
}

/// Writes a revision.
pub async fn update_revision(tx: &DatabaseTransaction, row: revision::Model) -> Result<(), DbErr> {
    revision::Entity::update(row.into_active_model().reset_all()).exec(tx).await.map(drop)
}

/// Takes away what phones said of themselves with the revisions of a visit.
pub async fn clear_devices(tx: &DatabaseTransaction, firm_id: Uuid, visit_id: Uuid) -> Result<u64, DbErr> {
    let cleared = revision::Entity::update_many()
        .col_expr(revision::Column::Device, Expr::value("{}"))
        .filter(revision::Column::FirmId.eq(firm_id))
        .filter(revision::Column::VisitId.eq(visit_id))
        .filter(revision::Column::Device.ne("{}"))
        .exec(tx)
        .await?;
    Ok(cleared.rows_affected)
}

/// Removes the draft of a visit.
pub async fn remove_draft(tx: &DatabaseTransaction, firm_id: Uuid, visit_id: Uuid) -> Result<u64, DbErr> {
    Ok(visit_draft::Entity::delete_by_id((firm_id, visit_id)).exec(tx).await?.rows_affected)
}

/// When and where the auditor was.
pub async fn stay_of(db: &impl ConnectionTrait, firm_id: Uuid, visit_id: Uuid) -> Result<Option<stay::Model>, DbErr> {
    stay::Entity::find_by_id((firm_id, visit_id)).one(db).await
}

/// Takes away where the auditor was, and with which phone.
pub async fn clear_stay(tx: &DatabaseTransaction, firm_id: Uuid, visit_id: Uuid) -> Result<u64, DbErr> {
    let any = Condition::any().add(stay::Column::Positions.is_not_null()).add(stay::Column::DeviceSha256.is_not_null());
    let cleared = stay::Entity::update_many()
        .col_expr(stay::Column::Positions, Expr::value(None::<String>))
        .col_expr(stay::Column::DeviceSha256, Expr::value(None::<String>))
        .filter(stay::Column::FirmId.eq(firm_id))
        .filter(stay::Column::VisitId.eq(visit_id))
        .filter(any)
        .exec(tx)
        .await?;
    Ok(cleared.rows_affected)
}

/// One score of a visit.
pub async fn score_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_id: Uuid,
    score_version: i32,
) -> Result<Option<score::Model>, DbErr> {
    score::Entity::find_by_id((firm_id, visit_id, score_version)).one(db).await
}

/// All scores of a visit with their revisions, oldest first.
pub async fn scores_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_id: Uuid,
) -> Result<Vec<(score::Model, Option<revision::Model>)>, DbErr> {
    let scores = score::Entity::find()
        .filter(score::Column::FirmId.eq(firm_id))
        .filter(score::Column::VisitId.eq(visit_id))
        .order_by_asc(score::Column::ScoreVersion)
        .all(db)
        .await?;
    let revisions = revision::Entity::find()
        .filter(revision::Column::FirmId.eq(firm_id))
        .filter(revision::Column::VisitId.eq(visit_id))
        .all(db)
        .await?;
    let find = |number| revisions.iter().find(|revision| revision.revision == number).cloned();
    Ok(scores
        .into_iter()
        .map(|score| {
            let revision = find(score.revision);
            (score, revision)
        })
        .collect())
}

/// Which visits to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this auditor.
    pub auditor_id: Option<Uuid>,
    /// In this state.
    pub state: Option<VisitState>,
    /// Of this wave.
    pub wave_id: Option<Uuid>,
    /// Of this branch.
    pub branch_id: Option<Uuid>,
    /// True: only those with all evidence; false: only those that wait for some.
    pub evidence_complete: Option<bool>,
}

/// Visits after an id.
pub async fn list(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    filter: &Filter,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<visit::Model>, DbErr> {
    visit::Entity::find()
        .filter(visit::Column::FirmId.eq(firm_id))
        .apply_if(filter.auditor_id, |query, id| query.filter(visit::Column::AuditorId.eq(id)))
        .apply_if(filter.state, |query, state| query.filter(visit::Column::State.eq(state)))
        .apply_if(filter.wave_id, |query, id| query.filter(visit::Column::WaveId.eq(id)))
        .apply_if(filter.branch_id, |query, id| query.filter(visit::Column::BranchId.eq(id)))
        .apply_if(filter.evidence_complete, |query, complete| {
            let of_visit =
                Expr::col((evidence::Entity, evidence::Column::VisitId)).equals((visit::Entity, visit::Column::Id));
            let waits = Expr::exists(
                Query::select()
                    .column((evidence::Entity, evidence::Column::Id))
                    .from(evidence::Entity)
                    .and_where(Expr::col((evidence::Entity, evidence::Column::FirmId)).eq(firm_id))
                    .and_where(of_visit)
                    .and_where(evidence::Column::State.is_in(MISSING))
                    .to_owned(),
            );
            query.filter(if complete { waits.not() } else { waits })
        })
        .apply_if(after, |query, after| query.filter(visit::Column::Id.gt(after)))
        .order_by_asc(visit::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// The current scores of some visits, in basis points.
pub async fn current_scores(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visits: &[visit::Model],
) -> Result<Vec<(Uuid, Option<i32>)>, DbErr> {
    let rows: Vec<(Uuid, i32, Option<i32>)> = score::Entity::find()
        .select_only()
        .column(score::Column::VisitId)
        .column(score::Column::ScoreVersion)
        .column(score::Column::ScoreBp)
        .filter(score::Column::FirmId.eq(firm_id))
        .filter(score::Column::VisitId.is_in(visits.iter().map(|visit| visit.id)))
        .into_tuple()
        .all(db)
        .await?;
    let current = |id: Uuid, version: i32| visits.iter().any(|v| v.id == id && v.current_score_version == version);
    Ok(rows.into_iter().filter(|(id, version, _)| current(*id, *version)).map(|(id, _, bp)| (id, bp)).collect())
}

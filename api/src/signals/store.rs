//! Queries on signals and on what visits are compared with. Every one of them is a range of an index with a limit, so
//! that a visit costs the same at ten of them and at ten thousand.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    FromQueryResult, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::entity::{evidence, revision, signal, sketch, stay, visit};
use crate::visits::store::insert_all;
use crate::words::{SignalCode, SignalVerdict};

/// Visits by the same standard with which one is compared.
pub const MOST_OF_STANDARD: u64 = 200;
/// Visits of the same auditor, and of the same branch, with which one is compared.
pub const MOST_OWN: u64 = 50;
/// Files with the same bytes that are looked at.
pub const MOST_SAME_FILES: u64 = 50;
/// Stays of an auditor around the same time that are looked at.
pub const MOST_STAYS: u64 = 50;
/// Filings of a visit whose clocks are looked at.
pub const MOST_CONTACTS: u64 = 10;
/// Other auditors of one phone that are counted.
pub const MOST_AUDITORS: usize = 5;

/// The signals of some visits, by visit and as they were found.
pub async fn of_visits(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_ids: &[Uuid],
) -> Result<Vec<signal::Model>, DbErr> {
    if visit_ids.is_empty() {
        return Ok(Vec::new());
    }
    signal::Entity::find()
        .filter(signal::Column::FirmId.eq(firm_id))
        .filter(signal::Column::VisitId.is_in(visit_ids.iter().copied()))
        .order_by_asc(signal::Column::VisitId)
        .order_by_asc(signal::Column::Id)
        .all(db)
        .await
}

/// A signal.
pub async fn by_id(db: &impl ConnectionTrait, firm_id: Uuid, id: Uuid) -> Result<Option<signal::Model>, DbErr> {
    signal::Entity::find_by_id((firm_id, id)).one(db).await
}

/// A signal, locked until the transaction ends.
pub async fn lock(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid) -> Result<Option<signal::Model>, DbErr> {
    signal::Entity::find_by_id((firm_id, id)).lock_exclusive().one(tx).await
}

/// Adds signals.
pub async fn insert(tx: &DatabaseTransaction, rows: Vec<signal::Model>) -> Result<(), DbErr> {
    insert_all::<signal::Entity, _>(tx, rows).await
}

/// Writes a signal's row.
pub async fn update(tx: &DatabaseTransaction, row: signal::Model) -> Result<(), DbErr> {
    signal::Entity::update(row.into_active_model().reset_all()).exec(tx).await.map(drop)
}

/// Removes signals that no longer hold.
pub async fn remove(tx: &DatabaseTransaction, firm_id: Uuid, ids: &[Uuid]) -> Result<(), DbErr> {
    if ids.is_empty() {
        return Ok(());
    }
    signal::Entity::delete_many()
        .filter(signal::Column::FirmId.eq(firm_id))
        .filter(signal::Column::Id.is_in(ids.iter().copied()))
        .exec(tx)
        .await
        .map(drop)
}

#[derive(FromQueryResult)]
struct Count {
    visit_id: Uuid,
    n: i64,
}

/// How many signals of some visits answer to a condition, by visit.
async fn count(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_ids: &[Uuid],
    such: Condition,
) -> Result<Vec<(Uuid, i64)>, DbErr> {
    if visit_ids.is_empty() {
        return Ok(Vec::new());
    }
    let counts: Vec<Count> = signal::Entity::find()
        .select_only()
        .column(signal::Column::VisitId)
        .expr_as(Expr::col(signal::Column::Id).count(), "n")
        .filter(signal::Column::FirmId.eq(firm_id))
        .filter(signal::Column::VisitId.is_in(visit_ids.iter().copied()))
        .filter(such)
        .group_by(signal::Column::VisitId)
        .into_model()
        .all(db)
        .await?;
    Ok(counts.into_iter().map(|count| (count.visit_id, count.n)).collect())
}

/// How many signals of some visits nobody has judged, by visit.
pub async fn count_open(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_ids: &[Uuid],
) -> Result<Vec<(Uuid, i64)>, DbErr> {
    count(db, firm_id, visit_ids, Condition::all().add(signal::Column::Verdict.is_null())).await
}

/// How many signals some visits have, by visit.
pub async fn count_all(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_ids: &[Uuid],
) -> Result<Vec<(Uuid, i64)>, DbErr> {
    count(db, firm_id, visit_ids, Condition::all()).await
}

/// How many signals of some visits wait for their auditor's answer, by visit.
pub async fn count_unanswered(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_ids: &[Uuid],
) -> Result<Vec<(Uuid, i64)>, DbErr> {
    let asked = Condition::all().add(signal::Column::SharedAt.is_not_null()).add(signal::Column::AnsweredAt.is_null());
    count(db, firm_id, visit_ids, asked).await
}

/// How many signals of a code have a verdict, or none.
#[derive(Debug, FromQueryResult)]
pub struct Judged {
    /// The code.
    pub code: SignalCode,
    /// The verdict.
    pub verdict: Option<SignalVerdict>,
    /// How many.
    pub n: i64,
}

/// How signals found in `[from, until)` were judged, by code.
pub async fn judged(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
) -> Result<Vec<Judged>, DbErr> {
    signal::Entity::find()
        .select_only()
        .column(signal::Column::Code)
        .column(signal::Column::Verdict)
        .expr_as(Expr::col(signal::Column::Id).count(), "n")
        .filter(signal::Column::FirmId.eq(firm_id))
        .apply_if(from, |query, from| query.filter(signal::Column::FoundAt.gte(from)))
        .apply_if(until, |query, until| query.filter(signal::Column::FoundAt.lt(until)))
        .group_by(signal::Column::Code)
        .group_by(signal::Column::Verdict)
        .into_model()
        .all(db)
        .await
}

/// Takes the figures of some kinds of signals of a visit away.
pub async fn clear_figures(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    visit_id: Uuid,
    codes: &[SignalCode],
) -> Result<u64, DbErr> {
    let cleared = signal::Entity::update_many()
        .col_expr(signal::Column::Figures, Expr::value("{}"))
        .filter(signal::Column::FirmId.eq(firm_id))
        .filter(signal::Column::VisitId.eq(visit_id))
        .filter(signal::Column::Code.is_in(codes.iter().copied()))
        .filter(signal::Column::Figures.ne("{}"))
        .exec(tx)
        .await?;
    Ok(cleared.rows_affected)
}

/// Takes away what the auditor and reviewers wrote on the signals of a visit. When they did, and verdicts, stay.
pub async fn clear_texts(tx: &DatabaseTransaction, firm_id: Uuid, visit_id: Uuid) -> Result<u64, DbErr> {
    let any = Condition::any().add(signal::Column::Answer.is_not_null()).add(signal::Column::VerdictNote.is_not_null());
    let cleared = signal::Entity::update_many()
        .col_expr(signal::Column::Answer, Expr::value(None::<String>))
        .col_expr(signal::Column::VerdictNote, Expr::value(None::<String>))
        .filter(signal::Column::FirmId.eq(firm_id))
        .filter(signal::Column::VisitId.eq(visit_id))
        .filter(any)
        .exec(tx)
        .await?;
    Ok(cleared.rows_affected)
}

/// Takes away what the texts of a visit are compared by.
pub async fn clear_sketch(tx: &DatabaseTransaction, firm_id: Uuid, visit_id: Uuid) -> Result<u64, DbErr> {
    let cleared = sketch::Entity::update_many()
        .col_expr(sketch::Column::Text, Expr::value(None::<String>))
        .filter(sketch::Column::FirmId.eq(firm_id))
        .filter(sketch::Column::VisitId.eq(visit_id))
        .filter(sketch::Column::Text.is_not_null())
        .exec(tx)
        .await?;
    Ok(cleared.rows_affected)
}

/// The sketch of a visit.
pub async fn sketch_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_id: Uuid,
) -> Result<Option<sketch::Model>, DbErr> {
    sketch::Entity::find_by_id((firm_id, visit_id)).one(db).await
}

/// Writes the sketches of visits; one of a later filing stays.
pub async fn put_sketches(tx: &DatabaseTransaction, rows: Vec<sketch::Model>) -> Result<(), DbErr> {
    use sketch::Column::{AnsweringMs, Answers, FirmId, LongestRun, Revision, StayMs, Text, VisitId};
    if rows.is_empty() {
        return Ok(());
    }
    let older = Expr::col((sketch::Entity, Revision)).lt(Expr::col(("excluded", Revision)));
    sketch::Entity::insert_many(rows.into_iter().map(IntoActiveModel::into_active_model))
        .on_conflict(
            OnConflict::columns([FirmId, VisitId])
                .update_columns([Answers, AnsweringMs, LongestRun, Revision, StayMs, Text])
                .action_and_where(older)
                .to_owned(),
        )
        .exec_without_returning(tx)
        .await
        .map(drop)
}

/// Sketches that were filed before one, the last ones first, none of its own assignment: a copy, or a visit that was
/// filed anew, is no other visit.
fn before(of: &sketch::Model, limit: u64) -> sea_orm::Select<sketch::Entity> {
    let earlier = sketch::Column::FiledAt.lt(of.filed_at).or(sketch::Column::VisitId.lt(of.visit_id));
    sketch::Entity::find()
        .filter(sketch::Column::FirmId.eq(of.firm_id))
        .filter(sketch::Column::FiledAt.lte(of.filed_at))
        .filter(earlier)
        .filter(sketch::Column::AssignmentId.ne(of.assignment_id))
        .order_by_desc(sketch::Column::FiledAt)
        .limit(limit)
}

/// The last visits by the same version of a standard.
pub async fn of_standard(db: &impl ConnectionTrait, of: &sketch::Model) -> Result<Vec<sketch::Model>, DbErr> {
    before(of, MOST_OF_STANDARD)
        .filter(sketch::Column::StandardId.eq(&of.standard_id))
        .filter(sketch::Column::StandardVersion.eq(of.standard_version))
        .all(db)
        .await
}

/// The last of them that are the same auditor's.
pub async fn own_of_standard(db: &impl ConnectionTrait, of: &sketch::Model) -> Result<Vec<sketch::Model>, DbErr> {
    before(of, MOST_OWN)
        .filter(sketch::Column::AuditorId.eq(of.auditor_id))
        .filter(sketch::Column::StandardId.eq(&of.standard_id))
        .filter(sketch::Column::StandardVersion.eq(of.standard_version))
        .all(db)
        .await
}

/// The last visits of the auditor, and the last ones at the branch.
pub async fn beside(db: &impl ConnectionTrait, of: &sketch::Model) -> Result<Vec<sketch::Model>, DbErr> {
    let mut rows = before(of, MOST_OWN).filter(sketch::Column::AuditorId.eq(of.auditor_id)).all(db).await?;
    let at_branch = before(of, MOST_OWN).filter(sketch::Column::BranchId.eq(of.branch_id)).all(db).await?;
    // Left out here and not in the query, which would read on and on for others where there are none.
    rows.extend(at_branch.into_iter().filter(|row| row.auditor_id != of.auditor_id));
    Ok(rows)
}

/// Visits of the auditor and at the branch that were filed after one and have sketches already, the first ones first.
pub async fn after(db: &impl ConnectionTrait, of: &sketch::Model) -> Result<Vec<Uuid>, DbErr> {
    let later = sketch::Column::FiledAt.gt(of.filed_at).or(sketch::Column::VisitId.gt(of.visit_id));
    let filed_after = |same| {
        sketch::Entity::find()
            .select_only()
            .column(sketch::Column::VisitId)
            .filter(sketch::Column::FirmId.eq(of.firm_id))
            .filter(same)
            .filter(sketch::Column::FiledAt.gte(of.filed_at))
            .filter(later.clone())
            .order_by_asc(sketch::Column::FiledAt)
            .limit(MOST_OWN)
            .into_tuple()
    };
    let mut ids: Vec<Uuid> = filed_after(sketch::Column::AuditorId.eq(of.auditor_id)).all(db).await?;
    ids.extend(filed_after(sketch::Column::BranchId.eq(of.branch_id)).all(db).await?);
    Ok(ids)
}

/// Stays of an auditor that were told before another one, and began in `[from, until]`.
pub async fn stays_around(
    db: &impl ConnectionTrait,
    of: &stay::Model,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<stay::Model>, DbErr> {
    stay::Entity::find()
        .filter(stay::Column::FirmId.eq(of.firm_id))
        .filter(stay::Column::AuditorId.eq(of.auditor_id))
        .filter(stay::Column::ArrivedAt.between(from, until))
        .filter(stay::Column::VisitId.ne(of.visit_id))
        .filter(stay::Column::CreatedAt.lte(of.created_at))
        .filter(stay::Column::CreatedAt.lt(of.created_at).or(stay::Column::VisitId.lt(of.visit_id)))
        .order_by_asc(stay::Column::ArrivedAt)
        .limit(MOST_STAYS)
        .all(db)
        .await
}

/// The stays of some visits.
pub async fn stays(db: &impl ConnectionTrait, firm_id: Uuid, visit_ids: &[Uuid]) -> Result<Vec<stay::Model>, DbErr> {
    if visit_ids.is_empty() {
        return Ok(Vec::new());
    }
    stay::Entity::find()
        .filter(stay::Column::FirmId.eq(firm_id))
        .filter(stay::Column::VisitId.is_in(visit_ids.iter().copied()))
        .all(db)
        .await
}

/// How many other auditors had filed from a phone before; at most [`MOST_AUDITORS`]. It goes from one to the next in the
/// index, so that it does not matter how often each of them filed.
pub async fn other_auditors_of_phone(db: &impl ConnectionTrait, of: &stay::Model) -> Result<usize, DbErr> {
    let Some(phone) = &of.device_sha256 else { return Ok(0) };
    let of_phone = || {
        let first = stay::Entity::find().select_only().column(stay::Column::AuditorId);
        first.filter(stay::Column::FirmId.eq(of.firm_id)).filter(stay::Column::DeviceSha256.eq(phone))
    };
    let (mut others, mut last) = (0, None);
    // One more, which may be the auditor.
    for _ in 0..=MOST_AUDITORS {
        let next: Option<Uuid> = of_phone()
            .apply_if(last, |query, last: Uuid| query.filter(stay::Column::AuditorId.gt(last)))
            .order_by_asc(stay::Column::AuditorId)
            .limit(1)
            .into_tuple()
            .one(db)
            .await?;
        let Some(auditor) = next else { break };
        last = Some(auditor);
        if auditor == of.auditor_id {
            continue;
        }
        let earlier: Option<Uuid> = of_phone()
            .filter(stay::Column::AuditorId.eq(auditor))
            .filter(stay::Column::CreatedAt.lt(of.created_at))
            .limit(1)
            .into_tuple()
            .one(db)
            .await?;
        others += usize::from(earlier.is_some());
    }
    Ok(others.min(MOST_AUDITORS))
}

/// When the last revisions of a visit were filed, and what the phone said of itself.
pub async fn contacts(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_id: Uuid,
) -> Result<Vec<(DateTime<Utc>, String)>, DbErr> {
    let mut rows: Vec<(DateTime<Utc>, String)> = revision::Entity::find()
        .select_only()
        .column(revision::Column::CreatedAt)
        .column(revision::Column::Device)
        .filter(revision::Column::FirmId.eq(firm_id))
        .filter(revision::Column::VisitId.eq(visit_id))
        .order_by_desc(revision::Column::Revision)
        .limit(MOST_CONTACTS)
        .into_tuple()
        .all(db)
        .await?;
    rows.reverse();
    Ok(rows)
}

/// Filed files of other visits with the same bytes that were there before: id, visit, and when they were stored.
pub async fn same_files(
    db: &impl ConnectionTrait,
    of: &evidence::Model,
) -> Result<Vec<(Uuid, Uuid, Option<DateTime<Utc>>)>, DbErr> {
    let Some(sha256) = &of.sha256 else { return Ok(Vec::new()) };
    evidence::Entity::find()
        .select_only()
        .columns([evidence::Column::Id, evidence::Column::VisitId, evidence::Column::StoredAt])
        .filter(evidence::Column::FirmId.eq(of.firm_id))
        .filter(evidence::Column::Sha256.eq(sha256))
        .filter(evidence::Column::VisitId.ne(of.visit_id))
        .filter(evidence::Column::Revision.gt(0))
        .filter(evidence::Column::StoredAt.lte(of.stored_at))
        .limit(MOST_SAME_FILES)
        .into_tuple()
        .all(db)
        .await
}

/// When some files were stored.
pub async fn stored_at(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Option<DateTime<Utc>>)>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    evidence::Entity::find()
        .select_only()
        .columns([evidence::Column::Id, evidence::Column::StoredAt])
        .filter(evidence::Column::FirmId.eq(firm_id))
        .filter(evidence::Column::Id.is_in(ids.iter().copied()))
        .filter(evidence::Column::Revision.gt(0))
        .into_tuple()
        .all(db)
        .await
}

/// Visits by id.
pub async fn visits(db: &impl ConnectionTrait, firm_id: Uuid, ids: &[Uuid]) -> Result<Vec<visit::Model>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    visit::Entity::find()
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await
}

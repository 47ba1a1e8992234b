//! Queries of erasures.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::entity::{
    action, api_key, appeal, consent, correction_draft, erasure, event, idempotency_key, job, link, membership,
    question_message, revision, session, signal, upload, user, visit,
};
use crate::retention::classes::ALL;
use crate::retention::due::UNDECIDED;
use crate::words::{ErasureState, MembershipState, UploadState};

/// Adds an erasure.
pub async fn insert(tx: &DatabaseTransaction, row: erasure::Model) -> Result<(), DbErr> {
    row.into_active_model().insert(tx).await.map(drop)
}

/// An erasure.
pub async fn by_id(db: &impl ConnectionTrait, firm_id: Uuid, id: Uuid) -> Result<Option<erasure::Model>, DbErr> {
    erasure::Entity::find_by_id((firm_id, id)).one(db).await
}

/// Writes an erasure.
pub async fn update(tx: &DatabaseTransaction, row: erasure::Model) -> Result<(), DbErr> {
    erasure::Entity::update(row.into_active_model().reset_all()).exec(tx).await.map(drop)
}

/// The erasure of a membership.
pub async fn of_membership(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    id: Uuid,
) -> Result<Option<erasure::Model>, DbErr> {
    erasure::Entity::find()
        .filter(erasure::Column::FirmId.eq(firm_id))
        .filter(erasure::Column::MembershipIds.contains(id.to_string()))
        .order_by_desc(erasure::Column::Id)
        .one(db)
        .await
}

/// Erasures of a firm before an id, newest first.
pub async fn list(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<erasure::Model>, DbErr> {
    erasure::Entity::find()
        .filter(erasure::Column::FirmId.eq(firm_id))
        .apply_if(before, |query, before| query.filter(erasure::Column::Id.lt(before)))
        .order_by_desc(erasure::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Erasures of a firm that wait for holds.
pub async fn waiting(db: &impl ConnectionTrait, firm_id: Uuid) -> Result<Vec<erasure::Model>, DbErr> {
    erasure::Entity::find()
        .filter(erasure::Column::FirmId.eq(firm_id))
        .filter(erasure::Column::State.eq(ErasureState::Waiting))
        .all(db)
        .await
}

/// Erasures of a firm that were asked for since a time and are done.
pub async fn done_since(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    since: DateTime<Utc>,
) -> Result<Vec<erasure::Model>, DbErr> {
    erasure::Entity::find()
        .filter(erasure::Column::FirmId.eq(firm_id))
        .filter(erasure::Column::State.eq(ErasureState::Done))
        .filter(erasure::Column::RequestedAt.gt(since))
        .all(db)
        .await
}

/// The person's row, locked until the transaction ends, and nobody can be given a membership meanwhile.
pub async fn lock_user_alone(tx: &DatabaseTransaction, id: Uuid) -> Result<Option<user::Model>, DbErr> {
    user::Entity::find_by_id(id).lock_exclusive().one(tx).await
}

/// The memberships of a person in a firm.
pub async fn memberships(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    user_id: Uuid,
) -> Result<Vec<membership::Model>, DbErr> {
    membership::Entity::find()
        .filter(membership::Column::UserId.eq(user_id))
        .filter(membership::Column::FirmId.eq(firm_id))
        .order_by_asc(membership::Column::Id)
        .all(db)
        .await
}

/// Visits that somebody filed and nobody has decided, oldest first.
pub async fn undecided(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    auditor_ids: &[Uuid],
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    of_auditors(firm_id, auditor_ids)
        .select_only()
        .column(visit::Column::Id)
        .filter(visit::Column::State.is_in(UNDECIDED))
        .order_by_asc(visit::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

fn of_auditors(firm_id: Uuid, auditor_ids: &[Uuid]) -> sea_orm::Select<visit::Entity> {
    visit::Entity::find()
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::AuditorId.is_in(auditor_ids.iter().copied()))
}

/// How many visits somebody filed or began.
pub async fn count_visits(db: &impl ConnectionTrait, firm_id: Uuid, auditor_ids: &[Uuid]) -> Result<u64, DbErr> {
    of_auditors(firm_id, auditor_ids).count(db).await
}

/// Whether something has come to visits of somebody since they were purged.
pub async fn has_unpurged(db: &impl ConnectionTrait, firm_id: Uuid, auditor_ids: &[Uuid]) -> Result<bool, DbErr> {
    let found = of_auditors(firm_id, auditor_ids).filter(visit::Column::Purged.ne(ALL)).limit(1).one(db).await?;
    Ok(found.is_some())
}

/// The next visits of somebody after an id.
pub async fn visit_ids(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    auditor_ids: &[Uuid],
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    of_auditors(firm_id, auditor_ids)
        .select_only()
        .column(visit::Column::Id)
        .apply_if(after, |query, after| query.filter(visit::Column::Id.gt(after)))
        .order_by_asc(visit::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// Gives memberships of a firm to another person, under another name, disabled for good.
pub async fn pseudonymise(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    ids: &[Uuid],
    (user_id, label): (Uuid, &str),
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    membership::Entity::update_many()
        .col_expr(membership::Column::UserId, Expr::value(user_id))
        .col_expr(membership::Column::Name, Expr::value(label))
        .col_expr(membership::Column::Scope, Expr::value(r#"{"branch_ids":[]}"#))
        .col_expr(membership::Column::State, Expr::value(MembershipState::Disabled))
        .col_expr(membership::Column::SessionsAfter, Expr::value(at))
        .col_expr(membership::Column::ErasedAt, Expr::value(at))
        .filter(membership::Column::FirmId.eq(firm_id))
        .filter(membership::Column::Id.is_in(ids.iter().copied()))
        .exec(tx)
        .await
        .map(drop)
}

/// Removes what a person signed in with under some memberships, and links to them.
pub async fn remove_ways_in(tx: &DatabaseTransaction, user_id: Uuid, ids: &[Uuid]) -> Result<(), DbErr> {
    session::Entity::delete_many()
        .filter(session::Column::UserId.eq(user_id))
        .filter(session::Column::MembershipId.is_in(ids.iter().copied()))
        .exec(tx)
        .await?;
    link::Entity::delete_many()
        .filter(link::Column::UserId.eq(user_id))
        .filter(link::Column::MembershipId.is_in(ids.iter().copied()))
        .exec(tx)
        .await
        .map(drop)
}

/// Removes a person who has no membership left, with credentials, sessions and links; false when they have one.
pub async fn remove_user(tx: &DatabaseTransaction, id: Uuid) -> Result<bool, DbErr> {
    if membership::Entity::find().filter(membership::Column::UserId.eq(id)).count(tx).await? > 0 {
        return Ok(false);
    }
    user::Entity::delete_by_id(id).exec(tx).await?;
    Ok(true)
}

/// Takes the names from all API keys of some memberships.
pub async fn rename_keys(tx: &DatabaseTransaction, firm_id: Uuid, ids: &[Uuid], name: &str) -> Result<u64, DbErr> {
    let renamed = api_key::Entity::update_many()
        .col_expr(api_key::Column::Name, Expr::value(name))
        .filter(api_key::Column::FirmId.eq(firm_id))
        .filter(api_key::Column::MembershipId.is_in(ids.iter().copied()))
        .exec(tx)
        .await?;
    Ok(renamed.rows_affected)
}

/// Forgets answers that were kept for repeated requests: those of some memberships, and those that made them.
pub async fn forget_answers(tx: &DatabaseTransaction, firm_id: Uuid, ids: &[Uuid]) -> Result<u64, DbErr> {
    let own = idempotency_key::Entity::delete_many()
        .filter(idempotency_key::Column::FirmId.eq(firm_id))
        .filter(idempotency_key::Column::MembershipId.is_in(ids.iter().copied()))
        .exec(tx)
        .await?;
    let mut rows = own.rows_affected;
    for id in ids {
        let made = idempotency_key::Entity::delete_many()
            .filter(idempotency_key::Column::FirmId.eq(firm_id))
            .filter(idempotency_key::Column::Operation.eq("create_user"))
            .filter(idempotency_key::Column::Answer.contains(id.to_string()))
            .exec(tx)
            .await?;
        rows += made.rows_affected;
    }
    Ok(rows)
}

/// The next uploads of some memberships after an id that go on, or of whose files a phone has said something.
pub async fn telling_uploads(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<upload::Model>, DbErr> {
    let tells = upload::Column::Metadata.ne("").or(upload::Column::State.eq(UploadState::Open));
    upload::Entity::find()
        .filter(upload::Column::FirmId.eq(firm_id))
        .filter(upload::Column::MembershipId.is_in(ids.iter().copied()))
        .filter(tells)
        .apply_if(after, |query, after| query.filter(upload::Column::Id.gt(after)))
        .order_by_asc(upload::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Ends uploads, and takes what phones said of their files.
pub async fn end_uploads(tx: &DatabaseTransaction, firm_id: Uuid, ids: &[Uuid]) -> Result<u64, DbErr> {
    if ids.is_empty() {
        return Ok(0);
    }
    let of = |update: sea_orm::UpdateMany<upload::Entity>| {
        update.filter(upload::Column::FirmId.eq(firm_id)).filter(upload::Column::Id.is_in(ids.iter().copied()))
    };
    let cleared =
        of(upload::Entity::update_many()).col_expr(upload::Column::Metadata, Expr::value("")).exec(tx).await?;
    of(upload::Entity::update_many())
        .col_expr(upload::Column::State, Expr::value(UploadState::Dropped))
        .filter(upload::Column::State.eq(UploadState::Open))
        .exec(tx)
        .await?;
    Ok(cleared.rows_affected)
}

/// Forgets letters that wait to be sent and speak of any of these words: ids, or an address.
pub async fn forget_letters(tx: &DatabaseTransaction, kind: &str, words: &[String]) -> Result<(), DbErr> {
    for word in words {
        let pattern = format!("%{}%", word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        job::Entity::delete_many()
            .filter(job::Column::Kind.eq(kind))
            .filter(Expr::col(job::Column::Payload).like(LikeExpr::new(pattern).escape('\\')))
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// Takes what people wrote from an action: who sees to it, why it was dropped, or both.
pub async fn clear_action(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    id: Uuid,
    owner: bool,
    drop_reason: bool,
) -> Result<u64, DbErr> {
    let mut rows = 0;
    for (column, _) in
        [(action::Column::Owner, owner), (action::Column::DropReason, drop_reason)].iter().filter(|of| of.1)
    {
        let cleared = action::Entity::update_many()
            .col_expr(*column, Expr::value(None::<String>))
            .filter(action::Column::FirmId.eq(firm_id))
            .filter(action::Column::Id.eq(id))
            .filter(column.is_not_null())
            .exec(tx)
            .await?;
        rows += cleared.rows_affected;
    }
    Ok(rows)
}

/// The next visits of others after an id on whose questions some memberships have written, or which they are correcting.
pub async fn questioned_visits(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    let mut found: Vec<Uuid> = question_message::Entity::find()
        .select_only()
        .column(question_message::Column::VisitId)
        .distinct()
        .filter(question_message::Column::FirmId.eq(firm_id))
        .filter(question_message::Column::AuthorId.is_in(ids.iter().copied()))
        .filter(question_message::Column::Text.is_not_null())
        .apply_if(after, |query, after| query.filter(question_message::Column::VisitId.gt(after)))
        .order_by_asc(question_message::Column::VisitId)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    let drafts: Vec<Uuid> = correction_draft::Entity::find()
        .select_only()
        .column(correction_draft::Column::VisitId)
        .distinct()
        .filter(correction_draft::Column::FirmId.eq(firm_id))
        .filter(correction_draft::Column::AuthorId.is_in(ids.iter().copied()))
        .apply_if(after, |query, after| query.filter(correction_draft::Column::VisitId.gt(after)))
        .order_by_asc(correction_draft::Column::VisitId)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    found.extend(drafts);
    found.sort_unstable();
    found.dedup();
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// Takes what some memberships wrote on the questions about a visit.
pub async fn clear_messages(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    visit_id: Uuid,
    ids: &[Uuid],
) -> Result<u64, DbErr> {
    let cleared = question_message::Entity::update_many()
        .col_expr(question_message::Column::Text, Expr::value(None::<String>))
        .filter(question_message::Column::FirmId.eq(firm_id))
        .filter(question_message::Column::VisitId.eq(visit_id))
        .filter(question_message::Column::AuthorId.is_in(ids.iter().copied()))
        .filter(question_message::Column::Text.is_not_null())
        .exec(tx)
        .await?;
    Ok(cleared.rows_affected)
}

/// Removes the corrections of a visit that some memberships are working on.
pub async fn remove_corrections(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    visit_id: Uuid,
    ids: &[Uuid],
) -> Result<u64, DbErr> {
    let removed = correction_draft::Entity::delete_many()
        .filter(correction_draft::Column::FirmId.eq(firm_id))
        .filter(correction_draft::Column::VisitId.eq(visit_id))
        .filter(correction_draft::Column::AuthorId.is_in(ids.iter().copied()))
        .exec(tx)
        .await?;
    Ok(removed.rows_affected)
}

/// Takes why some memberships corrected answers of a visit; that they did stays.
pub async fn clear_corrections(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    visit_id: Uuid,
    by: Uuid,
) -> Result<u64, DbErr> {
    let cleared = revision::Entity::update_many()
        .col_expr(revision::Column::Reasons, Expr::value(None::<String>))
        .filter(revision::Column::FirmId.eq(firm_id))
        .filter(revision::Column::VisitId.eq(visit_id))
        .filter(revision::Column::AuthorId.eq(by))
        .filter(revision::Column::Reasons.is_not_null())
        .exec(tx)
        .await?;
    Ok(cleared.rows_affected)
}

/// The next visits after an id on whose signals some memberships have written a note.
pub async fn noted_visits(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    signal::Entity::find()
        .select_only()
        .column(signal::Column::VisitId)
        .distinct()
        .filter(signal::Column::FirmId.eq(firm_id))
        .filter(signal::Column::VerdictBy.is_in(ids.iter().copied()))
        .filter(signal::Column::VerdictNote.is_not_null())
        .apply_if(after, |query, after| query.filter(signal::Column::VisitId.gt(after)))
        .order_by_asc(signal::Column::VisitId)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// Takes the notes of some memberships on the signals of a visit.
pub async fn clear_notes(tx: &DatabaseTransaction, firm_id: Uuid, visit_id: Uuid, ids: &[Uuid]) -> Result<u64, DbErr> {
    let cleared = signal::Entity::update_many()
        .col_expr(signal::Column::VerdictNote, Expr::value(None::<String>))
        .filter(signal::Column::FirmId.eq(firm_id))
        .filter(signal::Column::VisitId.eq(visit_id))
        .filter(signal::Column::VerdictBy.is_in(ids.iter().copied()))
        .exec(tx)
        .await?;
    Ok(cleared.rows_affected)
}

/// The next appeals after an id that some memberships brought or decided.
pub async fn appeals_by(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<appeal::Model>, DbErr> {
    let by = Condition::any()
        .add(appeal::Column::FiledBy.is_in(ids.iter().copied()))
        .add(appeal::Column::DecidedBy.is_in(ids.iter().copied()));
    appeal::Entity::find()
        .filter(appeal::Column::FirmId.eq(firm_id))
        .filter(by)
        .apply_if(after, |query, after| query.filter(appeal::Column::Id.gt(after)))
        .order_by_asc(appeal::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// The next consents after an id that some memberships recorded or withdrew.
pub async fn consents_by(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<consent::Model>, DbErr> {
    let by = Condition::any()
        .add(consent::Column::RecordedBy.is_in(ids.iter().copied()))
        .add(consent::Column::WithdrawnBy.is_in(ids.iter().copied()));
    consent::Entity::find()
        .filter(consent::Column::FirmId.eq(firm_id))
        .filter(by)
        .apply_if(after, |query, after| query.filter(consent::Column::Id.gt(after)))
        .order_by_asc(consent::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Takes what was said last in the review of a visit, if it is this, and what was asked of its items with it.
pub async fn clear_review(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    id: Uuid,
    reason: &str,
    items: Option<&str>,
) -> Result<u64, DbErr> {
    let asked = match items {
        Some(items) => {
            visit::Entity::update_many()
                .col_expr(visit::Column::ReturnItems, Expr::value(None::<String>))
                .filter(visit::Column::FirmId.eq(firm_id))
                .filter(visit::Column::Id.eq(id))
                .filter(visit::Column::ReturnItems.eq(items))
                .exec(tx)
                .await?
                .rows_affected
        }
        None => 0,
    };
    let told = visit::Entity::update_many()
        .col_expr(visit::Column::ReportingReason, Expr::value(None::<String>))
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::Id.eq(id))
        .filter(visit::Column::ReportingReason.eq(reason))
        .exec(tx)
        .await?;
    let cleared = visit::Entity::update_many()
        .col_expr(visit::Column::ReviewReason, Expr::value(None::<String>))
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::Id.eq(id))
        .filter(visit::Column::ReviewReason.eq(reason))
        .exec(tx)
        .await?;
    Ok(cleared.rows_affected + told.rows_affected + asked)
}

/// The next events of a firm that some memberships caused, oldest first.
pub async fn events_by(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    actor_ids: &[Uuid],
    after: i64,
    limit: u64,
) -> Result<Vec<event::Model>, DbErr> {
    event::Entity::find()
        .filter(event::Column::FirmId.eq(firm_id))
        .filter(event::Column::Seq.gt(after))
        .filter(event::Column::ActorId.is_in(actor_ids.iter().copied()))
        .order_by_asc(event::Column::Seq)
        .limit(limit)
        .all(db)
        .await
}

//! Queries of what is held on a person.

use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Select,
};
use uuid::Uuid;

use crate::entity::{
    action, api_key, appeal, appeal_file, assignment, consent, correction_draft, erasure, event, hold, idempotency_key,
    job, link, membership, question_message, retention_rule, session, signal, transcript, transcription, upload,
    upload_day, visit,
};

/// All memberships of a person.
pub async fn all_memberships(db: &impl ConnectionTrait, user_id: Uuid) -> Result<Vec<membership::Model>, DbErr> {
    membership::Entity::find()
        .filter(membership::Column::UserId.eq(user_id))
        .order_by_asc(membership::Column::Id)
        .all(db)
        .await
}

/// Sessions of a person: all, or those bound to some memberships.
pub async fn sessions(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    bound: Option<&[Uuid]>,
) -> Result<Vec<session::Model>, DbErr> {
    session::Entity::find()
        .filter(session::Column::UserId.eq(user_id))
        .apply_if(bound, |query, ids| query.filter(session::Column::MembershipId.is_in(ids.iter().copied())))
        .order_by_asc(session::Column::Id)
        .all(db)
        .await
}

/// API keys of some memberships.
pub async fn keys(db: &impl ConnectionTrait, firm_id: Uuid, ids: &[Uuid]) -> Result<Vec<api_key::Model>, DbErr> {
    api_key::Entity::find()
        .filter(api_key::Column::FirmId.eq(firm_id))
        .filter(api_key::Column::MembershipId.is_in(ids.iter().copied()))
        .order_by_asc(api_key::Column::Id)
        .all(db)
        .await
}

/// Assignments of some auditors after an id.
pub async fn assignments(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<assignment::Model>, DbErr> {
    assignment::Entity::find()
        .filter(assignment::Column::FirmId.eq(firm_id))
        .filter(assignment::Column::AuditorId.is_in(ids.iter().copied()))
        .apply_if(after, |query, after| query.filter(assignment::Column::Id.gt(after)))
        .order_by_asc(assignment::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Visits of some auditors after an id.
pub async fn visits(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<visit::Model>, DbErr> {
    visit::Entity::find()
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::AuditorId.is_in(ids.iter().copied()))
        .apply_if(after, |query, after| query.filter(visit::Column::Id.gt(after)))
        .order_by_asc(visit::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Uploads of some memberships.
pub async fn uploads(db: &impl ConnectionTrait, firm_id: Uuid, ids: &[Uuid]) -> Result<Vec<upload::Model>, DbErr> {
    upload::Entity::find()
        .filter(upload::Column::FirmId.eq(firm_id))
        .filter(upload::Column::MembershipId.is_in(ids.iter().copied()))
        .order_by_asc(upload::Column::Id)
        .all(db)
        .await
}

/// How much some memberships sent a day.
pub async fn upload_days(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<upload_day::Model>, DbErr> {
    upload_day::Entity::find()
        .filter(upload_day::Column::FirmId.eq(firm_id))
        .filter(upload_day::Column::MembershipId.is_in(ids.iter().copied()))
        .order_by_asc(upload_day::Column::Day)
        .all(db)
        .await
}

/// The next events of a firm that some memberships caused, that concerned them, or that happened to them.
pub async fn events_about(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
    after: i64,
    limit: u64,
) -> Result<Vec<event::Model>, DbErr> {
    let objects = ids.iter().map(|id| format!("membership/{id}"));
    let about = Condition::any()
        .add(event::Column::ActorId.is_in(ids.iter().copied()))
        .add(event::Column::AudienceId.is_in(ids.iter().copied()))
        .add(event::Column::Object.is_in(objects));
    event::Entity::find()
        .filter(event::Column::FirmId.eq(firm_id))
        .filter(event::Column::Seq.gt(after))
        .filter(about)
        .order_by_asc(event::Column::Seq)
        .limit(limit)
        .all(db)
        .await
}

/// Links to choose a password or to accept a membership: all of a person, or those to some memberships.
pub async fn links(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    bound: Option<&[Uuid]>,
) -> Result<Vec<link::Model>, DbErr> {
    link::Entity::find()
        .filter(link::Column::UserId.eq(user_id))
        .apply_if(bound, |query, ids| query.filter(link::Column::MembershipId.is_in(ids.iter().copied())))
        .order_by_asc(link::Column::Id)
        .all(db)
        .await
}

/// Letters that wait to be sent and speak of any of these words: of all firms, or of one.
pub async fn letters(
    db: &impl ConnectionTrait,
    kind: &str,
    words: &[String],
    firm_id: Option<Uuid>,
) -> Result<Vec<job::Model>, DbErr> {
    let speaks_of = words.iter().fold(Condition::any(), |any, word| {
        let pattern = format!("%{}%", word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        any.add(Expr::col(job::Column::Payload).like(LikeExpr::new(pattern).escape('\\')))
    });
    job::Entity::find()
        .filter(job::Column::Kind.eq(kind))
        .filter(speaks_of)
        .apply_if(firm_id, |query, firm_id| query.filter(job::Column::FirmId.eq(firm_id)))
        .order_by_asc(job::Column::Id)
        .all(db)
        .await
}

/// Answers that are kept for repeated requests: those to some memberships, and those that made them.
pub async fn kept_answers(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<idempotency_key::Model>, DbErr> {
    let own = idempotency_key::Column::MembershipId.is_in(ids.iter().copied());
    let made = ids.iter().fold(Condition::any().add(own), |any, id| {
        let made = idempotency_key::Column::Answer.contains(id.to_string());
        any.add(idempotency_key::Column::Operation.eq("create_user").and(made))
    });
    idempotency_key::Entity::find()
        .filter(idempotency_key::Column::FirmId.eq(firm_id))
        .filter(made)
        .order_by_asc(idempotency_key::Column::CreatedAt)
        .all(db)
        .await
}

/// Erasures that some memberships asked for.
pub async fn asked_erasures(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<erasure::Model>, DbErr> {
    erasure::Entity::find()
        .filter(erasure::Column::FirmId.eq(firm_id))
        .filter(erasure::Column::RequestedBy.is_in(ids.iter().copied()))
        .order_by_asc(erasure::Column::Id)
        .all(db)
        .await
}

/// Rules of retention that some memberships set.
pub async fn rules(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<retention_rule::Model>, DbErr> {
    retention_rule::Entity::find()
        .filter(retention_rule::Column::FirmId.eq(firm_id))
        .filter(retention_rule::Column::ChangedBy.is_in(ids.iter().copied()))
        .order_by_asc(retention_rule::Column::Id)
        .all(db)
        .await
}

/// Signals that some memberships judged.
pub fn judged(firm_id: Uuid, ids: &[Uuid]) -> Select<signal::Entity> {
    signal::Entity::find()
        .filter(signal::Column::FirmId.eq(firm_id))
        .filter(signal::Column::VerdictBy.is_in(ids.iter().copied()))
}

/// What some memberships wrote on questions.
pub fn messages(firm_id: Uuid, ids: &[Uuid]) -> Select<question_message::Entity> {
    question_message::Entity::find()
        .filter(question_message::Column::FirmId.eq(firm_id))
        .filter(question_message::Column::AuthorId.is_in(ids.iter().copied()))
}

/// Corrections that some memberships are working on.
pub fn correction_drafts(firm_id: Uuid, ids: &[Uuid]) -> Select<correction_draft::Entity> {
    correction_draft::Entity::find()
        .filter(correction_draft::Column::FirmId.eq(firm_id))
        .filter(correction_draft::Column::AuthorId.is_in(ids.iter().copied()))
}

/// Consents that some memberships recorded or withdrew.
pub fn consents(firm_id: Uuid, ids: &[Uuid]) -> Select<consent::Entity> {
    let by = Condition::any()
        .add(consent::Column::RecordedBy.is_in(ids.iter().copied()))
        .add(consent::Column::WithdrawnBy.is_in(ids.iter().copied()));
    consent::Entity::find().filter(consent::Column::FirmId.eq(firm_id)).filter(by)
}

/// Appeals that some memberships brought or decided.
pub fn appeals(firm_id: Uuid, ids: &[Uuid]) -> Select<appeal::Entity> {
    let by = Condition::any()
        .add(appeal::Column::FiledBy.is_in(ids.iter().copied()))
        .add(appeal::Column::DecidedBy.is_in(ids.iter().copied()));
    appeal::Entity::find().filter(appeal::Column::FirmId.eq(firm_id)).filter(by)
}

/// Files that some memberships sent with appeals.
pub fn appeal_files(firm_id: Uuid, ids: &[Uuid]) -> Select<appeal_file::Entity> {
    appeal_file::Entity::find()
        .filter(appeal_file::Column::FirmId.eq(firm_id))
        .filter(appeal_file::Column::StoredBy.is_in(ids.iter().copied()))
}

/// Transcripts that some memberships attached.
pub fn transcripts(firm_id: Uuid, ids: &[Uuid]) -> Select<transcript::Entity> {
    transcript::Entity::find()
        .filter(transcript::Column::FirmId.eq(firm_id))
        .filter(transcript::Column::AuthorId.is_in(ids.iter().copied()))
}

/// Transcripts that some memberships asked the service for.
pub fn transcriptions(firm_id: Uuid, ids: &[Uuid]) -> Select<transcription::Entity> {
    transcription::Entity::find()
        .filter(transcription::Column::FirmId.eq(firm_id))
        .filter(transcription::Column::AuthorId.is_in(ids.iter().copied()))
}

/// Holds that some memberships made or released. Why one is on somebody is not told to them.
pub fn holds(firm_id: Uuid, ids: &[Uuid]) -> Select<hold::Entity> {
    let by = Condition::any()
        .add(hold::Column::CreatedBy.is_in(ids.iter().copied()))
        .add(hold::Column::ReleasedBy.is_in(ids.iter().copied()));
    hold::Entity::find().filter(hold::Column::FirmId.eq(firm_id)).filter(by)
}

/// Actions whose owner is called by one of some names.
pub fn owned_actions(firm_id: Uuid, names: &[String]) -> Select<action::Entity> {
    action::Entity::find()
        .filter(action::Column::FirmId.eq(firm_id))
        .filter(action::Column::Owner.is_in(names.iter().cloned()))
}

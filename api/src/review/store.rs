//! Queries of the review.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query, SubQueryStatement};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    FromQueryResult, IntoActiveModel, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::entity::{correction_draft, event, membership, question, question_message, signal, visit};
use crate::review::types::{QueueOrder, Taken};
use crate::words::{QuestionState, VisitState};

/// Latest facts of a visit that are told.
const MOST_FACTS: u64 = 500;

/// Writes a visit that is locked.
pub async fn update_visit(tx: &DatabaseTransaction, row: visit::Model) -> Result<visit::Model, DbErr> {
    visit::Entity::update(row.into_active_model().reset_all()).exec(tx).await
}

/// Whether two memberships are one person's.
pub async fn same_person(db: &impl ConnectionTrait, firm_id: Uuid, one: Uuid, other: Uuid) -> Result<bool, DbErr> {
    let people: Vec<Uuid> = membership::Entity::find()
        .select_only()
        .column(membership::Column::UserId)
        .filter(membership::Column::FirmId.eq(firm_id))
        .filter(membership::Column::Id.is_in([one, other]))
        .into_tuple()
        .all(db)
        .await?;
    Ok(people.windows(2).all(|pair| pair[0] == pair[1]))
}

/// Which visits of the queue, and in which order.
#[derive(Clone, Debug)]
pub struct QueueFilter {
    /// Of this wave.
    pub wave_id: Option<Uuid>,
    /// Taken by nobody, by the one who asks, or whatever.
    pub taken: Taken,
    /// The order.
    pub order: QueueOrder,
    /// The membership that asks.
    pub me: Uuid,
}

/// Where a page of the queue begins: after a visit with this time or number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// When it was filed, or is due; none: no time.
    Time(Option<DateTime<Utc>>, Uuid),
    /// How many open signals it has.
    Signals(i64, Uuid),
}

/// A visit of the queue with the number of its open signals.
#[derive(Debug, FromQueryResult)]
pub struct Queued {
    /// The visit.
    pub id: Uuid,
    /// Its signals that nobody has judged.
    pub open_signals: i64,
}

/// How many signals of a visit nobody has judged.
fn open_signals(firm_id: Uuid) -> Expr {
    let of_visit = Expr::col((signal::Entity, signal::Column::VisitId)).equals((visit::Entity, visit::Column::Id));
    let count = Query::select()
        .expr(Expr::col((signal::Entity, signal::Column::Id)).count())
        .from(signal::Entity)
        .and_where(Expr::col((signal::Entity, signal::Column::FirmId)).eq(firm_id))
        .and_where(of_visit)
        .and_where(Expr::col((signal::Entity, signal::Column::Verdict)).is_null())
        .take();
    Expr::from(SubQueryStatement::from(count))
}

/// A page of the queue.
pub async fn queue(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    filter: &QueueFilter,
    after: Option<After>,
    limit: u64,
) -> Result<Vec<Queued>, DbErr> {
    use VisitState::{InReview, Resubmitted, Returned, Submitted};
    let states: &[VisitState] = match filter.taken {
        Taken::Free => &[Submitted, Resubmitted],
        Taken::Mine => &[InReview, Returned],
        Taken::All => &[Submitted, Resubmitted, InReview, Returned],
    };
    let me = Some(filter.me).filter(|_| filter.taken == Taken::Mine);
    let time = match filter.order {
        QueueOrder::Deadline => visit::Column::DueAt,
        QueueOrder::Age | QueueOrder::Signals => visit::Column::SubmittedAt,
    };
    let id = visit::Column::Id;
    let query = visit::Entity::find()
        .select_only()
        .column(id)
        .expr_as(open_signals(firm_id), "open_signals")
        .filter(visit::Column::FirmId.eq(firm_id))
        .filter(visit::Column::State.is_in(states.iter().copied()))
        .apply_if(me, |query, me| query.filter(visit::Column::ReviewerId.eq(me)))
        .apply_if(filter.wave_id, |query, wave_id| query.filter(visit::Column::WaveId.eq(wave_id)))
        .apply_if(after, |query, after| {
            let later = match after {
                After::Time(Some(at), last) => Condition::any()
                    .add(time.gt(at))
                    .add(Condition::all().add(time.eq(at)).add(id.gt(last)))
                    .add(time.is_null()),
                After::Time(None, last) => Condition::any().add(Condition::all().add(time.is_null()).add(id.gt(last))),
                After::Signals(n, last) => Condition::any()
                    .add(open_signals(firm_id).lt(n))
                    .add(Condition::all().add(open_signals(firm_id).eq(n)).add(id.gt(last))),
            };
            query.filter(later)
        });
    let query = match filter.order {
        QueueOrder::Signals => query.order_by(open_signals(firm_id), Order::Desc),
        // What has no time comes last, on both databases.
        QueueOrder::Age | QueueOrder::Deadline => {
            query.order_by(Expr::col((visit::Entity, time)).is_null(), Order::Asc).order_by_asc(time)
        }
    };
    query.order_by_asc(id).limit(limit).into_model().all(db).await
}

#[derive(FromQueryResult)]
struct CountOfState {
    visit_id: Uuid,
    state: QuestionState,
    n: i64,
}

/// How many questions about some visits are in a state, by visit.
pub async fn count_questions(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_ids: &[Uuid],
) -> Result<Vec<(Uuid, QuestionState, i64)>, DbErr> {
    if visit_ids.is_empty() {
        return Ok(Vec::new());
    }
    let counts: Vec<CountOfState> = question::Entity::find()
        .select_only()
        .column(question::Column::VisitId)
        .column(question::Column::State)
        .expr_as(Expr::col(question::Column::Id).count(), "n")
        .filter(question::Column::FirmId.eq(firm_id))
        .filter(question::Column::VisitId.is_in(visit_ids.iter().copied()))
        .group_by(question::Column::VisitId)
        .group_by(question::Column::State)
        .into_model()
        .all(db)
        .await?;
    Ok(counts.into_iter().map(|row| (row.visit_id, row.state, row.n)).collect())
}

/// Questions about some visits, oldest first.
pub async fn questions_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_ids: &[Uuid],
) -> Result<Vec<question::Model>, DbErr> {
    if visit_ids.is_empty() {
        return Ok(Vec::new());
    }
    question::Entity::find()
        .filter(question::Column::FirmId.eq(firm_id))
        .filter(question::Column::VisitId.is_in(visit_ids.iter().copied()))
        .order_by_asc(question::Column::AskedAt)
        .order_by_asc(question::Column::Id)
        .all(db)
        .await
}

/// What was written on questions about some visits, oldest first.
pub async fn messages_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_ids: &[Uuid],
) -> Result<Vec<question_message::Model>, DbErr> {
    if visit_ids.is_empty() {
        return Ok(Vec::new());
    }
    question_message::Entity::find()
        .filter(question_message::Column::FirmId.eq(firm_id))
        .filter(question_message::Column::VisitId.is_in(visit_ids.iter().copied()))
        .order_by_asc(question_message::Column::WrittenAt)
        .order_by_asc(question_message::Column::Id)
        .all(db)
        .await
}

/// A question.
pub async fn question_by_id(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    id: Uuid,
) -> Result<Option<question::Model>, DbErr> {
    question::Entity::find_by_id((firm_id, id)).one(db).await
}

/// Adds a question.
pub async fn insert_question(tx: &DatabaseTransaction, row: question::Model) -> Result<question::Model, DbErr> {
    row.into_active_model().insert(tx).await
}

/// Writes a question, whose visit is locked.
pub async fn update_question(tx: &DatabaseTransaction, row: question::Model) -> Result<question::Model, DbErr> {
    question::Entity::update(row.into_active_model().reset_all()).exec(tx).await
}

/// Adds what was written on a question.
pub async fn insert_message(tx: &DatabaseTransaction, row: question_message::Model) -> Result<(), DbErr> {
    row.into_active_model().insert(tx).await.map(drop)
}

/// Takes away what was written on the questions about a visit. That they were asked and answered stays.
pub async fn clear_messages(tx: &DatabaseTransaction, firm_id: Uuid, visit_id: Uuid) -> Result<u64, DbErr> {
    let cleared = question_message::Entity::update_many()
        .col_expr(question_message::Column::Text, Expr::value(None::<String>))
        .filter(question_message::Column::FirmId.eq(firm_id))
        .filter(question_message::Column::VisitId.eq(visit_id))
        .filter(question_message::Column::Text.is_not_null())
        .exec(tx)
        .await?;
    Ok(cleared.rows_affected)
}

/// The correction of a visit that a reviewer is working on.
pub async fn draft_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_id: Uuid,
    author_id: Uuid,
) -> Result<Option<correction_draft::Model>, DbErr> {
    correction_draft::Entity::find_by_id((firm_id, visit_id, author_id)).one(db).await
}

/// Keeps a correction that is being worked on, in place of any that is there.
pub async fn put_draft(tx: &DatabaseTransaction, row: correction_draft::Model) -> Result<(), DbErr> {
    use correction_draft::Column::{AuthorId, BaseRevision, Changes, FirmId, SavedAt, VisitId};
    let again =
        OnConflict::columns([FirmId, VisitId, AuthorId]).update_columns([BaseRevision, Changes, SavedAt]).to_owned();
    correction_draft::Entity::insert(row.into_active_model())
        .on_conflict(again)
        .exec_without_returning(tx)
        .await
        .map(drop)
}

/// Removes the correction of a visit that a reviewer is working on.
pub async fn remove_draft(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    visit_id: Uuid,
    author_id: Uuid,
) -> Result<u64, DbErr> {
    let removed = correction_draft::Entity::delete_by_id((firm_id, visit_id, author_id)).exec(tx).await?;
    Ok(removed.rows_affected)
}

/// Removes all corrections of a visit that reviewers are working on.
pub async fn remove_drafts(tx: &DatabaseTransaction, firm_id: Uuid, visit_id: Uuid) -> Result<u64, DbErr> {
    let removed = correction_draft::Entity::delete_many()
        .filter(correction_draft::Column::FirmId.eq(firm_id))
        .filter(correction_draft::Column::VisitId.eq(visit_id))
        .exec(tx)
        .await?;
    Ok(removed.rows_affected)
}

/// The latest facts of a visit, oldest first.
pub async fn history(db: &impl ConnectionTrait, firm_id: Uuid, visit_id: Uuid) -> Result<Vec<event::Model>, DbErr> {
    let mut rows = event::Entity::find()
        .filter(event::Column::FirmId.eq(firm_id))
        .filter(event::Column::Object.eq(format!("visit/{visit_id}")))
        // Who reviews it does not know whether somebody scores it a second time.
        .filter(event::Column::Kind.not_like("visit.second_%"))
        .order_by_desc(event::Column::Seq)
        .limit(MOST_FACTS)
        .all(db)
        .await?;
    rows.reverse();
    Ok(rows)
}

//! Queries on jobs.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, LockBehavior, LockType, OnConflict, Order, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::entity::job;
use crate::words::JobState;

/// Adds a job, unless one with its key is ready already.
pub async fn insert(tx: &DatabaseTransaction, row: job::Model) -> Result<(), DbErr> {
    job::Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .try_insert()
        .exec_without_returning(tx)
        .await
        .map(drop)
}

/// Takes a job of any kind but some: a ready one whose time has come, or a running one whose worker died, unless that
/// happened `max_attempts` times.
pub async fn claim(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    lease_until: DateTime<Utc>,
    max_attempts: i32,
    except: &[&str],
) -> Result<Option<job::Model>, DbErr> {
    let mut due = Query::select()
        .column(job::Column::Id)
        .from(job::Entity)
        .cond_where(job::Column::Kind.is_not_in(except.iter().copied()))
        .cond_where(
            Condition::any().add(job::Column::State.eq(JobState::Ready).and(job::Column::RunAt.lte(now))).add(
                job::Column::State
                    .eq(JobState::Running)
                    .and(job::Column::LeaseUntil.lte(now))
                    .and(job::Column::Attempts.lt(max_attempts)),
            ),
        )
        .order_by(job::Column::RunAt, Order::Asc)
        .limit(1)
        .to_owned();
    if tx.get_database_backend() == DbBackend::Postgres {
        due.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let claimed = job::Entity::update_many()
        .col_expr(job::Column::State, Expr::value(JobState::Running))
        .col_expr(job::Column::Attempts, Expr::col(job::Column::Attempts).add(1))
        .col_expr(job::Column::LeaseUntil, Expr::value(lease_until))
        .filter(job::Column::Id.in_subquery(due))
        .exec_with_returning(tx)
        .await?;
    Ok(claimed.into_iter().next())
}

/// Running jobs whose worker died at the last attempt.
pub async fn worn_out(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
    max_attempts: i32,
) -> Result<Vec<job::Model>, DbErr> {
    job::Entity::find()
        .filter(job::Column::State.eq(JobState::Running))
        .filter(job::Column::LeaseUntil.lte(now))
        .filter(job::Column::Attempts.gte(max_attempts))
        .all(db)
        .await
}

/// How many jobs wait or run; none means that everything queued is done or dead.
pub async fn count_open(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    use sea_orm::PaginatorTrait;
    job::Entity::find().filter(job::Column::State.is_in([JobState::Ready, JobState::Running])).count(db).await
}

/// Lets a job run on until a later time, before another worker takes it over; false when one has.
pub async fn extend_lease(
    tx: &DatabaseTransaction,
    job: &job::Model,
    lease_until: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let extended = job::Entity::update_many()
        .col_expr(job::Column::LeaseUntil, Expr::value(lease_until))
        .filter(held(job))
        .exec(tx)
        .await?;
    Ok(extended.rows_affected > 0)
}

/// Whether a job is still in the hands of who claimed it: every claim counts up its attempts, and who runs a dead job
/// again queues it anew.
fn held(job: &job::Model) -> Condition {
    Condition::all()
        .add(job::Column::Id.eq(job.id))
        .add(job::Column::State.eq(JobState::Running))
        .add(job::Column::Attempts.eq(job.attempts))
        .add(job::Column::CreatedAt.eq(job.created_at))
}

/// How the job table looks, found through its indexes.
#[derive(Clone, Copy, Debug)]
pub struct JobFigures {
    /// Jobs that wait, at most [`MOST_COUNTED`].
    pub ready: i64,
    /// Jobs given up, at most [`MOST_COUNTED`].
    pub dead: i64,
    /// How long the oldest job that is due has waited, in seconds.
    pub oldest_age_s: f64,
}

/// Jobs beyond this number are not counted, so that counting them never takes long.
const MOST_COUNTED: u64 = 10_000;

/// Looks at the job table.
pub async fn job_figures(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<JobFigures, DbErr> {
    let oldest: Option<DateTime<Utc>> = job::Entity::find()
        .select_only()
        .column(job::Column::RunAt)
        .filter(job::Column::State.eq(JobState::Ready))
        .order_by_asc(job::Column::RunAt)
        .limit(1)
        .into_tuple()
        .one(db)
        .await?;
    let oldest_age_s = oldest.map_or(0.0, |run_at| (now - run_at).as_seconds_f64().max(0.0));
    let (ready, dead) = (count_up_to(db, JobState::Ready).await?, count_up_to(db, JobState::Dead).await?);
    Ok(JobFigures { ready, dead, oldest_age_s })
}

async fn count_up_to(db: &impl ConnectionTrait, state: JobState) -> Result<i64, DbErr> {
    let some = Query::select()
        .column(job::Column::Id)
        .from(job::Entity)
        .and_where(job::Column::State.eq(state))
        .limit(MOST_COUNTED)
        .to_owned();
    let count =
        Query::select().expr_as(Expr::col(job::Column::Id).count(), "n").from_subquery(some, "some_jobs").to_owned();
    let row = db.query_one(&count).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// Which jobs are listed.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobFilter {
    /// Of this firm; of all, and of the installation, if absent.
    pub firm_id: Option<Uuid>,
    /// In this state.
    pub state: Option<JobState>,
}

/// Jobs by their ids.
pub async fn list(
    db: &impl ConnectionTrait,
    filter: JobFilter,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<job::Model>, DbErr> {
    let mut query = job::Entity::find();
    if let Some(firm_id) = filter.firm_id {
        query = query.filter(job::Column::FirmId.eq(firm_id));
    }
    if let Some(state) = filter.state {
        query = query.filter(job::Column::State.eq(state));
    }
    if let Some(after) = after {
        query = query.filter(job::Column::Id.gt(after));
    }
    query.order_by_asc(job::Column::Id).limit(limit).all(db).await
}

/// A job of whatever firm.
pub async fn by_id(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<job::Model>, DbErr> {
    job::Entity::find_by_id(id).one(db).await
}

/// Makes a dead job ready as if it were queued now, with all its attempts; none when it is not dead.
pub async fn revive(tx: &DatabaseTransaction, id: Uuid, now: DateTime<Utc>) -> Result<Option<job::Model>, DbErr> {
    let revived = job::Entity::update_many()
        .col_expr(job::Column::State, Expr::value(JobState::Ready))
        .col_expr(job::Column::RunAt, Expr::value(now))
        .col_expr(job::Column::Attempts, Expr::value(0))
        .col_expr(job::Column::CreatedAt, Expr::value(now))
        .filter(job::Column::Id.eq(id))
        .filter(job::Column::State.eq(JobState::Dead))
        .exec_with_returning(tx)
        .await?;
    Ok(revived.into_iter().next())
}

/// Removes a job that is done, unless another worker has it now.
pub async fn remove(tx: &DatabaseTransaction, job: &job::Model) -> Result<(), DbErr> {
    job::Entity::delete_many().filter(held(job)).exec(tx).await.map(drop)
}

/// Notes that a job is dead; false when another worker has it, or has noted its end.
pub async fn bury(tx: &DatabaseTransaction, job: &job::Model, error: &str) -> Result<bool, DbErr> {
    let buried = job::Entity::update_many()
        .col_expr(job::Column::State, Expr::value(JobState::Dead))
        .col_expr(job::Column::LastError, Expr::value(error))
        .col_expr(job::Column::DedupKey, Expr::value(Option::<String>::None))
        .filter(held(job))
        .exec(tx)
        .await?;
    Ok(buried.rows_affected > 0)
}

/// Notes a failure: the job runs again at `run_at`, unless another worker has it now.
pub async fn note_failure(
    tx: &DatabaseTransaction,
    job: &job::Model,
    run_at: DateTime<Utc>,
    error: String,
) -> Result<(), DbErr> {
    job::Entity::update_many()
        .col_expr(job::Column::State, Expr::value(JobState::Ready))
        .col_expr(job::Column::RunAt, Expr::value(run_at))
        .col_expr(job::Column::LastError, Expr::value(error))
        // With its key, it could never become ready beside a newer one of the same kind.
        .col_expr(job::Column::DedupKey, Expr::value(Option::<String>::None))
        .filter(held(job))
        .exec(tx)
        .await
        .map(drop)
}

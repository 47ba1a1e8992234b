//! Queries on transcripts, on the words by which they are found, and on what the transcription service was given.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, Cond, Expr, ExprTrait, OnConflict, Order, Query, SelectStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter};
use uuid::Uuid;

use crate::entity::{transcript, transcript_term, transcription, visit};
use crate::words::TranscriptionState;

/// Rows in one statement: what SQLite can bind is 32766.
const ROWS_AT_ONCE: usize = 5000;

/// A word that a transcript must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// As it is compared.
    pub term: String,
    /// Whether it may be the beginning of a longer one.
    pub is_beginning: bool,
}

/// Which transcripts are looked through. Every part that is there narrows it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Of visits for this chain.
    pub chain_id: Option<Uuid>,
    /// Of visits in this wave.
    pub wave_id: Option<Uuid>,
}

/// The transcript of a file.
pub async fn transcript_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    evidence_id: Uuid,
) -> Result<Option<transcript::Model>, DbErr> {
    transcript::Entity::find_by_id((firm_id, evidence_id)).one(db).await
}

/// Writes the transcript of a file with the words by which it is found, in place of an earlier one.
pub async fn put(
    tx: &DatabaseTransaction,
    row: transcript::Model,
    terms: impl IntoIterator<Item = String>,
) -> Result<(), DbErr> {
    let (firm_id, evidence_id) = (row.firm_id, row.evidence_id);
    forget(tx, firm_id, evidence_id).await?;
    transcript::Entity::insert(row.into_active_model()).exec_without_returning(tx).await?;
    let model = |term: String| transcript_term::Model { firm_id, term: term.into_bytes(), evidence_id };
    let mut rows = terms.into_iter().map(|term| model(term).into_active_model()).peekable();
    while rows.peek().is_some() {
        let some: Vec<_> = rows.by_ref().take(ROWS_AT_ONCE).collect();
        transcript_term::Entity::insert_many(some).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Removes the transcript of a file and the words by which it was found.
pub async fn forget(tx: &DatabaseTransaction, firm_id: Uuid, evidence_id: Uuid) -> Result<(), DbErr> {
    transcript_term::Entity::delete_many()
        .filter(transcript_term::Column::FirmId.eq(firm_id))
        .filter(transcript_term::Column::EvidenceId.eq(evidence_id))
        .exec(tx)
        .await?;
    transcript::Entity::delete_by_id((firm_id, evidence_id)).exec(tx).await.map(drop)
}

/// Removes everything that is kept of what is said in a file: for a purge, and before the row of the file goes.
pub async fn delete_of(tx: &DatabaseTransaction, firm_id: Uuid, evidence_id: Uuid) -> Result<(), DbErr> {
    forget(tx, firm_id, evidence_id).await?;
    transcription::Entity::delete_by_id((firm_id, evidence_id)).exec(tx).await.map(drop)
}

/// Files behind `after` whose transcripts hold all of some words, in the order of their ids. The index has a row a word
/// and file, so each word is looked up and no transcript is read.
pub async fn holding(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    wanted: &[Wanted],
    filter: Filter,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    // The longest whole word is met least often, as a rule; the files come in their order with it.
    let rank = |wanted: &&Wanted| (!wanted.is_beginning, wanted.term.len());
    let Some(rarest) = wanted.iter().max_by_key(rank) else { return Ok(Vec::new()) };
    let first = Alias::new("first_word");
    let file = || Expr::col((first.clone(), transcript_term::Column::EvidenceId));
    let mut query = of_word(firm_id, rarest, &first);
    query.column((first.clone(), transcript_term::Column::EvidenceId));
    if rarest.is_beginning {
        query.distinct();
    }
    if let Some(after) = after {
        query.and_where(file().gt(after));
    }
    for (n, other) in wanted.iter().filter(|wanted| *wanted != rarest).enumerate() {
        let alias = Alias::new(format!("word_{n}"));
        let mut same = of_word(firm_id, other, &alias);
        same.expr(Expr::val(1)).and_where(Expr::col((alias, transcript_term::Column::EvidenceId)).eq(file()));
        query.and_where(Expr::exists(same));
    }
    if filter.chain_id.is_some() || filter.wave_id.is_some() {
        query.and_where(Expr::exists(of_visits(firm_id, filter, file())));
    }
    query.order_by((first.clone(), transcript_term::Column::EvidenceId), Order::Asc).limit(limit);
    let rows = db.query_all(&query).await?;
    rows.iter().map(|row| row.try_get("", "evidence_id")).collect()
}

/// The rows of a word, or of all words that begin with it.
fn of_word(firm_id: Uuid, wanted: &Wanted, alias: &Alias) -> SelectStatement {
    let term = || Expr::col((alias.clone(), transcript_term::Column::Term));
    let bytes = wanted.term.as_bytes();
    let is_it = match (wanted.is_beginning, behind(bytes)) {
        (false, _) => Cond::all().add(term().eq(bytes)),
        (true, Some(end)) => Cond::all().add(term().gte(bytes)).add(term().lt(end)),
        (true, None) => Cond::all().add(term().gte(bytes)),
    };
    Query::select()
        .from_as(transcript_term::Entity, alias.clone())
        .and_where(Expr::col((alias.clone(), transcript_term::Column::FirmId)).eq(firm_id))
        .cond_where(is_it)
        .to_owned()
}

/// The first bytes behind all that begin with some; none when there are none.
fn behind(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut end = bytes.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

/// Whether a file belongs to a visit of a chain and a wave.
fn of_visits(firm_id: Uuid, filter: Filter, file: Expr) -> SelectStatement {
    let of_visit = (transcript::Entity, transcript::Column::VisitId);
    let mut query = Query::select()
        .expr(Expr::val(1))
        .from(transcript::Entity)
        .inner_join(
            visit::Entity,
            Expr::col((visit::Entity, visit::Column::FirmId))
                .eq(firm_id)
                .and(Expr::col((visit::Entity, visit::Column::Id)).equals(of_visit)),
        )
        .and_where(Expr::col((transcript::Entity, transcript::Column::FirmId)).eq(firm_id))
        .and_where(Expr::col((transcript::Entity, transcript::Column::EvidenceId)).eq(file))
        .to_owned();
    if let Some(chain_id) = filter.chain_id {
        query.and_where(Expr::col((visit::Entity, visit::Column::ClientChainId)).eq(chain_id));
    }
    if let Some(wave_id) = filter.wave_id {
        query.and_where(Expr::col((visit::Entity, visit::Column::WaveId)).eq(wave_id));
    }
    query
}

/// What the transcription service was given of a file.
pub async fn transcription_of(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    evidence_id: Uuid,
) -> Result<Option<transcription::Model>, DbErr> {
    transcription::Entity::find_by_id((firm_id, evidence_id)).one(db).await
}

/// Writes what the transcription service is given, in place of what it was given before.
pub async fn put_transcription(tx: &DatabaseTransaction, row: transcription::Model) -> Result<(), DbErr> {
    use transcription::Column;
    transcription::Entity::insert(row.into_active_model())
        .on_conflict(
            OnConflict::columns([Column::FirmId, Column::EvidenceId])
                .update_columns([
                    Column::State,
                    Column::Language,
                    Column::AuthorId,
                    Column::ProblemCode,
                    Column::Problem,
                    Column::CreatedAt,
                    Column::FinishedAt,
                ])
                .to_owned(),
        )
        .exec_without_returning(tx)
        .await
        .map(drop)
}

/// Notes how the work on a file ended: done, or failed by a code and its words.
pub async fn finish_transcription(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    evidence_id: Uuid,
    problem: Option<(&str, &str)>,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let state = if problem.is_some() { TranscriptionState::Failed } else { TranscriptionState::Done };
    set_state(tx, firm_id, evidence_id, state, problem, Some(at)).await
}

/// Has the work on a file wait to be done once more.
pub async fn queue_again(tx: &DatabaseTransaction, firm_id: Uuid, evidence_id: Uuid) -> Result<(), DbErr> {
    set_state(tx, firm_id, evidence_id, TranscriptionState::Queued, None, None).await
}

async fn set_state(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    evidence_id: Uuid,
    state: TranscriptionState,
    problem: Option<(&str, &str)>,
    finished_at: Option<DateTime<Utc>>,
) -> Result<(), DbErr> {
    transcription::Entity::update_many()
        .col_expr(transcription::Column::State, Expr::value(state))
        .col_expr(transcription::Column::ProblemCode, Expr::value(problem.map(|(code, _)| code)))
        .col_expr(transcription::Column::Problem, Expr::value(problem.map(|(_, words)| words)))
        .col_expr(transcription::Column::FinishedAt, Expr::value(finished_at))
        .filter(transcription::Column::FirmId.eq(firm_id))
        .filter(transcription::Column::EvidenceId.eq(evidence_id))
        .exec(tx)
        .await
        .map(drop)
}

/// Forgets that the transcription service was to be given a file.
pub async fn withdraw_transcription(tx: &DatabaseTransaction, firm_id: Uuid, evidence_id: Uuid) -> Result<(), DbErr> {
    transcription::Entity::delete_by_id((firm_id, evidence_id)).exec(tx).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_with_some_bytes_ends_before_the_next_ones() {
        assert_eq!(behind(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(behind(&[b'a', 0xff]), Some(b"b".to_vec()));
        assert_eq!(behind("või".as_bytes()), Some(b"v\xc3\xb5j".to_vec()));
        assert_eq!(behind(&[0xff]), None);
        assert_eq!(behind(b""), None);
    }
}

//! The one place where written visits are committed, many at a time.
//!
//! While one commit is on its way to the disk, the next writes queue; the committer then takes all of them (at most
//! [`MAX_BATCH`], without waiting for more) into one transaction. It re-reads the states inside it, so that two writes
//! of one visit can never both win. Answers go out after COMMIT.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Weak};

use sea_orm::{DbBackend, SqlErr};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::app::App;
use crate::consent;
use crate::entity::{assignment, evidence, visit, wave};
use crate::events;
use crate::failure::{Failure, FieldProblem, Kind};
use crate::signals;
use crate::visits::decide::{Decision, Effect, Stored, decide};
use crate::visits::service::{Prepared, Saved};
use crate::visits::store;
use crate::words::VisitState;

/// Most writes of one transaction.
pub const MAX_BATCH: usize = 64;
/// Most writes that wait for their turn; more get 503 and come again.
const MAX_WAITING: usize = 4096;
/// Committers beside each other on PostgreSQL; a firm always meets the same one. SQLite has one writer anyway.
const POSTGRES_LANES: usize = 2;

/// Where writes queue.
#[derive(Clone, Debug)]
pub struct Committer {
    lanes: Vec<mpsc::Sender<Ticket>>,
}

#[derive(Debug)]
struct Ticket {
    prepared: Prepared,
    answer: oneshot::Sender<Result<Saved, Failure>>,
}

impl Committer {
    /// Starts the committers of an app. They end when the app is dropped.
    pub fn start(app: Weak<App>, backend: DbBackend) -> Self {
        let lanes = if backend == DbBackend::Sqlite { 1 } else { POSTGRES_LANES };
        let start_lane = |_| {
            let (sender, receiver) = mpsc::channel(MAX_WAITING);
            tokio::spawn(run(app.clone(), receiver));
            sender
        };
        Self { lanes: (0..lanes).map(start_lane).collect() }
    }

    /// Hands over a write and waits until it is on disk or refused.
    ///
    /// # Errors
    ///
    /// * as [`decide`];
    /// * 503 `busy` when too many writes wait already.
    pub async fn commit(&self, prepared: Prepared) -> Result<Saved, Failure> {
        let lane = usize::try_from(prepared.firm_id.as_u128() % self.lanes.len() as u128).unwrap_or(0);
        let (answer, answered) = oneshot::channel();
        self.lanes[lane].try_send(Ticket { prepared, answer }).map_err(|_| busy())?;
        answered.await.map_err(|_| unknown())?
    }
}

fn busy() -> Failure {
    let failure =
        Failure::new(Kind::Unavailable, "busy", "Too many writes wait already. Send it again; nothing was kept.");
    Failure { retry_after_s: Some(1), ..failure }
}

/// The answer when the committer failed in the middle: the write may or may not be on disk.
fn unknown() -> Failure {
    let detail = "Something went wrong on our side. Send it again: if it was kept, you get its answer.";
    Failure::new(Kind::Internal, "outcome_unknown", detail)
}

async fn run(app: Weak<App>, mut queue: mpsc::Receiver<Ticket>) {
    let mut held_back = None;
    loop {
        let first = match held_back.take() {
            Some(ticket) => ticket,
            None => match queue.recv().await {
                Some(ticket) => ticket,
                None => return,
            },
        };
        let Some(app) = app.upgrade() else { return };
        let mut seen = HashSet::from([key(&first)]);
        let mut batch = vec![first];
        while batch.len() < MAX_BATCH {
            let Ok(ticket) = queue.try_recv() else { break };
            if !seen.insert(key(&ticket)) {
                // The second write of a visit must meet what the first one left.
                held_back = Some(ticket);
                break;
            }
            batch.push(ticket);
        }
        // In a task of its own: whatever goes wrong with one batch, the next one is served.
        if let Err(panic) = tokio::spawn(async move { commit_batch(&app, batch).await }).await {
            tracing::error!(%panic, "a batch of writes failed");
        }
    }
}

fn key(ticket: &Ticket) -> (Uuid, Uuid) {
    (ticket.prepared.firm_id, ticket.prepared.visit_id)
}

async fn commit_batch(app: &Arc<App>, batch: Vec<Ticket>) {
    let alone = batch.len() == 1;
    let (prepared, answers): (Vec<_>, Vec<_>) = batch.into_iter().map(|t| (t.prepared, t.answer)).unzip();
    match write(app, &prepared).await {
        Ok(results) => {
            for (answer, result) in answers.into_iter().zip(results) {
                drop(answer.send(result));
            }
        }
        Err(failure) if alone => {
            for answer in answers {
                drop(answer.send(Err(failure.clone())));
            }
        }
        // One of them spoils the batch: each on its own, so that only the guilty one fails.
        Err(_) => {
            for (one, answer) in prepared.into_iter().zip(answers) {
                let result = match write(app, std::slice::from_ref(&one)).await {
                    Ok(mut results) => results.pop().unwrap_or_else(|| Err(busy())),
                    Err(failure) => Err(failure),
                };
                drop(answer.send(result));
            }
        }
    }
}

/// Writes a batch in one transaction and gives each write its answer, in order.
async fn write(app: &App, batch: &[Prepared]) -> Result<Vec<Result<Saved, Failure>>, Failure> {
    let mut by_firm: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
    for (i, prepared) in batch.iter().enumerate() {
        by_firm.entry(prepared.firm_id).or_default().push(i);
    }
    let at = app.clock.now();
    let mut answers: Vec<Option<Result<Saved, Failure>>> = batch.iter().map(|_| None).collect();
    let mut wrote = false;
    let tx = app.db.begin().await?;
    let mut events = Vec::new();
    for (firm_id, members) in by_firm {
        let mut known = Known::read(&tx, firm_id, members.iter().map(|i| &batch[*i])).await?;
        let mut effects = Vec::new();
        for i in members {
            let stored = known.stored(&batch[i], at, app.ids.opaque());
            match decide(&batch[i], &stored) {
                Err(failure) => answers[i] = Some(Err(failure)),
                Ok(Decision::Replay(answer)) => answers[i] = Some(answer),
                Ok(Decision::Accept(effect)) => {
                    known.apply(&effect);
                    answers[i] = Some(effect.answer.clone());
                    effects.push(*effect);
                }
            }
        }
        if effects.is_empty() {
            continue;
        }
        wrote = true;
        let filed: Vec<_> = effects.iter().filter(|e| e.revision.is_some()).map(|e| e.visit.id).collect();
        let facts: Vec<_> = effects.iter_mut().flat_map(|effect| std::mem::take(&mut effect.events)).collect();
        store::write_effects(&tx, firm_id, at, effects).await.map_err(id_taken)?;
        signals::job::queue(app, &tx, firm_id, &filed).await?;
        events.push((firm_id, facts));
    }
    if wrote {
        for (firm_id, facts) in events {
            events::service::append(app, &tx, firm_id, facts).await?;
        }
        tx.commit().await?;
        app.wake.wake();
    }
    Ok(answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(busy()))).collect())
}

/// A unique key that is taken: that of a file, or that of the visit when another server was quicker.
fn id_taken(error: sea_orm::DbErr) -> Failure {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(text)) if !text.contains("evidence") => {
            Failure::conflict("in_flight", "Another write of this visit is being answered. Send yours again.")
        }
        Some(SqlErr::UniqueConstraintViolation(_)) => Failure::invalid(vec![FieldProblem::new(
            "/evidence",
            "id_taken",
            "one of the ids belongs to another visit already; give the file a new id",
        )]),
        _ => error.into(),
    }
}

/// The stored rows that a batch of one firm meets.
struct Known {
    visits: Vec<visit::Model>,
    assignments: Vec<assignment::Model>,
    waves: Vec<wave::Model>,
    evidence: Vec<evidence::Model>,
    /// The answers filed last, of visits that wait for their review: visit and sha256.
    filed: Vec<(Uuid, String)>,
    /// Files with a consent of their own, of visits whose writes bring some.
    consented: Vec<Uuid>,
    /// Auditors and the assignments that were theirs at any time.
    were_theirs: HashSet<(Uuid, Uuid)>,
}

impl Known {
    async fn read<'a>(
        tx: &sea_orm::DatabaseTransaction,
        firm_id: Uuid,
        batch: impl Iterator<Item = &'a Prepared> + Clone,
    ) -> Result<Self, Failure> {
        let assignment_ids: Vec<_> = batch.clone().map(|prepared| prepared.write.assignment_id).collect();
        let originals = batch.clone().filter_map(|prepared| prepared.write.copy_of);
        let visit_ids: Vec<_> = batch.clone().map(|prepared| prepared.visit_id).chain(originals).collect();
        let assignments = store::lock_assignments(tx, firm_id, &assignment_ids).await?;
        let visits = store::lock_visits(tx, firm_id, &visit_ids).await?;
        let waves = store::waves(tx, firm_id, assignments.iter().map(|a| a.wave_id)).await?;
        let existing: Vec<_> = visits.iter().map(|visit| visit.id).collect();
        let evidence = store::lock_evidence(tx, firm_id, &existing).await?;
        let waiting = |visit: &&visit::Model| matches!(visit.state, VisitState::Submitted | VisitState::Resubmitted);
        let waiting: Vec<_> = visits.iter().filter(waiting).map(|visit| (visit.id, visit.current_revision)).collect();
        let filed = store::filed_answers(tx, firm_id, &waiting).await?;
        let telling = batch.clone().filter(|prepared| !prepared.consents.is_empty());
        let telling: Vec<_> = telling.map(|prepared| prepared.visit_id).collect();
        let consented = consent::store::files_with_own(tx, firm_id, &telling).await?;
        let mut were_theirs = HashSet::new();
        for Prepared { auditor_id, visit_id, write, .. } in batch {
            let is_theirs = |row: &assignment::Model| row.auditor_id == Some(*auditor_id);
            let taken = assignments.iter().find(|row| row.id == write.assignment_id && !is_theirs(row));
            // Rare, so each by itself.
            if let Some(row) = taken.filter(|_| !existing.contains(visit_id))
                && events::store::has_concerned(tx, firm_id, &format!("assignment/{}", row.id), *auditor_id).await?
            {
                were_theirs.insert((*auditor_id, row.id));
            }
        }
        Ok(Self { visits, assignments, waves, evidence, filed, consented, were_theirs })
    }

    fn stored(&self, prepared: &Prepared, at: chrono::DateTime<chrono::Utc>, public_id: Uuid) -> Stored<'_> {
        let assignment = self.assignments.iter().find(|a| a.id == prepared.write.assignment_id);
        let visit = |id| self.visits.iter().find(move |visit| visit.id == id);
        let filed = self.filed.iter().find(|(id, _)| *id == prepared.visit_id);
        Stored {
            visit: visit(prepared.visit_id),
            original: prepared.write.copy_of.and_then(visit),
            consented: &self.consented,
            filed_answers: filed.map(|(_, sha256)| sha256.as_str()),
            was_theirs: self.were_theirs.contains(&(prepared.auditor_id, prepared.write.assignment_id)),
            assignment,
            wave: assignment.and_then(|a| self.waves.iter().find(|wave| wave.id == a.wave_id)),
            evidence: self.evidence.iter().filter(|file| file.visit_id == prepared.visit_id).collect(),
            at,
            public_id,
        }
    }

    /// Lets later writes of the batch meet what an earlier one did to their assignment.
    fn apply(&mut self, effect: &Effect) {
        if let Some(state) = effect.assignment
            && let Some(row) = self.assignments.iter_mut().find(|a| a.id == effect.visit.assignment_id)
        {
            row.state = state;
        }
    }
}

//! The job that takes what is left of somebody: what they filed, what they wrote, what was kept for them. It can be killed
//! at any moment and goes on from there. What a hold keeps stays, whoever filed it, and the erasure waits for its end.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::agreement;
use crate::app::App;
use crate::canonical::canonical;
use crate::chains::store::branch_by_id;
use crate::entity::{erasure, event};
use crate::erasure::step::Step;
use crate::erasure::{store, tombstones};
use crate::events::store::{lock_head, of_objects};
use crate::events::types::NewEvent;
use crate::evidence::store::evidence_by_id;
use crate::failure::Failure;
use crate::fieldwork::store::wave_by_id;
use crate::notices;
use crate::plans::store::action_by_id;
use crate::publishing::store::clear_public_reason;
use crate::retention::classes::{erase_payload, is_written};
use crate::retention::holds::{Kept, is_kept};
use crate::retention::purge::{Because, Outcome, visit};
use crate::retention::store::{lock_purge, update_purge};
use crate::words::{ErasureExtent, ErasureState, PurgeState};

/// Visits looked up together.
const VISITS: u64 = 50;
/// Events, and other rows, looked at together.
const ROWS: u64 = 500;
/// The kind of event that says who changed an action.
const ACTION: &str = "action.updated";
/// The kind of event that says who corrected the answers of a visit.
const CORRECTED: &str = "visit.corrected";

/// What the job carries.
#[derive(Deserialize)]
pub struct OfErasure {
    erasure_id: Uuid,
}

/// An erasure at work.
struct Run<'a> {
    app: &'a App,
    row: erasure::Model,
    /// The memberships of the person.
    ids: Vec<Uuid>,
    /// What holds keep.
    held: BTreeSet<Kept>,
}

/// Takes what is left of somebody.
///
/// # Errors
///
/// [`Failure`] (500) when the database, the keys or their folder fail; the job is tried again then.
pub async fn run_job(app: &App, firm_id: Uuid, of: &OfErasure) -> Result<(), Failure> {
    let Some(row) = store::by_id(app.db.reader(), firm_id, of.erasure_id).await? else { return Ok(()) };
    if row.state != ErasureState::Running {
        return Ok(());
    }
    let ids: Vec<Uuid> = serde_json::from_str(&row.membership_ids).map_err(Failure::internal)?;
    // First of all, so that what is told to be done is done again after a restore.
    tombstones::note(app, &row, &ids).await?;
    let mut run = Run { app, row, ids, held: BTreeSet::new() };
    loop {
        if run.row.extent == ErasureExtent::Person {
            run.visits().await?;
            run.history().await?;
            run.notes().await?;
            run.questions().await?;
            run.second_scorings().await?;
            run.consents().await?;
            run.appeals().await?;
            run.uploads().await?;
        }
        if run.finish().await? {
            return Ok(app.db.empty_journal().await?);
        }
        run.held.clear();
    }
}

impl<'a> Run<'a> {
    /// Begins a transaction; none while a hold is on the person.
    async fn begin(&mut self) -> Result<Option<Step<'a>>, Failure> {
        let mut step = Step::begin(self.app, self.row.firm_id).await?;
        if step.may_take_all(self.ids.iter().copied().map(Kept::Itself)).await? {
            return Ok(Some(step));
        }
        self.held.extend(step.held());
        Ok(None)
    }

    /// Purges what they filed, as far as no hold keeps it.
    async fn visits(&mut self) -> Result<(), Failure> {
        let (app, firm_id) = (self.app, self.row.firm_id);
        let (mut after, mut seen, mut held) = (None, 0, 0);
        loop {
            let some = store::visit_ids(app.db.reader(), firm_id, &self.ids, after, VISITS).await?;
            let Some(last) = some.last() else { return Ok(()) };
            after = Some(*last);
            for id in some {
                seen += 1;
                if let Outcome::Held(_) = visit(app, firm_id, self.row.id, id, Because::Erasure).await? {
                    held += 1;
                    self.held.insert(Kept::Visit(id));
                }
            }
            self.row.visits_total = self.row.visits_total.max(seen);
            self.row.visits_done = seen - held;
            self.row.visits_held = held;
            let tx = app.db.begin().await?;
            store::update(&tx, self.row.clone()).await?;
            tx.commit().await?;
        }
    }

    /// Takes what they wrote on visits of others, as reviewers, and on actions: where the history says that they did. It
    /// goes on to the end, and comes back to the first thing that a hold keeps.
    async fn history(&mut self) -> Result<(), Failure> {
        let (app, firm_id) = (self.app, self.row.firm_id);
        let (mut after, mut kept_from) = (self.row.after_seq, None);
        loop {
            let some = store::events_by(app.db.reader(), firm_id, &self.ids, after, ROWS).await?;
            let Some(last) = some.last() else { return Ok(()) };
            let (ids, mut row, mut first_kept) = (self.ids.clone(), self.row.clone(), kept_from);
            let Some(mut step) = self.begin().await? else { return Ok(()) };
            let mut seen = BTreeSet::new();
            for fact in &some {
                let is_taken = match fact.object.strip_prefix("action/").and_then(|id| id.parse().ok()) {
                    Some(id) if fact.kind == ACTION => !seen.insert(id) || of_action(&mut step, &ids, id).await?,
                    _ => wrote(&mut step, fact).await?,
                };
                if !is_taken {
                    first_kept = first_kept.or(Some(fact.seq));
                }
            }
            row.after_seq = first_kept.map_or(last.seq, |seq| seq - 1);
            store::update(&step.write.tx, row.clone()).await?;
            let held: Vec<_> = step.held().collect();
            if step.commit(&row, &ids, false).await? {
                self.held.extend(held);
                (self.row, after, kept_from) = (row, last.seq, first_kept);
            }
        }
    }

    /// Takes their notes on signals of others' visits.
    async fn notes(&mut self) -> Result<(), Failure> {
        let (app, firm_id, mut after) = (self.app, self.row.firm_id, None);
        loop {
            let some = store::noted_visits(app.db.reader(), firm_id, &self.ids, after, ROWS).await?;
            let Some(last) = some.last().copied() else { return Ok(()) };
            let (ids, row) = (self.ids.clone(), self.row.clone());
            let Some(mut step) = self.begin().await? else { return Ok(()) };
            for visit_id in some {
                if step.may_take(Kept::Visit(visit_id)).await? {
                    let rows = store::clear_notes(&step.write.tx, firm_id, visit_id, &ids).await?;
                    step.taken.rows("signals.verdict_note", rows);
                }
            }
            let held: Vec<_> = step.held().collect();
            if step.commit(&row, &ids, false).await? {
                self.held.extend(held);
                after = Some(last);
            }
        }
    }

    /// Takes what they wrote on questions about others' visits, and corrections that they were working on.
    async fn questions(&mut self) -> Result<(), Failure> {
        let (app, firm_id, mut after) = (self.app, self.row.firm_id, None);
        loop {
            let some = store::questioned_visits(app.db.reader(), firm_id, &self.ids, after, ROWS).await?;
            let Some(last) = some.last().copied() else { return Ok(()) };
            let (ids, row) = (self.ids.clone(), self.row.clone());
            let Some(mut step) = self.begin().await? else { return Ok(()) };
            for visit_id in some {
                if step.may_take(Kept::Visit(visit_id)).await? {
                    let rows = store::clear_messages(&step.write.tx, firm_id, visit_id, &ids).await?;
                    step.taken.rows("question_messages.text", rows);
                    let rows = store::remove_corrections(&step.write.tx, firm_id, visit_id, &ids).await?;
                    step.taken.rows("correction_drafts", rows);
                }
            }
            let held: Vec<_> = step.held().collect();
            if step.commit(&row, &ids, false).await? {
                self.held.extend(held);
                after = Some(last);
            }
        }
    }

    /// Takes what they wrote when they scored visits a second time.
    async fn second_scorings(&mut self) -> Result<(), Failure> {
        let (app, firm_id, mut after) = (self.app, self.row.firm_id, None);
        loop {
            let some = agreement::store::visits_by_people(app.db.reader(), firm_id, &self.ids, after, ROWS).await?;
            let Some(last) = some.last().copied() else { return Ok(()) };
            let (ids, row) = (self.ids.clone(), self.row.clone());
            let Some(mut step) = self.begin().await? else { return Ok(()) };
            for visit_id in some {
                if step.may_take(Kept::Visit(visit_id)).await? {
                    let rows = agreement::store::clear_texts(app, &step.write.tx, firm_id, visit_id).await?;
                    step.taken.rows("second_scorings", rows);
                }
            }
            let held: Vec<_> = step.held().collect();
            if step.commit(&row, &ids, false).await? {
                self.held.extend(held);
                after = Some(last);
            }
        }
    }

    /// Takes what they wrote on consents. Who agreed to recordings of a whole branch or chain, and to what, stays: it is the
    /// firm's proof for recordings of others.
    async fn consents(&mut self) -> Result<(), Failure> {
        let (app, firm_id, mut after) = (self.app, self.row.firm_id, None);
        loop {
            let some = store::consents_by(app.db.reader(), firm_id, &self.ids, after, ROWS).await?;
            let Some(last) = some.last().map(|consent| consent.id) else { return Ok(()) };
            let (ids, row) = (self.ids.clone(), self.row.clone());
            let Some(mut step) = self.begin().await? else { return Ok(()) };
            for mut consent in some {
                let before = consent.clone();
                if ids.contains(&consent.recorded_by) && consent.visit_id.is_some() {
                    (consent.given_by, consent.notice) = (None, String::new());
                }
                if consent.withdrawn_by.is_some_and(|by| ids.contains(&by)) {
                    consent.withdrawal_reason = None;
                }
                let of = match consent.visit_id {
                    Some(visit_id) => vec![Kept::Visit(visit_id)],
                    None => consent.branch_id.into_iter().chain([consent.chain_id]).map(Kept::Itself).collect(),
                };
                if consent != before && step.may_take_all(of).await? {
                    crate::consent::store::update(&step.write.tx, consent).await?;
                    step.taken.rows("consents", 1);
                }
            }
            let held: Vec<_> = step.held().collect();
            if step.commit(&row, &ids, false).await? {
                self.held.extend(held);
                after = Some(last);
            }
        }
    }

    /// Takes what they wrote in appeals: why they brought them, and why they decided them. How they ended stays.
    async fn appeals(&mut self) -> Result<(), Failure> {
        let (app, firm_id, mut after) = (self.app, self.row.firm_id, None);
        loop {
            let some = store::appeals_by(app.db.reader(), firm_id, &self.ids, after, ROWS).await?;
            let Some(last) = some.last().map(|appeal| appeal.id) else { return Ok(()) };
            let (ids, row) = (self.ids.clone(), self.row.clone());
            let Some(mut step) = self.begin().await? else { return Ok(()) };
            for appeal in some {
                if step.may_take(Kept::Visit(appeal.visit_id)).await? {
                    // Somebody may be deciding it: nothing but the texts is touched.
                    let rows = crate::appeals::store::clear_texts_by(&step.write.tx, firm_id, appeal.id, &ids).await?;
                    step.taken.rows("appeals", rows);
                }
            }
            let held: Vec<_> = step.held().collect();
            if step.commit(&row, &ids, false).await? {
                self.held.extend(held);
                after = Some(last);
            }
        }
    }

    /// Ends their uploads, and takes what phones said of the files.
    async fn uploads(&mut self) -> Result<(), Failure> {
        let (app, firm_id, mut after) = (self.app, self.row.firm_id, None);
        loop {
            let some = store::telling_uploads(app.db.reader(), firm_id, &self.ids, after, ROWS).await?;
            let Some(last) = some.last().map(|upload| upload.id) else { return Ok(()) };
            let (ids, row) = (self.ids.clone(), self.row.clone());
            let Some(mut step) = self.begin().await? else { return Ok(()) };
            let mut ended = Vec::new();
            for upload in some {
                let file = evidence_by_id(&step.write.tx, firm_id, upload.evidence_id).await?;
                let visit_id = file.map(|file| file.visit_id).unwrap_or_default();
                if step.may_take(Kept::Visit(visit_id)).await? {
                    ended.push(upload.id);
                }
            }
            let rows = store::end_uploads(&step.write.tx, firm_id, &ended).await?;
            step.taken.rows("uploads.metadata", rows);
            let held: Vec<_> = step.held().collect();
            if step.commit(&row, &ids, false).await? {
                self.held.extend(held);
                after = Some(last);
            }
        }
    }

    /// Takes the rest, and says how it ended; false when all holds that kept something have ended meanwhile.
    async fn finish(&mut self) -> Result<bool, Failure> {
        loop {
            let (app, ids, mut row) = (self.app, self.ids.clone(), self.row.clone());
            let (firm_id, at) = (row.firm_id, app.clock.now());
            let free = self.begin().await?;
            let mut step = match free {
                Some(mut step) => {
                    let rows = store::forget_answers(&step.write.tx, firm_id, &ids).await?;
                    step.taken.rows("idempotency_keys", rows);
                    let rows = store::rename_keys(&step.write.tx, firm_id, &ids, &row.label).await?;
                    step.taken.rows("api_keys.name", rows);
                    let rows = notices::store::forget(&step.write.tx, firm_id, &ids).await?;
                    step.taken.rows("notices", rows);
                    step
                }
                None => Step::begin(app, firm_id).await?,
            };
            let is_done = self.held.is_empty();
            if !is_done && !self.is_held_still(&step).await? {
                return Ok(false);
            }
            let visits = self.held.iter().filter(|kept| matches!(kept, Kept::Visit(_))).count();
            row.visits_held = i64::try_from(visits).unwrap_or(i64::MAX);
            row.state = if is_done { ErasureState::Done } else { ErasureState::Waiting };
            row.finished_at = is_done.then_some(at);
            if is_done && let Some(mut purge) = lock_purge(&step.write.tx, firm_id, row.id).await? {
                (purge.state, purge.finished_at) = (PurgeState::Done, Some(at));
                update_purge(&step.write.tx, purge).await?;
            }
            let payload = json!({"state": row.state, "visits": row.visits_total, "held": row.visits_held});
            step.write.event(NewEvent::by_system("erasure.finished", "erasure", row.id, payload).log_only());
            store::update(&step.write.tx, row.clone()).await?;
            if step.commit(&row, &ids, is_done).await? {
                return Ok(true);
            }
        }
    }

    /// Whether a hold is still there, whose end will wake the erasure: it takes the head's lock too.
    async fn is_held_still(&self, step: &Step<'_>) -> Result<bool, Failure> {
        lock_head(&step.write.tx, self.row.firm_id).await?;
        for kept in &self.held {
            if is_kept(&step.write.tx, self.row.firm_id, *kept).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Takes a reason from an event of theirs, and from the visit while it still shows there; false when a hold keeps it.
async fn wrote(step: &mut Step<'_>, fact: &event::Model) -> Result<bool, Failure> {
    if fact.kind == CORRECTED {
        return corrected(step, fact).await;
    }
    if !is_written(fact) {
        return Ok(true);
    }
    let id_of = |kind: &str| fact.object.strip_prefix(kind).and_then(|id| id.parse::<Uuid>().ok());
    let reviewed = id_of("visit/");
    let visit_id = match (reviewed, id_of("evidence/")) {
        (None, Some(file_id)) => evidence_by_id(&step.write.tx, fact.firm_id, file_id).await?.map(|file| file.visit_id),
        _ => reviewed,
    };
    if let Some(id) = visit_id
        && !step.may_take(Kept::Visit(id)).await?
    {
        return Ok(false);
    }
    let payload: Value = serde_json::from_str(fact.payload.as_deref().unwrap_or("null")).map_err(Failure::internal)?;
    if let (Some(id), Some(reason)) = (reviewed, payload["reason"].as_str()) {
        let items = payload.get("items").map(canonical).transpose()?.map(|items| items.text);
        let rows = store::clear_review(&step.write.tx, fact.firm_id, id, reason, items.as_deref()).await?;
        step.taken.rows("visits.review_reason", rows);
    }
    if let (Some(id), Some(told)) = (reviewed, payload["public_reason"].as_str()) {
        let rows = clear_public_reason(&step.write.tx, fact.firm_id, id, Some(told)).await?;
        step.taken.rows("withdrawals.public_reason", rows);
    }
    erase_payload(&step.write.tx, &mut step.taken, fact).await?;
    Ok(true)
}

/// Takes why they corrected the answers of a visit; false when a hold keeps it.
async fn corrected(step: &mut Step<'_>, fact: &event::Model) -> Result<bool, Failure> {
    let id = fact.object.strip_prefix("visit/").and_then(|id| id.parse::<Uuid>().ok());
    let (Some(id), Some(by)) = (id, fact.actor_id) else { return Ok(true) };
    if !step.may_take(Kept::Visit(id)).await? {
        return Ok(false);
    }
    let rows = store::clear_corrections(&step.write.tx, fact.firm_id, id, by).await?;
    step.taken.rows("revisions.reasons", rows);
    Ok(true)
}

/// Takes from an action what they were the last to write; false when a hold keeps it. A word of somebody else stays.
async fn of_action(step: &mut Step<'_>, ids: &[Uuid], id: Uuid) -> Result<bool, Failure> {
    let firm_id = step.write.firm_id;
    let Some(action) = action_by_id(&step.write.tx, firm_id, id).await? else { return Ok(true) };
    let facts = of_objects(&step.write.tx, firm_id, &[format!("action/{id}")]).await?;
    let [owner, drop_reason] = ["owner", "drop_reason"].map(|field| is_last_writer(&facts, ids, field));
    if !owner && !drop_reason {
        return Ok(true);
    }
    let branch = branch_by_id(&step.write.tx, firm_id, action.branch_id).await?;
    let wave = wave_by_id(&step.write.tx, firm_id, action.wave_id).await?;
    let chains = branch.map(|branch| branch.chain_id).into_iter().chain(wave.map(|wave| wave.chain_id));
    let of: Vec<_> = chains.chain([action.branch_id]).map(Kept::Itself).collect();
    if !step.may_take_all(of).await? {
        return Ok(false);
    }
    let rows = store::clear_action(&step.write.tx, firm_id, id, owner, drop_reason).await?;
    step.taken.rows("actions", rows);
    Ok(true)
}

/// Whether it was they who changed a field of an action last, by the history of the action.
fn is_last_writer(facts: &[event::Model], ids: &[Uuid], field: &str) -> bool {
    let names = |fact: &&event::Model| {
        let payload: Value =
            fact.payload.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        fact.kind == ACTION
            && payload["fields"].as_array().is_some_and(|fields| fields.iter().any(|name| name == field))
    };
    let last = facts.iter().filter(names).max_by_key(|fact| fact.seq);
    last.and_then(|fact| fact.actor_id).is_some_and(|actor| ids.contains(&actor))
}

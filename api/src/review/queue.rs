//! The queue: what is to be reviewed, by whom, and what waits longest.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::App;
use crate::entity::visit;
use crate::evidence::store::evidence_of_visits;
use crate::failure::Failure;
use crate::http::paging::{Page, Slice};
use crate::people::types::Caller;
use crate::retention::store::memberships_beside;
use crate::review::service::is_idle;
use crate::review::store::{self, After, QueueFilter};
use crate::review::types::{QueueEntry, QueueOrder};
use crate::signals;
use crate::visits::manifest::progress;
use crate::visits::read::count_of;
use crate::visits::store::visits_by_ids;
use crate::words::QuestionState;

/// What a cursor of the queue holds: the order, and the last visit with what it is ordered by.
struct Place(QueueOrder, After);

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '|');
        let (Some(order), Some(key), Some(id)) = (parts.next(), parts.next(), parts.next()) else { return Err(()) };
        let id: Uuid = id.parse().map_err(drop)?;
        let order = match order {
            "age" => QueueOrder::Age,
            "deadline" => QueueOrder::Deadline,
            "signals" => return Ok(Self(QueueOrder::Signals, After::Signals(key.parse().map_err(drop)?, id))),
            _ => return Err(()),
        };
        let at = match key {
            "-" => None,
            micros => Some(DateTime::<Utc>::from_timestamp_micros(micros.parse().map_err(drop)?).ok_or(())?),
        };
        Ok(Self(order, After::Time(at, id)))
    }
}

fn place(order: QueueOrder, entry: &QueueEntry) -> String {
    let time = |at: Option<DateTime<Utc>>| at.map_or("-".to_owned(), |at| at.timestamp_micros().to_string());
    match order {
        QueueOrder::Age => format!("age|{}|{}", time(entry.submitted_at), entry.visit_id),
        QueueOrder::Deadline => format!("deadline|{}|{}", time(entry.due_at), entry.visit_id),
        QueueOrder::Signals => format!("signals|{}|{}", entry.open_signals, entry.visit_id),
    }
}

/// A page of the queue.
///
/// # Errors
///
/// 400 `bad_cursor` for one that the same order did not give out.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: &QueueFilter,
    slice: &Slice,
) -> Result<Page<QueueEntry>, Failure> {
    let (db, firm_id) = (app.db.reader(), caller.firm_id);
    let after = match slice.after::<Place>()? {
        None => None,
        Some(Place(order, after)) if order == filter.order => Some(after),
        Some(_) => return Err(Failure::malformed("bad_cursor", "`cursor` is of another order. Begin without it.")),
    };
    let queued = store::queue(db, firm_id, filter, after, slice.limit + 1).await?;
    let ids: Vec<_> = queued.iter().map(|row| row.id).collect();
    let rows = visits_by_ids(db, firm_id, &ids).await?;
    let files = evidence_of_visits(db, firm_id, &ids).await?;
    let signals = signals::store::count_all(db, firm_id, &ids).await?;
    let questions = store::count_questions(db, firm_id, &ids).await?;
    let own = memberships_beside(db, firm_id, caller.membership_id).await?;
    let now = app.clock.now();
    let entry = |row: &visit::Model, open_signals: i64| {
        let of_visit = files.iter().filter(|file| file.visit_id == row.id);
        let of_visit: Vec<_> = of_visit.map(|file| (file.id, file.file_name.clone(), file.state)).collect();
        let asked = |state| {
            let such = questions.iter().find(|(id, of, _)| *id == row.id && *of == state);
            such.map_or(0, |(.., n)| *n)
        };
        // Nobody reviews what they filed, and signals of it are not for them.
        let is_own = own.contains(&row.auditor_id);
        QueueEntry {
            visit_id: row.id,
            state: row.state,
            wave_id: row.wave_id,
            branch_id: row.branch_id,
            auditor_id: row.auditor_id,
            standard_id: row.standard_id.clone(),
            standard_version: row.standard_version,
            outcome: row.outcome,
            attempted_because: row.attempted_because,
            submitted_at: row.submitted_at,
            received_at: row.received_at,
            returned_at: row.returned_at,
            due_at: row.due_at,
            signals: if is_own { 0 } else { count_of(&signals, row.id) },
            open_signals,
            evidence: progress(&of_visit),
            reviewer_id: row.reviewer_id,
            taken_at: row.taken_at,
            can_take_over: !is_own && row.reviewer_id != Some(caller.membership_id) && is_idle(row, now),
            open_questions: asked(QuestionState::Open),
            answered_questions: asked(QuestionState::Answered),
            quarantine_reason: row.quarantine_reason,
        }
    };
    let found = queued.iter().filter_map(|queued| {
        let row = rows.iter().find(|row| row.id == queued.id)?;
        Some(entry(row, queued.open_signals))
    });
    let mut page = slice.page(found.collect(), |entry| place(filter.order, entry), |entry| entry);
    for entry in &mut page.data {
        if own.contains(&entry.auditor_id) {
            entry.open_signals = 0;
        }
    }
    Ok(page)
}

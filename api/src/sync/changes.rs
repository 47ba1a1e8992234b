//! What concerns an auditor's phone: everything at first, then what has changed.
//!
//! The first listing goes by ids, with the end of the history at its start kept in the cursor; from there on the history
//! tells what changed. Whatever changes during the listing is told again afterwards. Facts name the auditor whom they
//! concern, or the job board (`events.audience_id`, `events.on_board`), so a page costs the same whatever else the firm
//! does.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::app::App;
use crate::entity::{assignment, event, visit};
use crate::events;
use crate::events::verify::Head;
use crate::evidence::store::evidence_of_visits;
use crate::failure::Failure;
use crate::fieldwork;
use crate::http::conditions::etag;
use crate::people::types::Caller;
use crate::review::questions;
use crate::review::types::QuestionView;
use crate::signals;
use crate::standards;
use crate::sync::cursor::{Cursor, Part};
use crate::sync::store::{self, Audience, IN_HANDS};
use crate::sync::types::{
    AssignmentChange, Change, Changes, StandardChange, SyncDraft, SyncStandard, SyncVisit, VisitChange,
};
use crate::visits::manifest::progress;
use crate::visits::read::count_of;
use crate::words::{AssignmentState, QuestionState, VisitState};

/// Most drafts that the last page tells of.
pub const MAX_DRAFTS: u64 = 200;

/// Something that is told, once in a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Thing {
    Assignment(Uuid),
    Visit(Uuid),
    /// A file, which stands for its visit.
    File(Uuid),
}

/// What a page is about.
#[derive(Default)]
struct Found {
    /// In the order in which it is told.
    things: Vec<Thing>,
    assignments: Vec<assignment::Model>,
    visits: Vec<visit::Model>,
}

/// A page of what concerns the caller: from the start, or what changed since a cursor.
///
/// # Errors
///
/// * 400 `bad_cursor` for one that the caller was not given.
/// * 410 `cursor_expired` for one that is too old, or of another history.
pub async fn changes(app: &App, caller: &Caller, cursor: Option<&str>, limit: u64) -> Result<Changes, Failure> {
    let db = app.db.reader();
    let head = events::store::head(db, caller.firm_id).await?.unwrap_or_else(|| Head::before_all(caller.firm_id));
    let place = match cursor {
        Some(cursor) => Cursor::read(app, caller, cursor).await?,
        None => Cursor::start(&head),
    };
    let (found, next, has_more) = match place.listing {
        Some(_) => list(db, caller, place, limit).await?,
        None => {
            let since = since(db, caller, &place, head.seq, limit).await?;
            let next = match since.1 {
                Some(last) => Cursor::at(last.seq, &last.hash, None),
                // Nothing is left up to here.
                None => Cursor::at(head.seq, &head.hash, None),
            };
            (since.0, next, since.2)
        }
    };
    let changes = told(db, caller, found).await?;
    let drafts = if has_more { None } else { Some(drafts(db, caller).await?) };
    let next_cursor = next.write(app, caller).await?;
    Ok(Changes { changes, drafts, next_cursor, has_more, server_time: app.clock.now() })
}

/// A page of the first listing, and where it goes on.
async fn list(
    db: &impl ConnectionTrait,
    caller: &Caller,
    place: Cursor,
    limit: u64,
) -> Result<(Found, Cursor, bool), Failure> {
    let (firm_id, me) = (caller.firm_id, caller.membership_id);
    let mut found = Found::default();
    let (mut at, mut left) = (place.listing, usize::try_from(limit).unwrap_or(usize::MAX));
    while let Some((part, after)) = at.filter(|_| left > 0) {
        let wanted = u64::try_from(left + 1).unwrap_or(u64::MAX);
        let (mut assignments, mut visits) = (Vec::new(), Vec::new());
        match part {
            Part::Hands => assignments = store::in_hands(db, firm_id, me, after, wanted).await?,
            Part::Board => assignments = store::on_board(db, firm_id, after, wanted).await?,
            Part::Visits => visits = store::undecided_visits(db, firm_id, me, after, wanted).await?,
        }
        let goes_on = assignments.len() + visits.len() > left;
        assignments.truncate(left);
        visits.truncate(left);
        left -= assignments.len() + visits.len();
        let last = assignments.last().map(|row| row.id).or(visits.last().map(|row| row.id));
        at = if goes_on { Some((part, last)) } else { part.next().map(|part| (part, None)) };
        found.things.extend(assignments.iter().map(|row| Thing::Assignment(row.id)));
        found.things.extend(visits.iter().map(|row| Thing::Visit(row.id)));
        found.assignments.extend(assignments);
        found.visits.extend(visits);
    }
    let has_more = at.is_some();
    Ok((found, Cursor { listing: at, ..place }, has_more))
}

/// What happened after a place, up to `until`: the things of a page, the last event of it unless all were taken, and
/// whether there is more.
async fn since(
    db: &impl ConnectionTrait,
    caller: &Caller,
    place: &Cursor,
    until: i64,
    limit: u64,
) -> Result<(Found, Option<event::Model>, bool), Failure> {
    let (firm_id, me) = (caller.firm_id, caller.membership_id);
    let mut events: BTreeMap<i64, event::Model> = BTreeMap::new();
    for audience in [Audience::Auditor(me), Audience::Board] {
        let rows = store::events_of(db, firm_id, audience, place.seq, until, limit + 1).await?;
        events.extend(rows.into_iter().map(|row| (row.seq, row)));
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = events.len() > limit;
    let events: Vec<_> = events.into_values().take(limit).collect();
    let things: Vec<_> = events.iter().filter_map(|event| thing(&event.object)).collect();
    let ids = |of: fn(&Thing) -> Option<Uuid>| things.iter().filter_map(of).collect::<BTreeSet<_>>();
    let files: Vec<_> = ids(|thing| if let Thing::File(id) = thing { Some(*id) } else { None }).into_iter().collect();
    let of_files: BTreeMap<_, _> = store::visits_of_files(db, firm_id, &files).await?.into_iter().collect();
    let mut visit_ids = ids(|thing| if let Thing::Visit(id) = thing { Some(*id) } else { None });
    visit_ids.extend(of_files.values());
    let visit_ids: Vec<_> = visit_ids.into_iter().collect();
    let visits = store::own_visits_by_ids(db, firm_id, me, &visit_ids).await?;
    let mut told = Vec::new();
    for thing in things {
        match thing {
            Thing::Assignment(_) => told.push(thing),
            Thing::File(id) => told.extend(of_files.get(&id).map(|visit_id| Thing::Visit(*visit_id))),
            Thing::Visit(id) => {
                // Filing a visit moves its assignment too, without a fact of its own.
                let of_visit = visits.iter().find(|visit| visit.id == id);
                told.extend(of_visit.map(|visit| Thing::Assignment(visit.assignment_id)));
                told.push(thing);
            }
        }
    }
    let ids = |thing: &Thing| if let Thing::Assignment(id) = thing { Some(*id) } else { None };
    let assignment_ids: BTreeSet<_> = told.iter().filter_map(ids).collect();
    let assignment_ids: Vec<_> = assignment_ids.into_iter().collect();
    let assignments = store::assignments_by_ids(db, firm_id, &assignment_ids).await?;
    let found = Found { things: once_each(told), assignments, visits };
    Ok((found, events.into_iter().next_back().filter(|_| has_more), has_more))
}

/// The object of an event.
fn thing(object: &str) -> Option<Thing> {
    let (kind, id) = object.split_once('/')?;
    let id = id.parse().ok()?;
    match kind {
        "assignment" => Some(Thing::Assignment(id)),
        "visit" => Some(Thing::Visit(id)),
        "evidence" => Some(Thing::File(id)),
        _ => None,
    }
}

/// Each thing once, where it came last.
fn once_each(things: Vec<Thing>) -> Vec<Thing> {
    let mut seen = HashSet::new();
    let mut last: Vec<_> = things.into_iter().rev().filter(|thing| seen.insert(*thing)).collect();
    last.reverse();
    last
}

/// Whether an assignment is the auditor's to visit, to claim or to wait for.
fn is_theirs(row: &assignment::Model, me: Uuid) -> bool {
    match row.auditor_id {
        Some(auditor) => auditor == me && IN_HANDS.contains(&row.state),
        None => row.state == AssignmentState::Open,
    }
}

/// The entries of a page, standards first.
async fn told(db: &impl ConnectionTrait, caller: &Caller, found: Found) -> Result<Vec<Change>, Failure> {
    let (firm_id, me) = (caller.firm_id, caller.membership_id);
    let known: HashSet<_> = found.assignments.iter().map(|row| row.id).collect();
    let theirs: Vec<_> = found.assignments.into_iter().filter(|row| is_theirs(row, me)).collect();
    let views = fieldwork::service::views(db, firm_id, theirs).await?;
    let mut standards: BTreeMap<_, _> = views
        .iter()
        .map(|view| ((view.standard_id.clone(), view.standard_version), view.standard_sha256.clone()))
        .collect();
    // A visit can be gone on with when its assignment has been taken away.
    let writable = found.visits.iter().filter(|visit| matches!(visit.state, VisitState::Draft | VisitState::Returned));
    for key in writable.map(|visit| (visit.standard_id.clone(), visit.standard_version)).collect::<BTreeSet<_>>() {
        if !standards.contains_key(&key)
            && let Some(version) = standards::store::version(db, firm_id, &key.0, key.1).await?
        {
            standards.insert(key, version.body_sha256);
        }
    }
    let mut changes: Vec<_> =
        standards.into_iter().map(|((id, version), sha256)| standard(id, version, sha256)).collect();
    let mut views: BTreeMap<_, _> = views.into_iter().map(|view| (view.id, view)).collect();
    let visit_ids: Vec<_> = found.visits.iter().map(|visit| visit.id).collect();
    let files = evidence_of_visits(db, firm_id, &visit_ids).await?;
    let signals = signals::store::count_unanswered(db, firm_id, &visit_ids).await?;
    let questions = questions::of_visits(db, firm_id, &visit_ids).await?;
    let mut visits: BTreeMap<_, _> = found.visits.into_iter().map(|visit| (visit.id, visit)).collect();
    for thing in found.things {
        match thing {
            Thing::Assignment(id) if known.contains(&id) => {
                let object = views.remove(&id);
                changes.push(Change::Assignment(AssignmentChange { id, deleted: object.is_none(), object }));
            }
            Thing::Visit(id) => {
                let Some(row) = visits.remove(&id) else { continue };
                let of_visit: Vec<_> = files
                    .iter()
                    .filter(|file| file.visit_id == id)
                    .map(|file| (file.id, file.file_name.clone(), file.state))
                    .collect();
                let tag = etag(row.write_number);
                let waits =
                    |question: &&QuestionView| question.visit_id == id && question.state != QuestionState::Closed;
                let asked = questions.iter().filter(waits).cloned().collect();
                let object = Some(SyncVisit::new(row, progress(&of_visit), count_of(&signals, id), asked));
                changes.push(Change::Visit(VisitChange { id, deleted: false, etag: tag, object }));
            }
            Thing::Assignment(_) | Thing::File(_) => {}
        }
    }
    Ok(changes)
}

fn standard(standard_id: String, version: i32, sha256: String) -> Change {
    let href = format!("/v1/standards/{standard_id}/versions/{version}");
    Change::Standard(StandardChange {
        id: format!("{standard_id}/{version}"),
        deleted: false,
        etag: etag(&sha256),
        object: Some(SyncStandard { standard_id, version, sha256, href }),
    })
}

/// Drafts leave no facts in the history, so that saving one stays cheap; which there are is told on each last page.
async fn drafts(db: &impl ConnectionTrait, caller: &Caller) -> Result<Vec<SyncDraft>, Failure> {
    let rows = store::in_work(db, caller.firm_id, caller.membership_id, MAX_DRAFTS).await?;
    let draft = |row: visit::Model| SyncDraft {
        visit_id: row.id,
        assignment_id: row.assignment_id,
        etag: etag(row.write_number),
        saved_at: row.received_at,
    };
    Ok(rows.into_iter().map(draft).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_told_where_it_came_last() {
        let [a, b] = [1, 2].map(Uuid::from_u128);
        let things = vec![Thing::Assignment(a), Thing::Visit(b), Thing::Assignment(a), Thing::Visit(a)];
        assert_eq!(once_each(things), [Thing::Visit(b), Thing::Assignment(a), Thing::Visit(a)]);
    }

    #[test]
    fn objects_of_other_kinds_are_passed_over() {
        let id = Uuid::from_u128(9);
        assert_eq!(thing(&format!("evidence/{id}")), Some(Thing::File(id)));
        assert_eq!(thing(&format!("wave/{id}")), None);
        assert_eq!(thing("visit/x"), None);
        assert_eq!(thing("visit"), None);
    }
}

//! Rules of waves and assignments.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::access::Reach;
use crate::app::App;
use crate::chains;
use crate::chains::parse::{Stamp, bulk};
use crate::chains::service::{begin_set_up_by, only_auditor, only_chain, stamps};
use crate::chains::types::degrees;
use crate::entity::{assignment, wave};
use crate::events::store::lock_head;
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem};
use crate::fieldwork::parse::{self, Known};
use crate::fieldwork::store::{self, AssignmentFilter, WaveFilter};
use crate::fieldwork::types::{AddedAssignments, AssignmentView, WaveChange, WaveClosing, WaveView};
use crate::http::json::{Reader, text_problem};
use crate::http::paging::{Page, Slice};
use crate::people::store::memberships_with_role;
use crate::people::types::Caller;
use crate::publishing::checklist::{open_points, still_open};
use crate::scenarios;
use crate::standards;
use crate::states::{ASSIGNMENT_MOVES, WAVE_MOVES, after};
use crate::words::{AssignmentState, ChainKind, Role, WaveKind, WaveState};
use crate::write::{Once, Write};

/// Longest reason for closing a wave in which things are open, in characters.
const REASON_CHARS: usize = 2000;

/// Adds a wave.
///
/// # Errors
///
/// * 422 naming everything wrong; a name that another wave of the chain has is `duplicate`.
/// * As [`Once`] for a repeated key.
pub async fn create_wave(app: &App, caller: &Caller, key: Option<String>, body: &Value) -> Result<String, Failure> {
    let firm_id = caller.firm_id;
    let once = Once::of(caller, "create_wave", key, body)?;
    let mut write = begin_set_up_by(app, caller).await?;
    if let Some(answer) = once.answered(&write).await? {
        return Ok(answer);
    }
    let named = body.get("chain_id").and_then(|id| id.as_str()?.parse().ok());
    let chain = match named {
        Some(id) => chains::store::chain_by_id(&write.tx, firm_id, id).await?,
        None => None,
    };
    let taken = match (&chain, parse::wave_name(body)) {
        (Some(chain), Some(name)) => store::wave_by_name(&write.tx, firm_id, chain.id, name).await?.is_some(),
        _ => false,
    };
    let stamp = Stamp { firm_id, id: app.ids.next(), at: app.clock.now() };
    let is_chain = |id| chain.as_ref().is_some_and(|chain| chain.id == id);
    let row = parse::wave(body, stamp, is_chain, taken).map_err(Failure::invalid)?;
    store::insert_wave(&write.tx, row.clone()).await?;
    let payload = json!({
        "chain_id": row.chain_id, "name": row.name, "kind": row.kind,
        "opens_on": row.opens_on, "closes_on": row.closes_on, "double_scoring_bp": row.double_scoring_bp,
    });
    write.event(NewEvent::new("wave.created", "wave", row.id, caller.membership_id, payload));
    write.commit_once(&once, &WaveView::seen_by(caller.reach, row)).await
}

/// Opens a wave.
///
/// # Errors
///
/// * 404 when there is no such wave.
/// * 409 `illegal_state` when it is not planned.
pub async fn open_wave(app: &App, caller: &Caller, id: Uuid) -> Result<WaveView, Failure> {
    let mut write = Write::begin_by(app, caller).await?;
    let row = store::lock_wave(&write.tx, caller.firm_id, id).await?;
    let mut row = row.ok_or_else(|| Failure::not_found("wave"))?;
    row.state = after(WAVE_MOVES, "wave", row.state, "open")?;
    store::set_wave_state(&write.tx, &row).await?;
    let payload = json!({"chain_id": row.chain_id, "state": row.state});
    write.event(NewEvent::new("wave.opened", "wave", id, caller.membership_id, payload));
    write.commit().await?;
    Ok(WaveView::seen_by(caller.reach, row))
}

/// Closes a wave. What nobody took until then leaves the job board.
///
/// # Errors
///
/// * 404 when there is no such wave.
/// * 409 `illegal_state` when it is not open.
/// * 409 `open_points` when things are open in it, and `closing` does not say why it is closed all the same.
/// * 422 when the reason is missing, empty or too long.
pub async fn close_wave(app: &App, caller: &Caller, id: Uuid, closing: WaveClosing) -> Result<WaveView, Failure> {
    let despite = closing.despite.unwrap_or(false);
    let problem = match &closing.reason {
        Some(reason) => text_problem(reason, REASON_CHARS),
        None => despite.then(|| ("missing", "is required with `despite`".to_owned())),
    };
    if let Some((code, message)) = problem {
        return Err(Failure::invalid(vec![FieldProblem::new("/reason", code, message)]));
    }
    let mut write = Write::begin_by(app, caller).await?;
    let row = store::lock_wave(&write.tx, caller.firm_id, id).await?;
    let mut row = row.ok_or_else(|| Failure::not_found("wave"))?;
    row.state = after(WAVE_MOVES, "wave", row.state, "close")?;
    let open = open_points(&write.tx, caller.firm_id, id).await?;
    if !open.is_empty() && !despite {
        return Err(still_open(&open));
    }
    row.closed_at = Some(app.clock.now());
    store::set_wave_state(&write.tx, &row).await?;
    let mut payload = json!({"chain_id": row.chain_id, "state": row.state});
    if !open.is_empty() {
        payload["despite"] = open.iter().map(|point| (point.kind.as_str(), point.count)).collect();
        payload["reason"] = json!(closing.reason);
    }
    write.event(NewEvent::new("wave.closed", "wave", id, caller.membership_id, payload));
    expire_open(&mut write, caller, id).await?;
    write.commit().await?;
    Ok(WaveView::seen_by(caller.reach, row))
}

/// Changes the share of a wave's visits that are scored a second time. Saying the same again changes nothing.
///
/// # Errors
///
/// 404 when there is no such wave.
pub async fn update_wave(app: &App, caller: &Caller, id: Uuid, change: WaveChange) -> Result<WaveView, Failure> {
    let mut write = Write::begin_by(app, caller).await?;
    let row = store::lock_wave(&write.tx, caller.firm_id, id).await?;
    let mut row = row.ok_or_else(|| Failure::not_found("wave"))?;
    if let Some(share) = change.double_scoring_bp
        && share != row.double_scoring_bp
    {
        row.double_scoring_bp = share;
        store::set_double_scoring(&write.tx, &row).await?;
        let payload = json!({"chain_id": row.chain_id, "double_scoring_bp": share});
        write.event(NewEvent::new("wave.updated", "wave", id, caller.membership_id, payload).log_only());
        write.commit().await?;
    }
    Ok(WaveView::seen_by(caller.reach, row))
}

/// Ends what is on the job board for a wave, each with a fact of its own, so that every phone forgets it.
async fn expire_open(write: &mut Write<'_>, caller: &Caller, wave_id: Uuid) -> Result<(), Failure> {
    let state = after(ASSIGNMENT_MOVES, "assignment", AssignmentState::Open, "expire")?;
    // Whoever works on one of them asks for the firm's head afterwards, and whoever adds to them has it already: so they
    // are locked, then the head, and then it is certain which ones there are.
    store::lock_open_of_wave(&write.tx, write.firm_id, wave_id).await?;
    lock_head(&write.tx, write.firm_id).await?;
    for id in store::lock_open_of_wave(&write.tx, write.firm_id, wave_id).await? {
        let payload = json!({"state": state, "auditor_id": null});
        let event = NewEvent::new("assignment.expired", "assignment", id, caller.membership_id, payload);
        write.event(NewEvent { on_board: true, ..event });
    }
    Ok(store::set_open_of_wave(&write.tx, write.firm_id, wave_id, state).await?)
}

/// A wave that the caller may know of.
///
/// # Errors
///
/// 404 when there is none, or it is another firm's, or another chain's for a role limited to one, or one that an auditor
/// has nothing to do with.
pub async fn visible_wave(app: &App, caller: &Caller, id: Uuid) -> Result<wave::Model, Failure> {
    let filter = WaveFilter { id: Some(id), chain_id: only_chain(caller), auditor_id: only_auditor(caller) };
    let found = store::list_waves(app.db.reader(), caller.firm_id, filter, None, 1).await?.pop();
    found.ok_or_else(|| Failure::not_found("wave"))
}

/// A page of the waves that the caller may know of, of one chain if it is named.
///
/// # Errors
///
/// * 400 `bad_cursor` when the cursor is not one of this list.
/// * [`Failure`] (500) when the database fails.
pub async fn list_waves(
    app: &App,
    caller: &Caller,
    chain_id: Option<Uuid>,
    slice: &Slice,
) -> Result<Page<WaveView>, Failure> {
    let only = only_chain(caller);
    let rows = if only.is_some() && chain_id.is_some() && only != chain_id {
        // Another chain's waves look like no waves.
        Vec::new()
    } else {
        let filter = WaveFilter { id: None, chain_id: chain_id.or(only), auditor_id: only_auditor(caller) };
        store::list_waves(app.db.reader(), caller.firm_id, filter, slice.after()?, slice.limit + 1).await?
    };
    Ok(slice.page(rows, |row| row.id.to_string(), |row| WaveView::seen_by(caller.reach, row)))
}

/// Adds assignments to a wave, all or none.
///
/// # Errors
///
/// * 409 `wave_closed` when the wave is over.
/// * 422 naming everything wrong.
/// * As [`Once`] for a repeated key.
pub async fn create_assignments(
    app: &App,
    caller: &Caller,
    key: Option<String>,
    body: &Value,
) -> Result<String, Failure> {
    let firm_id = caller.firm_id;
    let once = Once::of(caller, "create_assignments", key, body)?;
    let mut write = begin_set_up_by(app, caller).await?;
    if let Some(answer) = once.answered(&write).await? {
        return Ok(answer);
    }
    let mut reader = Reader::new(body, "");
    let wave_id = reader.uuid("wave_id");
    let wave = match wave_id {
        Some(id) => store::wave_by_id(&write.tx, firm_id, id).await?,
        None => None,
    };
    if wave_id.is_some() && wave.is_none() {
        reader.problem("wave_id", "unknown_ref", "is not a wave of this firm");
    }
    if let Some(wave) = &wave {
        refuse_closed(wave)?;
    }
    let list = bulk(&mut reader, "assignments");
    let mut problems = reader.finish();
    let mut known = known(&write.tx, firm_id, wave.as_ref(), list).await?;
    let mut rows = Vec::with_capacity(list.len());
    for (position, (entry, stamp)) in list.iter().zip(stamps(app, firm_id, list.len())).enumerate() {
        let pointer = format!("/assignments/{position}");
        match parse::assignment(entry, pointer, stamp, wave_id.unwrap_or_default(), &mut known) {
            Ok(row) => rows.push(row),
            Err(found) => problems.extend(found),
        }
    }
    if !problems.is_empty() {
        return Err(Failure::invalid(problems));
    }
    store::insert_assignments(&write.tx, rows.clone()).await?;
    for row in &rows {
        write.event(created_event(row, caller));
    }
    let data = views(&write.tx, firm_id, rows).await?;
    write.commit_once(&once, &AddedAssignments { data }).await
}

/// Looks up what the entries of a request refer to.
async fn known(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    wave: Option<&wave::Model>,
    list: &[Value],
) -> Result<Known, Failure> {
    let branches = chains::store::branches_by_ids(db, firm_id, &parse::uuids_of(list, "branch_id")).await?;
    let standard_ids: Vec<_> = parse::names_of(list, "standard_id").into_iter().collect();
    let versions = standards::store::versions_of(db, firm_id, &standard_ids).await?;
    let scenario_ids: Vec<_> = parse::names_of(list, "scenario_id").into_iter().collect();
    let mut scenarios = BTreeMap::new();
    for row in scenarios::store::versions_of(db, firm_id, &scenario_ids).await? {
        let newest = scenarios.entry(row.id).or_insert(row.version);
        *newest = row.version.max(*newest);
    }
    let auditors = memberships_with_role(db, firm_id, Role::Auditor, &parse::uuids_of(list, "auditor_id")).await?;
    let taken = store::taken_assignment_ids(db, firm_id, &parse::uuids_of(list, "id")).await?;
    let chain_ids: BTreeSet<_> = branches.iter().map(|row| row.chain_id).collect();
    let chains = chains::store::chains_by_ids(db, firm_id, &chain_ids.into_iter().collect::<Vec<_>>()).await?;
    let is_rival = |id| chains.iter().any(|chain| chain.id == id && chain.kind == ChainKind::Competitor);
    // Without a wave any branch of the firm will do: the wave is the problem then. A competitor wave belongs to the
    // client and goes to its rivals.
    let in_wave =
        |id| wave.is_none_or(|wave| wave.chain_id == id || (wave.kind == WaveKind::Competitor && is_rival(id)));
    let rivals: Vec<_> = chains.iter().map(|chain| chain.id).filter(|id| is_rival(*id)).collect();
    let others = match wave {
        Some(wave) => store::compared_with_others(db, firm_id, wave.chain_id, &rivals).await?,
        None => Vec::new(),
    };
    let of_others = branches.iter().filter(|row| others.contains(&row.chain_id)).map(|row| row.id).collect();
    Ok(Known {
        branches: branches.into_iter().filter(|row| in_wave(row.chain_id)).map(|row| row.id).collect(),
        of_others,
        versions: versions.into_iter().map(|row| ((row.standard_id, row.version), row.state)).collect(),
        scenarios,
        auditors: auditors.into_iter().collect(),
        taken: taken.into_iter().collect(),
    })
}

fn created_event(row: &assignment::Model, caller: &Caller) -> NewEvent {
    let payload = json!({
        "wave_id": row.wave_id, "branch_id": row.branch_id, "standard_id": row.standard_id,
        "standard_version": row.standard_version, "scenario_id": row.scenario_id,
        "scenario_version": row.scenario_version, "auditor_id": row.auditor_id, "state": row.state,
    });
    let event = NewEvent::new("assignment.created", "assignment", row.id, caller.membership_id, payload);
    NewEvent { audience_id: row.auditor_id, on_board: row.state == AssignmentState::Open, ..event }
}

fn refuse_closed(wave: &wave::Model) -> Result<(), Failure> {
    if wave.state == WaveState::Closed {
        return Err(Failure::conflict("wave_closed", "The wave is closed. Choose a wave that is planned or open."));
    }
    Ok(())
}

/// A page of assignments: an auditor's own and those on the job board, or all of the firm's for others.
///
/// # Errors
///
/// * 400 `bad_cursor` when the cursor is not one of this list.
/// * [`Failure`] (500) when the database fails.
pub async fn list_assignments(
    app: &App,
    caller: &Caller,
    mine: bool,
    filter: AssignmentFilter,
    slice: &Slice,
) -> Result<Page<AssignmentView>, Failure> {
    let db = app.db.reader();
    let me = caller.membership_id;
    let filter = AssignmentFilter {
        auditor_id: mine.then_some(me),
        visible_to: (caller.reach == Reach::Own && !mine).then_some(me),
        ..filter
    };
    let rows = store::list_assignments(db, caller.firm_id, filter, slice.after()?, slice.limit + 1).await?;
    let views = views(db, caller.firm_id, rows).await?;
    Ok(slice.page(views, |view| view.id.to_string(), |view| view))
}

/// An assignment that the caller sees.
///
/// # Errors
///
/// 404 when there is none, or it is another firm's, or in another auditor's hands.
pub async fn get_assignment(app: &App, caller: &Caller, id: Uuid) -> Result<AssignmentView, Failure> {
    let db = app.db.reader();
    let row = visible(store::assignment_by_id(db, caller.firm_id, id).await?, caller)?;
    view(db, caller.firm_id, row).await
}

/// What can be asked of an assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// An auditor takes it from the job board.
    Claim,
    /// The auditor who has it will not do it; it ends.
    Decline,
    /// The auditor who has it puts it back on the job board.
    HandBack,
    /// The firm takes it back for good.
    Cancel,
}

impl Move {
    /// Its name in the transition table, and what it is called when it has happened.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Claim => ("claim", "assignment.claimed"),
            Self::Decline => ("decline", "assignment.declined"),
            Self::HandBack => ("hand_back", "assignment.handed_back"),
            Self::Cancel => ("cancel", "assignment.cancelled"),
        }
    }
}

/// Moves an assignment. Claiming again what one has claimed changes nothing, because a phone may have lost the answer.
/// What is handed back after its wave was closed ends: nobody could take it.
///
/// # Errors
///
/// * 404 when there is none, or it is another firm's, in another auditor's hands, or not on the job board any more.
/// * 409 `illegal_state` when its state does not allow the move.
pub async fn move_assignment(app: &App, caller: &Caller, id: Uuid, mv: Move) -> Result<AssignmentView, Failure> {
    let firm_id = caller.firm_id;
    let mut write = Write::begin_by(app, caller).await?;
    // The wave first, as whoever closes it does: what comes to the job board or is taken from it stands still meanwhile.
    let wave = store::lock_wave_of(&write.tx, firm_id, id).await?;
    let mut row = visible(store::lock_assignment(&write.tx, firm_id, id).await?, caller)?;
    if mv == Move::Claim && row.state == AssignmentState::Claimed {
        return view(&write.tx, firm_id, row).await;
    }
    let (name, event) = mv.names();
    let before = row.clone();
    row.state = after(ASSIGNMENT_MOVES, "assignment", row.state, name)?;
    match mv {
        Move::Claim => row.auditor_id = Some(caller.membership_id),
        Move::HandBack => {
            row.auditor_id = None;
            if wave.is_some_and(|wave| wave.state == WaveState::Closed) {
                row.state = after(ASSIGNMENT_MOVES, "assignment", row.state, "expire")?;
            }
        }
        // Who had it stays known.
        Move::Decline | Move::Cancel => {}
    }
    store::set_assignment_state(&write.tx, firm_id, id, row.state, row.auditor_id).await?;
    let payload = json!({"state": row.state, "auditor_id": row.auditor_id});
    // Whoever had it or has it now; and everybody, when it comes to the job board or leaves it.
    write.event(NewEvent {
        audience_id: row.auditor_id.or(before.auditor_id),
        on_board: [before.state, row.state].contains(&AssignmentState::Open),
        ..NewEvent::new(event, "assignment", id, caller.membership_id, payload)
    });
    let view = view(&write.tx, firm_id, row).await?;
    write.commit().await?;
    Ok(view)
}

/// The assignment, if the caller sees it.
fn visible(row: Option<assignment::Model>, caller: &Caller) -> Result<assignment::Model, Failure> {
    let is_seen = |row: &assignment::Model| match caller.reach {
        Reach::Firm => true,
        Reach::Own => row.auditor_id == Some(caller.membership_id) || row.state == AssignmentState::Open,
        Reach::Scope => false,
    };
    row.filter(is_seen).ok_or_else(|| Failure::not_found("assignment"))
}

async fn view(db: &impl ConnectionTrait, firm_id: Uuid, row: assignment::Model) -> Result<AssignmentView, Failure> {
    views(db, firm_id, vec![row]).await?.pop().ok_or_else(|| Failure::not_found("assignment"))
}

/// Assignments with what they refer to, in the same order.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn views(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    rows: Vec<assignment::Model>,
) -> Result<Vec<AssignmentView>, Failure> {
    let ids = |of: fn(&assignment::Model) -> Uuid| -> Vec<Uuid> {
        rows.iter().map(of).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let waves = store::waves_by_ids(db, firm_id, &ids(|row| row.wave_id)).await?;
    let branches = chains::store::branches_by_ids(db, firm_id, &ids(|row| row.branch_id)).await?;
    let chain_ids: BTreeSet<_> = branches.iter().map(|branch| branch.chain_id).collect();
    let chains = chains::store::chains_by_ids(db, firm_id, &chain_ids.into_iter().collect::<Vec<_>>()).await?;
    let standard_ids: BTreeSet<_> = rows.iter().map(|row| row.standard_id.as_str()).collect();
    let standard_ids: Vec<_> = standard_ids.into_iter().collect();
    let versions = standards::store::versions_of(db, firm_id, &standard_ids).await?;
    let scenarios = scenarios::service::of_assignments(db, firm_id, &rows).await?;
    let view = |row: &assignment::Model| {
        let scenario = row.scenario_id.clone().zip(row.scenario_version);
        let wave = waves.iter().find(|wave| wave.id == row.wave_id)?;
        let branch = branches.iter().find(|branch| branch.id == row.branch_id)?;
        let chain = chains.iter().find(|chain| chain.id == branch.chain_id)?;
        let version = versions
            .iter()
            .find(|version| version.version == row.standard_version && version.standard_id == row.standard_id)?;
        Some(AssignmentView {
            id: row.id,
            state: row.state,
            wave_id: wave.id,
            wave_name: wave.name.clone(),
            chain_id: chain.id,
            chain_name: chain.name.clone(),
            branch_id: branch.id,
            branch_code: branch.code.clone(),
            branch_name: branch.name.clone(),
            branch_address: branch.address.clone(),
            latitude: branch.latitude_e7.map(degrees),
            longitude: branch.longitude_e7.map(degrees),
            time_zone: branch.time_zone.clone(),
            standard_id: row.standard_id.clone(),
            standard_version: row.standard_version,
            standard_sha256: version.body_sha256.clone(),
            scenario_id: row.scenario_id.clone(),
            scenario: scenario.and_then(|version| scenarios.get(&version).cloned()),
            auditor_id: row.auditor_id,
            window_start: row.window_start,
            window_end: row.window_end,
            created_at: row.created_at,
        })
    };
    // Foreign keys make sure that everything is there.
    let views: Option<Vec<_>> = rows.iter().map(view).collect();
    views.ok_or_else(|| Failure::internal("an assignment refers to something that is not there"))
}

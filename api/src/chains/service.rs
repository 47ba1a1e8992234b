//! Rules of chains, regions and branches, and who sees which.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::access::Reach;
use crate::app::App;
use crate::chains::parse::{self, MAX_BULK, Stamp};
use crate::chains::store::{self, BranchFilter};
use crate::chains::types::{AddedBranches, AddedRegions, BranchView, ChainView};
use crate::entity::{branch, branch_region, chain, region};
use crate::events::store::lock_head;
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem};
use crate::http::json::Reader;
use crate::http::paging::{Page, Slice};
use crate::people::service::still_may;
use crate::people::types::{Caller, Scope};
use crate::words::Role;
use crate::write::{Once, Write};

/// Adds a chain.
///
/// # Errors
///
/// * 422 naming everything wrong; a code that another chain has is `duplicate`.
/// * As [`Once`] for a repeated key.
pub async fn create_chain(app: &App, caller: &Caller, key: Option<String>, body: &Value) -> Result<String, Failure> {
    let once = Once::of(caller, "create_chain", key, body)?;
    let mut write = begin_set_up_by(app, caller).await?;
    if let Some(answer) = once.answered(&write).await? {
        return Ok(answer);
    }
    let mut taken = BTreeSet::new();
    if let Some(code) = parse::code_of(body) {
        let rows = store::chains_by_code(&write.tx, caller.firm_id, code).await?;
        taken.extend(rows.into_iter().map(|row| row.code));
    }
    let stamp = Stamp { firm_id: caller.firm_id, id: app.ids.next(), at: app.clock.now() };
    let row = parse::chain(body, stamp, &mut taken).map_err(Failure::invalid)?;
    store::insert_chain(&write.tx, row.clone()).await?;
    let payload = json!({"code": row.code, "kind": row.kind, "recording_policy": row.recording_policy});
    write.event(NewEvent::new("chain.created", "chain", row.id, caller.membership_id, payload));
    write.commit_once(&once, &ChainView::from(row)).await
}

/// Changes a chain. A recording policy counts from the next request on, for what is stored as well.
///
/// # Errors
///
/// * 404 when there is no such chain.
/// * 422 naming everything wrong.
pub async fn update_chain(app: &App, caller: &Caller, id: Uuid, body: &Value) -> Result<ChainView, Failure> {
    let mut write = begin_set_up_by(app, caller).await?;
    let found = store::chain_by_id(&write.tx, caller.firm_id, id).await?;
    let before = found.ok_or_else(|| Failure::not_found("chain"))?;
    let row = parse::changed_chain(body, &before).map_err(Failure::invalid)?;
    if row != before {
        store::update_chain(&write.tx, row.clone()).await?;
        let changes = [
            ("name", row.name != before.name),
            ("locale", row.locale != before.locale),
            ("colour", row.colour != before.colour),
            ("recording_policy", row.recording_policy != before.recording_policy),
            ("appeal_days", row.appeal_days != before.appeal_days),
        ];
        let fields: Vec<_> = changes.iter().filter(|(_, changed)| *changed).map(|(name, _)| *name).collect();
        let payload =
            json!({"fields": fields, "recording_policy": row.recording_policy, "appeal_days": row.appeal_days});
        write.event(NewEvent::new("chain.changed", "chain", id, caller.membership_id, payload));
        write.commit().await?;
    }
    Ok(row.into())
}

/// Adds regions to a chain, all or none.
///
/// # Errors
///
/// * 404 when there is no such chain.
/// * 422 naming everything wrong; a code that another region of the chain has is `duplicate`.
/// * As [`Once`] for a repeated key.
pub async fn create_regions(
    app: &App,
    caller: &Caller,
    key: Option<String>,
    chain_id: Uuid,
    body: &Value,
) -> Result<String, Failure> {
    let firm_id = caller.firm_id;
    // The same body for another chain is another request.
    let once = Once::of(caller, "create_regions", key, &json!([chain_id, body]))?;
    let mut write = begin_set_up_by(app, caller).await?;
    if let Some(answer) = once.answered(&write).await? {
        return Ok(answer);
    }
    if store::chain_by_id(&write.tx, firm_id, chain_id).await?.is_none() {
        return Err(Failure::not_found("chain"));
    }
    let mut reader = Reader::new(body, "");
    let list = parse::bulk(&mut reader, "regions");
    let mut problems = reader.finish();
    let known = store::regions_of_chain(&write.tx, firm_id, chain_id).await?;
    let mut taken = known.into_iter().map(|row| row.code).collect();
    let mut rows = Vec::with_capacity(list.len());
    for (position, (entry, stamp)) in list.iter().zip(stamps(app, firm_id, list.len())).enumerate() {
        match parse::region(entry, format!("/regions/{position}"), stamp, chain_id, &mut taken) {
            Ok(row) => rows.push(row),
            Err(found) => problems.extend(found),
        }
    }
    if !problems.is_empty() {
        return Err(Failure::invalid(problems));
    }
    store::insert_regions(&write.tx, rows.clone()).await?;
    for row in &rows {
        let payload = json!({"chain_id": chain_id, "code": row.code});
        write.event(NewEvent::new("region.created", "region", row.id, caller.membership_id, payload));
    }
    write.commit_once(&once, &AddedRegions { data: rows.into_iter().map(Into::into).collect() }).await
}

/// Adds branches to a chain, all or none.
///
/// # Errors
///
/// * 422 naming everything wrong; a code that another branch of the chain has is `duplicate`.
/// * As [`Once`] for a repeated key.
pub async fn create_branches(app: &App, caller: &Caller, key: Option<String>, body: &Value) -> Result<String, Failure> {
    let firm_id = caller.firm_id;
    let once = Once::of(caller, "create_branches", key, body)?;
    let mut write = begin_set_up_by(app, caller).await?;
    if let Some(answer) = once.answered(&write).await? {
        return Ok(answer);
    }
    let mut reader = Reader::new(body, "");
    let chain_id = reader.uuid("chain_id");
    let list = parse::bulk(&mut reader, "branches");
    let mut regions = Vec::new();
    let mut taken = BTreeSet::new();
    if let Some(id) = chain_id {
        if store::chain_by_id(&write.tx, firm_id, id).await?.is_none() {
            reader.problem("chain_id", "unknown_ref", "is not a chain of this firm");
        }
        regions = store::regions_of_chain(&write.tx, firm_id, id).await?;
        let codes: Vec<_> = list.iter().filter_map(parse::code_of).collect();
        taken.extend(store::taken_branch_codes(&write.tx, firm_id, id, &codes).await?);
    }
    let by_code = regions.iter().map(|region| (region.code.clone(), region.id)).collect();
    let mut problems = reader.finish();
    let mut rows = Vec::with_capacity(list.len());
    for (position, (entry, stamp)) in list.iter().zip(stamps(app, firm_id, list.len())).enumerate() {
        let (pointer, chain_id) = (format!("/branches/{position}"), chain_id.unwrap_or_default());
        match parse::branch(entry, pointer, stamp, chain_id, &mut taken, &by_code) {
            Ok(row) => rows.push(row),
            Err(found) => problems.extend(found),
        }
    }
    if !problems.is_empty() {
        return Err(Failure::invalid(problems));
    }
    let views = add_branches(app, &mut write, caller, rows, &regions).await?;
    write.commit_once(&once, &AddedBranches { data: views }).await
}

async fn add_branches(
    app: &App,
    write: &mut Write<'_>,
    caller: &Caller,
    rows: Vec<(branch::Model, Option<Uuid>)>,
    regions: &[region::Model],
) -> Result<Vec<BranchView>, Failure> {
    let valid_from = app.clock.now().date_naive();
    let memberships = rows.iter().filter_map(|(row, region_id)| {
        let region_id = (*region_id)?;
        Some(branch_region::Model { firm_id: caller.firm_id, branch_id: row.id, valid_from, region_id })
    });
    let memberships = memberships.collect();
    store::insert_branches(&write.tx, rows.iter().map(|(row, _)| row.clone()).collect()).await?;
    store::insert_branch_regions(&write.tx, memberships).await?;
    let mut views = Vec::with_capacity(rows.len());
    for (row, region_id) in rows {
        let payload = json!({"chain_id": row.chain_id, "code": row.code, "region_id": region_id});
        write.event(NewEvent::new("branch.created", "branch", row.id, caller.membership_id, payload));
        views.push(BranchView::of(row, regions.iter().find(|region| Some(region.id) == region_id)));
    }
    Ok(views)
}

/// Begins a change of the firm's set-up. Taking the head first makes such changes wait for each other, so that no two
/// of them can find the same code free.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn begin_set_up(app: &App, firm_id: Uuid) -> Result<Write<'_>, Failure> {
    let write = Write::begin(app, firm_id).await?;
    lock_head(&write.tx, firm_id).await?;
    Ok(write)
}

/// [`begin_set_up`] for somebody whose rights must still be what they were. Two who take each other's rights away at the
/// same moment are judged one after the other.
///
/// # Errors
///
/// As [`still_may`], and [`Failure`] (500) when the database fails.
pub async fn begin_set_up_by<'a>(app: &'a App, caller: &Caller) -> Result<Write<'a>, Failure> {
    let write = begin_set_up(app, caller.firm_id).await?;
    still_may(&write.tx, caller).await?;
    Ok(write)
}

/// What new rows of one request carry. Ids rise, so that lists by id have the order of the request.
pub fn stamps(app: &App, firm_id: Uuid, n: usize) -> Vec<Stamp> {
    let at = app.clock.now();
    (0..n).map(|_| Stamp { firm_id, id: app.ids.next(), at }).collect()
}

/// The chain that a limited role is limited to; `None` for all others, of whom [`only_auditor`] may limit some.
pub fn only_chain(caller: &Caller) -> Option<Uuid> {
    match caller.reach {
        Reach::Firm | Reach::Own => None,
        // A limited role without a chain reaches nothing; no chain has the nil id.
        Reach::Scope => Some(caller.scope.chain_id.unwrap_or_default()),
    }
}

/// The auditor who sees only what there is to visit for them; `None` for all others. Who visits one client has no
/// business with the list of clients, nor with what another client measures.
pub fn only_auditor(caller: &Caller) -> Option<Uuid> {
    (caller.reach == Reach::Own).then_some(caller.membership_id)
}

/// The branches that the caller sees.
pub fn branch_filter(caller: &Caller) -> BranchFilter {
    let is_manager = caller.role == Role::BranchManager;
    BranchFilter {
        chain_id: only_chain(caller),
        region_id: caller.scope.region_id.filter(|_| caller.role == Role::ChainViewer),
        ids: is_manager.then(|| caller.scope.branch_ids.clone()),
        auditor_id: only_auditor(caller),
    }
}

/// The regions that the caller sees the names of; `None` for all.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn only_regions(app: &App, caller: &Caller) -> Result<Option<Vec<Uuid>>, Failure> {
    match caller.role {
        Role::ChainViewer => Ok(caller.scope.region_id.map(|id| vec![id])),
        Role::BranchManager => {
            let branch_ids = &caller.scope.branch_ids;
            let regions = store::current_regions_of(app.db.reader(), caller.firm_id, branch_ids).await?;
            Ok(Some(regions.into_values().collect::<BTreeSet<_>>().into_iter().collect()))
        }
        Role::FirmAdmin | Role::Reviewer | Role::Auditor => Ok(None),
    }
}

/// A chain that the caller may know of: its name, regions and waves. Whether the caller sees results of the whole
/// chain is another question, which [`Caller::sees_chain`] answers.
///
/// # Errors
///
/// 404 when there is none, or it is another firm's, or beyond the caller's scope.
pub async fn visible_chain(app: &App, caller: &Caller, chain_id: Uuid) -> Result<chain::Model, Failure> {
    let not_found = || Failure::not_found("chain");
    if only_chain(caller).is_some_and(|only| only != chain_id) {
        return Err(not_found());
    }
    let (db, auditor_id) = (app.db.reader(), only_auditor(caller));
    let found = store::list_chains(db, caller.firm_id, Some(chain_id), auditor_id, None, 1).await?.pop();
    found.ok_or_else(not_found)
}

/// A page of the chains that the caller may know of.
///
/// # Errors
///
/// * 400 `bad_cursor` when the cursor is not one of this list.
/// * [`Failure`] (500) when the database fails.
pub async fn list_chains(app: &App, caller: &Caller, slice: &Slice) -> Result<Page<ChainView>, Failure> {
    let (only, auditor_id) = (only_chain(caller), only_auditor(caller));
    let (db, after) = (app.db.reader(), slice.after()?);
    let rows = store::list_chains(db, caller.firm_id, only, auditor_id, after, slice.limit + 1).await?;
    Ok(slice.page(rows, |row| row.id.to_string(), Into::into))
}

/// A region whose results the caller sees.
///
/// # Errors
///
/// 404 when there is none, or it is another firm's, or beyond the caller's scope.
pub async fn visible_region(app: &App, caller: &Caller, region_id: Uuid) -> Result<region::Model, Failure> {
    let row = store::region_by_id(app.db.reader(), caller.firm_id, region_id).await?;
    row.filter(|row| caller.sees_region(row.chain_id, row.id)).ok_or_else(|| Failure::not_found("region"))
}

/// A branch that the caller may know of. Auditors know those that they visit, or could; everybody else who sees one sees
/// its results.
///
/// # Errors
///
/// 404 when there is none, or it is another firm's, or beyond the caller's scope.
pub async fn visible_branch(app: &App, caller: &Caller, branch_id: Uuid) -> Result<branch::Model, Failure> {
    let not_found = || Failure::not_found("branch");
    let db = app.db.reader();
    if let Some(auditor_id) = only_auditor(caller) {
        let ids = Some(vec![branch_id]);
        let filter = BranchFilter { ids, auditor_id: Some(auditor_id), ..BranchFilter::default() };
        return store::list_branches(db, caller.firm_id, filter, None, 1).await?.pop().ok_or_else(not_found);
    }
    let row = store::branch_by_id(db, caller.firm_id, branch_id).await?.ok_or_else(not_found)?;
    let region_id = store::current_region_of(db, caller.firm_id, branch_id).await?;
    let visible = caller.sees_branch(row.chain_id, region_id, row.id);
    visible.then_some(row).ok_or_else(not_found)
}

/// Branches with the regions they are in now.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
async fn branch_views(app: &App, firm_id: Uuid, rows: Vec<branch::Model>) -> Result<Vec<BranchView>, Failure> {
    let db = app.db.reader();
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let current = store::current_regions_of(db, firm_id, &ids).await?;
    let mut regions = BTreeMap::new();
    for chain_id in rows.iter().map(|row| row.chain_id).collect::<BTreeSet<_>>() {
        let found = store::regions_of_chain(db, firm_id, chain_id).await?;
        regions.extend(found.into_iter().map(|region| (region.id, region)));
    }
    let view = |row: branch::Model| {
        let region = current.get(&row.id).and_then(|id| regions.get(id));
        BranchView::of(row, region)
    };
    Ok(rows.into_iter().map(view).collect())
}

/// A page of the branches that the caller sees, of one chain if it is named.
///
/// # Errors
///
/// * 400 `bad_cursor` when the cursor is not one of this list.
/// * [`Failure`] (500) when the database fails.
pub async fn list_branches(
    app: &App,
    caller: &Caller,
    chain_id: Option<Uuid>,
    slice: &Slice,
) -> Result<Page<BranchView>, Failure> {
    let own = branch_filter(caller);
    let rows = if own.chain_id.is_some() && chain_id.is_some() && own.chain_id != chain_id {
        // Another chain's branches look like no branches.
        Vec::new()
    } else {
        let filter = BranchFilter { chain_id: chain_id.or(own.chain_id), ..own };
        store::list_branches(app.db.reader(), caller.firm_id, filter, slice.after()?, slice.limit + 1).await?
    };
    let views = branch_views(app, caller.firm_id, rows).await?;
    Ok(slice.page(views, |view| view.id.to_string(), |view| view))
}

/// One branch that the caller sees, with the region it is in now.
///
/// # Errors
///
/// As [`visible_branch`].
pub async fn branch(app: &App, caller: &Caller, branch_id: Uuid) -> Result<BranchView, Failure> {
    let row = visible_branch(app, caller, branch_id).await?;
    let mut views = branch_views(app, caller.firm_id, vec![row]).await?;
    views.pop().ok_or_else(|| Failure::not_found("branch"))
}

/// What is wrong with the scope of a limited role: its chain, region and branches exist and belong together.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn scope_problems(app: &App, firm_id: Uuid, role: Role, scope: &Scope) -> Result<Vec<FieldProblem>, Failure> {
    let mut problems = Vec::new();
    let (Role::ChainViewer | Role::BranchManager, Some(chain_id)) = (role, scope.chain_id) else {
        return Ok(problems);
    };
    let mut add = |pointer: String, code: &str, message: &str| {
        problems.push(FieldProblem::new(pointer, code, message));
    };
    let db = app.db.reader();
    if store::chain_by_id(db, firm_id, chain_id).await?.is_none() {
        add("/scope/chain_id".to_owned(), "unknown_ref", "is not a chain of this firm");
    }
    match scope.region_id {
        Some(_) if role == Role::BranchManager => {
            add("/scope/region_id".to_owned(), "not_allowed", "does not apply to a branch manager; name the branches");
        }
        Some(id) => {
            let region = store::region_by_id(db, firm_id, id).await?;
            if region.is_none_or(|region| region.chain_id != chain_id) {
                add("/scope/region_id".to_owned(), "unknown_ref", "is not a region of this chain");
            }
        }
        None => {}
    }
    if role == Role::ChainViewer && !scope.branch_ids.is_empty() {
        let message = "does not apply to a chain viewer; name a region, or nothing for the whole chain";
        add("/scope/branch_ids".to_owned(), "not_allowed", message);
    } else if scope.branch_ids.len() > MAX_BULK {
        add("/scope/branch_ids".to_owned(), "too_many", "names more than 1000 branches");
    } else {
        let rows = store::branches_by_ids(db, firm_id, &scope.branch_ids).await?;
        let known: BTreeSet<_> = rows.into_iter().filter(|row| row.chain_id == chain_id).map(|row| row.id).collect();
        for (position, id) in scope.branch_ids.iter().enumerate() {
            if !known.contains(id) {
                add(format!("/scope/branch_ids/{position}"), "unknown_ref", "is not a branch of this chain");
            }
        }
    }
    Ok(problems)
}

//! Filing appeals, reading them and taking them back.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use poem_openapi::types::ToJSON;
use sea_orm::ConnectionTrait;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::access::Reach;
use crate::agreement::blind;
use crate::app::App;
use crate::appeals::decide::{self, may_decide};
use crate::appeals::lines;
use crate::appeals::store::{self, Filter};
use crate::appeals::types::{AppealView, FiledAppeals, NewAppeal, NewAppeals};
use crate::chains::service::branch_filter;
use crate::chains::store::{branches_by_ids, chain_by_id};
use crate::entity::{appeal, appeal_file, branch, visit};
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem, Kind};
use crate::http::json::text_problem;
use crate::http::paging::{Page, Slice, cursor};
use crate::people::types::Caller;
use crate::results;
use crate::retention::classes::bit;
use crate::retention::store::{memberships_beside, reopen};
use crate::states::{APPEAL_MOVES, after};
use crate::visits::day::zone_of;
use crate::visits::store::{lock_visits, score_of, visits_by_ids};
use crate::words::{AppealState, DataClass, Outcome, Reporting, Role, VisitState};
use crate::write::{Once, Write};

/// Longest text of an appeal, in characters.
const TEXT_CHARS: usize = 4000;

/// The last day at the branch on which a published visit can be appealed.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn last_day(app: &App, visit: &visit::Model, branch: &branch::Model) -> Result<NaiveDate, Failure> {
    let chain = chain_by_id(app.db.reader(), visit.firm_id, visit.client_chain_id).await?;
    let days = chain.map_or(0, |chain| chain.appeal_days);
    last_day_after(app.db.reader(), visit, branch, days).await
}

/// The last day, from when the score that counts was first to be seen: a correction of a published visit begins the days
/// anew.
async fn last_day_after(
    db: &impl ConnectionTrait,
    visit: &visit::Model,
    branch: &branch::Model,
    days: i32,
) -> Result<NaiveDate, Failure> {
    let published_at = visit.published_at.unwrap_or(visit.received_at);
    let score = score_of(db, visit.firm_id, visit.id, visit.current_score_version).await?;
    let seen_at = score.map_or(published_at, |score| score.created_at.max(published_at));
    let first = seen_at.with_timezone(&zone_of(branch)).date_naive();
    Ok(first.checked_add_days(Days::new(u64::try_from(days).unwrap_or(0))).unwrap_or(first))
}

/// Files appeals against items of a result, all or none.
///
/// # Errors
///
/// * 404 when the caller sees no such result, 410 `withdrawn` when it was taken back.
/// * 409 `too_late` after the chain's days to appeal.
/// * 409 `already_appealed` when an item was appealed already: open, or decided for good.
/// * 422 naming everything wrong; an item that was not asked is `unknown_ref`.
/// * As [`Once`] for a repeated key.
pub async fn create(
    app: &App,
    caller: &Caller,
    key: Option<String>,
    result_id: Uuid,
    new: NewAppeals,
) -> Result<String, Failure> {
    let firm_id = caller.firm_id;
    let once = Once::of(caller, "create_appeal", key, &json!([result_id, new.to_json()]))?;
    // Looked up before the transaction, which would wait for a second connection.
    let known = results::service::visible(app, caller, result_id).await;
    let mut write = Write::begin_by(app, caller).await?;
    if let Some(answer) = once.answered(&write).await? {
        return Ok(answer);
    }
    let known = known?;
    let not_found = || Failure::not_found("result");
    let visit = lock_visits(&write.tx, firm_id, &[known.id]).await?.pop();
    let is_result = |visit: &visit::Model| {
        visit.state == VisitState::Published
            && visit.reporting == Reporting::Included
            && visit.quarantine_reason.is_none()
    };
    let visit = visit.filter(is_result).ok_or_else(not_found)?;
    let branch = branches_by_ids(&write.tx, firm_id, &[visit.branch_id]).await?.pop().ok_or_else(not_found)?;
    let days = chain_by_id(&write.tx, firm_id, visit.client_chain_id).await?.map_or(0, |chain| chain.appeal_days);
    let now = app.clock.now();
    let last = last_day_after(&write.tx, &visit, &branch, days).await?;
    let asked = asked_items(&write, &visit).await?;
    check_items(&new, &asked)?;
    if now.with_timezone(&zone_of(&branch)).date_naive() > last {
        let detail = format!("Results of this chain can be appealed for {days} days; the last was {last}.");
        return Err(Failure::conflict("too_late", detail));
    }
    let standing = store::of_visit(&write.tx, firm_id, visit.id).await?;
    let standing: Vec<_> = standing.iter().filter(|row| row.state != AppealState::Withdrawn).collect();
    let again = |item: &&str| standing.iter().any(|row| row.item_id == **item);
    let again: Vec<_> = new.items.iter().map(|item| item.item_id.as_str()).filter(again).collect();
    if !again.is_empty() {
        let detail = format!("Appealed already, and decisions are final: {}.", again.join(", "));
        return Err(Failure::conflict("already_appealed", detail));
    }
    let row = |item: NewAppeal| appeal::Model {
        firm_id,
        // The branch sees it, and not when it was filed.
        id: app.ids.opaque(),
        visit_id: visit.id,
        wave_id: visit.wave_id,
        branch_id: visit.branch_id,
        client_chain_id: visit.client_chain_id,
        item_id: item.item_id,
        state: AppealState::Open,
        reason: item.reason,
        filed_by: caller.membership_id,
        filed_at: now,
        auditor_id: visit.auditor_id,
        reviewer_id: visit.reviewer_id,
        decided_by: None,
        decided_at: None,
        decision: None,
        score_version: visit.current_score_version,
        new_score_version: None,
    };
    let rows: Vec<_> = new.items.into_iter().map(row).collect();
    store::insert(&write.tx, rows.clone()).await?;
    reopen(&write.tx, firm_id, visit.id, bit(DataClass::FreeText)).await?;
    for row in &rows {
        write.event(fact("appeal.opened", row, caller, json!({})));
    }
    let view = |row| view_of(row, caller, &visit, &branch, Vec::new());
    let answer = FiledAppeals { data: rows.into_iter().map(view).collect() };
    write.commit_once(&once, &answer).await
}

/// A fact about an appeal. Texts stand with the appeal, where they can be purged.
pub fn fact(kind: &'static str, row: &appeal::Model, caller: &Caller, more: Value) -> NewEvent {
    let mut payload = json!({
        "visit_id": row.visit_id, "wave_id": row.wave_id, "branch_id": row.branch_id, "chain_id": row.client_chain_id,
        "item_id": row.item_id, "state": row.state,
    });
    if let (Some(payload), Value::Object(more)) = (payload.as_object_mut(), more) {
        payload.extend(more);
    }
    NewEvent::new(kind, "appeal", row.id, caller.membership_id, payload)
}

/// The items of the score that counts that were asked.
async fn asked_items(write: &Write<'_>, visit: &visit::Model) -> Result<BTreeSet<String>, Failure> {
    #[derive(Deserialize)]
    struct Trace {
        items: Vec<Item>,
    }
    #[derive(Deserialize)]
    struct Item {
        id: String,
        status: String,
    }
    // What could not be made has no score, even if an earlier revision had one.
    if visit.outcome != Outcome::Completed {
        return Ok(BTreeSet::new());
    }
    let score = score_of(&write.tx, visit.firm_id, visit.id, visit.current_score_version).await?;
    let Some(score) = score else { return Ok(BTreeSet::new()) };
    let trace: Trace = serde_json::from_str(&score.result).map_err(Failure::internal)?;
    Ok(trace.items.into_iter().filter(|item| item.status != "hidden").map(|item| item.id).collect())
}

fn check_items(new: &NewAppeals, asked: &BTreeSet<String>) -> Result<(), Failure> {
    let (mut problems, mut seen) = (Vec::new(), BTreeSet::new());
    for (position, item) in new.items.iter().enumerate() {
        let mut add = |member: &str, code: &str, message: String| {
            problems.push(FieldProblem::new(format!("/items/{position}/{member}"), code, message));
        };
        if !asked.contains(&item.item_id) {
            add("item_id", "unknown_ref", "is not an item of this result".to_owned());
        } else if !seen.insert(&item.item_id) {
            add("item_id", "duplicate", "is appealed twice".to_owned());
        }
        if let Some((code, message)) = text_problem(&item.reason, TEXT_CHARS) {
            add("reason", code, message);
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::invalid(problems)) }
}

/// An appeal that the caller may see.
///
/// # Errors
///
/// 404 when there is none within reach.
pub async fn visible(app: &App, caller: &Caller, id: Uuid) -> Result<appeal::Model, Failure> {
    let found = store::by_id(app.db.reader(), caller.firm_id, branch_filter(caller), id).await?;
    found.ok_or_else(|| Failure::not_found("appeal"))
}

/// An appeal with its visit, both locked, if the caller reaches it.
///
/// # Errors
///
/// 404 when there is none within reach.
pub async fn locked(write: &Write<'_>, caller: &Caller, id: Uuid) -> Result<(appeal::Model, visit::Model), Failure> {
    let not_found = || Failure::not_found("appeal");
    let known = store::by_id(&write.tx, caller.firm_id, branch_filter(caller), id).await?.ok_or_else(not_found)?;
    let visit = lock_visits(&write.tx, caller.firm_id, &[known.visit_id]).await?.pop().ok_or_else(not_found)?;
    let row = store::lock(&write.tx, caller.firm_id, id).await?.ok_or_else(not_found)?;
    Ok((row, visit))
}

/// A page of the appeals that the caller sees, without those against visits that they are to score a second time.
///
/// # Errors
///
/// 400 `bad_cursor` when the cursor is not one of this list.
pub async fn list(app: &App, caller: &Caller, filter: &Filter, slice: &Slice) -> Result<Page<AppealView>, Failure> {
    let (db, reach) = (app.db.reader(), branch_filter(caller));
    let mut rows = store::list(db, caller.firm_id, reach, filter, slice.after()?, slice.limit + 1).await?;
    let limit = usize::try_from(slice.limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| has_more).map(|row| cursor(&row.id.to_string()));
    let unseen = blind::hidden(db, caller).await?;
    rows.retain(|row| !unseen.contains(&row.visit_id));
    Ok(Page { data: views(app, caller, rows).await?, next_cursor })
}

/// An appeal.
///
/// # Errors
///
/// As [`visible`], and 403 as [`blind::check`].
pub async fn get(app: &App, caller: &Caller, id: Uuid) -> Result<AppealView, Failure> {
    let row = visible(app, caller, id).await?;
    blind::check(app.db.reader(), caller, row.visit_id).await?;
    views(app, caller, vec![row]).await?.pop().ok_or_else(|| Failure::not_found("appeal"))
}

/// Appeals as the caller reads them.
async fn views(app: &App, caller: &Caller, rows: Vec<appeal::Model>) -> Result<Vec<AppealView>, Failure> {
    let (db, firm_id) = (app.db.reader(), caller.firm_id);
    let of = |id: fn(&appeal::Model) -> Uuid| rows.iter().map(id).collect::<BTreeSet<_>>().into_iter().collect();
    let (visit_ids, branch_ids): (Vec<_>, Vec<_>) = (of(|row| row.visit_id), of(|row| row.branch_id));
    let visits: BTreeMap<_, _> =
        visits_by_ids(db, firm_id, &visit_ids).await?.into_iter().map(|row| (row.id, row)).collect();
    let branches: BTreeMap<_, _> =
        branches_by_ids(db, firm_id, &branch_ids).await?.into_iter().map(|row| (row.id, row)).collect();
    let scores = lines::scores_for(db, firm_id, &rows).await?;
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut files: BTreeMap<Uuid, Vec<_>> = BTreeMap::new();
    for file in store::files_of(db, firm_id, &ids).await? {
        files.entry(file.appeal_id).or_default().push(file);
    }
    let own = match caller.reach {
        Reach::Firm => memberships_beside(db, firm_id, caller.membership_id).await?,
        Reach::Scope | Reach::Own => Vec::new(),
    };
    let judges = match caller.reach {
        Reach::Firm => decide::judges_of(db, firm_id, &rows, &visits).await?,
        Reach::Scope | Reach::Own => BTreeMap::new(),
    };
    let mut data = Vec::with_capacity(rows.len());
    for row in rows {
        let (Some(visit), Some(branch)) = (visits.get(&row.visit_id), branches.get(&row.branch_id)) else { continue };
        let files = files.remove(&row.id).unwrap_or_default();
        let can_decide = judges.get(&row.visit_id).map(|judges| may_decide(&row, visit, judges, &own).is_ok());
        let line = lines::line(&row, visit.public_id, branch, &scores);
        let mut view = view_of(row, caller, visit, branch, files);
        view.line = line;
        view.can_decide = can_decide.map(|may| may && view.line.state == AppealState::Open);
        data.push(view);
    }
    Ok(data)
}

/// An appeal as the caller reads it, without what it did to the score.
fn view_of(
    row: appeal::Model,
    caller: &Caller,
    visit: &visit::Model,
    branch: &branch::Model,
    files: Vec<appeal_file::Model>,
) -> AppealView {
    let is_firm = caller.reach == Reach::Firm;
    AppealView {
        line: lines::line(&row, visit.public_id, branch, &[]),
        wave_id: row.wave_id,
        branch_id: row.branch_id,
        is_mine: row.filed_by == caller.membership_id,
        files: files.into_iter().map(Into::into).collect(),
        visit_id: is_firm.then_some(row.visit_id),
        can_decide: None,
        filed_by: is_firm.then_some(row.filed_by),
        filed_at: is_firm.then_some(row.filed_at),
        decided_by: row.decided_by.filter(|_| is_firm),
        decided_at: row.decided_at.filter(|_| is_firm),
        reason: row.reason,
    }
}

/// Takes an appeal back.
///
/// # Errors
///
/// * 403 `not_yours` when somebody else filed it, and the caller does not read for the chain.
/// * 404 when there is no such appeal within reach.
/// * 409 `illegal_state` when it was decided or taken back.
pub async fn withdraw(app: &App, caller: &Caller, id: Uuid) -> Result<AppealView, Failure> {
    let mut write = Write::begin_by(app, caller).await?;
    let (mut row, _) = locked(&write, caller, id).await?;
    check_filer(caller, &row)?;
    row.state = after(APPEAL_MOVES, "appeal", row.state, "withdraw")?;
    row.decided_by = Some(caller.membership_id);
    row.decided_at = Some(app.clock.now());
    store::update(&write.tx, row.clone()).await?;
    write.event(fact("appeal.withdrawn", &row, caller, json!({})));
    write.commit().await?;
    get(app, caller, id).await
}

/// Whether an appeal is the caller's to change.
///
/// # Errors
///
/// 403 `not_yours` when somebody else filed it, and the caller does not read for the chain.
pub fn check_filer(caller: &Caller, row: &appeal::Model) -> Result<(), Failure> {
    if row.filed_by == caller.membership_id || caller.role == Role::ChainViewer {
        return Ok(());
    }
    let detail = "Somebody else filed this appeal. They or who reads for the chain can change it.";
    Err(Failure::new(Kind::Forbidden, "not_yours", detail))
}

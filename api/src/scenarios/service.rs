//! Rules of scenarios. A version never changes, so that what an auditor was told stays known.

use std::collections::BTreeMap;

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::canonical::canonical;
use crate::chains::service::begin_set_up_by;
use crate::entity::{assignment, scenario, visit};
use crate::events::types::NewEvent;
use crate::failure::Failure;
use crate::fieldwork::store::assignment_by_id;
use crate::http::conditions::{Condition, etag};
use crate::http::paging::{Page, Slice};
use crate::people::types::Caller;
use crate::scenarios::types::{AssignmentScenario, ScenarioBody, ScenarioView};
use crate::scenarios::{parse, store};
use crate::standards::check::is_id;
use crate::words::ScenarioChannel;
use crate::write::{Once, Write};

/// Adds a scenario, as its first version.
///
/// # Errors
///
/// * 422 naming everything wrong; an id that another scenario has is `duplicate`.
/// * As [`Once`] for a repeated key.
pub async fn create(app: &App, caller: &Caller, key: Option<String>, body: &Value) -> Result<String, Failure> {
    let once = Once::of(caller, "create_scenario", key, body)?;
    let mut write = begin_set_up_by(app, caller).await?;
    if let Some(answer) = once.answered(&write).await? {
        return Ok(answer);
    }
    let numbers: BTreeMap<_, _> = store::newest_numbers(&write.tx, caller.firm_id).await?.into_iter().collect();
    let (id, scenario) = parse::new_scenario(body, |id| numbers.contains_key(id)).map_err(Failure::invalid)?;
    let row = add(app, &mut write, caller, (id, 1), &scenario).await?;
    write.commit_once(&once, &ScenarioView::of(row)?).await
}

/// Gives a scenario another version. The same again changes nothing; assignments keep the version they were made with.
///
/// # Errors
///
/// * 404 when the firm has no such scenario.
/// * 412 when it was changed since the copy that the condition names.
/// * 422 naming everything wrong.
pub async fn put(
    app: &App,
    caller: &Caller,
    id: &str,
    condition: &Condition,
    body: &Value,
) -> Result<ScenarioView, Failure> {
    let mut write = begin_set_up_by(app, caller).await?;
    let newest = newest(&write.tx, caller.firm_id, id).await?;
    let stale = condition.check(Some(&etag(&newest.body_sha256))).err();
    let scenario = parse::changed(body, ScenarioBody::of(&newest)?.from_library).map_err(Failure::invalid);
    let scenario = match (stale, scenario) {
        // The same change again, whose first answer was lost.
        (_, Ok(scenario)) if canonical(&scenario)?.sha256 == newest.body_sha256 => return ScenarioView::of(newest),
        (Some(stale), _) => return Err(stale),
        (None, scenario) => scenario?,
    };
    let row = add(app, &mut write, caller, (newest.id, newest.version + 1), &scenario).await?;
    write.commit().await?;
    ScenarioView::of(row)
}

async fn add(
    app: &App,
    write: &mut Write<'_>,
    caller: &Caller,
    (id, version): (String, i32),
    scenario: &ScenarioBody,
) -> Result<scenario::Model, Failure> {
    let body = canonical(scenario)?;
    let row = scenario::Model {
        firm_id: caller.firm_id,
        id,
        version,
        body: body.text,
        body_sha256: body.sha256,
        created_at: app.clock.now(),
    };
    store::insert(&write.tx, row.clone()).await?;
    let kind = if version == 1 { "scenario.created" } else { "scenario.changed" };
    let payload = json!({"version": version, "sha256": row.body_sha256, "from_library": scenario.from_library});
    write.event(NewEvent::new(kind, "scenario", &row.id, caller.membership_id, payload));
    Ok(row)
}

/// A page of the firm's scenarios in their newest versions, by id; of one channel if it is named.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn list(
    app: &App,
    caller: &Caller,
    channel: Option<ScenarioChannel>,
    slice: &Slice,
) -> Result<Page<ScenarioView>, Failure> {
    let (db, firm_id) = (app.db.reader(), caller.firm_id);
    // Databases sort text differently, so they are sorted here.
    let newest: BTreeMap<_, _> = store::newest_numbers(db, firm_id).await?.into_iter().collect();
    let wanted = usize::try_from(slice.limit).unwrap_or(usize::MAX).saturating_add(1);
    let is_after = |id: &&str| slice.after.as_deref().is_none_or(|after| *id > after);
    let ids: Vec<_> = newest.keys().map(String::as_str).filter(is_after).collect();
    let mut views: Vec<ScenarioView> = Vec::new();
    for some in ids.chunks(wanted) {
        if views.len() >= wanted {
            break;
        }
        let rows = store::versions_of(db, firm_id, some).await?;
        let rows = rows.into_iter().filter(|row| newest.get(&row.id) == Some(&row.version));
        let mut found = rows.map(ScenarioView::of).collect::<Result<Vec<_>, _>>()?;
        found.retain(|view| channel.is_none_or(|channel| channel == view.channel));
        found.sort_by(|a, b| a.id.cmp(&b.id));
        views.extend(found);
    }
    Ok(slice.page(views, |view| view.id.clone(), |view| view))
}

/// A scenario in its newest version.
///
/// # Errors
///
/// 404 when the firm has none with this id.
pub async fn get(app: &App, caller: &Caller, id: &str) -> Result<ScenarioView, Failure> {
    ScenarioView::of(newest(app.db.reader(), caller.firm_id, id).await?)
}

/// A version of a scenario.
///
/// # Errors
///
/// 404 when the firm has none.
pub async fn version(app: &App, caller: &Caller, id: &str, version: i32) -> Result<ScenarioView, Failure> {
    // PostgreSQL refuses some characters that an address can hold.
    let row = match is_id(id) {
        true => store::version(app.db.reader(), caller.firm_id, id, version).await?,
        false => None,
    };
    ScenarioView::of(row.ok_or_else(not_found)?)
}

async fn newest(db: &impl ConnectionTrait, firm_id: Uuid, id: &str) -> Result<scenario::Model, Failure> {
    let row = if is_id(id) { store::newest(db, firm_id, id).await? } else { None };
    row.ok_or_else(not_found)
}

fn not_found() -> Failure {
    Failure::not_found("scenario")
}

/// The scenario that was played on a visit, in the version that its assignment was made with: what the reviewer looks
/// for, too.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn of_visit(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit: &visit::Model,
) -> Result<Option<ScenarioView>, Failure> {
    let Some(assignment) = assignment_by_id(db, firm_id, visit.assignment_id).await? else { return Ok(None) };
    let Some((id, number)) = pin(&assignment) else { return Ok(None) };
    store::version(db, firm_id, id, number).await?.map(ScenarioView::of).transpose()
}

/// The version that an assignment was made with.
fn pin(row: &assignment::Model) -> Option<(&str, i32)> {
    Some((row.scenario_id.as_deref()?, row.scenario_version?))
}

/// What there is to play on some assignments, by scenario and version.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn of_assignments(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    rows: &[assignment::Model],
) -> Result<BTreeMap<(String, i32), AssignmentScenario>, Failure> {
    let mut ids: Vec<_> = rows.iter().filter_map(pin).map(|(id, _)| id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut found = BTreeMap::new();
    for row in store::versions_of(db, firm_id, &ids).await? {
        found.insert((row.id.clone(), row.version), AssignmentScenario::of(row)?);
    }
    Ok(found)
}

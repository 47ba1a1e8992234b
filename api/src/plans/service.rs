//! The rules of action plans.

use chrono::Datelike;
use poem_openapi::types::MaybeUndefined;
use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::appeals;
use crate::chains;
use crate::entity::{action, branch, wave};
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem, Kind};
use crate::fieldwork::store::{wave_by_id, waves_of_chain};
use crate::http::conditions::{Condition, etag};
use crate::http::json::text_problem;
use crate::people::types::Caller;
use crate::plans::propose::{Pick, pick, repeats, revise};
use crate::plans::store;
use crate::plans::types::{ActionChange, ActionPlanView, ActionView};
use crate::reports::Lang;
use crate::reports::assemble::branch_pdf;
use crate::scorecards::figures::{StandardKey, by_standard};
use crate::scorecards::service::{branch_in_wave, chain_of, standards_of};
use crate::scorecards::store::{Within, lock_branch, sums};
use crate::scorecards::texts::Texts;
use crate::secrets::sha256_hex;
use crate::states::{ACTION_MOVES, towards};
use crate::visits::day::zone_of;
use crate::words::ActionState;
use crate::write::Write;

/// Longest name of an owner, in characters.
const OWNER_CHARS: usize = 200;
/// Longest reason for dropping an action, in characters.
const DROP_REASON_CHARS: usize = 1000;

/// Makes the plan of a branch and wave follow the totals, after a visit came in or went out.
///
/// The branch has to be locked by the caller, so that the totals hold still.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn propose(
    app: &App,
    write: &mut Write<'_>,
    actor_id: Uuid,
    branch_id: Uuid,
    wave_id: Uuid,
) -> Result<(), Failure> {
    let (firm_id, tx) = (write.firm_id, &write.tx);
    let totals = by_standard(sums(tx, firm_id, wave_id, &Within::Branches(vec![branch_id])).await?);
    let standards = standards_of(app, tx, firm_id, totals.keys()).await?;
    let stored = store::actions_of(tx, firm_id, branch_id, [wave_id]).await?;
    let now = app.clock.now();
    let begin = |pick: &Pick| action::Model {
        firm_id,
        // The branch sees it, and not when somebody published.
        id: app.ids.opaque(),
        branch_id,
        wave_id,
        standard_id: pick.standard.0.clone(),
        standard_version: pick.standard.1,
        item_id: pick.item_id.clone(),
        state: ActionState::Proposed,
        position: 0,
        critical: false,
        lost_ppm: 0,
        asked: 0,
        failed: 0,
        repeats: 0,
        owner: None,
        due_on: None,
        drop_reason: None,
        edit_number: 1,
        created_at: now,
        updated_at: now,
    };
    let picks = pick(&totals, &standards, &stored);
    let revision = revise(&totals, picks, stored, begin);
    let (added, changed, removed) = (revision.added.len(), revision.changed.len(), revision.removed.len());
    store::delete_actions(tx, firm_id, revision.removed).await?;
    for row in revision.changed {
        store::update_action(tx, edited(app, row)).await?;
    }
    store::insert_actions(tx, revision.added).await?;
    if added > 0 || removed > 0 {
        count_repeats(app, write, branch_id, wave_id).await?;
    }
    if added + changed + removed > 0 {
        let payload = json!({"wave_id": wave_id, "added": added, "changed": changed, "removed": removed});
        write.event(NewEvent::new("action_plan.proposed", "branch", branch_id, actor_id, payload));
    }
    Ok(())
}

/// Counts anew in which waves in a row an item was missed. Later waves follow too, so that the order of publishing
/// does not matter.
async fn count_repeats(app: &App, write: &Write<'_>, branch_id: Uuid, wave_id: Uuid) -> Result<(), Failure> {
    let (firm_id, tx) = (write.firm_id, &write.tx);
    let Some(wave) = wave_by_id(tx, firm_id, wave_id).await? else { return Ok(()) };
    let waves = waves_of_chain(tx, firm_id, wave.chain_id).await?;
    let newest_first = waves.iter().rev().filter(|other| other.kind == wave.kind);
    let waves: Vec<_> = newest_first.map(|wave| wave.id).collect();
    let actions = store::actions_of(tx, firm_id, branch_id, waves.iter().copied()).await?;
    for row in repeats(&actions, &waves) {
        store::update_action(tx, edited(app, row)).await?;
    }
    Ok(())
}

/// A changed action with its next entity tag: whoever changes it from an older copy has to read it again.
fn edited(app: &App, row: action::Model) -> action::Model {
    action::Model { edit_number: row.edit_number + 1, updated_at: app.clock.now(), ..row }
}

/// The plan of a branch.
///
/// # Errors
///
/// As [`branch_in_wave`].
pub async fn action_plan(
    app: &App,
    caller: &Caller,
    branch_id: Uuid,
    wave_id: Option<Uuid>,
    lang: Option<String>,
) -> Result<ActionPlanView, Failure> {
    let firm_id = caller.firm_id;
    let (branch, wave) = branch_in_wave(app, caller, branch_id, wave_id).await?;
    let chain = chain_of(app, firm_id, branch.chain_id).await?;
    let rows = store::actions_of(app.db.reader(), firm_id, branch.id, [wave.id]).await?;
    let lang = lang.unwrap_or(chain.locale);
    let actions = views(app, &branch, rows, &lang).await?;
    let appeals = appeals::lines::of_branch(app, &branch, wave.id).await?.into_iter().map(|(line, _)| line).collect();
    Ok(ActionPlanView { branch_id: branch.id, wave: (&wave).into(), lang, actions, appeals })
}

async fn views(
    app: &App,
    branch: &branch::Model,
    rows: Vec<action::Model>,
    lang: &str,
) -> Result<Vec<ActionView>, Failure> {
    let keys: Vec<StandardKey> = rows.iter().map(|row| (row.standard_id.clone(), row.standard_version)).collect();
    let standards = standards_of(app, app.db.reader(), branch.firm_id, keys.iter()).await?;
    let zone = zone_of(branch);
    let view = |(row, key)| Some(ActionView::new(row, &Texts::new(&standards.get(key)?.body, lang), zone));
    Ok(rows.into_iter().zip(&keys).filter_map(view).collect())
}

/// A plan as PDF.
#[derive(Debug)]
pub struct PlanPdf {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its entity tag.
    pub etag: String,
    /// The name to save it under.
    pub file_name: String,
}

/// The plan of a branch as PDF, with its scores.
///
/// # Errors
///
/// As [`action_plan`].
pub async fn action_plan_pdf(
    app: &App,
    caller: &Caller,
    branch_id: Uuid,
    wave_id: Option<Uuid>,
    lang: Option<String>,
) -> Result<PlanPdf, Failure> {
    let (branch, wave, lang) = choose_plan(app, caller, branch_id, wave_id, lang).await?;
    let bytes = branch_pdf(app, caller.firm_id, branch.id, wave.id, lang).await?;
    let file_name = format!("{} {} {lang}.pdf", branch.code, wave.name);
    Ok(PlanPdf { etag: etag(sha256_hex(&bytes)), bytes, file_name })
}

/// The branch, the wave and the language of a plan as PDF, where the wave or the language may be left open.
///
/// # Errors
///
/// As [`branch_in_wave`].
pub async fn choose_plan(
    app: &App,
    caller: &Caller,
    branch_id: Uuid,
    wave_id: Option<Uuid>,
    lang: Option<String>,
) -> Result<(branch::Model, wave::Model, Lang), Failure> {
    let (branch, wave) = branch_in_wave(app, caller, branch_id, wave_id).await?;
    let chain = chain_of(app, caller.firm_id, branch.chain_id).await?;
    // A chain may have a language in which there are standards and no reports.
    let lang = lang.unwrap_or(chain.locale).parse().unwrap_or(Lang::En);
    Ok((branch, wave, lang))
}

/// Changes an action.
///
/// # Errors
///
/// * 404 when the caller does not see its branch.
/// * 409 `illegal_state` when it cannot get the state asked for, 409 `only_measured` when no hand can set that state.
/// * 412 `stale` when it was changed from an old copy.
/// * 422 naming everything wrong with the change.
pub async fn update_action(
    app: &App,
    caller: &Caller,
    id: Uuid,
    condition: &Condition,
    change: ActionChange,
) -> Result<ActionView, Failure> {
    let firm_id = caller.firm_id;
    let not_found = || Failure::not_found("action");
    let row = store::action_by_id(app.db.reader(), firm_id, id).await?.ok_or_else(not_found)?;
    let branch = chains::service::visible_branch(app, caller, row.branch_id)
        .await
        .map_err(|failure| if failure.kind == Kind::NotFound { not_found() } else { failure })?;
    let mut write = Write::begin_by(app, caller).await?;
    // The plans of one branch are written by one at a time: a new proposal must not undo this change, nor meet it
    // halfway.
    lock_branch(&write.tx, firm_id, branch.id).await?;
    let stored = store::action_by_id(&write.tx, firm_id, id).await?.ok_or_else(not_found)?;
    condition.check(Some(&etag(stored.edit_number)))?;
    let mut row = changed(&stored, change)?;
    if row != stored {
        // The owner is a person: the history says that it changed, not to whom.
        let changes = [
            ("owner", row.owner != stored.owner),
            ("due_on", row.due_on != stored.due_on),
            ("state", row.state != stored.state),
            ("drop_reason", row.drop_reason != stored.drop_reason),
        ];
        let fields: Vec<_> = changes.iter().filter(|(_, changed)| *changed).map(|(name, _)| *name).collect();
        let payload = json!({"fields": fields, "from": stored.state, "to": row.state});
        write.event(NewEvent::new("action.updated", "action", id, caller.membership_id, payload));
        row = store::update_action(&write.tx, edited(app, row)).await?;
        if row.state != stored.state && ActionState::Dropped == row.state {
            count_repeats(app, &write, row.branch_id, row.wave_id).await?;
            // What comes next takes its place.
            propose(app, &mut write, caller.membership_id, row.branch_id, row.wave_id).await?;
            row = store::action_by_id(&write.tx, firm_id, id).await?.ok_or_else(not_found)?;
        }
        write.commit().await?;
    }
    let chain = chain_of(app, firm_id, branch.chain_id).await?;
    views(app, &branch, vec![row], &chain.locale).await?.pop().ok_or_else(not_found)
}

/// The action after a change, or everything wrong with the change.
fn changed(stored: &action::Model, change: ActionChange) -> Result<action::Model, Failure> {
    let mut problems = Vec::new();
    let mut add = |member: &str, code: &str, message: String| {
        problems.push(FieldProblem::new(format!("/{member}"), code, message));
    };
    let mut row = stored.clone();
    match change.owner {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => row.owner = None,
        MaybeUndefined::Value(owner) => match text_problem(&owner, OWNER_CHARS) {
            Some((code, message)) => add("owner", code, message),
            None => row.owner = Some(owner),
        },
    }
    match change.due_on {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => row.due_on = None,
        MaybeUndefined::Value(day) if (1970..=9999).contains(&day.year()) => row.due_on = Some(day),
        MaybeUndefined::Value(_) => add("due_on", "bad_date", "must be a day such as 2026-11-22".to_owned()),
    }
    let wanted = change.state.unwrap_or(stored.state);
    match change.drop_reason {
        Some(_) if wanted != ActionState::Dropped => {
            add("drop_reason", "not_allowed", "is only for dropping the action".to_owned());
        }
        Some(reason) => match text_problem(&reason, DROP_REASON_CHARS) {
            Some((code, message)) => add("drop_reason", code, message),
            None => row.drop_reason = Some(reason),
        },
        None if wanted == ActionState::Dropped && stored.drop_reason.is_none() => {
            add("drop_reason", "missing", "is required to drop an action".to_owned());
        }
        None => {}
    }
    if !problems.is_empty() {
        return Err(Failure::invalid(problems));
    }
    let is_measured = matches!(wanted, ActionState::Verified | ActionState::Reopened);
    if is_measured && wanted != stored.state {
        let detail = "Later visits verify an action or reopen it. Set it to done when the work is done.";
        return Err(Failure::conflict("only_measured", detail));
    }
    row.state = towards(ACTION_MOVES, "action", stored.state, wanted)?;
    Ok(row)
}

//! Rules of standards: what may be imported, what may change, and who sees which version.

use std::collections::BTreeSet;

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::access::sees_drafts;
use crate::app::App;
use crate::chains::service::{begin_set_up, begin_set_up_by, only_auditor, only_chain};
use crate::entity::{standard, standard_version};
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem};
use crate::http::json::Reader;
use crate::http::paging::{Page, Slice};
use crate::people::types::Caller;
use crate::standards::check::{Checked, check, is_id, title};
use crate::standards::store::{self, VersionRow};
use crate::standards::types::{StandardCheckView, StandardVersionView, StandardView, VersionLine};
use crate::states::{VERSION_MOVES, after};
use crate::words::{StandardKind, VersionState};
use crate::write::{Once, Write};

/// Says what is wrong with a standard file, and stores nothing.
///
/// # Errors
///
/// As [`check`].
pub fn check_file(file: &Value) -> Result<StandardCheckView, Failure> {
    let checked = check(file)?;
    Ok(StandardCheckView {
        standard_id: checked.id,
        version: checked.version,
        sha256: checked.canonical.sha256,
        items: checked.items,
        warnings: checked.warnings.into_iter().map(Into::into).collect(),
    })
}

/// Stores a standard file as a draft of its version. The same bytes again change nothing; other bytes replace a draft.
///
/// # Errors
///
/// * 409 `version_exists` when the version is no draft any more and has other bytes.
/// * As [`check`].
pub async fn import(
    app: &App,
    firm_id: Uuid,
    actor_id: Option<Uuid>,
    file: &Value,
) -> Result<StandardVersionView, Failure> {
    let checked = check(file)?;
    let mut write = begin_set_up(app, firm_id).await?;
    let view = store_draft(app, &mut write, actor_id, checked).await?;
    write.commit().await?;
    Ok(view)
}

/// [`import`] for a request that may be repeated.
///
/// # Errors
///
/// * As [`import`].
/// * As [`Once`] for a repeated key.
pub async fn import_once(app: &App, caller: &Caller, key: Option<String>, file: &Value) -> Result<String, Failure> {
    let once = Once::of(caller, "import_standard", key, file)?;
    let checked = check(file)?;
    let mut write = begin_set_up_by(app, caller).await?;
    if let Some(answer) = once.answered(&write).await? {
        return Ok(answer);
    }
    let view = store_draft(app, &mut write, Some(caller.membership_id), checked).await?;
    write.commit_once(&once, &view).await
}

async fn store_draft(
    app: &App,
    write: &mut Write<'_>,
    actor_id: Option<Uuid>,
    checked: Checked,
) -> Result<StandardVersionView, Failure> {
    let there = store::version(&write.tx, write.firm_id, &checked.id, checked.version).await?;
    let kind = match there {
        Some(there) if there.body_sha256 == checked.canonical.sha256 => return Ok(view(checked, there.state)),
        Some(there) if there.state == VersionState::Draft => {
            store::replace_draft(&write.tx, draft_row(app, write.firm_id, &checked)).await?;
            "standard.draft_replaced"
        }
        Some(there) => return Err(version_exists(&there)),
        None => {
            add_draft(app, write, &checked).await?;
            "standard.imported"
        }
    };
    write.event(version_event(kind, actor_id, &checked));
    Ok(view(checked, VersionState::Draft))
}

/// Adds a version as a draft, and its standard unless the firm has it.
pub async fn add_draft(app: &App, write: &Write<'_>, checked: &Checked) -> Result<(), Failure> {
    let row = draft_row(app, write.firm_id, checked);
    let (firm_id, id, created_at) = (row.firm_id, row.standard_id.clone(), row.created_at);
    let standard = standard::Model { firm_id, id, kind: StandardKind::Audit, created_at };
    store::ensure_standard(&write.tx, standard).await?;
    Ok(store::insert_version(&write.tx, row).await?)
}

fn draft_row(app: &App, firm_id: Uuid, checked: &Checked) -> standard_version::Model {
    standard_version::Model {
        firm_id,
        standard_id: checked.id.clone(),
        version: checked.version,
        state: VersionState::Draft,
        body: checked.canonical.text.clone(),
        body_sha256: checked.canonical.sha256.clone(),
        created_at: app.clock.now(),
        published_at: None,
    }
}

fn version_exists(there: &standard_version::Model) -> Failure {
    let detail = format!(
        "Version {} of {} is {} and never changes. Number the changed standard as the next version.",
        there.version, there.standard_id, there.state
    );
    Failure::conflict("version_exists", detail)
}

/// Publishes a version, which from then on never changes; for the operator without a caller.
///
/// # Errors
///
/// * 404 when the firm has no such version.
/// * 409 `illegal_state` when it is no draft.
/// * As [`check`], when the rules became stricter since the import.
pub async fn publish(
    app: &App,
    firm_id: Uuid,
    caller: Option<&Caller>,
    standard_id: &str,
    version: i32,
) -> Result<StandardVersionView, Failure> {
    let mut write = match caller {
        Some(caller) => begin_set_up_by(app, caller).await?,
        None => begin_set_up(app, firm_id).await?,
    };
    let actor_id = caller.map(|caller| caller.membership_id);
    let row = stored(&write.tx, firm_id, standard_id, version).await?;
    let state = after(VERSION_MOVES, "version", row.state, "publish")?;
    let checked = check(&serde_json::from_str(&row.body).map_err(Failure::internal)?)?;
    store::set_version_state(&write.tx, &row, state, Some(app.clock.now())).await?;
    write.event(version_event("standard.published", actor_id, &checked));
    write.commit().await?;
    Ok(view(checked, state))
}

/// The version named in a request to publish.
///
/// # Errors
///
/// 422 naming everything wrong with the body.
pub fn version_to_publish(body: &Value) -> Result<i32, Failure> {
    let mut reader = Reader::new(body, "");
    let number = reader.value("version").and_then(|_| reader.optional_integer("version", 1, i32::MAX.into()));
    let problems: Vec<FieldProblem> = reader.finish();
    match number.and_then(|number| i32::try_from(number).ok()) {
        Some(version) if problems.is_empty() => Ok(version),
        _ => Err(Failure::invalid(problems)),
    }
}

fn version_event(kind: &'static str, actor_id: Option<Uuid>, checked: &Checked) -> NewEvent {
    let payload = json!({"version": checked.version, "sha256": checked.canonical.sha256});
    let event = NewEvent::by_system(kind, "standard", &checked.id, payload);
    NewEvent { actor_id, ..event }
}

/// What is told of a version.
pub fn view(checked: Checked, state: VersionState) -> StandardVersionView {
    StandardVersionView {
        standard_id: checked.id,
        version: checked.version,
        state,
        title: checked.title,
        sha256: checked.canonical.sha256,
        items: checked.items,
        warnings: checked.warnings.into_iter().map(Into::into).collect(),
    }
}

/// One version with its document, if the caller sees it: the firm's staff see drafts, auditors see what they visit
/// by, or could, and a chain's people see what their chain was visited by.
///
/// # Errors
///
/// 404 when there is none, or it is another firm's, or beyond the caller's scope.
pub async fn visible_version(
    app: &App,
    caller: &Caller,
    standard_id: &str,
    version: i32,
) -> Result<standard_version::Model, Failure> {
    let db = app.db.reader();
    let row = stored(db, caller.firm_id, standard_id, version).await?;
    if row.state == VersionState::Draft && !sees_drafts(caller.role) {
        return Err(not_found());
    }
    let seen = seen_versions(app, caller, Some((standard_id, version))).await?;
    if seen.is_some_and(|seen| seen.is_empty()) {
        return Err(not_found());
    }
    Ok(row)
}

/// The versions that a limited role sees, or one of them if it is named; `None` for roles that see all of the firm's.
async fn seen_versions(
    app: &App,
    caller: &Caller,
    only: Option<(&str, i32)>,
) -> Result<Option<BTreeSet<(String, i32)>>, Failure> {
    let (db, firm_id) = (app.db.reader(), caller.firm_id);
    let seen = match (only_chain(caller), only_auditor(caller)) {
        (Some(chain_id), _) => store::versions_in_chain(db, firm_id, chain_id, only).await?,
        (None, Some(auditor_id)) => store::versions_of_auditor(db, firm_id, auditor_id, only).await?,
        (None, None) => return Ok(None),
    };
    Ok(Some(seen.into_iter().collect()))
}

/// A version of the firm's, whoever sees it.
pub async fn stored(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    standard_id: &str,
    version: i32,
) -> Result<standard_version::Model, Failure> {
    // PostgreSQL refuses some characters that an address can hold.
    if !is_id(standard_id) {
        return Err(not_found());
    }
    store::version(db, firm_id, standard_id, version).await?.ok_or_else(not_found)
}

fn not_found() -> Failure {
    Failure::not_found("version of a standard")
}

/// A page of the standards that the caller sees, by id.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn list(app: &App, caller: &Caller, slice: &Slice) -> Result<Page<StandardView>, Failure> {
    let db = app.db.reader();
    let seen = seen_versions(app, caller, None).await?;
    let is_seen = |row: &VersionRow| {
        (row.state != VersionState::Draft || sees_drafts(caller.role))
            && seen.as_ref().is_none_or(|seen| seen.contains(&(row.standard_id.clone(), row.version)))
    };
    // A firm has few standards and databases sort text differently, so they are sorted here.
    let mut standards = store::standards(db, caller.firm_id).await?;
    standards.retain(|row| slice.after.as_ref().is_none_or(|after| row.id > *after));
    standards.sort_by(|a, b| a.id.cmp(&b.id));
    let ids: Vec<_> = standards.iter().map(|row| row.id.as_str()).collect();
    let mut versions = store::versions_of(db, caller.firm_id, &ids).await?;
    versions.retain(is_seen);
    standards.retain(|standard| versions.iter().any(|row| row.standard_id == standard.id));
    let shown = usize::try_from(slice.limit).unwrap_or(usize::MAX).saturating_add(1);
    standards.truncate(shown);
    let mut views = Vec::with_capacity(standards.len());
    for standard in standards {
        let own: Vec<_> = versions.iter().filter(|row| row.standard_id == standard.id).collect();
        let newest = own.last().map_or(0, |row| row.version);
        let body = store::version(db, caller.firm_id, &standard.id, newest).await?.map(|row| row.body);
        let body: Value = body.and_then(|body| serde_json::from_str(&body).ok()).unwrap_or_default();
        views.push(StandardView {
            id: standard.id,
            kind: standard.kind,
            title: title(&body),
            created_at: standard.created_at,
            versions: own.into_iter().map(line).collect(),
        });
    }
    Ok(slice.page(views, |view| view.id.clone(), |view| view))
}

fn line(row: &VersionRow) -> VersionLine {
    VersionLine {
        version: row.version,
        state: row.state,
        sha256: row.body_sha256.clone(),
        created_at: row.created_at,
        published_at: row.published_at,
    }
}

//! Rules of versions in the making, and of their end. A draft is changed from the copy that its maker read, and never to
//! something that could not be published.

use serde_json::{Value, json};

use crate::app::App;
use crate::chains::service::begin_set_up_by;
use crate::entity::standard_version;
use crate::events::types::NewEvent;
use crate::failure::Failure;
use crate::http::conditions::{Condition, etag};
use crate::http::json::Reader;
use crate::people::types::Caller;
use crate::standards::check::{Checked, check, is_id, title};
use crate::standards::service::{add_draft, stored, view};
use crate::standards::types::{StandardVersionView, VersionComparison};
use crate::standards::{compare, draft, service, store};
use crate::states::{VERSION_MOVES, after};
use crate::words::VersionState;
use crate::write::Once;

/// Which draft is changed, and from which copy of it.
#[derive(Debug)]
pub struct Target<'a> {
    /// The standard.
    pub standard_id: &'a str,
    /// The version.
    pub version: i32,
    /// What its current entity tag must be.
    pub condition: Condition,
}

/// Gives a draft another document.
///
/// # Errors
///
/// * 404 when the firm has no such version.
/// * 409 `illegal_state` when it is no draft.
/// * 412 when it was changed since the copy that the condition names, to something else than this.
/// * As [`draft::whole`].
pub async fn put(
    app: &App,
    caller: &Caller,
    target: &Target<'_>,
    file: &Value,
) -> Result<StandardVersionView, Failure> {
    let make = |_| draft::whole(file, target.standard_id, target.version);
    change(app, caller, target, ("standard.draft_replaced", json!({})), make).await
}

/// Changes members of a draft, those of the standard itself.
///
/// # Errors
///
/// As [`put`], and [`draft::with_members`].
pub async fn update(
    app: &App,
    caller: &Caller,
    target: &Target<'_>,
    body: &Value,
) -> Result<StandardVersionView, Failure> {
    let named = body.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let members: Vec<_> = named.map(|(name, _)| name.as_str()).collect();
    let make = |stored| draft::with_members(stored, body);
    change(app, caller, target, ("standard.draft_changed", json!({"members": members})), make).await
}

/// Adds an item to a draft, or replaces or moves it.
///
/// # Errors
///
/// As [`put`], and [`draft::with_item`].
pub async fn put_item(
    app: &App,
    caller: &Caller,
    target: &Target<'_>,
    item_id: &str,
    before: Option<&str>,
    body: &Value,
) -> Result<StandardVersionView, Failure> {
    let facts = json!({"item_id": item_id, "from_bank": body["from_bank"]});
    let make = |stored| draft::with_item(stored, item_id, before, body);
    change(app, caller, target, ("standard.item_put", facts), make).await
}

/// Removes an item from a draft.
///
/// # Errors
///
/// As [`put`], and [`draft::without_item`].
pub async fn delete_item(
    app: &App,
    caller: &Caller,
    target: &Target<'_>,
    item_id: &str,
) -> Result<StandardVersionView, Failure> {
    let make = |stored| draft::without_item(stored, item_id);
    change(app, caller, target, ("standard.item_removed", json!({"item_id": item_id})), make).await
}

async fn change(
    app: &App,
    caller: &Caller,
    target: &Target<'_>,
    (kind, mut facts): (&'static str, Value),
    make: impl FnOnce(Value) -> Result<Checked, Failure> + Send,
) -> Result<StandardVersionView, Failure> {
    let mut write = begin_set_up_by(app, caller).await?;
    let row = stored(&write.tx, caller.firm_id, target.standard_id, target.version).await?;
    let state = after(VERSION_MOVES, "version", row.state, "edit")?;
    let stale = target.condition.check(Some(&etag(&row.body_sha256))).err();
    let made = make(serde_json::from_str(&row.body).map_err(Failure::internal)?);
    let checked = match (stale, made) {
        // The same change again, whose first answer was lost.
        (_, Ok(checked)) if checked.canonical.sha256 == row.body_sha256 => return Ok(view(checked, state)),
        (Some(stale), _) => return Err(stale),
        (None, made) => made?,
    };
    let (body, body_sha256) = (checked.canonical.text.clone(), checked.canonical.sha256.clone());
    (facts["version"], facts["sha256"]) = (json!(row.version), json!(body_sha256));
    write.event(NewEvent::new(kind, "standard", &row.standard_id, caller.membership_id, facts));
    store::replace_draft(&write.tx, standard_version::Model { body, body_sha256, ..row }).await?;
    write.commit().await?;
    Ok(view(checked, state))
}

/// Makes a draft from a version in whatever state, of the same standard or another.
///
/// # Errors
///
/// * 404 when the firm has no such version.
/// * 409 `version_exists` when the copy's version is there already.
/// * 422 naming everything wrong.
/// * As [`Once`] for a repeated key.
pub async fn copy(
    app: &App,
    caller: &Caller,
    key: Option<String>,
    (standard_id, version): (&str, i32),
    body: &Value,
) -> Result<String, Failure> {
    let of = json!({"standard_id": standard_id, "version": version});
    let once = Once::of(caller, "copy_standard_version", key, &json!({"of": of, "body": body}))?;
    let mut write = begin_set_up_by(app, caller).await?;
    if let Some(answer) = once.answered(&write).await? {
        return Ok(answer);
    }
    let row = stored(&write.tx, caller.firm_id, standard_id, version).await?;
    let (id, number) = named(body, standard_id)?;
    let mut file: Value = serde_json::from_str(&row.body).map_err(Failure::internal)?;
    (file["id"], file["version"]) = (json!(id), json!(number));
    let checked = check(&file)?;
    if let Some(there) = store::version(&write.tx, caller.firm_id, &id, number).await? {
        let detail = format!("Version {number} of {id} is there already, as {}. Choose another number.", there.state);
        return Err(Failure::conflict("version_exists", detail));
    }
    add_draft(app, &write, &checked).await?;
    let facts = json!({"version": number, "sha256": checked.canonical.sha256, "from": of});
    write.event(NewEvent::new("standard.copied", "standard", &id, caller.membership_id, facts));
    write.commit_once(&once, &view(checked, VersionState::Draft)).await
}

/// What a copy is to be called.
fn named(body: &Value, standard_id: &str) -> Result<(String, i32), Failure> {
    let mut reader = Reader::new(body, "");
    let id = reader.optional_text("id", 64).unwrap_or_else(|| standard_id.to_owned());
    if !is_id(&id) {
        let message = "must start with a letter or _, and go on with letters, digits, dot, _ or -";
        reader.problem("id", "bad_id", message);
    }
    let number = reader.value("version").and_then(|_| reader.optional_integer("version", 1, i32::MAX.into()));
    let problems = reader.finish();
    match number.and_then(|number| i32::try_from(number).ok()) {
        Some(number) if problems.is_empty() => Ok((id, number)),
        _ => Err(Failure::invalid(problems)),
    }
}

/// Ends the use of a version: it takes no new assignments. Those that are there go on, and so do their visits.
///
/// # Errors
///
/// * 404 when the firm has no such version.
/// * 409 `illegal_state` when it is not published.
pub async fn retire(
    app: &App,
    caller: &Caller,
    standard_id: &str,
    version: i32,
) -> Result<StandardVersionView, Failure> {
    let mut write = begin_set_up_by(app, caller).await?;
    let row = stored(&write.tx, caller.firm_id, standard_id, version).await?;
    let state = after(VERSION_MOVES, "version", row.state, "retire")?;
    store::set_version_state(&write.tx, &row, state, row.published_at).await?;
    let facts = json!({"version": version, "sha256": row.body_sha256});
    write.event(NewEvent::new("standard.retired", "standard", standard_id, caller.membership_id, facts));
    write.commit().await?;
    // What was published under older rules may be retired under newer ones: it is not checked again.
    let file: Value = serde_json::from_str(&row.body).map_err(Failure::internal)?;
    Ok(StandardVersionView {
        title: title(&file),
        items: file["items"].as_array().map_or(0, Vec::len),
        standard_id: row.standard_id,
        version,
        state,
        sha256: row.body_sha256,
        warnings: Vec::new(),
    })
}

/// What differs between two versions that the caller sees.
///
/// # Errors
///
/// 404 when one of them is not there for the caller.
pub async fn compare(
    app: &App,
    caller: &Caller,
    standard_id: &str,
    from: i32,
    to: i32,
) -> Result<VersionComparison, Failure> {
    let (from, to) = (
        service::visible_version(app, caller, standard_id, from).await?,
        service::visible_version(app, caller, standard_id, to).await?,
    );
    let read = |row: standard_version::Model| serde_json::from_str::<Value>(&row.body).map_err(Failure::internal);
    Ok(compare::compare(&read(from)?, &read(to)?))
}

//! Making, recognising and revoking API keys.

use std::sync::Arc;

use chrono::{DateTime, Days, Duration, NaiveTime, Utc};
use sea_orm::DatabaseTransaction;
use serde_json::json;
use uuid::Uuid;

use crate::access::{Reach, Right, may_be_granted, needs_second_factor};
use crate::account;
use crate::apikeys::store;
use crate::apikeys::types::{ApiKeyView, MadeApiKey, NewApiKey};
use crate::app::App;
use crate::chains::service::begin_set_up_by;
use crate::clock::Stopwatch;
use crate::entity::api_key;
use crate::events::store::lock_head;
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem};
use crate::http::json::text_problem;
use crate::http::problem::auth_failure;
use crate::people::store::membership_by_id;
use crate::people::types::{Caller, Membership, SignedIn};
use crate::secrets::{TokenKind, token_sha256};
use crate::sessions;
use crate::sessions::types::Origin;
use crate::words::{MembershipState, Role};
use crate::write::Write;

/// Days that a key may last.
const LASTS_DAYS: u64 = 365;
/// Live keys of one membership.
const LIVE_MAX: u64 = 20;
/// How exactly it is known when a key was last used.
const USE_NOTED_EVERY: Duration = Duration::minutes(1);

/// The membership that a key acts under, with what the key was given.
///
/// # Errors
///
/// 401 when the key is unknown, revoked or too old, or its membership is not active.
pub async fn signed_in(app: &Arc<App>, key: &str) -> Result<SignedIn, Failure> {
    if !TokenKind::ApiKey.is_token(key) {
        return Err(auth_failure());
    }
    let row = store::key_by_hash(app.db.reader(), &token_sha256(key)).await?.ok_or_else(auth_failure)?;
    let now = app.clock.now();
    if row.revoked_at.is_some() || row.expires_at <= now {
        return Err(auth_failure());
    }
    if row.used_at.is_none_or(|at| at <= now - USE_NOTED_EVERY) {
        let (app, firm_id, id) = (app.clone(), row.firm_id, row.id);
        tokio::spawn(async move {
            if let Err(failure) = note_use(&app, firm_id, id, now).await {
                tracing::warn!(%failure, "the use of an API key could not be noted");
            }
        });
    }
    let membership = Membership {
        id: row.membership_id,
        firm_id: row.firm_id,
        role: row.role,
        scope: serde_json::from_str(&row.scope).unwrap_or_default(),
        is_signed_out: false,
        // Whoever made it may have shown none: before the firm demanded one, or in a role that needs none.
        lacks_second_factor: row.require_totp && needs_second_factor(row.role) && !row.second_factor,
    };
    Ok(SignedIn {
        user_id: row.user_id,
        session_id: row.id,
        chosen: Some(row.membership_id),
        memberships: vec![membership],
        granted: Some(rights(&row.rights)),
        began: Stopwatch::start(),
    })
}

async fn note_use(app: &App, firm_id: Uuid, id: Uuid, now: DateTime<Utc>) -> Result<(), Failure> {
    let tx = app.db.begin().await?;
    store::note_use(&tx, firm_id, id, now, now - USE_NOTED_EVERY).await?;
    tx.commit().await?;
    Ok(())
}

fn rights(text: &str) -> Vec<Right> {
    serde_json::from_str(text).unwrap_or_default()
}

/// Makes a key for the caller's own membership. It takes what a sign-in takes, so that a stolen session makes none.
///
/// # Errors
///
/// * 401 when the session has ended meanwhile.
/// * 409 `too_many_keys` when the membership has twenty live keys.
/// * 422 naming everything wrong with the name, the rights and the day; then, when the password or the code is wrong.
/// * 429 `too_many_attempts` after too many wrong ones, 503 `busy` when too many sign in at once.
pub async fn create(
    app: &App,
    person: &SignedIn,
    caller: &Caller,
    new: NewApiKey,
    origin: &Origin,
) -> Result<MadeApiKey, Failure> {
    let now = app.clock.now();
    let problems = problems_of(caller.role, &new, now);
    if !problems.is_empty() {
        return Err(Failure::invalid(problems));
    }
    let shown = account::service::shown(app, person, &new.password, "/password", origin).await?;
    let after = new.expires_on.checked_add_days(Days::new(1)).unwrap_or(new.expires_on);
    let mut granted = Vec::new();
    for right in new.rights {
        if !granted.contains(&right) {
            granted.push(right);
        }
    }
    let key = TokenKind::ApiKey.new_token();
    let mut row = api_key::Model {
        firm_id: caller.firm_id,
        id: app.ids.next(),
        membership_id: caller.membership_id,
        name: new.name,
        key_sha256: token_sha256(&key),
        rights: serde_json::to_string(&granted).map_err(Failure::internal)?,
        second_factor: false,
        created_at: now,
        expires_at: after.and_time(NaiveTime::MIN).and_utc(),
        used_at: None,
        revoked_at: None,
    };
    let mut write = Write::begin_by(app, caller).await?;
    let code = new.code.as_ref().map(|code| code.as_str());
    row.second_factor = account::service::hold_with_code(app, &write.tx, &shown, code).await?;
    lock_head(&write.tx, caller.firm_id).await?;
    // Whatever ends keys has ended the session too; none is made behind its back.
    let row_of = membership_by_id(&write.tx, caller.firm_id, caller.membership_id).await?.ok_or_else(auth_failure)?;
    let is_live = sessions::store::is_live(&write.tx, person.session_id, row_of.sessions_after).await?;
    if row_of.state != MembershipState::Active || !is_live {
        return Err(auth_failure());
    }
    if store::count_live(&write.tx, caller.firm_id, caller.membership_id, now).await? >= LIVE_MAX {
        let detail = format!("There are {LIVE_MAX} keys already. Revoke one that is not needed any more.");
        return Err(Failure::conflict("too_many_keys", detail));
    }
    store::insert(&write.tx, row.clone()).await?;
    let payload = json!({"rights": granted, "expires_at": row.expires_at});
    write.event(NewEvent::new("api_key.created", "api_key", row.id, caller.membership_id, payload).log_only());
    write.commit().await?;
    Ok(MadeApiKey { key, view: view(row) })
}

fn problems_of(role: Role, new: &NewApiKey, now: DateTime<Utc>) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if let Some((code, message)) = text_problem(&new.name, 200) {
        problems.push(FieldProblem::new("/name", code, message));
    }
    for (position, right) in new.rights.iter().enumerate() {
        if !may_be_granted(role, *right) {
            let message = format!("cannot be given to a key of the role {role}");
            problems.push(FieldProblem::new(format!("/rights/{position}"), "not_allowed", message));
        }
    }
    let today = now.date_naive();
    let last = today.checked_add_days(Days::new(LASTS_DAYS)).unwrap_or(today);
    if new.expires_on < today || new.expires_on > last {
        let message = format!("is a day from today to {last}");
        problems.push(FieldProblem::new("/expires_on", "out_of_range", message));
    }
    problems
}

/// Revokes a key: one's own, or as a firm admin any of the firm's.
///
/// # Errors
///
/// 404 when there is no such key to revoke.
pub async fn revoke(app: &App, caller: &Caller, id: Uuid) -> Result<(), Failure> {
    let mut write = begin_set_up_by(app, caller).await?;
    if !store::revoke(&write.tx, caller.firm_id, own_unless_admin(caller), id, app.clock.now()).await? {
        return Err(Failure::not_found("API key"));
    }
    write.event(NewEvent::new("api_key.revoked", "api_key", id, caller.membership_id, json!({})).log_only());
    write.commit().await
}

/// Revokes all keys of a membership, whose firm's head is locked, and gives the facts to be written.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn revoke_all(
    app: &App,
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    membership_id: Uuid,
    actor_id: Uuid,
    reason: &'static str,
) -> Result<Vec<NewEvent>, Failure> {
    let ids = store::revoke_all(tx, firm_id, membership_id, app.clock.now()).await?;
    let event = |id| NewEvent::new("api_key.revoked", "api_key", id, actor_id, json!({"reason": reason})).log_only();
    Ok(ids.into_iter().map(event).collect())
}

/// The membership whose keys the caller sees; none means all of the firm.
pub fn own_unless_admin(caller: &Caller) -> Option<Uuid> {
    (caller.reach == Reach::Own).then_some(caller.membership_id)
}

/// How a key is shown.
pub fn view(row: api_key::Model) -> ApiKeyView {
    ApiKeyView {
        id: row.id,
        rights: rights(&row.rights),
        name: row.name,
        membership_id: row.membership_id,
        created_at: row.created_at,
        expires_at: row.expires_at,
        last_used_at: row.used_at,
        revoked_at: row.revoked_at,
    }
}

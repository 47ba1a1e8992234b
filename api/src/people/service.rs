//! Signing in and out, and adding firms and people.

use chrono::Duration;
use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::canonical::canonical;
use crate::chains;
use crate::entity::{credential, firm, membership, session, user};
use crate::events::store::insert_head;
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem, Kind};
use crate::http::json::text_problem;
use crate::http::problem::auth_failure;
use crate::people::types::{
    Caller, MeView, Membership, MembershipView, NewUser, Scope, SessionView, SignIn, SignedIn, UserView,
};
use crate::people::{passwords, store};
use crate::secrets::{new_token, token_sha256};
use crate::words::{CredentialKind, MembershipState, Role};
use crate::write::{Once, Write};

/// How long an access token lasts.
const ACCESS_LASTS: Duration = Duration::hours(12);

/// The person of an access token.
///
/// # Errors
///
/// 401 when the token is unknown, ended or too old.
pub async fn signed_in(app: &App, token: &str, chosen: Option<Uuid>) -> Result<SignedIn, Failure> {
    let rows = store::session_by_token(app.db.reader(), &token_sha256(token)).await?;
    let Some(first) = rows.first() else { return Err(auth_failure()) };
    if first.ended_at.is_some() || first.access_expires_at <= app.clock.now() {
        return Err(auth_failure());
    }
    let (user_id, session_id) = (first.user_id, first.session_id);
    let chosen = chosen.or(first.session_membership_id);
    let memberships = rows.into_iter().filter_map(|row| {
        let scope = serde_json::from_str(&row.scope?).unwrap_or_default();
        Some(Membership { id: row.membership_id?, firm_id: row.firm_id?, role: row.role?, scope })
    });
    Ok(SignedIn { user_id, session_id, chosen, memberships: memberships.collect() })
}

/// Signs in.
///
/// # Errors
///
/// * 401 `wrong_sign_in` for an unknown address and for a wrong password alike, after the same work.
/// * 422 when the membership named is not one of the person's.
pub async fn sign_in(app: &App, request: SignIn) -> Result<SessionView, Failure> {
    let email = request.email.trim().to_lowercase();
    let user = store::user_by_email(app.db.reader(), &email).await?;
    let stored = match &user {
        Some(user) => store::password_hash(app.db.reader(), user.id).await?,
        None => None,
    };
    let fits = passwords::verify(request.password.0, stored).await?;
    let Some(user) = user.filter(|_| fits) else {
        return Err(Failure::new(
            Kind::Unauthenticated,
            "wrong_sign_in",
            "The e-mail address or the password is wrong.",
        ));
    };
    let memberships = membership_views(app, user.id).await?;
    if let Some(id) = request.membership_id
        && !memberships.iter().any(|m| m.membership_id == id)
    {
        let problem = FieldProblem::new("/membership_id", "unknown_ref", "is not one of your memberships");
        return Err(Failure::invalid(vec![problem]));
    }
    let now = app.clock.now();
    let access_token = new_token("pgl_at");
    let session_id = app.ids.next();
    let row = session::Model {
        id: session_id,
        family_id: session_id,
        user_id: user.id,
        membership_id: request.membership_id,
        access_sha256: token_sha256(&access_token),
        refresh_sha256: None,
        created_at: now,
        access_expires_at: now + ACCESS_LASTS,
        refresh_expires_at: None,
        ended_at: None,
    };
    let tx = app.db.begin().await?;
    store::insert_session(&tx, row).await?;
    tx.commit().await?;
    Ok(SessionView { access_token, expires_in: ACCESS_LASTS.num_seconds(), session_id, memberships })
}

/// Signs out. Doing it again changes nothing.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn sign_out(app: &App, signed_in: &SignedIn) -> Result<(), Failure> {
    let tx = app.db.begin().await?;
    store::end_session(&tx, signed_in.session_id, app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// Who is signed in, and under which memberships they can act.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn me(app: &App, signed_in: &SignedIn) -> Result<MeView, Failure> {
    let user = store::user_by_id(app.db.reader(), signed_in.user_id).await?.ok_or_else(auth_failure)?;
    Ok(MeView {
        user_id: user.id,
        email: user.email,
        name: user.name,
        locale: user.locale,
        membership_id: signed_in.caller().ok().map(|caller| caller.membership_id),
        memberships: membership_views(app, user.id).await?,
    })
}

async fn membership_views(app: &App, user_id: Uuid) -> Result<Vec<MembershipView>, Failure> {
    let rows = store::memberships_of(app.db.reader(), user_id).await?;
    let view = |(row, firm_name): (membership::Model, String)| MembershipView {
        membership_id: row.id,
        firm_id: row.firm_id,
        firm_name,
        role: row.role,
        scope: serde_json::from_str(&row.scope).unwrap_or_default(),
    };
    Ok(rows.into_iter().map(view).collect())
}

/// Adds a firm.
///
/// # Errors
///
/// 409 `code_taken` when a firm has this code, 422 when the name or code is not usable.
pub async fn add_firm(app: &App, code: &str, name: &str) -> Result<firm::Model, Failure> {
    let mut problems = Vec::new();
    for (pointer, text, max) in [("/code", code, 64), ("/name", name, 200)] {
        if let Some((code, message)) = text_problem(text, max) {
            problems.push(FieldProblem::new(pointer, code, message));
        }
    }
    if !problems.is_empty() {
        return Err(Failure::invalid(problems));
    }
    if store::list_firms(app.db.reader()).await?.iter().any(|firm| firm.code == code) {
        return Err(Failure::conflict("code_taken", format!("There is already a firm with the code {code}.")));
    }
    let id = app.ids.next();
    let firm = firm::Model { id, code: code.to_owned(), name: name.to_owned(), created_at: app.clock.now() };
    let mut write = Write::begin(app, id).await?;
    store::insert_firm(&write.tx, firm.clone()).await?;
    insert_head(&write.tx, id).await?;
    write.event(NewEvent::by_system("firm.created", "firm", id, json!({"code": code, "name": name})).log_only());
    write.commit().await?;
    Ok(firm)
}

/// Adds somebody to the caller's firm.
///
/// # Errors
///
/// As [`add_member`].
pub async fn create_user(app: &App, caller: &Caller, key: Option<String>, new: NewUser) -> Result<String, Failure> {
    let fingerprint = json!({"email": new.email, "name": new.name, "role": new.role, "scope": new.scope});
    let once = Once::of(caller, "create_user", key, &fingerprint)?;
    add_member(app, caller.firm_id, Some((caller, &once)), new).await
}

/// Adds somebody to a firm. An address that is new to the installation gets the password given; a person who already
/// is somebody here keeps their own, and the membership waits for them to accept it. The answer is the same.
///
/// # Errors
///
/// * 409 `already_member` when the person has this role in the firm.
/// * 422 naming everything wrong with the address, name, password and scope.
pub async fn add_member(
    app: &App,
    firm_id: Uuid,
    by: Option<(&Caller, &Once)>,
    new: NewUser,
) -> Result<String, Failure> {
    let email = new.email.trim().to_lowercase();
    let scope = new.scope.clone().unwrap_or_default();
    let mut problems = problems_of(&email, &new);
    problems.extend(chains::service::scope_problems(app, firm_id, new.role, &scope).await?);
    if !problems.is_empty() {
        return Err(Failure::invalid(problems));
    }
    let hash = passwords::hash(new.password.0.clone()).await?;
    let mut write = Write::begin(app, firm_id).await?;
    if let Some((_, once)) = by
        && let Some(answer) = once.answered(&write).await?
    {
        return Ok(answer);
    }
    let now = app.clock.now();
    let known = store::user_by_email(&write.tx, &email).await?;
    let state = if known.is_some() { MembershipState::Pending } else { MembershipState::Active };
    let user_id = match known {
        Some(user) => user.id,
        None => {
            let id = app.ids.next();
            let row =
                user::Model { id, email: email.clone(), name: new.name.clone(), locale: new.locale, created_at: now };
            let password = credential::Model {
                id: app.ids.next(),
                user_id: id,
                kind: CredentialKind::Password,
                secret: hash,
                created_at: now,
            };
            store::insert_user(&write.tx, row, password).await?;
            id
        }
    };
    if store::membership_of(&write.tx, firm_id, user_id, new.role).await?.is_some() {
        let detail = format!("This person already is {} in the firm.", new.role);
        return Err(Failure::conflict("already_member", detail));
    }
    let row = membership::Model {
        firm_id,
        id: app.ids.next(),
        user_id,
        name: new.name,
        role: new.role,
        scope: canonical(&scope)?.text,
        state,
        created_at: now,
    };
    store::insert_membership(&write.tx, row.clone()).await?;
    let payload = json!({"role": row.role, "scope": scope});
    let event = match by {
        Some((caller, _)) => NewEvent::new("membership.created", "membership", row.id, caller.membership_id, payload),
        None => NewEvent::by_system("membership.created", "membership", row.id, payload),
    };
    write.event(event.log_only());
    let view = user_view(row, email);
    match by {
        Some((_, once)) => write.commit_once(once, &view).await,
        None => {
            write.commit().await?;
            Ok(poem_openapi::types::ToJSON::to_json_string(&view))
        }
    }
}

fn problems_of(email: &str, new: &NewUser) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    let mut add = |pointer: &str, code: &str, message: String| {
        problems.push(FieldProblem::new(pointer, code, message));
    };
    let is_address =
        email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'));
    if !is_address || email.chars().any(|c| c.is_whitespace() || c.is_control()) {
        add("/email", "bad_email", "must be an e-mail address".to_owned());
    }
    if let Some((code, message)) = text_problem(&new.name, 200) {
        add("/name", code, message);
    }
    let chars = new.password.chars().count();
    if !(passwords::MIN_CHARS..=passwords::MAX_CHARS).contains(&chars) {
        let message = format!("must have {} to {} characters", passwords::MIN_CHARS, passwords::MAX_CHARS);
        add("/password", "bad_length", message);
    }
    let limited = matches!(new.role, Role::ChainViewer | Role::BranchManager);
    let scope: Scope = new.scope.clone().unwrap_or_default();
    if limited && scope.chain_id.is_none() {
        add("/scope/chain_id", "missing", format!("is required for the role {}", new.role));
    }
    if new.role == Role::BranchManager && scope.branch_ids.is_empty() {
        add("/scope/branch_ids", "missing", "names the branches of a branch manager".to_owned());
    }
    if !limited && scope != Scope::default() {
        add("/scope", "not_allowed", format!("does not apply to the role {}", new.role));
    }
    problems
}

/// How somebody in the firm is shown.
pub fn user_view(row: membership::Model, email: String) -> UserView {
    UserView {
        membership_id: row.id,
        email,
        name: row.name,
        role: row.role,
        scope: serde_json::from_str(&row.scope).unwrap_or_default(),
        created_at: row.created_at,
    }
}

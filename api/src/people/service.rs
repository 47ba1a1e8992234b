//! Signing in and out, and adding firms and people.

use chrono::Duration;
use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::canonical::canonical;
use crate::chains;
use crate::chains::parse::is_code;
use crate::chains::service::begin_set_up;
use crate::entity::{credential, firm, membership, session, user};
use crate::events::store::insert_head;
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem, Kind};
use crate::http::json::text_problem;
use crate::http::problem::auth_failure;
use crate::people::types::{
    AddedUser, Caller, Invitation, MeView, Membership, MembershipView, NewUser, Scope, SessionView, SignIn, SignedIn,
    UserView,
};
use crate::people::{passwords, store};
use crate::secrets::{new_token, token_sha256};
use crate::words::{CredentialKind, MembershipState, Role};
use crate::write::{Once, Write};

/// Longest e-mail address, in characters.
const EMAIL_CHARS: usize = 254;
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
    // What cannot be an address is nobody's, and no question for the database: PostgreSQL takes no NUL.
    let user = match text_problem(&email, EMAIL_CHARS) {
        None => store::user_by_email(app.db.reader(), &email).await?,
        Some(_) => None,
    };
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
        invitations: invitations(app, user.id).await?,
    })
}

async fn membership_views(app: &App, user_id: Uuid) -> Result<Vec<MembershipView>, Failure> {
    let rows = store::memberships_of(app.db.reader(), user_id, MembershipState::Active).await?;
    Ok(rows.into_iter().map(|(row, firm_name)| membership_view(row, firm_name)).collect())
}

fn membership_view(row: membership::Model, firm_name: String) -> MembershipView {
    MembershipView {
        membership_id: row.id,
        firm_id: row.firm_id,
        firm_name,
        role: row.role,
        scope: serde_json::from_str(&row.scope).unwrap_or_default(),
    }
}

async fn invitations(app: &App, user_id: Uuid) -> Result<Vec<Invitation>, Failure> {
    let rows = store::memberships_of(app.db.reader(), user_id, MembershipState::Pending).await?;
    let view =
        |(row, firm_name): (membership::Model, String)| Invitation { membership_id: row.id, firm_name, role: row.role };
    Ok(rows.into_iter().map(view).collect())
}

/// Accepts a membership that waits for the person who is signed in.
///
/// # Errors
///
/// 404 when it is not theirs, or not pending.
pub async fn accept_membership(app: &App, signed_in: &SignedIn, id: Uuid) -> Result<MembershipView, Failure> {
    let not_found = || Failure::not_found("membership");
    let pending = store::memberships_of(app.db.reader(), signed_in.user_id, MembershipState::Pending).await?;
    let (row, firm_name) = pending.into_iter().find(|(row, _)| row.id == id).ok_or_else(not_found)?;
    let mut write = Write::begin(app, row.firm_id).await?;
    if !store::activate_membership(&write.tx, row.firm_id, id).await? {
        return Err(not_found());
    }
    let payload = json!({"role": row.role});
    write.event(NewEvent::new("membership.accepted", "membership", id, id, payload).log_only());
    write.commit().await?;
    Ok(membership_view(row, firm_name))
}

/// Adds a firm.
///
/// # Errors
///
/// 409 `code_taken` when a firm has this code, 422 when the name or code is not usable.
pub async fn add_firm(app: &App, code: &str, name: &str) -> Result<firm::Model, Failure> {
    let mut problems = Vec::new();
    if !is_code(code) {
        let message = "must match [A-Za-z0-9][A-Za-z0-9._-]{0,63}";
        problems.push(FieldProblem::new("/code", "bad_code", message));
    }
    if let Some((code, message)) = text_problem(name, 200) {
        problems.push(FieldProblem::new("/name", code, message));
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
/// As [`add_member`], and as [`Once`] for a repeated key.
pub async fn create_user(app: &App, caller: &Caller, key: Option<String>, new: NewUser) -> Result<String, Failure> {
    let fingerprint =
        json!({"email": new.email, "name": new.name, "role": new.role, "locale": new.locale, "scope": new.scope});
    let once = Once::of(caller, "create_user", key, &fingerprint)?;
    let new = Checked::of(app, caller.firm_id, new).await?;
    let mut write = begin_set_up(app, caller.firm_id).await?;
    if let Some(answer) = once.answered(&write).await? {
        return Ok(answer);
    }
    let email = new.email.clone();
    let row = insert_member(app, &mut write, Some(caller.membership_id), new).await?;
    write.commit_once(&once, &added_user(row, email)).await
}

/// Adds somebody to a firm. An address that is new to the installation gets the password given; a person who already
/// is somebody here keeps their own, and the membership is pending until they accept it.
///
/// # Errors
///
/// * 409 `already_member` when the person has this role in the firm.
/// * 422 naming everything wrong with the address, name, password and scope.
pub async fn add_member(app: &App, firm_id: Uuid, new: NewUser) -> Result<membership::Model, Failure> {
    let new = Checked::of(app, firm_id, new).await?;
    let mut write = begin_set_up(app, firm_id).await?;
    let row = insert_member(app, &mut write, None, new).await?;
    write.commit().await?;
    Ok(row)
}

/// A person to be added with whom nothing is wrong.
struct Checked {
    email: String,
    name: String,
    role: Role,
    locale: String,
    scope: Scope,
    password_hash: String,
}

impl Checked {
    /// Checks everything and hashes the password, which is slow, before anything is locked.
    async fn of(app: &App, firm_id: Uuid, new: NewUser) -> Result<Self, Failure> {
        let email = new.email.trim().to_lowercase();
        let scope = new.scope.clone().unwrap_or_default();
        let mut problems = problems_of(&email, &new);
        problems.extend(chains::service::scope_problems(app, firm_id, new.role, &scope).await?);
        if !problems.is_empty() {
            return Err(Failure::invalid(problems));
        }
        let password_hash = passwords::hash(new.password.0).await?;
        Ok(Self { email, name: new.name, role: new.role, locale: new.locale, scope, password_hash })
    }
}

/// Adds the membership, and the person if the address is new.
async fn insert_member(
    app: &App,
    write: &mut Write<'_>,
    actor_id: Option<Uuid>,
    new: Checked,
) -> Result<membership::Model, Failure> {
    let (firm_id, now) = (write.firm_id, app.clock.now());
    let (id, name) = (app.ids.next(), new.name.clone());
    let user = user::Model { id, email: new.email, name, locale: new.locale, created_at: now };
    let user_id = store::insert_user(&write.tx, user).await?.id;
    let is_new = user_id == id;
    if is_new {
        let (id, kind, secret) = (app.ids.next(), CredentialKind::Password, new.password_hash);
        store::insert_credential(&write.tx, credential::Model { id, user_id, kind, secret, created_at: now }).await?;
    }
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
        scope: canonical(&new.scope)?.text,
        state: if is_new { MembershipState::Active } else { MembershipState::Pending },
        created_at: now,
    };
    store::insert_membership(&write.tx, row.clone()).await?;
    let payload = json!({"role": row.role, "scope": new.scope});
    let event = match actor_id {
        Some(actor_id) => NewEvent::new("membership.created", "membership", row.id, actor_id, payload),
        None => NewEvent::by_system("membership.created", "membership", row.id, payload),
    };
    write.event(event.log_only());
    Ok(row)
}

fn problems_of(email: &str, new: &NewUser) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    let mut add = |pointer: &str, code: &str, message: String| {
        problems.push(FieldProblem::new(pointer, code, message));
    };
    let is_address =
        email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'));
    let is_long = email.chars().count() > EMAIL_CHARS;
    if !is_address || is_long || email.chars().any(|c| c.is_whitespace() || c.is_control()) {
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
        state: row.state,
        created_at: row.created_at,
    }
}

fn added_user(row: membership::Model, email: String) -> AddedUser {
    let UserView { membership_id, email, name, role, scope, created_at, state: _ } = user_view(row, email);
    AddedUser { membership_id, email, name, role, scope, created_at }
}

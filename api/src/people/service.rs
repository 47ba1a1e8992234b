//! Firms, the people in them, and who somebody is.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde_json::json;
use uuid::Uuid;

use crate::access::needs_second_factor;
use crate::account;
use crate::apikeys;
use crate::app::App;
use crate::canonical::canonical;
use crate::chains;
use crate::chains::parse::is_code;
use crate::chains::service::{begin_set_up, begin_set_up_by};
use crate::entity::{firm, membership, user};
use crate::erasure::service::refuse_erased;
use crate::events;
use crate::events::store::{insert_head, lock_head};
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem, Kind};
use crate::http::json::text_problem;
use crate::http::problem::auth_failure;
use crate::mail;
use crate::mail::types::Letter;
use crate::people::email;
use crate::people::passwords::{self, Secret};
use crate::people::store;
use crate::people::throttle::{INVITATION_ACCOUNT, INVITATIONS};
use crate::people::types::{
    AddedUser, By, Caller, FirmChange, FirmView, Invitation, MeView, MembershipView, NewUser, Scope, SignedIn,
    UserChange, UserView,
};
use crate::sessions;
use crate::sessions::service::EMAIL_CHARS;
use crate::sessions::store::{Which, lock_user};
use crate::words::{MembershipState, Role};
use crate::write::{Once, Write};

/// Who is signed in, and under which memberships they can act.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn me(app: &App, signed_in: &SignedIn) -> Result<MeView, Failure> {
    let user = store::user_by_id(app.db.reader(), signed_in.user_id).await?.ok_or_else(auth_failure)?;
    let (totp_since, recovery_codes_left) = account::service::second_factor_of(app, user.id).await?;
    Ok(MeView {
        user_id: user.id,
        email: user.email,
        name: user.name,
        locale: user.locale,
        membership_id: signed_in.membership().ok().map(|membership| membership.id),
        memberships: membership_views(app, user.id).await?,
        // Who may be somebody else than the owner of the address learns nothing of what other firms offer to it.
        invitations: if user.proven_at.is_some() { invitations(app, user.id).await? } else { Vec::new() },
        address_proven: user.proven_at.is_some(),
        totp_since,
        recovery_codes_left,
    })
}

/// Whether somebody still has the rights with which a request began. Ask in the transaction that writes.
///
/// # Errors
///
/// * 401 `unauthenticated` when they were signed out, or the key was revoked.
/// * 403 `rights_changed` when the membership was disabled, or its role or scope changed.
pub async fn still_may(db: &impl ConnectionTrait, caller: &Caller) -> Result<(), Failure> {
    let row = store::membership_by_id(db, caller.firm_id, caller.membership_id).await?.ok_or_else(auth_failure)?;
    let is_live = match caller.by {
        By::Session(id) => sessions::store::is_live(db, id, row.sessions_after).await?,
        By::Key(id) => apikeys::store::is_live(db, caller.firm_id, id).await?,
    };
    if !is_live {
        return Err(auth_failure());
    }
    let scope: Scope = serde_json::from_str(&row.scope).unwrap_or_default();
    if row.state != MembershipState::Active || row.role != caller.role || scope != caller.scope {
        let detail = "Your rights changed while the request was under way. Look at GET /v1/me and send it again.";
        return Err(Failure::new(Kind::Forbidden, "rights_changed", detail));
    }
    Ok(())
}

/// The active memberships of a person.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn membership_views(app: &App, user_id: Uuid) -> Result<Vec<MembershipView>, Failure> {
    let rows = store::memberships_of(app.db.reader(), user_id, MembershipState::Active).await?;
    Ok(rows.into_iter().map(|(row, firm_name)| membership_view(row, firm_name)).collect())
}

/// How a membership is shown to its person.
pub fn membership_view(row: membership::Model, firm_name: String) -> MembershipView {
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
/// * 403 `address_not_proven` while nobody knows that the address is theirs, whatever the membership.
/// * 404 when it is not theirs, or not pending.
pub async fn accept_membership(app: &App, signed_in: &SignedIn, id: Uuid) -> Result<MembershipView, Failure> {
    let not_found = || Failure::not_found("membership");
    let user = store::user_by_id(app.db.reader(), signed_in.user_id).await?.ok_or_else(auth_failure)?;
    if user.proven_at.is_none() {
        let detail =
            "Nobody knows yet that this address is yours. Accept by the link in the mail, or reset the password.";
        return Err(Failure::new(Kind::Forbidden, "address_not_proven", detail));
    }
    let pending = store::memberships_of(app.db.reader(), user.id, MembershipState::Pending).await?;
    let (row, firm_name) = pending.into_iter().find(|(row, _)| row.id == id).ok_or_else(not_found)?;
    let mut write = Write::begin(app, row.firm_id).await?;
    lock_user(&write.tx, user.id).await?;
    lock_head(&write.tx, row.firm_id).await?;
    // The session may be one that ended meanwhile, when somebody else proved that the address is theirs.
    if !sessions::store::is_live(&write.tx, signed_in.session_id, None).await? {
        return Err(auth_failure());
    }
    if !store::activate_membership(&write.tx, row.firm_id, id, app.clock.now()).await? {
        return Err(not_found());
    }
    let payload = json!({"role": row.role});
    write.event(NewEvent::new("membership.accepted", "membership", id, id, payload).log_only());
    write.commit().await?;
    Ok(membership_view(row, firm_name))
}

/// Whether a firm of the person demands a second factor in a role that they have there.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn is_enrolment_required(app: &App, user_id: Uuid) -> Result<bool, Failure> {
    let demands = store::demands_on(app.db.reader(), user_id).await?;
    Ok(demands.into_iter().any(|(role, required)| required && needs_second_factor(role)))
}

/// Facts of a person for the histories of firms.
pub type Facts = BTreeMap<Uuid, Vec<NewEvent>>;

/// Adds a fact of a person for every firm in which they are active.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn add_fact(
    tx: &DatabaseTransaction,
    facts: &mut Facts,
    user_id: Uuid,
    event: impl Fn(Uuid) -> NewEvent,
) -> Result<(), Failure> {
    for (row, _) in store::memberships_of(tx, user_id, MembershipState::Active).await? {
        facts.entry(row.firm_id).or_default().push(event(row.id));
    }
    Ok(())
}

/// Writes facts to the histories of their firms. Call it last: it locks the heads, in the order of their firms.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn tell_firms(app: &App, tx: &DatabaseTransaction, facts: Facts) -> Result<(), Failure> {
    for (firm_id, facts) in facts {
        events::service::append(app, tx, firm_id, facts).await?;
    }
    Ok(())
}

/// Revokes the API keys of a person in all firms, and gives the facts to be told. The person is locked; this locks the
/// heads of all their firms, in order.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn revoke_keys(
    app: &App,
    tx: &DatabaseTransaction,
    user_id: Uuid,
    reason: &'static str,
) -> Result<Facts, Failure> {
    let rows = store::membership_ids_of(tx, user_id).await?;
    let firms: BTreeSet<_> = rows.iter().map(|(firm_id, _)| *firm_id).collect();
    for firm_id in firms {
        lock_head(tx, firm_id).await?;
    }
    let mut facts = Facts::new();
    for (firm_id, id) in rows {
        let revoked = apikeys::service::revoke_all(app, tx, firm_id, id, id, reason).await?;
        facts.entry(firm_id).or_default().extend(revoked);
    }
    Ok(facts)
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
    let firm = firm::Model {
        id,
        code: code.to_owned(),
        name: name.to_owned(),
        created_at: app.clock.now(),
        require_totp: false,
    };
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
/// As [`add_member`], and as [`Once`] for a repeated key; 429 `too_many_attempts` when the firm, or anybody to this
/// address, sends too many invitations.
pub async fn create_user(app: &App, caller: &Caller, key: Option<String>, new: NewUser) -> Result<String, Failure> {
    let fingerprint =
        json!({"email": new.email, "name": new.name, "role": new.role, "locale": new.locale, "scope": new.scope});
    let once = Once::of(caller, "create_user", key, &fingerprint)?;
    let new = Checked::of(app, caller.firm_id, new).await?;
    take_invitation(app, caller.firm_id, &new.email)?;
    let mut write = begin_set_up_by(app, caller).await?;
    if let Some(answer) = once.answered(&write).await? {
        return Ok(answer);
    }
    let email = new.email.clone();
    let row = insert_member(app, &mut write, Some(caller.membership_id), new).await?;
    let answer = write.commit_once(&once, &added_user(row, email)).await?;
    app.wake.wake();
    Ok(answer)
}

fn take_invitation(app: &App, firm_id: Uuid, email: &str) -> Result<(), Failure> {
    let firm = firm_id.to_string();
    // By firm: what one firm has left tells nothing of the invitations of another.
    let to = format!("{firm} {email}");
    Ok(app.throttle.take(app.clock.now(), &[(&INVITATIONS, firm.as_str()), (&INVITATION_ACCOUNT, to.as_str())])?)
}

/// Adds somebody to a firm. An address that is new to the installation gets the password given, if one is. Everybody
/// else gets a mail, and the membership is pending until they accept it; who is somebody here keeps their own password.
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
    password_hash: Option<String>,
}

impl Checked {
    /// Checks everything and hashes the password, which is slow, before anything is locked.
    async fn of(app: &App, firm_id: Uuid, new: NewUser) -> Result<Self, Failure> {
        let email = email::normal(&new.email);
        let scope = new.scope.clone().unwrap_or_default();
        let firm = store::firm_by_id(app.db.reader(), firm_id).await?.ok_or_else(|| Failure::not_found("firm"))?;
        let secret = new.password.as_ref().map(|password| Secret::of(password));
        let mut problems = problems_of(&email, &new.name);
        let context = [email.as_str(), new.name.as_str(), firm.name.as_str()];
        problems.extend(secret.as_ref().and_then(|secret| passwords::problem(secret, "/password", &context)));
        problems.extend(role_problems(new.role, &scope));
        problems.extend(chains::service::scope_problems(app, firm_id, new.role, &scope).await?);
        if !problems.is_empty() {
            return Err(Failure::invalid(problems));
        }
        let password_hash = match secret {
            Some(secret) => Some(passwords::hash(secret).await?),
            None => None,
        };
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
    // A password that the operator gives is as good as a mailed code. A firm that gives one says nothing of the address.
    let proven_at = (actor_id.is_none() && new.password_hash.is_some()).then_some(now);
    let user = user::Model { id, email: new.email, name, locale: new.locale, created_at: now, proven_at };
    let user_id = store::insert_user(&write.tx, user).await?.id;
    // Whoever is somebody here keeps what they have.
    let password_hash = new.password_hash.filter(|_| user_id == id);
    let is_active = password_hash.is_some();
    if let Some(hash) = password_hash {
        account::store::set_password(&write.tx, app.ids.next(), user_id, &hash, now).await?;
    }
    if store::membership_of(&write.tx, firm_id, user_id, new.role).await?.is_some() {
        return Err(already_member(new.role));
    }
    let row = membership::Model {
        firm_id,
        id: app.ids.next(),
        user_id,
        name: new.name,
        role: new.role,
        scope: canonical(&new.scope)?.text,
        state: if is_active { MembershipState::Active } else { MembershipState::Pending },
        created_at: now,
        accepted_at: is_active.then_some(now),
        sessions_after: None,
        erased_at: None,
    };
    store::insert_membership(&write.tx, row.clone()).await?;
    if !is_active {
        let letter = Letter::Invitation { link_id: app.ids.next(), firm_id, membership_id: row.id };
        mail::service::post(app, &write.tx, Some(firm_id), &letter).await?;
    }
    let payload = json!({"role": row.role, "scope": new.scope});
    let event = match actor_id {
        Some(actor_id) => NewEvent::new("membership.created", "membership", row.id, actor_id, payload),
        None => NewEvent::by_system("membership.created", "membership", row.id, payload),
    };
    write.event(event.log_only());
    Ok(row)
}

fn problems_of(email: &str, name: &str) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    let is_address =
        email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'));
    let is_long = email.chars().count() > EMAIL_CHARS;
    if !is_address || is_long || email.chars().any(|c| c.is_whitespace() || c.is_control()) {
        problems.push(FieldProblem::new("/email", "bad_email", "must be an e-mail address"));
    }
    if let Some((code, message)) = text_problem(name, 200) {
        problems.push(FieldProblem::new("/name", code, message));
    }
    problems
}

fn already_member(role: Role) -> Failure {
    Failure::conflict("already_member", format!("This person already is {role} in the firm."))
}

/// What is wrong with a scope for a role, whatever the firm has.
fn role_problems(role: Role, scope: &Scope) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    let mut add = |pointer: &str, code: &str, message: String| {
        problems.push(FieldProblem::new(pointer, code, message));
    };
    let limited = matches!(role, Role::ChainViewer | Role::BranchManager);
    if limited && scope.chain_id.is_none() {
        add("/scope/chain_id", "missing", format!("is required for the role {role}"));
    }
    if role == Role::BranchManager && scope.branch_ids.is_empty() {
        add("/scope/branch_ids", "missing", "names the branches of a branch manager".to_owned());
    }
    if !limited && *scope != Scope::default() {
        add("/scope", "not_allowed", format!("does not apply to the role {role}"));
    }
    problems
}

/// Changes what somebody is in the caller's firm. It counts from their next request on. Another role or scope revokes the
/// keys; disabling ends sessions and keys for good: enabled again, they sign in again.
///
/// # Errors
///
/// * 404 when the firm has no such membership.
/// * 409 `erased` when the person was erased.
/// * 409 `already_member` when the person has the new role there too, 409 `last_admin` when nobody would run the firm.
/// * 422 naming everything wrong with the name and the scope.
pub async fn update_user(app: &App, caller: &Caller, id: Uuid, change: UserChange) -> Result<UserView, Failure> {
    let firm_id = caller.firm_id;
    let not_found = || Failure::not_found("user");
    let before = store::membership_by_id(app.db.reader(), firm_id, id).await?.ok_or_else(not_found)?;
    let mut problems = Vec::new();
    if let Some((code, message)) = change.name.as_deref().and_then(|name| text_problem(name, 200)) {
        problems.push(FieldProblem::new("/name", code, message));
    }
    let role = change.role.unwrap_or(before.role);
    // Another role reaches something else: without a scope of its own it has none.
    let keeps_scope = change.scope.is_none() && role == before.role;
    let scope = change.scope.unwrap_or_default();
    if !keeps_scope {
        problems.extend(role_problems(role, &scope));
        problems.extend(chains::service::scope_problems(app, firm_id, role, &scope).await?);
    }
    if !problems.is_empty() {
        return Err(Failure::invalid(problems));
    }
    let mut write = begin_set_up_by(app, caller).await?;
    let before = store::membership_by_id(&write.tx, firm_id, id).await?.ok_or_else(not_found)?;
    refuse_erased(&before)?;
    let mut row = before.clone();
    row.role = change.role.unwrap_or(before.role);
    row.name = change.name.unwrap_or(row.name);
    if !keeps_scope {
        row.scope = canonical(&scope)?.text;
    }
    row.state = match (change.enabled, before.state) {
        (Some(false), _) => MembershipState::Disabled,
        (Some(true), MembershipState::Disabled) if before.accepted_at.is_none() => MembershipState::Pending,
        (Some(true), MembershipState::Disabled) => MembershipState::Active,
        (_, state) => state,
    };
    if row.role != before.role && store::membership_of(&write.tx, firm_id, row.user_id, row.role).await?.is_some() {
        return Err(already_member(row.role));
    }
    let runs = |row: &membership::Model| row.role == Role::FirmAdmin && row.state == MembershipState::Active;
    if runs(&before) && !runs(&row) && store::count_other_admins(&write.tx, firm_id, id).await? == 0 {
        let detail = "Nobody else runs the firm. Make another firm admin first.";
        return Err(Failure::conflict("last_admin", detail));
    }
    if row != before {
        store::change_membership(&write.tx, &row).await?;
        if row.state == MembershipState::Disabled && before.state != MembershipState::Disabled {
            let (tx, actor) = (&write.tx, caller.membership_id);
            store::end_sessions_of(tx, firm_id, id, app.clock.now()).await?;
            for revoked in apikeys::service::revoke_all(app, tx, firm_id, id, actor, "disabled").await? {
                write.event(revoked);
            }
        } else if (row.role, &row.scope) != (before.role, &before.scope) {
            // A key was made for what the membership reached then; a program must not come by more.
            let (tx, actor) = (&write.tx, caller.membership_id);
            for revoked in apikeys::service::revoke_all(app, tx, firm_id, id, actor, "membership_changed").await? {
                write.event(revoked);
            }
        }
        let scope: Scope = serde_json::from_str(&row.scope).unwrap_or_default();
        let payload = json!({"role": row.role, "scope": scope, "state": row.state});
        let event = NewEvent::new("membership.changed", "membership", id, caller.membership_id, payload);
        write.event(event.log_only());
    }
    write.commit().await?;
    let user = store::user_by_id(app.db.reader(), row.user_id).await?.ok_or_else(not_found)?;
    Ok(user_view(row, user.email))
}

/// Signs somebody out of the caller's firm on all devices, in every role they have there, and revokes the API keys. Who
/// belongs to no other firm is signed out altogether; the devices of others go on in the other firms, which are none of
/// the caller's business.
///
/// # Errors
///
/// 404 when the firm has no such membership.
pub async fn sign_out_user(app: &App, caller: &Caller, id: Uuid) -> Result<(), Failure> {
    let firm_id = caller.firm_id;
    let row = store::membership_by_id(app.db.reader(), firm_id, id).await?;
    let user_id = row.ok_or_else(|| Failure::not_found("user"))?.user_id;
    let now = app.clock.now();
    let mut write = Write::begin_by(app, caller).await?;
    lock_user(&write.tx, user_id).await?;
    lock_head(&write.tx, firm_id).await?;
    let ids = store::membership_ids_of(&write.tx, user_id).await?;
    let here: BTreeSet<_> = ids.into_iter().filter(|(of, _)| *of == firm_id).map(|(_, id)| id).collect();
    if !store::has_other_firm(&write.tx, user_id, firm_id).await? {
        sessions::store::end(&write.tx, user_id, Which::All, now).await?;
    }
    let actor = caller.membership_id;
    for id in here {
        store::end_sessions_of(&write.tx, firm_id, id, now).await?;
        write.event(NewEvent::new("membership.signed_out", "membership", id, actor, json!({})).log_only());
        for revoked in apikeys::service::revoke_all(app, &write.tx, firm_id, id, actor, "signed_out").await? {
            write.event(revoked);
        }
    }
    write.commit().await
}

/// Sends the invitation of a pending membership again.
///
/// # Errors
///
/// * 404 when the firm has no such membership, 409 `not_pending` when it waits for nothing.
/// * 429 `too_many_attempts` after too many invitations.
pub async fn invite_user(app: &App, caller: &Caller, id: Uuid) -> Result<(), Failure> {
    let firm_id = caller.firm_id;
    let not_found = || Failure::not_found("user");
    let row = store::membership_by_id(app.db.reader(), firm_id, id).await?.ok_or_else(not_found)?;
    if row.state != MembershipState::Pending {
        let detail = format!("The membership is {}; only a pending one can be accepted.", row.state);
        return Err(Failure::conflict("not_pending", detail));
    }
    let user = store::user_by_id(app.db.reader(), row.user_id).await?.ok_or_else(not_found)?;
    take_invitation(app, firm_id, &user.email)?;
    let mut write = Write::begin_by(app, caller).await?;
    let letter = Letter::Invitation { link_id: app.ids.next(), firm_id, membership_id: id };
    mail::service::post(app, &write.tx, Some(firm_id), &letter).await?;
    let event = NewEvent::new("membership.invited", "membership", id, caller.membership_id, json!({}));
    write.event(event.log_only());
    write.commit().await?;
    app.wake.wake();
    Ok(())
}

/// The caller's firm.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn firm(app: &App, caller: &Caller) -> Result<FirmView, Failure> {
    let row = store::firm_by_id(app.db.reader(), caller.firm_id).await?;
    Ok(firm_view(row.ok_or_else(|| Failure::not_found("firm"))?))
}

fn firm_view(row: firm::Model) -> FirmView {
    FirmView { firm_id: row.id, code: row.code, name: row.name, require_totp: row.require_totp }
}

/// Changes the caller's firm.
///
/// # Errors
///
/// * 409 `no_totp` when the caller demands a second factor of others and has none.
/// * 422 when the name is not usable.
pub async fn update_firm(app: &App, caller: &Caller, change: FirmChange) -> Result<FirmView, Failure> {
    if let Some((code, message)) = change.name.as_deref().and_then(|name| text_problem(name, 200)) {
        return Err(Failure::invalid(vec![FieldProblem::new("/name", code, message)]));
    }
    let not_found = || Failure::not_found("firm");
    if change.require_totp == Some(true) {
        let me = store::membership_by_id(app.db.reader(), caller.firm_id, caller.membership_id).await?;
        let (since, _) = account::service::second_factor_of(app, me.ok_or_else(not_found)?.user_id).await?;
        if since.is_none() {
            let detail = "Set up your own second factor first, with POST /v1/me/totp.";
            return Err(Failure::conflict("no_totp", detail));
        }
    }
    let mut write = begin_set_up_by(app, caller).await?;
    let before = store::firm_by_id(&write.tx, caller.firm_id).await?.ok_or_else(not_found)?;
    let mut row = before.clone();
    row.name = change.name.unwrap_or(row.name);
    row.require_totp = change.require_totp.unwrap_or(row.require_totp);
    if row != before {
        store::change_firm(&write.tx, &row).await?;
        let payload = json!({"name": row.name, "require_totp": row.require_totp});
        write.event(NewEvent::new("firm.changed", "firm", row.id, caller.membership_id, payload).log_only());
    }
    write.commit().await?;
    Ok(firm_view(row))
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
        erased_at: row.erased_at,
    }
}

fn added_user(row: membership::Model, email: String) -> AddedUser {
    let UserView { membership_id, email, name, role, scope, created_at, state: _, erased_at: _ } =
        user_view(row, email);
    AddedUser { membership_id, email, name, role, scope, created_at }
}

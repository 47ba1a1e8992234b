//! What one-time links do: accept an invitation, choose a new password.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde_json::json;
use uuid::Uuid;

use crate::account::types::{AcceptedInvitation, InvitationAccept, ResetFinish};
use crate::account::{second_factor, store};
use crate::app::App;
use crate::entity::{link, user};
use crate::events::store::lock_head;
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem};
use crate::http::json::text_problem;
use crate::mail;
use crate::mail::types::Letter;
use crate::people::email;
use crate::people::passwords::{self, Secret};
use crate::people::service::{Facts, add_fact, membership_view, revoke_keys, tell_firms};
use crate::people::store::{activate_membership, firm_by_id, membership_by_id, user_by_id};
use crate::people::throttle::{self, LINK_ADDRESS, RESET_ACCOUNT, RESET_ADDRESS, RESETS, RESETS_NETWORK, RESETS_SITE};
use crate::secrets::{TokenKind, token_sha256};
use crate::sessions;
use crate::sessions::service::EMAIL_CHARS;
use crate::sessions::store::{Which, lock_user};
use crate::sessions::types::Origin;
use crate::words::{CredentialKind, LinkKind, MembershipState};
use crate::write::Write;

/// Queues the mail of somebody who forgot the password. The same is done whoever it is: whether there is such a person
/// is looked up by the job that sends the mail.
///
/// # Errors
///
/// 429 `too_many_attempts` when too many resets are asked for from one address, or on the whole installation. Beyond
/// the limit of an account no mail is sent, and the answer is as always.
pub async fn request_reset(app: &App, email: &str, origin: &Origin) -> Result<(), Failure> {
    let (now, place) = (app.clock.now(), throttle::place(origin.address));
    let [site, network] = throttle::networks(origin.address);
    app.throttle.take(
        now,
        &[
            (&RESET_ADDRESS, place.as_str()),
            (&RESETS_SITE, site.as_str()),
            (&RESETS_NETWORK, network.as_str()),
            (&RESETS, ""),
        ],
    )?;
    let email = email::normal(email);
    let is_name = text_problem(&email, EMAIL_CHARS).is_none();
    if !is_name || app.throttle.take(now, &[(&RESET_ACCOUNT, email.as_str())]).is_err() {
        return Ok(());
    }
    let tx = app.db.begin().await?;
    mail::service::post(app, &tx, None, &Letter::Reset { link_id: app.ids.next(), email }).await?;
    tx.commit().await?;
    app.wake.wake();
    Ok(())
}

/// Gives a person a new password by the link of a mail, signs out all devices, revokes all API keys and tells every firm
/// of theirs.
///
/// # Errors
///
/// * 422 `bad_link` at `/token` when the link is wrong, used or too old; 422 when the password is not good enough.
/// * 429 `too_many_attempts` after too many wrong links from one address.
pub async fn finish_reset(app: &App, body: ResetFinish, origin: &Origin) -> Result<(), Failure> {
    let place = throttle::place(origin.address);
    let bucket = [(&LINK_ADDRESS, place.as_str())];
    app.throttle.take(app.clock.now(), &bucket)?;
    let sha256 = token_sha256(&body.token);
    let link = link(app, app.db.reader(), LinkKind::Reset, &body.token).await?;
    app.throttle.give_back(app.clock.now(), &bucket);
    let user = user_by_id(app.db.reader(), link.user_id).await?.ok_or_else(bad_link)?;
    let secret = Secret::of(&body.password);
    let problem = password_problem(app, &user, &secret, "/password").await?;
    if let Some(problem) = problem {
        return Err(Failure::invalid(vec![problem]));
    }
    let hash = passwords::hash(secret).await?;
    let now = app.clock.now();
    let tx = app.db.begin().await?;
    let user = lock_user(&tx, user.id).await?.ok_or_else(bad_link)?;
    store::usable_link(&tx, LinkKind::Reset, &sha256, now).await?.ok_or_else(bad_link)?;
    store::use_links(&tx, user.id, LinkKind::Reset, None, now).await?;
    let facts = reset(app, &tx, &user, &hash, now).await?;
    mail::service::post(app, &tx, None, &Letter::PasswordChanged { notice_id: app.ids.next(), user_id: user.id })
        .await?;
    tell_firms(app, &tx, facts).await?;
    tx.commit().await?;
    app.wake.wake();
    Ok(())
}

/// Gives the account of a person who is locked to whoever has just used a code mailed to their address: a new password,
/// no sessions, no API keys. The first time, whoever held the account until then may have been somebody else, and
/// nothing of what they set up stays.
async fn reset(
    app: &App,
    tx: &DatabaseTransaction,
    user: &user::Model,
    hash: &str,
    now: DateTime<Utc>,
) -> Result<Facts, Failure> {
    let mut facts = revoke_keys(app, tx, user.id, "password_reset").await?;
    store::set_password(tx, app.ids.next(), user.id, hash, now).await?;
    if user.proven_at.is_none() {
        second_factor::remove(tx, user.id).await?;
        sessions::store::forget_all(tx, user.id).await?;
        store::set_proven(tx, user.id, now).await?;
    } else {
        sessions::store::end(tx, user.id, Which::All, now).await?;
    }
    let event = |id: Uuid| NewEvent::new("membership.password_reset", "membership", id, id, json!({})).log_only();
    add_fact(tx, &mut facts, user.id, event).await?;
    Ok(facts)
}

/// Accepts a membership by the link of a mail. Who has no password yet chooses one; so does who has one that somebody
/// else may have chosen, because no mailed code ever came back from the address.
///
/// # Errors
///
/// * 422 `bad_link` at `/token` when the link is wrong, used or too old, or the membership was withdrawn; 422 when the
///   password is missing, not good enough, or there is one already.
/// * 429 `too_many_attempts` after too many wrong links from one address.
pub async fn accept_invitation(
    app: &App,
    body: InvitationAccept,
    origin: &Origin,
) -> Result<AcceptedInvitation, Failure> {
    let place = throttle::place(origin.address);
    let bucket = [(&LINK_ADDRESS, place.as_str())];
    app.throttle.take(app.clock.now(), &bucket)?;
    let sha256 = token_sha256(&body.token);
    let db = app.db.reader();
    let link = link(app, db, LinkKind::Invitation, &body.token).await?;
    app.throttle.give_back(app.clock.now(), &bucket);
    let (Some(firm_id), Some(membership_id)) = (link.firm_id, link.membership_id) else { return Err(bad_link()) };
    let user = user_by_id(db, link.user_id).await?.ok_or_else(bad_link)?;
    let firm = firm_by_id(db, firm_id).await?.ok_or_else(bad_link)?;
    let keeps_password = keeps_password(db, &user).await?;
    let secret = body.password.as_ref().map(|password| Secret::of(password));
    let mut problems = Vec::new();
    match (&secret, keeps_password) {
        (None, false) => problems.push(FieldProblem::new("/password", "missing", "is required: choose one")),
        (Some(_), true) => {
            let message = "leave it out: you have a password already, and keep it";
            problems.push(FieldProblem::new("/password", "not_allowed", message));
        }
        (Some(secret), false) => problems.extend(problem_here(app, &user, secret, &firm.name).await?),
        (None, true) => {}
    }
    if let Some((code, message)) = body.name.as_deref().and_then(|name| text_problem(name, 200)) {
        problems.push(FieldProblem::new("/name", code, message));
    }
    if !problems.is_empty() {
        return Err(Failure::invalid(problems));
    }
    let hash = match secret {
        Some(secret) => Some(passwords::hash(secret).await?),
        None => None,
    };
    let now = app.clock.now();
    let mut write = Write::begin(app, firm_id).await?;
    let user = lock_user(&write.tx, user.id).await?.ok_or_else(bad_link)?;
    // Another mailed code may have been used meanwhile.
    if self::keeps_password(&write.tx, &user).await? != keeps_password {
        return Err(bad_link());
    }
    let facts = match hash {
        Some(hash) => reset(app, &write.tx, &user, &hash, now).await?,
        None => Facts::new(),
    };
    lock_head(&write.tx, firm_id).await?;
    store::usable_link(&write.tx, LinkKind::Invitation, &sha256, now).await?.ok_or_else(bad_link)?;
    store::use_links(&write.tx, user.id, LinkKind::Invitation, Some(membership_id), now).await?;
    if let Some(name) = &body.name {
        store::set_name(&write.tx, user.id, name).await?;
    }
    if !activate_membership(&write.tx, firm_id, membership_id, now).await? {
        return Err(bad_link());
    }
    let row = membership_by_id(&write.tx, firm_id, membership_id).await?.ok_or_else(bad_link)?;
    let payload = json!({"role": row.role});
    tell_firms(app, &write.tx, facts).await?;
    write.event(NewEvent::new("membership.accepted", "membership", membership_id, membership_id, payload).log_only());
    write.commit().await?;
    Ok(AcceptedInvitation { email: user.email, membership: membership_view(row, firm.name) })
}

/// Whether a person who accepts keeps the password: there is one, and nobody but the owner of the address chose it.
async fn keeps_password(db: &impl ConnectionTrait, user: &user::Model) -> Result<bool, Failure> {
    let has_one = store::count_credentials(db, user.id, CredentialKind::Password).await? > 0;
    Ok(has_one && user.proven_at.is_some())
}

/// What is wrong with the password that a person chooses who accepts the invitation of a firm, if anything.
async fn problem_here(
    app: &App,
    user: &user::Model,
    secret: &Secret,
    firm: &str,
) -> Result<Option<FieldProblem>, Failure> {
    let problem = password_problem(app, user, secret, "/password").await?;
    Ok(problem.or_else(|| passwords::problem(secret, "/password", &[firm, &user.email, &user.name])))
}

/// The link that a token opens. A token without the form of one is no question for the database.
async fn link(app: &App, db: &impl ConnectionTrait, kind: LinkKind, token: &str) -> Result<link::Model, Failure> {
    if !TokenKind::Link.is_token(token) {
        return Err(bad_link());
    }
    let row = store::usable_link(db, kind, &token_sha256(token), app.clock.now()).await?.ok_or_else(bad_link)?;
    if let (Some(firm_id), Some(id)) = (row.firm_id, row.membership_id) {
        let pending = membership_by_id(db, firm_id, id).await?;
        pending.filter(|row| row.state == MembershipState::Pending).ok_or_else(bad_link)?;
    }
    Ok(row)
}

fn bad_link() -> Failure {
    let message = "is wrong, was used, or is too old; ask for a new one";
    Failure::invalid(vec![FieldProblem::new("/token", "bad_link", message)])
}

/// What is wrong with a new password of a person, if anything.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn password_problem(
    app: &App,
    user: &user::Model,
    secret: &Secret,
    pointer: &str,
) -> Result<Option<FieldProblem>, Failure> {
    let firms = store::firm_names(app.db.reader(), user.id).await?;
    let context: Vec<_> = firms.iter().map(String::as_str).chain([user.email.as_str(), user.name.as_str()]).collect();
    Ok(passwords::problem(secret, pointer, &context))
}

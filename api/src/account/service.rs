//! What people change of their own account: the password and the second factor.

use chrono::{DateTime, Utc};
use sea_orm::DatabaseTransaction;
use serde_json::json;
use uuid::Uuid;

use crate::account::links::password_problem;
use crate::account::types::{BothFactors, PasswordChange, RecoveryCodes, TotpSecret};
use crate::account::{second_factor, store};
use crate::app::App;
use crate::entity::user;
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem};
use crate::mail;
use crate::mail::types::Letter;
use crate::people::passwords::{self, Secret};
use crate::people::service::{Facts, add_fact, tell_firms};
use crate::people::store::user_by_id;
use crate::people::throttle::{self, ACCOUNT_AT_ADDRESS, ADDRESS, PASSWORD_OF_DEVICE};
use crate::people::types::SignedIn;
use crate::sessions;
use crate::sessions::store::{Which, lock_user};
use crate::sessions::types::Origin;

/// A person who has just shown the password, and the hash that it fitted.
pub struct Shown {
    user: user::Model,
    hash: String,
    guesser: String,
}

/// Whose wrong codes are counted of somebody who is signed in: those of the device.
fn guesser(person: &SignedIn) -> String {
    format!("{} session {}", person.user_id, person.session_id)
}

/// Checks the password of somebody who is signed in, as slowly and as seldom as at a sign-in, wherever the device asks
/// from.
///
/// # Errors
///
/// 422 `wrong_password` at `pointer`, 429 after too many wrong ones, 503 `busy` when too many sign in at once.
pub async fn shown(
    app: &App,
    person: &SignedIn,
    password: &str,
    pointer: &str,
    origin: &Origin,
) -> Result<Shown, Failure> {
    let gone = || Failure::not_found("account");
    let user = user_by_id(app.db.reader(), person.user_id).await?.ok_or_else(gone)?;
    let place = throttle::place(origin.address);
    let at_address = format!("{place} {}", user.email);
    let device = person.session_id.to_string();
    let buckets = [
        (&ADDRESS, place.as_str()),
        (&ACCOUNT_AT_ADDRESS, at_address.as_str()),
        (&PASSWORD_OF_DEVICE, device.as_str()),
    ];
    app.throttle.take(app.clock.now(), &buckets)?;
    let account = store::account_by_email(app.db.reader(), &user.email).await?.ok_or_else(gone)?;
    let fits = passwords::verify(Secret::of(password), account.password_hash.clone()).await;
    if !matches!(fits, Ok(false)) {
        app.throttle.give_back(app.clock.now(), &buckets);
    }
    match account.password_hash {
        Some(hash) if fits? => Ok(Shown { user, hash, guesser: guesser(person) }),
        _ => Err(wrong(pointer, "wrong_password", "is not the password of now")),
    }
}

fn wrong(pointer: &str, code: &str, message: &str) -> Failure {
    Failure::invalid(vec![FieldProblem::new(pointer, code, message)])
}

/// Begins a change of an account: locks the person, and refuses when the password changed since it was shown.
async fn begin(app: &App, shown: &Shown, pointer: &str) -> Result<DatabaseTransaction, Failure> {
    let tx = app.db.begin().await?;
    hold(&tx, shown, pointer).await?;
    Ok(tx)
}

async fn hold(tx: &DatabaseTransaction, shown: &Shown, pointer: &str) -> Result<(), Failure> {
    lock_user(tx, shown.user.id).await?;
    let now = store::account_by_email(tx, &shown.user.email).await?.and_then(|account| account.password_hash);
    if now.as_ref() != Some(&shown.hash) {
        return Err(wrong(pointer, "wrong_password", "is not the password of now"));
    }
    Ok(())
}

/// Locks a person who has shown the password at `/password`, and checks the `/code` of the second factor if there is
/// one; true when it was shown.
///
/// # Errors
///
/// 422 when the password changed meanwhile, or the code is missing or wrong; 429 after several wrong ones.
pub async fn hold_with_code(
    app: &App,
    tx: &DatabaseTransaction,
    shown: &Shown,
    code: Option<&str>,
) -> Result<bool, Failure> {
    hold(tx, shown, "/password").await?;
    match second_factor::check(app, tx, shown.user.id, &shown.guesser, code).await {
        Ok(is_shown) => Ok(is_shown),
        Err(failure) if failure.code == "totp_required" => {
            Err(wrong("/code", "missing", "is required: the six digits of the authenticator app, or a recovery code"))
        }
        Err(failure) if failure.code == "wrong_code" => Err(wrong_code()),
        Err(failure) => Err(failure),
    }
}

fn wrong_code() -> Failure {
    wrong("/code", "wrong_code", "is wrong, or was used")
}

/// Writes to every firm of a person what they changed of their account, and commits.
async fn finish(app: &App, tx: DatabaseTransaction, user_id: Uuid, kind: &'static str) -> Result<(), Failure> {
    let mut facts = Facts::new();
    add_fact(&tx, &mut facts, user_id, |id| NewEvent::new(kind, "membership", id, id, json!({})).log_only()).await?;
    tell_firms(app, &tx, facts).await?;
    tx.commit().await?;
    app.wake.wake();
    Ok(())
}

/// Changes one's own password and signs out all other devices. API keys stay: they were made with the password and are
/// listed; who fears for them revokes them or signs out everywhere.
///
/// # Errors
///
/// * 422 when the current password is wrong, or the new one is the same or not good enough.
/// * 429 `too_many_attempts` after too many wrong ones, 503 `busy` when too many sign in at once.
pub async fn change_password(
    app: &App,
    person: &SignedIn,
    body: PasswordChange,
    origin: &Origin,
) -> Result<(), Failure> {
    let shown = shown(app, person, &body.current_password, "/current_password", origin).await?;
    let secret = Secret::of(&body.new_password);
    if secret == Secret::of(&body.current_password) {
        return Err(wrong("/new_password", "unchanged", "must differ from the password of now"));
    }
    if let Some(problem) = password_problem(app, &shown.user, &secret, "/new_password").await? {
        return Err(Failure::invalid(vec![problem]));
    }
    let hash = passwords::hash(secret).await?;
    let now = app.clock.now();
    let tx = begin(app, &shown, "/current_password").await?;
    store::set_password(&tx, app.ids.next(), shown.user.id, &hash, now).await?;
    sessions::store::end(&tx, shown.user.id, Which::AllBut(person.session_id), now).await?;
    let letter = Letter::PasswordChanged { notice_id: app.ids.next(), user_id: shown.user.id };
    mail::service::post(app, &tx, None, &letter).await?;
    finish(app, tx, shown.user.id, "membership.password_changed").await
}

/// Begins a second factor; it counts once it is confirmed.
///
/// # Errors
///
/// * 409 `totp_exists` when there is one.
/// * 422 when the password is wrong, 429 after too many wrong ones.
pub async fn begin_totp(app: &App, person: &SignedIn, password: &str, origin: &Origin) -> Result<TotpSecret, Failure> {
    let shown = shown(app, person, password, "/password", origin).await?;
    let tx = begin(app, &shown, "/password").await?;
    let (secret, otpauth_uri) = second_factor::begin(app, &tx, shown.user.id, &shown.user.email).await?;
    tx.commit().await?;
    Ok(TotpSecret { secret, otpauth_uri })
}

/// Makes the second factor count. The session that did it has shown it; sign-ins need it from now on.
///
/// # Errors
///
/// As [`second_factor::confirm`].
pub async fn confirm_totp(app: &App, person: &SignedIn, code: &str) -> Result<RecoveryCodes, Failure> {
    let tx = app.db.begin().await?;
    lock_user(&tx, person.user_id).await?;
    let Some(recovery_codes) = second_factor::confirm(app, &tx, person.user_id, &guesser(person), code).await? else {
        return Err(wrong("/code", "wrong_code", "is not what the app shows now; check the phone's clock"));
    };
    sessions::store::set_second_factor(&tx, person.user_id, Some(person.session_id), true).await?;
    post_second_factor(app, &tx, person.user_id, true).await?;
    finish(app, tx, person.user_id, "membership.totp_set_up").await?;
    Ok(RecoveryCodes { recovery_codes })
}

/// Removes the second factor. Firms that demand one let the person do nothing until there is a new one.
///
/// # Errors
///
/// 422 when the password or the code is wrong, 429 after too many wrong ones.
pub async fn remove_totp(app: &App, person: &SignedIn, body: BothFactors, origin: &Origin) -> Result<(), Failure> {
    let (tx, user_id) = both_factors(app, person, body, origin).await?;
    second_factor::remove(&tx, user_id).await?;
    sessions::store::set_second_factor(&tx, user_id, None, false).await?;
    post_second_factor(app, &tx, user_id, false).await?;
    finish(app, tx, user_id, "membership.totp_removed").await
}

/// Makes new recovery codes; the old ones are void.
///
/// # Errors
///
/// As [`remove_totp`].
pub async fn renew_recovery_codes(
    app: &App,
    person: &SignedIn,
    body: BothFactors,
    origin: &Origin,
) -> Result<RecoveryCodes, Failure> {
    let (tx, user_id) = both_factors(app, person, body, origin).await?;
    let recovery_codes = second_factor::new_recovery_codes(app, &tx, user_id).await?;
    finish(app, tx, user_id, "membership.recovery_codes_renewed").await?;
    Ok(RecoveryCodes { recovery_codes })
}

async fn both_factors(
    app: &App,
    person: &SignedIn,
    body: BothFactors,
    origin: &Origin,
) -> Result<(DatabaseTransaction, Uuid), Failure> {
    let shown = shown(app, person, &body.password, "/password", origin).await?;
    let tx = begin(app, &shown, "/password").await?;
    match second_factor::check(app, &tx, shown.user.id, &shown.guesser, Some(&body.code)).await {
        Ok(true) => Ok((tx, shown.user.id)),
        Ok(false) => Err(Failure::conflict("no_totp", "There is no second factor. Set one up with POST /v1/me/totp.")),
        Err(failure) if failure.code == "wrong_code" => Err(wrong_code()),
        Err(failure) => Err(failure),
    }
}

async fn post_second_factor(
    app: &App,
    tx: &DatabaseTransaction,
    user_id: Uuid,
    is_set_up: bool,
) -> Result<(), Failure> {
    let letter = Letter::SecondFactorChanged { notice_id: app.ids.next(), user_id, is_set_up };
    mail::service::post(app, tx, None, &letter).await
}

/// Whether a person has a second factor, and how many recovery codes are left.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn second_factor_of(app: &App, user_id: Uuid) -> Result<(Option<DateTime<Utc>>, u64), Failure> {
    use crate::words::CredentialKind::{RecoveryCode, Totp};
    let rows = store::credentials(app.db.reader(), user_id, Totp).await?;
    let left = store::count_credentials(app.db.reader(), user_id, RecoveryCode).await?;
    Ok((rows.into_iter().find_map(|row| row.confirmed_at), left))
}

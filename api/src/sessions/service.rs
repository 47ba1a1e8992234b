//! Signing in and out, and exchanging tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde_json::json;
use uuid::Uuid;

use crate::access::needs_second_factor;
use crate::account::second_factor;
use crate::account::store::{account_by_email, set_password};
use crate::app::App;
use crate::clock::Stopwatch;
use crate::entity::session;
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem, Kind};
use crate::http::json::text_problem;
use crate::http::problem::auth_failure;
use crate::mail;
use crate::mail::types::Letter;
use crate::people::email;
use crate::people::passwords::{self, Secret};
use crate::people::service::{Facts, add_fact, is_enrolment_required, membership_views, revoke_keys, tell_firms};
use crate::people::store::memberships_of;
use crate::people::throttle::{
    self, ACCOUNT, ACCOUNT_AT_ADDRESS, ADDRESS, Bucket, SIGN_INS, SIGN_INS_NETWORK, SIGN_INS_SITE, WRONG_CODES_LETTER,
};
use crate::people::types::{Membership, SignedIn};
use crate::secrets::{TokenKind, token_sha256};
use crate::sessions::store::{self, Which};
use crate::sessions::types::{DeviceView, Devices, Origin, SessionView, SignIn};
use crate::words::MembershipState;

/// Longest e-mail address, in characters.
pub const EMAIL_CHARS: usize = 254;
/// How long an access token lasts. Signing out bites at once whatever this is, because tokens are looked up; it bounds
/// what a token is worth that leaked from a log or a memory.
const ACCESS_LASTS: Duration = Duration::minutes(15);
/// How long a device may be silent: waves are quarterly, and an auditor whose phone lay in a drawer from one to the
/// next still has unsent visits on it.
const IDLE_LASTS: Duration = Duration::days(90);
/// After this long the password is asked for in any case.
const SESSION_LASTS: Duration = Duration::days(365);
/// How exactly it is known when a device was last used; no more than one write in this time.
const USE_NOTED_EVERY: Duration = Duration::minutes(1);
/// Two refreshes within this time may be two windows of one device.
const SAME_MOMENT: Duration = Duration::seconds(10);
/// How long each exchanged token is remembered, which tells a lost answer from a theft. The second use of an older one is
/// noticed as long as the device may be signed in, by the part that its tokens share.
const EXCHANGED_KEPT: Duration = Duration::days(7);
/// Most devices that are listed.
const DEVICES_MAX: u64 = 1000;

/// The person of an access token.
///
/// # Errors
///
/// 401 when the token is unknown, ended or too old.
pub async fn signed_in(app: &Arc<App>, token: &str, chosen: Option<Uuid>) -> Result<SignedIn, Failure> {
    if !TokenKind::Access.is_token(token) {
        return Err(auth_failure());
    }
    let rows = store::session_by_access(app.db.reader(), &token_sha256(token)).await?;
    let now = app.clock.now();
    let Some(first) = rows.first() else { return Err(auth_failure()) };
    if first.ended_at.is_some() || first.access_expires_at <= now {
        return Err(auth_failure());
    }
    let (user_id, session_id) = (first.user_id, first.family_id);
    let chosen = chosen.or(first.session_membership_id);
    note_use(app, first.id, first.used_at, now).await?;
    let memberships = rows.into_iter().filter_map(|row| {
        let scope = serde_json::from_str(&row.scope?).unwrap_or_default();
        Some(Membership {
            id: row.membership_id?,
            firm_id: row.firm_id?,
            role: row.role?,
            scope,
            is_signed_out: row.sessions_after.is_some_and(|after| row.signed_in_at <= after),
            lacks_second_factor: row.require_totp? && needs_second_factor(row.role?) && !row.second_factor,
        })
    });
    Ok(SignedIn {
        user_id,
        session_id,
        chosen,
        memberships: memberships.collect(),
        granted: None,
        began: Stopwatch::start(),
    })
}

/// Notes that a session is used. The first use decides what a second use of the refresh token before it means, so it is
/// on disk before the answer; later ones do not hold the answer up.
async fn note_use(app: &Arc<App>, id: Uuid, used_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<(), Failure> {
    let before = now - USE_NOTED_EVERY;
    match used_at {
        None => write_use(app, id, now).await,
        Some(at) if at <= before => {
            let app = app.clone();
            tokio::spawn(async move {
                if let Err(failure) = write_use(&app, id, now).await {
                    tracing::warn!(%failure, "the use of a session could not be noted");
                }
            });
            Ok(())
        }
        Some(_) => Ok(()),
    }
}

async fn write_use(app: &App, id: Uuid, now: DateTime<Utc>) -> Result<(), Failure> {
    let tx = app.db.begin().await?;
    store::note_use(&tx, id, now, now - USE_NOTED_EVERY).await?;
    tx.commit().await?;
    Ok(())
}

/// Signs in.
///
/// # Errors
///
/// * 401 `wrong_sign_in` for an unknown address and for a wrong password alike, after the same work; 401
///   `totp_required` and `wrong_code` only to who knows the password.
/// * 422 when the membership named is not one of the person's.
/// * 429 `too_many_attempts` after too many failures, 503 `busy` when too many sign in at once.
pub async fn sign_in(app: &App, request: SignIn, origin: &Origin) -> Result<SessionView, Failure> {
    let email = email::normal(&request.email);
    let place = throttle::place(origin.address);
    let at_address = format!("{place} {email}");
    let address_mark = app.vault.mark(&at_address).await?;
    let device = request.device_token.as_ref().filter(|token| TokenKind::Refresh.is_token(token));
    let known = Known {
        email: &email,
        address_mark: &address_mark,
        device_sha256: device.map(|token| TokenKind::Refresh.device_sha256(token)),
    };
    let [site, network] = throttle::networks(origin.address);
    let near = [(&ADDRESS, place.as_str()), (&ACCOUNT_AT_ADDRESS, at_address.as_str())];
    let far = [
        (&ACCOUNT, email.as_str()),
        (&SIGN_INS_SITE, site.as_str()),
        (&SIGN_INS_NETWORK, network.as_str()),
        (&SIGN_INS, ""),
    ];
    let taken = take(app, &near, &far, &known).await?;

    // What cannot be an address is nobody's, and no question for the database: PostgreSQL takes no NUL.
    let account = match text_problem(&email, EMAIL_CHARS) {
        None => account_by_email(app.db.reader(), &email).await?,
        Some(_) => None,
    };
    let secret = Secret::of(&request.password);
    let stored = account.as_ref().and_then(|account| account.password_hash.clone());
    let fits = passwords::verify(secret.clone(), stored.clone()).await.inspect_err(|_| {
        app.throttle.give_back(app.clock.now(), &taken);
    })?;
    let (Some(account), Some(stored), true) = (account, stored, fits) else {
        return Err(wrong_sign_in());
    };
    let outdated = if passwords::is_outdated(&stored) { Some(passwords::hash(secret).await?) } else { None };

    let now = app.clock.now();
    let tx = app.db.begin().await?;
    store::lock_user(&tx, account.user_id).await?.ok_or_else(wrong_sign_in)?;
    // The password may have been changed while it was checked.
    let unchanged = account_by_email(&tx, &email).await?.is_some_and(|now| now.password_hash.as_ref() == Some(&stored));
    if !unchanged {
        return Err(wrong_sign_in());
    }
    let code = request.code.as_ref().map(|code| code.as_str());
    let guesser = known.guesser(&tx, account.user_id).await?;
    let checked = second_factor::check(app, &tx, account.user_id, &guesser, code).await;
    if !matches!(&checked, Err(failure) if failure.code == "wrong_code") {
        // The password was right; only guessing costs.
        app.throttle.give_back(app.clock.now(), &taken);
    }
    let second_factor = match checked {
        Ok(second_factor) => second_factor,
        Err(failure) => {
            if failure.code == "too_many_attempts" {
                tell_of_guesses(app, tx, account.user_id).await?;
            }
            return Err(failure);
        }
    };
    // Read by the transaction: waiting for a second connection while holding one could leave none to anybody.
    if let Some(id) = request.membership_id
        && !memberships_of(&tx, account.user_id, MembershipState::Active).await?.iter().any(|(row, _)| row.id == id)
    {
        let problem = FieldProblem::new("/membership_id", "unknown_ref", "is not one of your memberships");
        return Err(Failure::invalid(vec![problem]));
    }
    if let Some(hash) = outdated {
        set_password(&tx, app.ids.next(), account.user_id, &hash, now).await?;
    }
    // The device signs in anew; whoever else may hold its tokens of before loses them.
    if let Some(sha256) = &known.device_sha256
        && let Some(family_id) = store::family_of(&tx, account.user_id, sha256).await?
    {
        store::end(&tx, account.user_id, Which::Family(family_id), now).await?;
    }
    store::forget(&tx, account.user_id, now, now - EXCHANGED_KEPT).await?;
    let id = app.ids.next();
    let row = session::Model {
        id,
        family_id: id,
        user_id: account.user_id,
        membership_id: request.membership_id,
        access_sha256: String::new(),
        refresh_sha256: String::new(),
        client: origin.client.clone(),
        address_sha256: address_mark.clone(),
        device_sha256: None,
        asked_from_sha256: Some(address_mark.clone()),
        second_factor,
        signed_in_at: now,
        created_at: now,
        access_expires_at: now,
        refresh_expires_at: now,
        used_at: None,
        refreshes: 0,
        refreshed_at: None,
        replaced_by: None,
        superseded: false,
        ended_at: None,
    };
    let tokens = issue(&tx, row, TokenKind::Refresh.new_token(), now).await?;
    tx.commit().await?;
    view(app, tokens, now).await
}

/// Writes to somebody, once a day, that the password is in hands that guess at the second factor.
async fn tell_of_guesses(app: &App, tx: DatabaseTransaction, user_id: Uuid) -> Result<(), Failure> {
    let whose = user_id.to_string();
    if app.throttle.take(app.clock.now(), &[(&WRONG_CODES_LETTER, whose.as_str())]).is_err() {
        return Ok(());
    }
    let letter = Letter::WrongCodes { notice_id: app.ids.next(), user_id };
    mail::service::post(app, &tx, None, &letter).await?;
    tx.commit().await?;
    app.wake.wake();
    Ok(())
}

fn wrong_sign_in() -> Failure {
    Failure::new(Kind::Unauthenticated, "wrong_sign_in", "The e-mail address or the password is wrong.")
}

/// By what a device is recognised.
struct Known<'a> {
    email: &'a str,
    address_mark: &'a str,
    device_sha256: Option<String>,
}

impl Known<'_> {
    async fn device(&self, db: &impl ConnectionTrait) -> Result<Option<&str>, Failure> {
        let Some(sha256) = self.device_sha256.as_deref() else { return Ok(None) };
        Ok(store::is_known_device(db, self.email, sha256).await?.then_some(sha256))
    }

    async fn is_known(&self, db: &impl ConnectionTrait) -> Result<bool, Failure> {
        Ok(self.device(db).await?.is_some() || store::is_known_place(db, self.email, self.address_mark).await?)
    }

    /// Whose wrong second factors are counted: those of strangers together, of a known device or place by themselves, so
    /// that a stranger who has the password does not keep the owner out.
    async fn guesser(&self, db: &impl ConnectionTrait, user_id: Uuid) -> Result<String, Failure> {
        if let Some(sha256) = self.device(db).await? {
            return Ok(format!("{user_id} device {sha256}"));
        }
        if store::is_known_place(db, self.email, self.address_mark).await? {
            return Ok(format!("{user_id} place {}", self.address_mark));
        }
        Ok(user_id.to_string())
    }
}

/// Takes the tokens of an attempt. When only the buckets are empty that strangers can empty, who is known gets in.
async fn take<'a>(
    app: &App,
    near: &[Bucket<'a>],
    far: &[Bucket<'a>],
    known: &Known<'_>,
) -> Result<Vec<Bucket<'a>>, Failure> {
    let now = app.clock.now();
    let all = [near, far].concat();
    let Err(empty) = app.throttle.take(now, &all) else { return Ok(all) };
    let is_far = far.iter().any(|(rule, _)| *rule == empty.rule);
    let is_name = text_problem(known.email, EMAIL_CHARS).is_none();
    if is_far && is_name && known.is_known(app.db.reader()).await? {
        app.throttle.take(now, near)?;
        return Ok(near.to_vec());
    }
    Err(empty.into())
}

/// A session with its tokens in the clear.
struct Tokens {
    row: session::Model,
    access: String,
    refresh: String,
}

/// Makes the tokens of a session and adds it.
async fn issue(
    tx: &DatabaseTransaction,
    mut row: session::Model,
    refresh: String,
    now: DateTime<Utc>,
) -> Result<Tokens, Failure> {
    let access = TokenKind::Access.new_token();
    row.access_sha256 = token_sha256(&access);
    row.refresh_sha256 = token_sha256(&refresh);
    row.device_sha256 = Some(TokenKind::Refresh.device_sha256(&refresh));
    row.refresh_expires_at = (now + IDLE_LASTS).min(row.signed_in_at + SESSION_LASTS);
    row.access_expires_at = (now + ACCESS_LASTS).min(row.refresh_expires_at);
    store::insert(tx, row.clone()).await?;
    Ok(Tokens { row, access, refresh })
}

async fn view(app: &App, tokens: Tokens, now: DateTime<Utc>) -> Result<SessionView, Failure> {
    let row = tokens.row;
    Ok(SessionView {
        access_token: tokens.access,
        expires_in: (row.access_expires_at - now).num_seconds(),
        refresh_token: tokens.refresh,
        refresh_expires_in: (row.refresh_expires_at - now).num_seconds(),
        session_id: row.family_id,
        memberships: membership_views(app, row.user_id).await?,
        totp_enrolment_required: !row.second_factor && is_enrolment_required(app, row.user_id).await?,
    })
}

/// Exchanges a refresh token for a new pair of tokens.
///
/// A token works once. It works a second time while nobody has used what it was exchanged for: then the answer was
/// lost, and what nobody received is void. Any other use of it means that two hold it, and the device is signed out.
///
/// # Errors
///
/// * 401 `unauthenticated` when the token is unknown or too old, or its device signed out.
/// * 401 `refreshed_elsewhere` when another refresh of the same moment has taken the place of this one.
/// * 401 `token_replayed` when two hold it; the device is signed out, and its firms are told.
pub async fn refresh(app: &App, token: &str, origin: &Origin) -> Result<SessionView, Failure> {
    if !TokenKind::Refresh.is_token(token) {
        return Err(auth_failure());
    }
    let sha256 = token_sha256(token);
    let device_sha256 = TokenKind::Refresh.device_sha256(token);
    let now = app.clock.now();
    let found = match store::session_by_refresh(app.db.reader(), &sha256).await? {
        Some(row) => Some(row),
        None => store::live_by_device(app.db.reader(), &device_sha256, now).await?,
    };
    let found = found.ok_or_else(auth_failure)?;
    let tx = app.db.begin().await?;
    let user = store::lock_user(&tx, found.user_id).await?.ok_or_else(auth_failure)?;
    // Others may have been waited for.
    let now = app.clock.now();
    let Some(row) = store::session_by_refresh(&tx, &sha256).await? else {
        // Exchanged so long ago that its row is gone, and the device goes on in other hands.
        let heir = store::live_by_device(&tx, &device_sha256, now).await?.ok_or_else(auth_failure)?;
        return Err(replayed(app, tx, &heir).await?);
    };
    let successor = match row.replaced_by {
        Some(id) => store::session_by_id(&tx, id).await?,
        None if row.superseded => store::twin_of(&tx, &row).await?,
        None => None,
    };
    match judge(&row, successor.as_ref(), now) {
        Verdict::Good => {}
        Verdict::Again(lost) => store::supersede(&tx, lost, now).await?,
        Verdict::Elsewhere => {
            if row.refreshes == 0 {
                store::note_told(&tx, row.id).await?;
                tell(app, &tx, &row, "session.refreshed_elsewhere").await?;
                tx.commit().await?;
            }
            let detail =
                "Another refresh of the same moment took the place of this one. Use the tokens of that answer.";
            return Err(Failure::new(Kind::Unauthenticated, "refreshed_elsewhere", detail));
        }
        Verdict::Over => return Err(auth_failure()),
        Verdict::Replayed => return Err(replayed(app, tx, &row).await?),
    }
    let next = session::Model {
        id: app.ids.next(),
        client: origin.client.clone(),
        asked_from_sha256: Some(app.vault.mark(&format!("{} {}", throttle::place(origin.address), user.email)).await?),
        created_at: now,
        used_at: None,
        refreshes: 0,
        refreshed_at: None,
        replaced_by: None,
        ..row.clone()
    };
    store::set_replaced(&tx, row.id, next.id, row.refreshed_at.unwrap_or(now)).await?;
    store::forget(&tx, row.user_id, now, now - EXCHANGED_KEPT).await?;
    let tokens = issue(&tx, next, TokenKind::Refresh.next_token(token), now).await?;
    tx.commit().await?;
    view(app, tokens, now).await
}

/// What a refresh token is worth.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It was not used before.
    Good,
    /// It was, and nobody has the tokens that were given for it; this session is void.
    Again(Uuid),
    /// The tokens of this session were void before they were used: its twin refreshed at the same moment.
    Elsewhere,
    /// Signed out, or too old.
    Over,
    /// Two hold it.
    Replayed,
}

/// What a refresh token is worth, by its session and the one that took its place.
fn judge(row: &session::Model, successor: Option<&session::Model>, now: DateTime<Utc>) -> Verdict {
    if row.superseded {
        // Somebody did receive the answer that seemed lost: another window of the same device, if it looks like one.
        let at_once = row.ended_at.is_some_and(|ended| ended - row.created_at <= SAME_MOMENT);
        let is_stranger = |twin: &session::Model| {
            let is_used = twin.used_at.is_some() || twin.replaced_by.is_some();
            is_used && (&twin.client, &twin.asked_from_sha256) != (&row.client, &row.asked_from_sha256)
        };
        let is_window = at_once && !successor.is_some_and(is_stranger);
        return if is_window { Verdict::Elsewhere } else { Verdict::Replayed };
    }
    if row.ended_at.is_some() || row.refresh_expires_at <= now {
        return Verdict::Over;
    }
    if row.replaced_by.is_none() {
        return Verdict::Good;
    }
    match successor {
        Some(next) if row.refreshes == 1 && next.used_at.is_none() && next.replaced_by.is_none() => {
            Verdict::Again(next.id)
        }
        _ => Verdict::Replayed,
    }
}

/// Signs the device out, tells every firm of the person, and gives the answer.
async fn replayed(app: &App, tx: DatabaseTransaction, row: &session::Model) -> Result<Failure, Failure> {
    if store::end(&tx, row.user_id, Which::Family(row.family_id), app.clock.now()).await? {
        tell(app, &tx, row, "session.replayed").await?;
        tracing::warn!(session = %row.family_id, "a refresh token was used twice; the device is signed out");
    }
    tx.commit().await?;
    let detail = "This token was used before by somebody else. The device is signed out; sign in again, and change the \
                  password if that was not you.";
    Ok(Failure::new(Kind::Unauthenticated, "token_replayed", detail))
}

/// Tells every firm of the person what happened to a device.
async fn tell(app: &App, tx: &DatabaseTransaction, row: &session::Model, kind: &'static str) -> Result<(), Failure> {
    let event = |membership_id: Uuid| {
        let payload = json!({"membership_id": membership_id});
        NewEvent::by_system(kind, "session", row.family_id, payload).log_only()
    };
    let mut facts = Facts::new();
    add_fact(tx, &mut facts, row.user_id, event).await?;
    tell_firms(app, tx, facts).await
}

/// Signs out the device that asks, another one, or all of the person; all means the API keys too. Doing it again changes
/// nothing.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn sign_out(app: &App, user_id: Uuid, which: Which) -> Result<bool, Failure> {
    let tx = app.db.begin().await?;
    store::lock_user(&tx, user_id).await?;
    let ended = store::end(&tx, user_id, which, app.clock.now()).await?;
    if let Which::All = which {
        let facts = revoke_keys(app, &tx, user_id, "signed_out").await?;
        tell_firms(app, &tx, facts).await?;
    }
    tx.commit().await?;
    Ok(ended)
}

/// Signs out one device of the person.
///
/// # Errors
///
/// 404 when the person has no such device signed in.
pub async fn end_device(app: &App, signed_in: &SignedIn, session_id: Uuid) -> Result<(), Failure> {
    if sign_out(app, signed_in.user_id, Which::Family(session_id)).await? {
        return Ok(());
    }
    Err(Failure::not_found("session"))
}

/// The signed-in devices of a person.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn devices(app: &App, signed_in: &SignedIn) -> Result<Devices, Failure> {
    let rows = store::devices(app.db.reader(), signed_in.user_id, app.clock.now(), DEVICES_MAX).await?;
    // A device has one newest session; two only for the moment in which one is being replaced.
    let rows: BTreeMap<_, _> = rows.into_iter().map(|row| (row.family_id, row)).collect();
    let data = rows.into_values().map(|row| DeviceView {
        session_id: row.family_id,
        client: row.client,
        created_at: row.signed_in_at,
        last_used_at: row.used_at.unwrap_or(row.created_at),
        expires_at: row.refresh_expires_at,
        current: row.family_id == signed_in.session_id,
    });
    Ok(Devices { data: data.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> session::Model {
        let at = DateTime::UNIX_EPOCH;
        session::Model {
            id: Uuid::from_u128(1),
            family_id: Uuid::from_u128(1),
            user_id: Uuid::from_u128(2),
            membership_id: None,
            access_sha256: String::new(),
            refresh_sha256: String::new(),
            client: String::new(),
            address_sha256: String::new(),
            device_sha256: None,
            asked_from_sha256: None,
            second_factor: false,
            signed_in_at: at,
            created_at: at,
            access_expires_at: at + ACCESS_LASTS,
            refresh_expires_at: at + IDLE_LASTS,
            used_at: None,
            refreshes: 0,
            refreshed_at: None,
            replaced_by: None,
            superseded: false,
            ended_at: None,
        }
    }

    #[test]
    fn a_refresh_token_works_once_and_once_more_when_the_answer_was_lost() {
        let now = DateTime::UNIX_EPOCH + Duration::hours(1);
        let next = session::Model { id: Uuid::from_u128(3), ..row() };
        assert_eq!(judge(&row(), None, now), Verdict::Good);
        let once = session::Model { refreshes: 1, replaced_by: Some(next.id), refreshed_at: Some(now), ..row() };
        assert_eq!(judge(&once, Some(&next), now), Verdict::Again(next.id));
        let used = session::Model { used_at: Some(now), ..next.clone() };
        assert_eq!(judge(&once, Some(&used), now), Verdict::Replayed);
        let refreshed = session::Model { replaced_by: Some(Uuid::from_u128(4)), ..next.clone() };
        assert_eq!(judge(&once, Some(&refreshed), now), Verdict::Replayed);
        let twice = session::Model { refreshes: 2, ..once.clone() };
        assert_eq!(judge(&twice, Some(&next), now), Verdict::Replayed);
        // Signed out is signed out, and old is old, whatever was used.
        assert_eq!(judge(&session::Model { ended_at: Some(now), ..once.clone() }, Some(&used), now), Verdict::Over);
        assert_eq!(judge(&once, Some(&next), row().refresh_expires_at), Verdict::Over);
    }

    #[test]
    fn who_holds_what_was_thought_lost_is_a_twin_or_a_thief() {
        let now = DateTime::UNIX_EPOCH + Duration::hours(1);
        let at_once = session::Model { superseded: true, ended_at: Some(row().created_at + SAME_MOMENT), ..row() };
        assert_eq!(judge(&at_once, None, now), Verdict::Elsewhere);
        // A twin that calls itself something else, or asked from somewhere else, is none, once it is used.
        let twin = session::Model { id: Uuid::from_u128(3), ..row() };
        let used = session::Model { used_at: Some(now), ..twin.clone() };
        assert_eq!(judge(&at_once, Some(&used), now), Verdict::Elsewhere);
        for thief in [
            session::Model { client: "curl".to_owned(), ..twin.clone() },
            session::Model { asked_from_sha256: Some("elsewhere".to_owned()), ..twin.clone() },
        ] {
            assert_eq!(judge(&at_once, Some(&thief), now), Verdict::Elsewhere);
            let used = session::Model { used_at: Some(now), ..thief.clone() };
            assert_eq!(judge(&at_once, Some(&used), now), Verdict::Replayed);
            let refreshed = session::Model { replaced_by: Some(Uuid::from_u128(4)), ..thief };
            assert_eq!(judge(&at_once, Some(&refreshed), now), Verdict::Replayed);
        }
        let late = row().created_at + SAME_MOMENT + Duration::seconds(1);
        let later = session::Model { superseded: true, ended_at: Some(late), ..row() };
        assert_eq!(judge(&later, None, now), Verdict::Replayed);
    }
}

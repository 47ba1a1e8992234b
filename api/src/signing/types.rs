//! Public keys in answers.

use poem_openapi::Object;

use crate::signing::key::PublicKey;

/// A JWK set (RFC 7517).
#[derive(Debug, Object)]
pub struct KeySet {
    /// The keys: first the one that signs now, then the earlier ones, newest first.
    pub keys: Vec<Jwk>,
}

/// A public key (RFC 8037).
#[derive(Debug, Object)]
pub struct Jwk {
    /// Always `OKP`.
    pub kty: String,
    /// Always `Ed25519`.
    pub crv: String,
    /// The key's id, which receipts name: the first 16 hex digits of the sha256 of its 32 bytes.
    pub kid: String,
    /// Its 32 bytes in base64url without padding.
    pub x: String,
    /// Always `sig`.
    #[oai(rename = "use")]
    pub usage: String,
    /// Always `EdDSA`.
    pub alg: String,
}

impl From<PublicKey> for Jwk {
    fn from(key: PublicKey) -> Self {
        Self {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            kid: key.id(),
            x: key.to_text(),
            usage: "sig".to_owned(),
            alg: "EdDSA".to_owned(),
        }
    }
}

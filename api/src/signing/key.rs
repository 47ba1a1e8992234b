//! Public keys and signatures, without files.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde_json::Value;

use crate::secrets::sha256_hex;

/// Characters of a key id.
const ID_CHARS: usize = 16;

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The public half of a signing key.
    pub fn of(key: &SigningKey) -> Self {
        Self(key.verifying_key())
    }

    /// A key of 32 bytes. Bytes that are no key, and weak keys, under which one signature fits many documents, are
    /// `None`.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(bytes.try_into().ok()?).ok()?;
        (!key.is_weak()).then_some(Self(key))
    }

    /// A key as text: 64 hex digits, or base64 of any kind, padded or not.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() == 64 {
            return Self::from_bytes(&from_hex(text)?);
        }
        let standard = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
        Self::from_bytes(&BASE64_STANDARD_NO_PAD.decode(standard).ok()?)
    }

    /// The Ed25519 keys of a JWK set or of a single JWK (RFC 8037); others in it are passed over.
    pub fn of_jwks(value: &Value) -> Vec<Self> {
        let single = std::slice::from_ref(value);
        let keys = value.get("keys").and_then(Value::as_array).map_or(single, Vec::as_slice);
        let of_jwk = |jwk: &Value| {
            let is_ed25519 = jwk["kty"] == "OKP" && jwk["crv"] == "Ed25519";
            jwk["x"].as_str().filter(|_| is_ed25519).and_then(Self::parse)
        };
        keys.iter().filter_map(of_jwk).collect()
    }

    /// Its id: the first 16 hex digits of the sha256 of its bytes.
    pub fn id(&self) -> String {
        let mut id = sha256_hex(self.0.as_bytes());
        id.truncate(ID_CHARS);
        id
    }

    /// Its bytes in base64url without padding, as `x` of a JWK has them.
    pub fn to_text(self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0.as_bytes())
    }

    /// Whether `signature`, as [`sign`] writes it, is this key's for a document of this kind.
    pub fn has_signed(&self, kind: &str, document: &[u8], signature: &str) -> bool {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(signature).ok();
        let Some(signature) = bytes.and_then(|bytes| Signature::from_slice(&bytes).ok()) else { return false };
        self.0.verify_strict(&message(kind, document), &signature).is_ok()
    }
}

/// Signs a document of a kind; base64url without padding. The same key, kind and document give the same signature.
pub fn sign(key: &SigningKey, kind: &str, document: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(key.sign(&message(kind, document)).to_bytes())
}

/// What goes under the key: a line with the kind, then the document.
fn message(kind: &str, document: &[u8]) -> Vec<u8> {
    [kind.as_bytes(), b"\n", document].concat()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::secrets::hex;

    /// RFC 8032, 7.1, test 1.
    const SECRET: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    fn key() -> SigningKey {
        SigningKey::from_bytes(&from_hex(SECRET).unwrap().try_into().unwrap())
    }

    #[test]
    fn a_key_is_read_in_every_usual_form() {
        let public = PublicKey::of(&key());
        let padded = BASE64_STANDARD_NO_PAD.encode(from_hex(PUBLIC).unwrap()) + "=";
        for text in [PUBLIC, &PUBLIC.to_uppercase(), &padded, &public.to_text(), &format!(" {PUBLIC}\n")] {
            assert_eq!(PublicKey::parse(text), Some(public), "{text}");
        }
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": public.to_text()});
        let other = json!({"kty": "RSA", "n": "x"});
        assert_eq!(PublicKey::of_jwks(&json!({"keys": [other, jwk]})), [public]);
        assert_eq!(PublicKey::of_jwks(&jwk), [public]);
        assert_eq!(public.id(), sha256_hex(&from_hex(PUBLIC).unwrap())[..16]);
        for text in ["", "x", &PUBLIC[1..], &"g".repeat(64), &"é".repeat(32), &hex(&[0; 32]), &public.to_text()[1..]] {
            assert_eq!(PublicKey::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_signature_is_of_one_kind_one_document_and_one_key() {
        let (key, other) = (key(), SigningKey::from_bytes(&[7; 32]));
        let signature = sign(&key, "a/1", b"text");
        assert_eq!(signature, sign(&key, "a/1", b"text"));
        let public = PublicKey::of(&key);
        assert!(public.has_signed("a/1", b"text", &signature));
        assert!(!public.has_signed("a/2", b"text", &signature));
        assert!(!public.has_signed("a/1", b"texts", &signature));
        assert!(!PublicKey::of(&other).has_signed("a/1", b"text", &signature));
        assert!(!public.has_signed("a/1", b"text", &signature[1..]));
        assert!(!public.has_signed("a/1", b"text", ""));
    }
}

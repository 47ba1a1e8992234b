//! What all signed documents have in common: one way to be written, and a key that signed them.

use serde_json::Value;

use crate::canonical::canonical;
use crate::http::json::Reader;
use crate::receipts::verify::{Findings, KeyUsed};
use crate::signing::key::PublicKey;

/// Who signed a receipt, as it says itself.
pub(super) struct Signer<'a> {
    /// The id of the key.
    pub key_id: Option<&'a str>,
    /// The key.
    pub public_key: Option<&'a str>,
    /// Its signature.
    pub signature: Option<&'a str>,
}

/// Who signed a document other than a score receipt.
pub(super) struct Signed {
    /// The id of the key that it names.
    pub key_id: Option<String>,
    public_key: Option<String>,
    signature: Option<String>,
}

impl Signed {
    /// Reads the members.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            key_id: reader.text("key_id", 64),
            public_key: reader.text("public_key", 64),
            signature: reader.text("signature", 128),
        }
    }

    /// Checks that the bytes are those that were written, as a document of this format, by the key.
    pub(super) fn check(
        &self,
        bytes: &[u8],
        document: &Value,
        format: &str,
        given: Option<&[PublicKey]>,
        findings: &mut Findings,
    ) {
        if document.is_null() {
            return;
        }
        check_bytes(bytes, document, findings);
        let signer = Signer {
            key_id: self.key_id.as_deref(),
            public_key: self.public_key.as_deref(),
            signature: self.signature.as_deref(),
        };
        check_signature(document, format, &signer, given, findings);
    }
}

/// The document in a file; null, and a finding, when it is not JSON.
pub(super) fn parsed(bytes: &[u8], findings: &mut Findings) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| {
        findings.add("malformed", "", format!("is not JSON: {error}"));
        Value::Null
    })
}

/// What a check with the key inside the receipt cannot say.
pub(super) fn signer_note(key: KeyUsed, key_id: Option<&str>) -> Option<String> {
    let id = key_id.unwrap_or("unknown");
    (key == KeyUsed::Embedded).then(|| {
        format!(
            "The signer's identity was not checked: the key ({id}) came with the receipt. Fetch the signer's keys from \
             GET /v1/keys of their installation and name the file with --key."
        )
    })
}

/// There is one way to write a receipt; a byte more, less or other is none.
pub(super) fn check_bytes(bytes: &[u8], document: &Value, findings: &mut Findings) {
    let Ok(canonical) = canonical(document) else {
        return findings.add("not_canonical", "", "cannot be written in canonical form (RFC 8785)");
    };
    if canonical.text.as_bytes() == bytes {
        return;
    }
    let at = bytes.iter().zip(canonical.text.as_bytes()).take_while(|(a, b)| a == b).count();
    let message = format!("is not in canonical form (RFC 8785), which has other bytes from byte {at} on");
    findings.add("not_canonical", "", message);
}

/// The signature is of the key that the receipt names, over the receipt without it, as a document of this format.
pub(super) fn check_signature(
    document: &Value,
    format: &str,
    signer: &Signer<'_>,
    given: Option<&[PublicKey]>,
    findings: &mut Findings,
) {
    let Some(text) = signer.public_key else { return };
    let Some(key) = PublicKey::parse(text).filter(|key| key.to_text() == text) else {
        return findings.add("bad_key", "/public_key", "is no Ed25519 key in base64url");
    };
    if let Some(stored) = signer.key_id.filter(|id| *id != key.id()) {
        findings.differs("key_id_differs", "/key_id", "is not the id of the key in public_key", stored, key.id());
    }
    if let Some(given) = given.filter(|given| !given.contains(&key)) {
        let ids: Vec<_> = given.iter().map(PublicKey::id).collect();
        let message = format!("was signed with {}, which is none of the keys given: {}", key.id(), ids.join(", "));
        findings.add("unknown_key", "/key_id", message);
    }
    let Some(signature) = signer.signature else { return };
    let mut unsigned = document.clone();
    if let Some(members) = unsigned.as_object_mut() {
        members.remove("signature");
    }
    let is_signed = canonical(&unsigned).is_ok_and(|text| key.has_signed(format, text.text.as_bytes(), signature));
    if !is_signed {
        findings.add("bad_signature", "/signature", "is not the signature of this key over these bytes");
    }
}

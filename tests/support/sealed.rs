//! What a server sealed with the key of its vault, opened and changed: as if it had been given out at another time.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::{aead, hmac};

use super::app::TestApp;

/// A text that was sealed for `owner`, with what it is changed into, sealed as it was.
pub fn resealed(app: &TestApp, owner: &str, sealed: &str, change: impl FnOnce(&str) -> String) -> String {
    let key = std::fs::read_to_string(app.data().join("keys/vault.secret")).expect("the key");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(key.trim()).expect("base64"));
    let key = aead::UnboundKey::new(&aead::AES_256_GCM, hmac::sign(&key, b"peegel vault: seal").as_ref());
    let key = aead::LessSafeKey::new(key.expect("a key"));
    let mut nonce = BASE64_URL_SAFE_NO_PAD.decode(sealed).expect("base64");
    let mut text = nonce.split_off(aead::NONCE_LEN);
    let used = || aead::Nonce::try_assume_unique_for_key(&nonce).expect("a nonce");
    let text = key.open_in_place(used(), aead::Aad::from(owner), &mut text).expect("a sealed text");
    let mut text = change(std::str::from_utf8(text).expect("text")).into_bytes();
    key.seal_in_place_append_tag(used(), aead::Aad::from(owner), &mut text).expect("a sealed text");
    BASE64_URL_SAFE_NO_PAD.encode([&nonce[..], &text].concat())
}

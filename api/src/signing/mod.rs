//! Signing: the Ed25519 keys of the installation, and checking what they signed.
//!
//! What is signed says what it is: the bytes that go under the key are a line that names the kind of document, then the
//! document. A signature of one kind can never be taken for one of another.

pub mod api;
pub mod key;
pub mod keyring;
pub mod types;

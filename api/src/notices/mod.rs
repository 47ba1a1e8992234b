//! Notices: what people are told of, in the app and by mail.
//!
//! They are written from the history ([`rules`] says which fact tells whom) by a job with a cursor ([`cursor`]): cursor and
//! notices change in one transaction, so that nothing is told twice or left out, whenever the program ends. Letters
//! ([`digest`]) take what is due.

pub mod api;
pub mod cursor;
pub mod digest;
pub mod rules;
pub mod service;
pub mod settings;
pub mod store;
pub mod types;
pub mod unsubscribe;
pub mod words;

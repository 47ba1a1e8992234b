//! Working without a network: what a phone takes along ([`changes`]) and what it brings back ([`push`]).

pub mod api;
pub mod changes;
pub mod cursor;
pub mod push;
pub mod store;
pub mod types;

//! API keys: programs that act under a membership, with some of its rights and for a limited time.

pub mod api;
pub mod service;
pub mod store;
pub mod types;

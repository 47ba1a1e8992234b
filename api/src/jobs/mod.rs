//! Work after a commit: rows queued in the transaction that needs them, safe to run twice.

pub mod api;
pub mod queue;
pub mod service;
pub mod store;
pub mod types;
pub mod worker;

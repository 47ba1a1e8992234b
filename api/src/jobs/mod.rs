//! Work after a commit: rows queued in the transaction that needs them, safe to run twice.

pub mod queue;
pub mod store;
pub mod worker;

//! The history of a firm: one hash-chained table that is both the audit log and the change feed.

pub mod api;
pub mod export;
pub mod service;
pub mod store;
pub mod types;
pub mod verify;

//! Scenarios of a firm: what an auditor plays on a visit, and what the reviewer looks for.

pub mod api;
pub mod parse;
pub mod service;
pub mod store;
pub mod types;

//! Reviewing visits and publishing their results.

pub mod api;
pub mod service;
pub mod store;
pub mod types;

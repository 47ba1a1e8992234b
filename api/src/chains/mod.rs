//! Chains, their regions and branches.

pub mod api;
pub mod parse;
pub mod service;
pub mod store;
pub mod types;

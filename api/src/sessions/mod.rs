//! Signed-in devices: signing in, refreshing, listing and ending.

pub mod api;
pub mod service;
pub mod store;
pub mod types;

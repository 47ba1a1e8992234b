//! People, their memberships in firms, and their sessions.

pub mod api;
pub mod passwords;
pub mod service;
pub mod store;
pub mod types;

//! People and their memberships in firms.

pub mod api;
pub mod email;
pub mod passwords;
pub mod service;
pub mod store;
pub mod throttle;
pub mod types;

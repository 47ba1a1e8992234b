//! Whether recordings may be heard: the policy of the chain, and the consents of those who are recorded.

pub mod api;
pub mod decide;
pub mod parse;
pub mod record;
pub mod service;
pub mod store;
pub mod types;

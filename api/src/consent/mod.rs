//! Whether recordings may be heard: the policy of the chain, and the consents of those who are recorded.

pub mod decide;
pub mod service;
pub mod store;

//! Files that arrive piece by piece and go on where they broke off: the protocol tus 1.0.0.

pub mod api;
pub mod incoming;
pub mod lease;
pub mod protocol;
pub mod service;
pub mod store;
pub mod sweep;

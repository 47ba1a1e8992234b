//! Publishing: what the chain will see, visit by visit or a whole wave, taking results back, and what of a wave is open.

pub mod api;
pub mod checklist;
pub mod preview;
pub mod service;
pub mod store;
pub mod types;

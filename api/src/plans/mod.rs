//! Action plans: what a branch is asked to do after a wave, on screen and as PDF.

pub mod api;
pub mod propose;
pub mod service;
pub mod store;
pub mod types;

//! Reviewing visits and publishing their results.

pub mod api;
pub mod corrections;
pub mod desk_api;
pub mod outcomes;
pub mod questions;
pub mod queue;
pub mod revise;
pub mod service;
pub mod store;
pub mod types;
pub mod view;

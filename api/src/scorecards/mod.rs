//! Scores of branches, regions and chains over waves, from totals kept at publish.

pub mod api;
pub mod figures;
pub mod service;
pub mod store;
pub mod texts;
pub mod totals;
pub mod types;

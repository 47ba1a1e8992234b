//! Appeals of chains and branches against single items of published results.
//!
//! What a chain reads of an appeal is what it wrote itself, the outcome with its reason, days, and ids of results: never a
//! person, a minute or the id of a visit.

pub mod api;
pub mod decide;
pub mod files;
pub mod lines;
pub mod rates;
pub mod service;
pub mod store;
pub mod types;

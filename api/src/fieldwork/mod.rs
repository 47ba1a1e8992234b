//! Waves and assignments: who visits what, by which standard, and when.

pub mod api;
pub mod parse;
pub mod service;
pub mod store;
pub mod types;

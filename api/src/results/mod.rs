//! Results: published visits, as their chain sees them.
//!
//! Everything here is made anew, member by member, from what is stored: nothing is passed on because it is there. What a
//! chain must not learn (people, minutes, positions, files, notes and texts) has no member that could hold it.

pub mod api;
pub mod service;
pub mod store;
pub mod types;

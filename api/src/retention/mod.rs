//! How long data is kept: periods by class and chain, holds, the nightly purge, and the signed line that each purge leaves.
//!
//! [`due`] says which visits have something to purge, [`purge`] does one of them in one transaction, [`classes`] knows the
//! tables, [`nightly`] runs through all.

pub mod api;
pub mod classes;
pub mod due;
pub mod holds;
pub mod line;
pub mod nightly;
pub mod purge;
pub mod rules;
pub mod store;
pub mod types;

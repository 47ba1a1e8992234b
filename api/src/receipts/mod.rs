//! Receipts: everything that made a score in one signed file, which anybody can recompute; and which files of a visit are
//! durably stored, signed, after which a phone may delete its own.

pub mod api;
pub mod differences;
pub mod evidence;
pub mod receipt;
pub mod service;
mod signed;
#[cfg(test)]
mod tests;
pub mod types;
pub mod verify;
pub mod verify_evidence;
pub mod verify_purge;

//! Score receipts: everything that made a score in one signed file, which anybody can recompute.

pub mod api;
pub mod differences;
pub mod receipt;
pub mod service;
#[cfg(test)]
mod tests;
pub mod types;
pub mod verify;

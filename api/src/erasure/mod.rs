//! Erasing people from a firm, and telling them everything that is held on them.
//!
//! Asking for it takes name, address and every way in at once; a job takes the rest, visit by visit. A signed note outside
//! the database ([`tombstones`]) does it again when a backup from before is restored.

pub mod acts;
pub mod api;
pub mod export;
pub mod export_store;
pub mod run;
pub mod service;
pub mod step;
pub mod store;
pub mod tombstones;
pub mod types;

//! One entity a table, as the migrations made it, and no logic.

pub mod action;
pub mod assignment;
pub mod blob;
pub mod branch;
pub mod branch_region;
pub mod chain;
pub mod credential;
pub mod event;
pub mod evidence;
pub mod firm;
pub mod firm_head;
pub mod idempotency_key;
pub mod job;
pub mod membership;
pub mod region;
pub mod rehearsal;
pub mod revision;
pub mod score;
pub mod session;
pub mod standard;
pub mod standard_version;
pub mod total;
pub mod user;
pub mod visit;
pub mod visit_draft;
pub mod wave;

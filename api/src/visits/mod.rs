//! Visits: what an auditor files for an assignment.
//!
//! A write is parsed ([`parse`]), checked and scored ([`service`]) in parallel, then handed to the [`committer`], which
//! re-reads the states and writes whatever queued during the last commit in one transaction.

pub mod api;
pub mod committer;
pub mod day;
pub mod decide;
pub mod manifest;
pub mod moments;
pub mod parse;
pub mod read;
pub mod recordings;
pub mod service;
pub mod stay;
pub mod store;
pub mod types;
pub mod withhold;

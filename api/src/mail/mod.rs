//! Mail: queued in the transaction that needs it, sent by a job, to a folder or an SMTP server.

pub mod service;
pub mod transport;
pub mod types;
pub mod words;

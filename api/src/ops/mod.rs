//! Operations: is it alive, is it ready, and the document that describes the API.

pub mod api;
pub mod document;
pub mod metrics;
pub mod process;

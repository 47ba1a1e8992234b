//! Standards: imported, checked, published, and from then on never changed.

pub mod api;
pub mod cache;
pub mod check;
pub mod service;
pub mod store;
pub mod types;

//! Standards: imported or edited, checked, published, and from then on never changed.

pub mod api;
pub mod cache;
pub mod check;
pub mod compare;
pub mod draft;
pub mod drafts;
pub mod service;
pub mod store;
pub mod types;

//! Evidence: photos, recordings and documents of visits, from the phone to the previews.

pub mod api;
pub mod blobs;
pub mod process;
pub mod quota;
pub mod service;
pub mod similar;
pub mod store;
pub mod types;
pub mod verify;

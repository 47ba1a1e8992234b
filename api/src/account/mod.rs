//! What proves who somebody is: passwords, second factors, and the one-time links that replace or begin them.

pub mod api;
pub mod links;
pub mod second_factor;
pub mod service;
pub mod store;
pub mod types;

//! The library that comes with the program: items to build standards from, and scenarios to play.

pub mod api;
pub mod service;
pub mod types;

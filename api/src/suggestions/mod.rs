//! What the server would answer to an item by what it found in the recordings: offered, never entered by itself.

pub mod api;
mod measured;
mod phrases;
pub mod service;
pub mod types;

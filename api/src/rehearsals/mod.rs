//! Rehearsals: all published history under a standard that is not published yet, touching nothing.

pub mod api;
mod chain;
pub mod run;
mod sensitivity;
pub mod service;
mod standing;
pub mod store;
pub mod types;
mod weights;

//! Double scoring: a share of the visits is scored by a second reviewer who does not know what the first one made of them,
//! and how far both agree.
//!
//! [`draw`] decides when a visit is taken for review which are scored twice and by whom; [`blind`] keeps everything else of
//! such a visit from the second scorer until they are done; [`figures`] compares both.

pub mod api;
pub mod blind;
pub mod draw;
pub mod figures;
pub mod service;
pub mod store;
pub mod types;

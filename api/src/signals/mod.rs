//! Signs that a visit may not have been made as it was told: for the reviewer, who may ask the auditor and judges.
//!
//! A job gathers what is known of a filed visit ([`gather`]) into [`facts`]; families of pure rules ([`time`], [`place`],
//! [`files`], [`answers`], [`texts`]) find signals in it, each with its figures, and [`reasons`] says them in words. No
//! signal stops, scores, moves or pays anything. Nothing that is missing is a signal: phones take positions and EXIF
//! away by themselves.
//!
//! A visit is compared with what was there before it, so that nobody is suspected for what others do later.

pub mod answers;
pub mod api;
pub mod facts;
pub mod files;
pub mod gather;
pub mod job;
pub mod place;
pub mod reasons;
pub mod service;
pub mod sketch;
pub mod store;
pub mod texts;
pub mod time;
pub mod types;

//! Transcripts: what is said in a recording, attached by people or written by a transcription service; found by its words,
//! and compared with the phrases that a standard wants to hear, or not to hear.

pub mod answer;
pub mod api;
pub mod folding;
pub mod parse;
pub mod phrases;
pub mod search;
pub mod service;
pub mod store;
pub mod transcriber;
pub mod transcription;
pub mod types;

//! Links: addresses of files for what cannot send headers, such as `<img>`, `<audio>` and downloads. Each opens one file for
//! five minutes, and everything that its maker is asked for is asked again at each fetch.

pub mod api;
pub mod grant;
pub mod service;
pub mod types;

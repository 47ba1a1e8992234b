//! Lists: at most 200 entries, then an opaque cursor.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use poem_openapi::Object;
use poem_openapi::types::{ParseFromJSON, ToJSON, Type};

use crate::failure::Failure;

/// Most entries of one page.
pub const MAX_LIMIT: u64 = 200;
/// Entries of a page when the request names no number.
pub const DEFAULT_LIMIT: u64 = 50;

/// One page of a list.
#[derive(Debug, Object)]
pub struct Page<T: ParseFromJSON + ToJSON + Type> {
    /// The entries, in a stable order.
    pub data: Vec<T>,
    /// Send it as `cursor` for the next page; absent on the last one.
    pub next_cursor: Option<String>,
}

/// Which part of a list is asked for.
#[derive(Clone, Debug)]
pub struct Slice {
    /// Most entries to return.
    pub limit: u64,
    /// Begin after this key.
    pub after: Option<String>,
}

impl Slice {
    /// Reads `limit` and `cursor`.
    ///
    /// # Errors
    ///
    /// 400 `bad_limit` outside 1..=200, 400 `bad_cursor` for anything that no list gave out.
    pub fn of(limit: Option<u64>, cursor: Option<&str>) -> Result<Self, Failure> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Failure::malformed("bad_limit", format!("`limit` is a number from 1 to {MAX_LIMIT}.")));
        }
        let after = cursor.map(decode).transpose()?;
        Ok(Self { limit, after })
    }

    /// The key to begin after, read as `K`.
    ///
    /// # Errors
    ///
    /// 400 `bad_cursor` when it is not one.
    pub fn after<K: std::str::FromStr>(&self) -> Result<Option<K>, Failure> {
        self.after.as_deref().map(|key| key.parse().map_err(|_| bad_cursor())).transpose()
    }

    /// A page from one row more than asked for.
    pub fn page<R, T>(&self, mut rows: Vec<R>, key: impl Fn(&R) -> String, view: impl FnMut(R) -> T) -> Page<T>
    where
        T: ParseFromJSON + ToJSON + Type,
    {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| cursor(&key(row)));
        Page { data: rows.into_iter().map(view).collect(), next_cursor }
    }
}

/// The cursor that goes on after a key.
pub fn cursor(key: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(key)
}

fn decode(cursor: &str) -> Result<String, Failure> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad_cursor())?;
    let key = String::from_utf8(bytes).map_err(|_| bad_cursor())?;
    // Nothing is no key, and would begin anew.
    if key.is_empty() { Err(bad_cursor()) } else { Ok(key) }
}

fn bad_cursor() -> Failure {
    Failure::malformed("bad_cursor", "`cursor` is not one that a list gave out. Begin without it.")
}

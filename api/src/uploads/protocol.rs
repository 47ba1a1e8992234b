//! The headers of tus, read and written.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use chrono::{DateTime, Utc};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use uuid::Uuid;

use crate::failure::Failure;
use crate::http::limits::FILE_LIMIT_BYTES;

/// The extensions that are spoken.
pub const EXTENSIONS: &str = "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination";
/// The checksums that are known.
pub const CHECKSUMS: &str = "sha1,sha256";
/// The media type of a piece of an upload.
pub const MEDIA_TYPE: &str = "application/offset+octet-stream";

/// Base64 with or without the signs that fill it up: clients differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What `Upload-Metadata` says, as far as it matters here.
///
/// # Errors
///
/// 400 `bad_metadata` when it is not a list of unique keys with values in base64, or does not name `evidence_id`.
pub fn evidence_id(metadata: &str) -> Result<Uuid, Failure> {
    let bad = |detail: &str| Failure::malformed("bad_metadata", format!("`Upload-Metadata`: {detail}"));
    let (mut keys, mut found) = (Vec::new(), None);
    for pair in metadata.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(' ').map_or((pair, ""), |(key, value)| (key, value.trim()));
        if keys.contains(&key) {
            return Err(bad(&format!("the key `{key}` comes twice.")));
        }
        keys.push(key);
        let value = BASE64.decode(value).map_err(|_| bad(&format!("the value of `{key}` is not base64.")))?;
        if key == "evidence_id" {
            let id = std::str::from_utf8(&value).ok().and_then(|text| text.trim().parse().ok());
            found =
                Some(id.ok_or_else(|| bad("`evidence_id` is not a UUID; it is the id of the file in the manifest."))?);
        }
    }
    found.ok_or_else(|| bad("name the file by `evidence_id`, its id in the manifest, in base64."))
}

/// A number of bytes in a header.
///
/// # Errors
///
/// 400 `bad_header` when it is none.
pub fn bytes(name: &str, value: &str) -> Result<u64, Failure> {
    let digits = !value.is_empty() && value.len() <= 18 && value.bytes().all(|b| b.is_ascii_digit());
    let number = digits.then(|| value.parse().ok()).flatten();
    number.ok_or_else(|| Failure::malformed("bad_header", format!("`{name}` is a number of bytes.")))
}

/// The length of a whole file.
///
/// # Errors
///
/// * 400 `bad_header` when it is none.
/// * 413 `too_large` beyond the limit.
pub fn length(value: &str) -> Result<u64, Failure> {
    let length = bytes("Upload-Length", value)?;
    if length > FILE_LIMIT_BYTES {
        return Err(crate::http::limits::too_large(FILE_LIMIT_BYTES).with_header("tus-max-size", FILE_LIMIT_BYTES));
    }
    Ok(length)
}

/// What the bytes of a piece must add up to.
pub struct Checksum {
    running: Context,
    expected: Vec<u8>,
}

impl Checksum {
    /// Reads `Upload-Checksum`.
    ///
    /// # Errors
    ///
    /// 400 `bad_checksum` when the algorithm is not known, or the rest no such checksum.
    pub fn read(value: &str) -> Result<Self, Failure> {
        let bad = || {
            let detail = format!("`Upload-Checksum` is one of {CHECKSUMS}, a space, and the checksum in base64.");
            Failure::malformed("bad_checksum", detail)
        };
        let (name, sum) = value.trim().split_once(' ').ok_or_else(bad)?;
        let algorithm = match name {
            "sha1" => &SHA1_FOR_LEGACY_USE_ONLY,
            "sha256" => &SHA256,
            _ => return Err(bad()),
        };
        let expected = BASE64.decode(sum.trim()).ok().filter(|sum| sum.len() == algorithm.output_len());
        Ok(Self { running: Context::new(algorithm), expected: expected.ok_or_else(bad)? })
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.running.update(bytes);
    }

    /// Whether they were those announced.
    pub fn agrees(self) -> bool {
        self.running.finish().as_ref() == self.expected
    }
}

/// A time as `Upload-Expires` has it (RFC 9110).
pub fn http_date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read_as_clients_write_it() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let named = base64::prelude::BASE64_STANDARD.encode(id);
        for text in [
            format!("evidence_id {named}"),
            format!("filename eA==,evidence_id {named},is_confidential"),
            format!("empty ,flag,evidence_id {},other eA", named.trim_end_matches('=')),
            format!(" evidence_id {named} , filetype aW1hZ2UvanBlZw== "),
        ] {
            assert_eq!(evidence_id(&text).unwrap().to_string(), id, "{text}");
        }
        for text in ["", "filename eA==", "evidence_id", "evidence_id eA==", "a eA==,a eA==", "a !!", "a b c"] {
            assert_eq!(evidence_id(text).unwrap_err().code, "bad_metadata", "{text}");
        }
        assert!(evidence_id(&format!("evidence_id {named},evidence_id {named}")).is_err());
    }

    #[test]
    fn numbers_are_digits() {
        assert_eq!(bytes("X", "0").unwrap(), 0);
        assert_eq!(bytes("X", "00012").unwrap(), 12);
        for wrong in ["", "-1", "+1", "1.0", "1e3", " 1", "99999999999999999999"] {
            assert!(bytes("X", wrong).is_err(), "{wrong}");
        }
        assert_eq!(length("209715200").unwrap(), FILE_LIMIT_BYTES);
        assert_eq!(length("209715201").unwrap_err().code, "too_large");
    }

    #[test]
    fn checksums_are_compared_whole() {
        let agrees = |header: &str| {
            let mut checksum = Checksum::read(header).unwrap();
            checksum.update(b"hello ");
            checksum.update(b"world");
            checksum.agrees()
        };
        assert!(agrees("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="));
        assert!(agrees("sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="));
        assert!(!agrees("sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="));
        for wrong in ["", "sha1", "md5 XrY7u+Ae7tCTyyK7j1rNww==", "sha1 eA==", "sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0="] {
            assert!(Checksum::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_in_the_form_of_http() {
        assert_eq!(http_date("2026-11-22T08:05:09.25Z".parse().unwrap()), "Sun, 22 Nov 2026 08:05:09 GMT");
    }
}

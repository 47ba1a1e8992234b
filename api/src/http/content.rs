//! Files in answers: ranges, entity tags, and headers that keep a browser from running them.

use bytes::Bytes;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, IntoResponse, Response, ResponseBuilder};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use uuid::Uuid;

use crate::evidence::blobs::{Blobs, missing};
use crate::failure::{Failure, Kind};
use crate::http::conditions::{etag, not_modified};
use crate::secrets::sha256_hex;

/// 204: done, and nothing to say.
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl ApiResponse for NoContent {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "Done.",
                status: Some(204),
                status_range: None,
                content: vec![],
                headers: vec![],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}

/// A stored file to be sent.
pub struct StoredFile {
    /// The firm that it belongs to.
    pub firm_id: Uuid,
    /// The sha256 of its bytes; its entity tag.
    pub sha256: String,
    /// The media type found in its content, or `application/octet-stream`.
    pub media_type: String,
    /// The name to save it under.
    pub file_name: String,
}

/// The part of a file that a request asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Range<'a> {
    /// `Range`.
    pub asked: Option<&'a str>,
    /// `If-Range`: the entity tag that the file must still have.
    pub only_if: Option<&'a str>,
}

impl<'a> Range<'a> {
    /// The `Range` to be honoured for a file with this strong tag. A weak tag or a date never is a reason to.
    fn of_tag(self, tag: &str) -> Option<&'a str> {
        self.asked.filter(|_| self.only_if.is_none_or(|only_if| only_if.trim() == tag))
    }
}

/// A file that was made for the request.
pub struct MadeFile {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its media type.
    pub media_type: &'static str,
    /// The name to save it under.
    pub file_name: String,
}

/// What browsers may do with a file that somebody sent: show it, and nothing else.
const SANDBOX: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

/// The answer with a file, or a part of one.
pub struct FileAnswer(Response);

impl FileAnswer {
    /// Answers a request for `file`, whole or the `Range` asked for.
    ///
    /// # Errors
    ///
    /// * 416 `range_not_satisfiable` when the range begins after the end.
    /// * [`Failure`] (500, 503) when the file cannot be read.
    pub async fn of(
        blobs: &Blobs,
        file: StoredFile,
        range: Range<'_>,
        if_none_match: Option<&str>,
    ) -> Result<Self, Failure> {
        let tag = etag(&file.sha256);
        if not_modified(if_none_match, &tag) {
            return Ok(Self::unchanged(tag));
        }
        let opened = blobs.open(file.firm_id, &file.sha256).await?.ok_or_else(|| missing(&file.sha256))?;
        let head = Response::builder()
            .header(header::CONTENT_TYPE, &file.media_type)
            .header(header::CONTENT_SECURITY_POLICY, SANDBOX)
            .header(header::CONTENT_DISPOSITION, disposition(&file.file_name));
        match cut(head, tag, opened.bytes, range) {
            Cut::Part(head, from, to) => Ok(Self(head.body(Body::from_bytes_stream(opened.stream(from, to).await?)))),
            Cut::Beyond(answer) => Ok(Self(answer)),
        }
    }

    /// Answers a request for a file that was made for it, whole or the `Range` asked for. No sandbox: browsers show no
    /// PDF in one.
    pub fn of_made(file: MadeFile, range: Range<'_>, if_none_match: Option<&str>) -> Self {
        let tag = etag(sha256_hex(&file.bytes));
        if not_modified(if_none_match, &tag) {
            return Self::unchanged(tag);
        }
        let head = Response::builder()
            .header(header::CONTENT_TYPE, file.media_type)
            .header(header::CONTENT_DISPOSITION, disposition(&file.file_name));
        match cut(head, tag, file.bytes.len() as u64, range) {
            Cut::Part(head, from, to) => {
                let [from, to] = [from, to].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
                Self(head.body(file.bytes.slice(from..to)))
            }
            Cut::Beyond(answer) => Self(answer),
        }
    }

    fn unchanged(tag: String) -> Self {
        Self(Response::builder().status(StatusCode::NOT_MODIFIED).header(header::ETAG, tag).finish())
    }

    /// The same for whoever has a link: it is kept nowhere, and pages of other hosts may show it; or it is saved, which
    /// browsers do for pages of other hosts only when the answer says so.
    pub fn by_link(mut self, download: bool) -> Self {
        let headers = self.0.headers_mut();
        let named = headers.get(header::CONTENT_DISPOSITION).and_then(|value| value.to_str().ok());
        let named = named.filter(|_| download).and_then(|value| value.strip_prefix("inline"));
        if let Some(value) = named.and_then(|rest| HeaderValue::from_str(&format!("attachment{rest}")).ok()) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
        self
    }
}

/// What a `Range` leaves of a file.
enum Cut {
    /// The head of the answer, and from where to where its bytes go.
    Part(ResponseBuilder, u64, u64),
    /// 416.
    Beyond(Response),
}

/// Cuts a file of some length to the `Range` asked for, and says so in the head of the answer.
fn cut(head: ResponseBuilder, tag: String, length: u64, range: Range<'_>) -> Cut {
    let part = range.of_tag(&tag).and_then(|range| parse_range(range, length));
    let head = head
        .header(header::ETAG, tag)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CACHE_CONTROL, "private, no-cache");
    let (head, start, end) = match part {
        None => (head, 0, length),
        Some(Ok((start, end))) => {
            let content_range = format!("bytes {start}-{}/{length}", end - 1);
            let head = head.status(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, content_range);
            (head, start, end)
        }
        Some(Err(())) => {
            let failure = Failure::new(
                Kind::RangeNotSatisfiable,
                "range_not_satisfiable",
                format!("The file has {length} bytes; the range begins after its end."),
            );
            let mut response = failure.into_response();
            if let Ok(value) = HeaderValue::from_str(&format!("bytes */{length}")) {
                response.headers_mut().insert(header::CONTENT_RANGE, value);
            }
            return Cut::Beyond(response);
        }
    };
    Cut::Part(head.header(header::CONTENT_LENGTH, end - start), start, end)
}

/// The half-open byte range asked for: `None` for syntax that is ignored, `Err` for one beyond the end.
fn parse_range(range: &str, length: u64) -> Option<Result<(u64, u64), ()>> {
    let (unit, part) = range.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || part.contains(',') {
        return None;
    }
    let (from, to) = part.split_once('-')?;
    let (from, to) = (from.trim(), to.trim());
    if from.is_empty() {
        let last = position(to)?;
        return Some(if last == 0 || length == 0 { Err(()) } else { Ok((length.saturating_sub(last), length)) });
    }
    let from: u64 = from.parse().ok()?;
    let end = if to.is_empty() { length } else { position(to)?.saturating_add(1).min(length) };
    if from >= length {
        return Some(Err(()));
    }
    (from < end).then_some(Ok((from, end)))
}

/// A position at the end of a range. One too large for any file means its end.
fn position(digits: &str) -> Option<u64> {
    let decimal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    decimal.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// `Content-Disposition` with the name in ASCII and, as RFC 8187 has it, in UTF-8.
pub fn disposition(file_name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ');
    let ascii: String = file_name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    let utf8: String = file_name
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"._-".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect();
    format!("inline; filename=\"{ascii}\"; filename*=UTF-8''{utf8}")
}

impl IntoResponse for FileAnswer {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for FileAnswer {
    fn meta() -> MetaResponses {
        let header = |name: &str, description: &str| MetaHeader {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            required: false,
            deprecated: false,
            schema: String::schema_ref(),
        };
        let answer = |status, description| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: "*/*",
                schema: MetaSchemaRef::Inline(Box::new(MetaSchema {
                    format: Some("binary"),
                    ..MetaSchema::new("string")
                })),
            }],
            headers: vec![
                header("ETag", "The sha256 of the whole file."),
                header("Content-Range", "Which bytes these are, in a 206."),
            ],
        };
        let unchanged = MetaResponse {
            description: "The copy named in `If-None-Match` is the current one.",
            status: Some(304),
            status_range: None,
            content: vec![],
            headers: vec![],
        };
        MetaResponses {
            responses: vec![answer(200, "The whole file."), answer(206, "The part asked for in `Range`."), unchanged],
        }
    }

    fn register(_: &mut Registry) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_clamped_to_the_file() {
        assert_eq!(parse_range("bytes=0-4", 10), Some(Ok((0, 5))));
        assert_eq!(parse_range("bytes=5-", 10), Some(Ok((5, 10))));
        assert_eq!(parse_range("bytes=5-99", 10), Some(Ok((5, 10))));
        assert_eq!(parse_range("bytes=-3", 10), Some(Ok((7, 10))));
        assert_eq!(parse_range("bytes=-99", 10), Some(Ok((0, 10))));
        assert_eq!(parse_range("Bytes=0-4", 10), Some(Ok((0, 5))));
        assert_eq!(parse_range("bytes=5-99999999999999999999", 10), Some(Ok((5, 10))));
        assert_eq!(parse_range("bytes=-99999999999999999999", 10), Some(Ok((0, 10))));
    }

    #[test]
    fn a_range_of_another_copy_is_ignored() {
        let range = |only_if| Range { asked: Some("bytes=0-4"), only_if };
        assert_eq!(range(None).of_tag("\"a\""), Some("bytes=0-4"));
        assert_eq!(range(Some("\"a\"")).of_tag("\"a\""), Some("bytes=0-4"));
        for other in ["\"b\"", "W/\"a\"", "Sun, 22 Nov 2026 10:00:00 GMT"] {
            assert_eq!(range(Some(other)).of_tag("\"a\""), None, "{other}");
        }
    }

    #[test]
    fn a_range_beyond_the_end_is_refused_and_nonsense_is_ignored() {
        assert_eq!(parse_range("bytes=10-", 10), Some(Err(())));
        assert_eq!(parse_range("bytes=-0", 10), Some(Err(())));
        assert_eq!(parse_range("bytes=4-2", 10), None);
        assert_eq!(parse_range("bytes=0-1,3-4", 10), None);
        assert_eq!(parse_range("lines=1-2", 10), None);
        assert_eq!(parse_range("bytes=1-+2", 10), None);
    }

    #[test]
    fn a_file_name_cannot_break_out_of_its_header() {
        let header = disposition("poe\"\r\nX: y/ü.jpg");
        assert_eq!(header, "inline; filename=\"poe___X_ y__.jpg\"; filename*=UTF-8''poe%22%0D%0AX%3A%20y%2F%C3%BC.jpg");
    }
}

//! Which web pages of other hosts may call the API (CORS). None may, unless they are named in the settings.

use std::fmt;
use std::str::FromStr;

use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use poem::{Request, Response};

/// Methods that pages may use.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
/// Headers that pages may send: our own, and those of tus 1.0.0.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, If-Match, If-None-Match, If-Range, Range, Idempotency-Key, \
    Peegel-Membership, X-Request-Id, Tus-Resumable, Upload-Length, Upload-Offset, Upload-Metadata, Upload-Checksum, \
    Upload-Defer-Length, Upload-Concat, X-HTTP-Method-Override";
/// Headers of answers that pages may read.
const ANSWER_HEADERS: &str = "ETag, Location, Retry-After, Content-Range, Content-Disposition, Accept-Ranges, Allow, \
    WWW-Authenticate, X-Request-Id, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, \
    Upload-Offset, Upload-Length, Upload-Metadata, Upload-Defer-Length, Upload-Expires";
/// How long a browser may remember an answer to a preflight, in seconds.
const MAX_AGE_S: &str = "7200";

/// The origin of a web page: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an origin such as https://app.example.org; `*` is not allowed");
        let origin = text.trim().trim_end_matches('/').to_ascii_lowercase();
        let uri: Uri = origin.parse().map_err(|_| wrong())?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().ok_or_else(wrong)?.as_str();
        let is_bare = origin.split_once("://").is_some_and(|(_, rest)| rest == authority);
        if !is_web || !is_bare || authority.contains(['@', '*']) {
            return Err(wrong());
        }
        // Browsers leave out the port that goes without saying.
        let default_port = if uri.scheme_str() == Some("https") { ":443" } else { ":80" };
        Ok(Self(origin.strip_suffix(default_port).map_or(origin.clone(), str::to_owned)))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The pages that may call.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    origins: Vec<Origin>,
}

impl Cors {
    /// Pages of these origins.
    pub fn new(origins: Vec<Origin>) -> Self {
        Self { origins }
    }

    /// The origin that a request names, if its pages may call.
    pub fn allowed(&self, request: &Request) -> Option<HeaderValue> {
        let origin = request.headers().get(header::ORIGIN)?;
        self.origins.iter().any(|known| known.0.as_bytes() == origin.as_bytes()).then(|| origin.clone())
    }

    /// Marks an answer for the page that asked. Tokens are sent in a header by the page itself, so credentials of the
    /// browser are never let through.
    pub fn mark(&self, headers: &mut HeaderMap, allowed: Option<HeaderValue>) {
        if self.origins.is_empty() {
            return;
        }
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(ANSWER_HEADERS));
        }
    }
}

/// Whether a browser asks beforehand if a page may send a request. Any other `OPTIONS`, such as the discovery of tus,
/// is for the handler.
pub fn is_preflight(request: &Request) -> bool {
    *request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight for a page that may call.
pub fn preflight() -> Response {
    Response::builder()
        .status(StatusCode::NO_CONTENT)
        .header(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS)
        .header(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS)
        .header(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_scheme_host_and_port() {
        let origin = |text: &str| text.parse::<Origin>().map(|origin| origin.0);
        assert_eq!(origin("https://App.Example.org"), Ok("https://app.example.org".to_owned()));
        assert_eq!(origin(" https://app.example.org/ "), Ok("https://app.example.org".to_owned()));
        assert_eq!(origin("https://app.example.org:443"), Ok("https://app.example.org".to_owned()));
        assert_eq!(origin("http://127.0.0.1:5173"), Ok("http://127.0.0.1:5173".to_owned()));
        for wrong in ["*", "null", "", "app.example.org", "https://", "https://*.example.org", "ftp://a.example"] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
        for wrong in ["https://a.example/app", "https://user@a.example", "https://a.example?x"] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }
}

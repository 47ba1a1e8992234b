//! The headers that every answer carries, whoever made it.

use poem::http::header::{self, HeaderName};
use poem::http::{HeaderMap, HeaderValue};

/// What a browser may do with an answer that says nothing of its own: nothing.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Two years, as browsers' lists ask for.
const STRICT_TRANSPORT_SECURITY: &str = "max-age=63072000; includeSubDomains";

/// Headers that every answer has unless its handler set them.
const DEFAULTS: [(HeaderName, &str); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("permissions-policy"), "camera=(self), microphone=(self), geolocation=(self)"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds what is missing. `is_https` says whether the client came by TLS.
pub fn complete(headers: &mut HeaderMap, is_https: bool) {
    for (name, value) in &DEFAULTS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if is_https {
        // Over plain HTTP, browsers ignore it, and anybody on the way could have written it.
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT_TRANSPORT_SECURITY));
    }
}

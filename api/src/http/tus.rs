//! What tus 1.0.0 asks of every request and every answer of uploads, whoever answers it.

use poem::Request;
use poem::http::{HeaderMap, HeaderValue, Method};

use crate::failure::{Failure, Kind};

/// The version of the protocol that is spoken.
pub const VERSION: &str = "1.0.0";
/// Where uploads are made; each has an address below it.
const PATH: &str = "/v1/uploads";

/// Whether an address is one of uploads.
pub fn is_upload(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The method that clients mean who cannot send it, such as for the sake of a proxy.
pub fn override_method(request: &mut Request) {
    if is_upload(request.uri().path())
        && let Some(method) =
            request.header("x-http-method-override").and_then(|name| name.trim().parse::<Method>().ok())
    {
        request.set_method(method);
    }
}

/// A request that speaks another version, or does not say which, is not looked at. Discovery needs none, and methods
/// that an address does not take have an answer of their own.
///
/// # Errors
///
/// 412 `unsupported_version`, with `Tus-Version`.
pub fn check(request: &Request) -> Result<(), Failure> {
    let (path, method) = (request.uri().path(), request.method());
    let is_spoken = match path {
        PATH => *method == Method::POST,
        path => is_upload(path) && matches!(*method, Method::HEAD | Method::PATCH | Method::DELETE),
    };
    if !is_spoken || request.header("tus-resumable") == Some(VERSION) {
        return Ok(());
    }
    let detail = format!("Uploads are made by the protocol tus, version {VERSION}. Send `Tus-Resumable: {VERSION}`.");
    Err(Failure::new(Kind::Stale, "unsupported_version", detail).with_header("tus-version", VERSION))
}

/// Says in an answer of uploads which version it speaks.
pub fn mark(path: &str, headers: &mut HeaderMap) {
    if is_upload(path) {
        headers.insert("tus-resumable", HeaderValue::from_static(VERSION));
    }
}

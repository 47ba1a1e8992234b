//! What every request goes through: its id, its limits, its survival of a lost client, its log line and its errors.

mod allow;
pub mod auth;
pub mod conditions;
pub mod content;
pub mod json;
pub mod paging;
pub mod problem;
mod unread;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Body, Endpoint, EndpointExt, IntoEndpoint, IntoResponse, Request, Response};
use tracing::Instrument;

use crate::clock::Stopwatch;
use crate::failure::{Failure, Kind};
use crate::http::unread::Unread;
use crate::ids::Ids;

/// Largest JSON body, in bytes.
pub const JSON_LIMIT_BYTES: u64 = 2 * 1024 * 1024;
/// Largest evidence file, in bytes.
pub const FILE_LIMIT_BYTES: u64 = 200 * 1024 * 1024;
/// Bodies up to this size are read whole by the layers below, whatever the handler does.
const BUFFERED_BYTES: u64 = 8 * 1024;
/// How long a request without a file may take.
const JSON_TIMEOUT: Duration = Duration::from_secs(60);
/// How long sending one file may take.
const FILE_TIMEOUT: Duration = Duration::from_secs(30 * 60);

tokio::task_local! {
    static REQUEST_ID: String;
}

/// The id of the request being served, for answers and logs.
pub fn request_id() -> Option<String> {
    REQUEST_ID.try_with(Clone::clone).ok()
}

/// Wraps all routes.
///
/// Each request runs in a task of its own, so that an effect that has begun also ends when the client hangs up in
/// the middle of it. Whatever fails leaves as problem+json.
pub fn shell<E: IntoEndpoint>(routes: E, ids: Ids, document: &serde_json::Value) -> impl Endpoint + use<E>
where
    E::Endpoint: 'static,
{
    let allowed = Arc::new(allow::Allowed::of(document));
    routes.around(move |endpoint, request: Request| {
        let allowed = allowed.clone();
        let id = request_id_of(&request).unwrap_or_else(|| ids.next().to_string());
        async move {
            let watch = Stopwatch::start();
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let serve = async move {
                let (request, unread) = watched(request);
                let served = match limited(request) {
                    Ok((request, limit)) => match tokio::time::timeout(limit, endpoint.call(request)).await {
                        Ok(answer) => answer.map(IntoResponse::into_response),
                        Err(_) => Err(problem::error(too_slow())),
                    },
                    Err(error) => Err(error),
                };
                if let (Some(unread), true) = (unread, served.as_ref().map_or(true, |r| !r.status().is_success())) {
                    unread.discard().await;
                }
                served.unwrap_or_else(problem::from_framework)
            };
            // Every log line of the request carries its id.
            let span = tracing::info_span!("request", id);
            let answer = tokio::spawn(REQUEST_ID.scope(id.clone(), serve).instrument(span)).await;
            let mut response = match answer {
                Ok(response) => response,
                Err(panic) => REQUEST_ID.sync_scope(id.clone(), || problem::response(Failure::internal(panic))),
            };
            if response.status() == StatusCode::METHOD_NOT_ALLOWED
                && let Some(methods) = allowed.methods(&path)
            {
                response.headers_mut().insert(header::ALLOW, methods);
            }
            if let Ok(value) = HeaderValue::from_str(&id) {
                response.headers_mut().insert("x-request-id", value);
            }
            response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
            log(&method, &path, response.status(), watch.elapsed_us(), &id);
            Ok::<Response, poem::Error>(response)
        }
    })
}

fn log(method: &Method, path: &str, status: StatusCode, duration_us: u64, id: &str) {
    let status = status.as_u16();
    match status {
        500.. => tracing::warn!(%method, path, status, duration_us, request_id = id, "answered"),
        400.. => tracing::info!(%method, path, status, duration_us, request_id = id, "answered"),
        _ => tracing::debug!(%method, path, status, duration_us, request_id = id, "answered"),
    }
}

/// A request id from the client, if it is a plain word.
fn request_id_of(request: &Request) -> Option<String> {
    let id = request.header("x-request-id")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (!id.is_empty() && id.len() <= 64 && id.bytes().all(plain)).then(|| id.to_owned())
}

/// Keeps an eye on a body that is too large for the buffers on the way.
fn watched(mut request: Request) -> (Request, Option<Unread>) {
    let announced: Option<u64> = request.header(header::CONTENT_LENGTH).and_then(|bytes| bytes.parse().ok());
    let is_large = announced.map_or(request.headers().contains_key(header::TRANSFER_ENCODING), |n| n > BUFFERED_BYTES);
    if !is_large {
        return (request, None);
    }
    let (body, unread) = Unread::watch(request.take_body());
    request.set_body(body);
    (request, Some(unread))
}

/// Bounds the size of the body and says how long the request may take.
fn limited(mut request: Request) -> Result<(Request, Duration), poem::Error> {
    let is_file = request.uri().path().ends_with("/content");
    if is_file && !request.headers().contains_key(header::CONTENT_TYPE) {
        // What a file is shows in its bytes; the framework would refuse it for want of the header.
        let any = HeaderValue::from_static("application/octet-stream");
        request.headers_mut().insert(header::CONTENT_TYPE, any);
    }
    let (limit, timeout) = if is_file { (FILE_LIMIT_BYTES, FILE_TIMEOUT) } else { (JSON_LIMIT_BYTES, JSON_TIMEOUT) };
    let announced = request.header(header::CONTENT_LENGTH).map(str::parse::<u64>);
    match announced {
        Some(Ok(bytes)) if bytes <= limit => {}
        Some(_) => return Err(problem::error(too_large(limit))),
        None if matches!(*request.method(), Method::GET | Method::HEAD | Method::DELETE) => {}
        None => {
            let body = request.take_body();
            request.set_body(counted(body, limit));
        }
    }
    Ok((request, timeout))
}

fn too_slow() -> Failure {
    Failure::new(Kind::Timeout, "timeout", "The request took too long to arrive or to answer. Try again.")
}

/// 413, naming the limit.
pub fn too_large(limit_bytes: u64) -> Failure {
    Failure::new(Kind::TooLarge, "too_large", format!("The body is larger than the limit of {limit_bytes} bytes."))
}

#[derive(Debug, thiserror::Error)]
#[error("larger than the limit of {0} bytes")]
struct BodyTooLarge(u64);

fn counted(body: Body, limit: u64) -> Body {
    let mut seen = 0;
    Body::from_bytes_stream(body.into_bytes_stream().map(move |chunk| {
        let chunk = chunk?;
        seen += chunk.len() as u64;
        if seen > limit { Err(std::io::Error::other(BodyTooLarge(limit))) } else { Ok(chunk) }
    }))
}

/// The limit that a body broke, if that is why reading it failed.
fn broken_limit(error: &(dyn std::error::Error + 'static)) -> Option<u64> {
    if let Some(BodyTooLarge(limit)) = error.downcast_ref() {
        return Some(*limit);
    }
    if let Some(io) = error.downcast_ref::<std::io::Error>() {
        // `source()` of an io::Error skips the error it wraps.
        return io.get_ref().and_then(|inner| broken_limit(inner));
    }
    error.source().and_then(broken_limit)
}

//! What every request goes through: its id, its limits, its survival of a lost client, its log line and its errors.

pub mod address;
mod allow;
pub mod auth;
pub mod body;
pub mod conditions;
pub mod connection;
pub mod content;
pub mod cors;
mod headers;
pub mod json;
pub mod limits;
pub mod outgoing;
pub mod paging;
pub mod problem;
mod secret_paths;
pub mod server;
pub mod tls;
pub mod tus;
mod unread;

use std::sync::Arc;

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, EndpointExt, IntoEndpoint, IntoResponse, Request, Response};
use tracing::Instrument;

use crate::clock::Stopwatch;
use crate::failure::{Failure, Kind};
use crate::http::address::Proxies;
use crate::http::cors::Cors;
use crate::http::limits::{Pace, check_head, limited};
use crate::http::unread::Unread;
use crate::ids::Ids;
use crate::metrics::Metrics;

/// Bodies up to this size are read whole by the layers below, whatever the handler does.
const BUFFERED_BYTES: u64 = 8 * 1024;

/// What every request meets before and after its handler.
pub struct Edge {
    /// Ids for requests that bring none.
    pub ids: Ids,
    /// Proxies whose word is taken.
    pub proxies: Proxies,
    /// Pages of other hosts that may call.
    pub cors: Cors,
    /// How slowly bodies may come.
    pub pace: Pace,
    /// Where requests are counted.
    pub metrics: Arc<Metrics>,
}

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
/// the middle of it. Whatever fails leaves as problem+json, and whatever leaves has the headers of `headers`.
pub fn shell<E: IntoEndpoint>(routes: E, edge: Edge, document: &serde_json::Value) -> impl Endpoint + use<E>
where
    E::Endpoint: 'static,
{
    let allowed = allow::Allowed::of(document);
    let shared = Arc::new((edge, allowed));
    routes.around(move |endpoint, mut request: Request| {
        let shared = shared.clone();
        async move {
            let (edge, allowed) = &*shared;
            let watch = Stopwatch::start();
            let id = request_id_of(&request).unwrap_or_else(|| edge.ids.next().to_string());
            tus::override_method(&mut request);
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let client = edge.proxies.client(&request);
            request.extensions_mut().insert(client);
            let page = edge.cors.allowed(&request);
            let mut response = if page.is_some() && cors::is_preflight(&request) {
                cors::preflight()
            } else {
                let pace = edge.pace;
                let serve = async move { answer(endpoint, request, pace).await };
                // Every log line of the request carries its id.
                let span = tracing::info_span!("request", id);
                match tokio::spawn(REQUEST_ID.scope(id.clone(), serve).instrument(span)).await {
                    Ok(response) => response,
                    Err(panic) => REQUEST_ID.sync_scope(id.clone(), || problem::response(Failure::internal(panic))),
                }
            };
            let status = response.status();
            let route = allowed.route(&path);
            let headers = response.headers_mut();
            if status == StatusCode::METHOD_NOT_ALLOWED
                && let Some(route) = route
            {
                headers.insert(header::ALLOW, route.methods.clone());
            }
            if let Ok(value) = HeaderValue::from_str(&id) {
                headers.insert("x-request-id", value);
            }
            tus::mark(&path, headers);
            edge.cors.mark(headers, page);
            headers::complete(headers, client.is_https);
            let duration_us = watch.elapsed_us();
            let template = route.map_or_else(|| allowed.nowhere(), |route| route.template.clone());
            edge.metrics.request(method.as_str(), template, status.as_u16(), duration_us as f64 / 1e6);
            log(&method, secret_paths::without_secret(&path), status, duration_us, &id);
            Ok::<Response, poem::Error>(response)
        }
    })
}

/// The answer of the handler, or of the limit that the request broke.
async fn answer<E: Endpoint>(endpoint: Arc<E>, request: Request, pace: Pace) -> Response {
    let head = check_head(&request).and_then(|()| tus::check(&request));
    let (request, unread) = watched(request);
    let served = match head.and_then(|()| limited(request, pace)) {
        Ok((request, limit)) => match tokio::time::timeout(limit, endpoint.call(request)).await {
            Ok(answer) => answer.map(IntoResponse::into_response),
            Err(_) => Err(problem::error(too_slow())),
        },
        Err(failure) => Err(problem::error(failure)),
    };
    if let (Some(unread), true) = (unread, served.as_ref().map_or(true, |r| !r.status().is_success())) {
        unread.discard().await;
    }
    served.unwrap_or_else(problem::from_framework)
}

fn too_slow() -> Failure {
    Failure::new(Kind::Timeout, "timeout", "The request took too long to arrive or to answer. Try again.")
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use poem::endpoint::make;

    use super::*;
    use crate::clock::Clock;

    #[tokio::test]
    async fn a_panic_is_a_problem_without_detail() {
        let edge = Edge {
            ids: Ids::system(Clock::System),
            proxies: Proxies::default(),
            cors: Cors::default(),
            pace: Pace { grace: Duration::from_secs(1), bytes_per_second: 1 },
            metrics: Metrics::new(),
        };
        let broken = make(|_| async {
            let nothing: Option<&str> = "".lines().next();
            nothing.expect("hush hush").to_owned()
        });
        let app = shell(broken, edge, &serde_json::Value::Null);
        let answer = app.get_response(Request::default()).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.content_type(), Some("application/problem+json"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let id = answer.header("x-request-id").map(str::to_owned);
        let body: serde_json::Value = serde_json::from_slice(&answer.into_body().into_vec().await.unwrap()).unwrap();
        assert_eq!((body["code"].as_str(), body["request_id"].as_str()), (Some("internal"), id.as_deref()));
        assert!(!body.to_string().contains("hush"), "{body}");
    }
}

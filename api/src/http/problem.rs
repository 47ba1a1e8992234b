//! RFC 9457 answers: every failure leaves as `application/problem+json`, the framework's own too.

use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;

use crate::failure::{Failure, FieldProblem, Kind};
use crate::http::limits::broken;
use crate::http::request_id;

/// The media type of problems.
const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request failed (RFC 9457).
#[derive(Debug, Object, Serialize)]
pub struct Problem {
    /// A name of the kind of problem, as a URI.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    /// What the kind of problem is.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time, and what to do next.
    pub detail: String,
    /// A word that programs can act on.
    pub code: String,
    /// All problems of the request body; empty when it is not the body's fault.
    pub errors: Vec<ProblemField>,
    /// The id of the request, for asking about it.
    pub request_id: Option<String>,
}

/// One problem in a request body.
#[derive(Debug, Object, Serialize)]
pub struct ProblemField {
    /// JSON pointer (RFC 6901) to the member.
    pub pointer: String,
    /// A word that programs can act on.
    pub code: String,
    /// What to do about it.
    pub message: String,
}

impl From<FieldProblem> for ProblemField {
    fn from(problem: FieldProblem) -> Self {
        Self { pointer: problem.pointer, code: problem.code, message: problem.message }
    }
}

/// Status, title and what it means, for each kind of failure.
const KINDS: &[(Kind, u16, &str, &str)] = &[
    (Kind::Malformed, 400, "Malformed request", "The request cannot be read."),
    (Kind::Unauthenticated, 401, "Not signed in", "No valid access token was sent."),
    (Kind::Forbidden, 403, "Not allowed", "The membership does not permit this."),
    (Kind::NotFound, 404, "Not found", "There is no such object here, or it is not yours."),
    (Kind::MethodNotAllowed, 405, "Method not allowed", "The address does not take this method."),
    (Kind::Timeout, 408, "Too slow", "The request took too long."),
    (Kind::Conflict, 409, "Conflict", "The object is in a state that does not allow this."),
    (Kind::Gone, 410, "Gone", "It was there and is gone for good."),
    (Kind::Stale, 412, "Stale", "The change was made from an old copy."),
    (Kind::TooLarge, 413, "Too large", "The body is larger than the stated limit."),
    (Kind::UrlTooLong, 414, "Address too long", "The address is longer than the stated limit."),
    (Kind::WrongMediaType, 415, "Wrong media type", "The content type is not one that this address takes."),
    (Kind::RangeNotSatisfiable, 416, "Range not satisfiable", "The range begins after the end."),
    (Kind::Invalid, 422, "Invalid", "The body has problems; `errors` names all of them."),
    (Kind::Locked, 423, "Locked", "Another request is working on it."),
    (Kind::ConditionMissing, 428, "Condition missing", "`If-Match` or `If-None-Match` is required."),
    (Kind::TooMany, 429, "Too many requests", "Try again after `Retry-After` seconds."),
    (Kind::HeadersTooLarge, 431, "Headers too large", "The headers are larger than the stated limit."),
    (Kind::ChecksumMismatch, 460, "Checksum mismatch", "The bytes are not those of the checksum."),
    (Kind::Internal, 500, "Internal error", "Something went wrong on the server."),
    (Kind::Unavailable, 503, "Unavailable", "The server cannot do this now; try again."),
    (Kind::StorageFull, 507, "Storage full", "The server has no room left."),
];

fn row(kind: Kind) -> (u16, &'static str) {
    KINDS.iter().find(|(k, ..)| *k == kind).map_or((500, "Internal error"), |(_, status, title, _)| (*status, title))
}

impl Problem {
    /// What is said of a failure.
    pub fn of(failure: &Failure) -> Self {
        let (status, title) = row(failure.kind);
        Self {
            kind: format!("urn:peegel:problem:{}", failure.code),
            title: title.to_owned(),
            status,
            detail: failure.detail.clone(),
            code: failure.code.to_owned(),
            errors: failure.errors.iter().cloned().map(Into::into).collect(),
            request_id: request_id(),
        }
    }
}

/// The answer to a failure.
pub fn response(failure: Failure) -> Response {
    let problem = Problem::of(&failure);
    let status = problem.status;
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .content_type(MEDIA_TYPE)
        .body(body);
    let headers = response.headers_mut();
    if let Some(etag) = failure.etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
        headers.insert(header::ETAG, etag);
    }
    if let Some(seconds) = failure.retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    for (name, value) in failure.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    if status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// A failure as the framework's error type.
pub fn error(failure: Failure) -> poem::Error {
    poem::Error::from_response(response(failure))
}

/// The answer to an error that the framework raised.
pub fn from_framework(error: poem::Error) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    if let Some(failure) = error.downcast_ref::<poem::error::ReadBodyError>().and_then(|e| broken(e)) {
        return response(failure);
    }
    if error.is::<NotFoundError>() {
        return response(no_such_address());
    }
    if error.is::<MethodNotAllowedError>() {
        let detail = "The address exists and does not take this method. See /docs.";
        return response(Failure::new(Kind::MethodNotAllowed, "method_not_allowed", detail));
    }
    let detail = error.to_string();
    match error.status().as_u16() {
        401 => response(auth_failure()),
        415 => response(Failure::new(Kind::WrongMediaType, "wrong_media_type", detail)),
        status if status < 500 => response(Failure::malformed("malformed", detail)),
        _ => response(Failure::internal(detail)),
    }
}

/// 404 for an address that nothing listens to.
pub fn no_such_address() -> Failure {
    Failure::new(Kind::NotFound, "no_such_address", "There is no such address. See /docs.")
}

/// 401 for a missing or dead token.
pub fn auth_failure() -> Failure {
    let detail = "Sign in with POST /v1/sessions, then send `Authorization: Bearer` and the access token.";
    Failure::new(Kind::Unauthenticated, "unauthenticated", detail)
}

impl From<Failure> for poem::Error {
    fn from(failure: Failure) -> Self {
        error(failure)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        response(self)
    }
}

impl ApiResponse for Failure {
    fn meta() -> MetaResponses {
        let header = |name: &str, description: &str| MetaHeader {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            required: false,
            deprecated: false,
            schema: String::schema_ref(),
        };
        let responses = KINDS.iter().map(|(kind, status, _, description)| MetaResponse {
            description,
            status: Some(*status),
            status_range: None,
            content: vec![MetaMediaType { content_type: MEDIA_TYPE, schema: Problem::schema_ref() }],
            headers: match kind {
                Kind::Stale | Kind::Invalid => vec![header("ETag", "The current entity tag, where there is one.")],
                Kind::TooMany | Kind::Unavailable => vec![header("Retry-After", "Seconds to wait.")],
                _ => Vec::new(),
            },
        });
        MetaResponses { responses: responses.collect() }
    }

    fn register(registry: &mut Registry) {
        Problem::register(registry);
    }
}

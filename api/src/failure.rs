//! How a request can fail, said without HTTP. `http::problem` turns it into an answer.

use std::fmt::Display;

use sea_orm::DbErr;

/// What kind of failure it is; each becomes one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 400: the request cannot be read.
    Malformed,
    /// 401: nobody is signed in.
    Unauthenticated,
    /// 403: signed in, and not allowed.
    Forbidden,
    /// 404: no such thing, or not yours: nobody can tell which.
    NotFound,
    /// 405: the address exists, the method does not.
    MethodNotAllowed,
    /// 408: the request took too long to arrive.
    Timeout,
    /// 409: right request, wrong state.
    Conflict,
    /// 410: it was there and is gone.
    Gone,
    /// 412: made from an old copy.
    Stale,
    /// 413: larger than the stated limit.
    TooLarge,
    /// 414: an address longer than the stated limit.
    UrlTooLong,
    /// 415: a content type that this address does not take.
    WrongMediaType,
    /// 416: a byte range beyond the end.
    RangeNotSatisfiable,
    /// 422: readable, and wrong.
    Invalid,
    /// 423: somebody else is at it.
    Locked,
    /// 428: `If-Match` or `If-None-Match` is missing.
    ConditionMissing,
    /// 429: too many requests.
    TooMany,
    /// 431: headers larger than the stated limit.
    HeadersTooLarge,
    /// 460: the bytes are not those of the checksum (tus).
    ChecksumMismatch,
    /// 500: our fault.
    Internal,
    /// 503: cannot be served now.
    Unavailable,
    /// 507: no room left to store it.
    StorageFull,
}

/// One problem in a request body.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FieldProblem {
    /// JSON pointer (RFC 6901) to the member.
    pub pointer: String,
    /// A word that programs can act on, snake_case.
    pub code: String,
    /// What to do about it.
    pub message: String,
}

impl FieldProblem {
    /// Names one problem.
    pub fn new(pointer: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.to_owned(), message: message.into() }
    }
}

/// A failure with everything its answer says.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What kind it is.
    pub kind: Kind,
    /// A word that programs can act on, snake_case.
    pub code: &'static str,
    /// What happened and what to do next.
    pub detail: String,
    /// All problems of the body, when it has any.
    pub errors: Vec<FieldProblem>,
    /// The current entity tag, where the answer carries one.
    pub etag: Option<String>,
    /// Seconds after which to try again, where known.
    pub retry_after_s: Option<u32>,
    /// What else its answer says in headers.
    pub headers: Box<[(&'static str, String)]>,
}

impl Failure {
    /// A failure of some kind.
    pub fn new(kind: Kind, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { kind, code, detail, errors: Vec::new(), etag: None, retry_after_s: None, headers: Box::default() }
    }

    /// 404 for `what`, which may exist in another firm, chain or branch.
    pub fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, "not_found", format!("There is no such {what} here."))
    }

    /// 409 with its own code.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, code, detail)
    }

    /// 400 with its own code.
    pub fn malformed(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Malformed, code, detail)
    }

    /// 422 naming every problem at once.
    pub fn invalid(errors: Vec<FieldProblem>) -> Self {
        let n = errors.len();
        let detail = format!("{n} problem{} in the request; see `errors`.", if n == 1 { "" } else { "s" });
        Self { errors, ..Self::new(Kind::Invalid, "invalid", detail) }
    }

    /// 412: the copy that the change was made from is not the current one.
    pub fn stale(etag: String) -> Self {
        Self {
            etag: Some(etag),
            ..Self::new(Kind::Stale, "stale", "It changed since you read it. Read it again, then repeat your change.")
        }
    }

    /// 500: logs the cause once and tells nothing of it.
    pub fn internal(cause: impl Display) -> Self {
        tracing::error!(cause = %cause, "internal failure");
        Self::new(Kind::Internal, "internal", "Something went wrong on our side. Try again; nothing was half done.")
    }

    /// The same failure with the seconds after which to try again.
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The same failure with a header more.
    pub fn with_header(mut self, name: &'static str, value: impl Display) -> Self {
        let mut headers = self.headers.into_vec();
        headers.push((name, value.to_string()));
        self.headers = headers.into_boxed_slice();
        self
    }

    /// The same failure with the current entity tag.
    pub fn with_etag(mut self, etag: String) -> Self {
        self.etag = Some(etag);
        self
    }
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        if crate::db::is_full(&error) { storage_full(&error) } else { Self::internal(error) }
    }
}

/// 507: there is no room left.
fn storage_full(cause: &dyn Display) -> Failure {
    tracing::error!(%cause, "storage full");
    Failure::new(Kind::StorageFull, "storage_full", "The server has no room left. Keep what you have and try later.")
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull { storage_full(&error) } else { Self::internal(error) }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)?;
        for error in &self.errors {
            write!(f, "\n  {} {}: {}", error.pointer, error.code, error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

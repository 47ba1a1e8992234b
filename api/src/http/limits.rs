//! What a request may demand: sizes, depth, and how slowly its body may come.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::unfold;
use poem::http::{HeaderValue, Method, header};
use poem::{Body, Request};

use crate::clock::Stopwatch;
use crate::failure::{Failure, Kind};
use crate::http::tus;

/// Longest address with its query, in bytes.
pub const URL_LIMIT_BYTES: usize = 8 * 1024;
/// Largest block of headers, in bytes.
pub const HEADERS_LIMIT_BYTES: usize = 16 * 1024;
/// Largest JSON body, in bytes.
pub const JSON_LIMIT_BYTES: u64 = 2 * 1024 * 1024;
/// Largest JSON body of a request without a token, in bytes.
pub const OPEN_JSON_LIMIT_BYTES: u64 = 64 * 1024;
/// Most bytes of JSON bodies that are held while they come, in all; the first [`OPEN_JSON_LIMIT_BYTES`] of each are not
/// counted, so that only who is signed in can use it up.
pub const JSON_IN_FLIGHT_BYTES: u64 = 256 * 1024 * 1024;
/// Deepest nesting of lists and objects in a JSON body.
pub const JSON_DEPTH: usize = 64;
/// Most members of one object in a JSON body.
pub const JSON_OBJECT_MEMBERS: u32 = 10_000;
/// Most members of all objects in a JSON body: the largest standard and the largest bulk request have fewer.
pub const JSON_MEMBERS: u32 = 50_000;
/// Largest evidence file, in bytes.
pub const FILE_LIMIT_BYTES: u64 = 200 * 1024 * 1024;
/// Largest file of an appeal, in bytes.
pub const APPEAL_FILE_LIMIT_BYTES: u64 = 10 * 1024 * 1024;

/// How long a request without a file may take.
const JSON_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one request of an upload may take. What it has sent by then is kept, and the next one goes on.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long sending one file may take.
const FILE_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// How slowly a body may come. Time spent waiting for bytes is paid from a purse that begins with `grace`; every
/// `bytes_per_second` bytes pay back one second, and the purse never holds more than twice the grace.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Seconds for a start, enough for a phone on a bad line.
    pub grace: Duration,
    /// The slowest speed that can go on for ever; 0 means that no speed is too slow.
    pub bytes_per_second: u32,
}

impl Pace {
    /// The purse after some bytes came.
    fn earn(self, purse: Duration, bytes: usize) -> Duration {
        let earned = bytes as f64 / f64::from(self.bytes_per_second.max(1));
        (purse + Duration::from_secs_f64(earned)).min(self.grace * 2)
    }
}

/// A request whose address and headers are larger than allowed, or that can be read in two ways, fails here.
///
/// # Errors
///
/// 414 `url_too_long`, 431 `headers_too_large`, 400 `ambiguous_length`.
pub fn check_head(request: &Request) -> Result<(), Failure> {
    let uri = request.uri();
    if uri.path_and_query().map_or(0, |text| text.as_str().len()) > URL_LIMIT_BYTES {
        let detail = format!("The address is longer than the limit of {URL_LIMIT_BYTES} bytes.");
        return Err(Failure::new(Kind::UrlTooLong, "url_too_long", detail));
    }
    let bytes: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes > HEADERS_LIMIT_BYTES {
        let detail = format!("The headers are larger than the limit of {HEADERS_LIMIT_BYTES} bytes.");
        return Err(Failure::new(Kind::HeadersTooLarge, "headers_too_large", detail));
    }
    if request.extensions().get::<AmbiguousLength>().is_some() {
        let detail = "Send Content-Length or Transfer-Encoding, never both.";
        return Err(Failure::malformed("ambiguous_length", detail));
    }
    Ok(())
}

/// Marks a request that came with both `Content-Length` and `Transfer-Encoding`. The HTTP library drops one of them, so
/// the connection looks for it.
#[derive(Clone, Copy, Debug)]
pub struct AmbiguousLength;

/// Bounds what the body may be, and says how long the request may take.
///
/// # Errors
///
/// 413 `too_large` when the announced size is beyond the limit.
pub fn limited(mut request: Request, pace: Pace) -> Result<(Request, Duration), Failure> {
    let of_appeal = is_appeal_file(request.uri().path());
    let is_file = of_appeal || request.uri().path().ends_with("/content");
    if is_file && !request.headers().contains_key(header::CONTENT_TYPE) {
        // What a file is shows in its bytes; the framework would refuse it for want of the header.
        let any = HeaderValue::from_static("application/octet-stream");
        request.headers_mut().insert(header::CONTENT_TYPE, any);
    }
    let has_token = request.headers().contains_key(header::AUTHORIZATION);
    let (limit, timeout) = if of_appeal {
        (APPEAL_FILE_LIMIT_BYTES, FILE_TIMEOUT)
    } else if is_file {
        (FILE_LIMIT_BYTES, FILE_TIMEOUT)
    } else if tus::is_upload(request.uri().path()) {
        (FILE_LIMIT_BYTES, UPLOAD_TIMEOUT)
    } else if has_token {
        (JSON_LIMIT_BYTES, JSON_TIMEOUT)
    } else {
        (OPEN_JSON_LIMIT_BYTES, JSON_TIMEOUT)
    };
    let announced = request.header(header::CONTENT_LENGTH).map(str::parse::<u64>);
    match announced {
        Some(Ok(0)) => return Ok((request, timeout)),
        Some(Ok(bytes)) if bytes <= limit => {}
        Some(_) => return Err(too_large(limit)),
        None if matches!(*request.method(), Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS) => {
            return Ok((request, timeout));
        }
        None => {}
    }
    let scan = may_be_json(&request).then(Scan::default);
    let held = scan.is_some().then(Held::default);
    let body = request.take_body();
    request.set_body(guarded(body, limit, scan, held, pace));
    Ok((request, timeout))
}

/// Whether a path is that of a file of an appeal.
fn is_appeal_file(path: &str) -> bool {
    let file = path.strip_prefix("/v1/appeals/").and_then(|rest| rest.split_once("/files/"));
    file.is_some_and(|(_, file)| !file.contains('/'))
}

/// JSON may also come without a content type.
fn may_be_json(request: &Request) -> bool {
    request.content_type().is_none_or(|content_type| content_type.to_ascii_lowercase().contains("json"))
}

/// 413, naming the limit.
pub fn too_large(limit_bytes: u64) -> Failure {
    Failure::new(Kind::TooLarge, "too_large", format!("The body is larger than the limit of {limit_bytes} bytes."))
}

/// Why the rest of a body is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Broken {
    #[error("larger than the limit of {0} bytes")]
    Large(u64),
    #[error("slower than allowed")]
    Slow,
    #[error("nested deeper than {JSON_DEPTH} levels")]
    Deep,
    #[error("more than {0} members")]
    Members(u32),
    #[error("too much is on its way already")]
    Crowded,
}

impl Broken {
    fn failure(self) -> Failure {
        match self {
            Self::Large(limit) => too_large(limit),
            Self::Slow => {
                let detail = "The body came too slowly. Try again where the network is better.";
                Failure::new(Kind::Timeout, "body_too_slow", detail)
            }
            Self::Crowded => {
                let detail = "Too many large requests are on their way. Send it again in a moment; nothing was kept.";
                Failure { retry_after_s: Some(2), ..Failure::new(Kind::Unavailable, "busy", detail) }
            }
            Self::Deep => {
                let detail = format!("The JSON body is nested deeper than the limit of {JSON_DEPTH} levels.");
                Failure::malformed("json_too_deep", detail)
            }
            Self::Members(limit) => {
                let of = if limit == JSON_OBJECT_MEMBERS { "An object of the" } else { "The" };
                let detail = format!("{of} JSON body has more members than the limit of {limit}. Send it in parts.");
                Failure::malformed("json_too_many_members", detail)
            }
        }
    }
}

/// The answer when a body broke a limit, if that is why reading it failed.
pub fn broken(error: &(dyn std::error::Error + 'static)) -> Option<Failure> {
    if let Some(why) = error.downcast_ref::<Broken>() {
        return Some(why.failure());
    }
    if let Some(io) = error.downcast_ref::<io::Error>() {
        // `source()` of an io::Error skips the error it wraps.
        return io.get_ref().and_then(|inner| broken(inner));
    }
    error.source().and_then(broken)
}

/// A body that ends with an error where it breaks a limit.
fn guarded(body: Body, limit: u64, scan: Option<Scan>, held: Option<Held>, pace: Pace) -> Body {
    let start = (body.into_bytes_stream().boxed(), 0, scan, held, pace.grace);
    Body::from_bytes_stream(unfold(Some(start), move |state| async move {
        let (mut stream, seen, mut scan, mut held, purse) = state?;
        let watch = Stopwatch::start();
        let next = if pace.bytes_per_second == 0 {
            stream.next().await
        } else {
            match tokio::time::timeout(purse, stream.next()).await {
                Ok(next) => next,
                Err(_) => return Some((Err(io::Error::other(Broken::Slow)), None)),
            }
        };
        let chunk: Bytes = match next? {
            Ok(chunk) => chunk,
            Err(error) => return Some((Err(error), None)),
        };
        let seen = seen + chunk.len() as u64;
        let within = if seen > limit { Err(Broken::Large(limit)) } else { Ok(()) };
        let checked = within
            .and_then(|()| held.as_mut().map_or(Ok(()), |held| held.hold(seen)))
            .and_then(|()| scan.as_mut().map_or(Ok(()), |scan| scan.read(&chunk)));
        if let Err(broken) = checked {
            return Some((Err(io::Error::other(broken)), None));
        }
        let purse = pace.earn(purse.saturating_sub(Duration::from_micros(watch.elapsed_us())), chunk.len());
        Some((Ok(chunk), Some((stream, seen, scan, held, purse))))
    }))
}

/// Bytes of large JSON bodies that are being received by this process.
static IN_FLIGHT_BYTES: AtomicU64 = AtomicU64::new(0);

/// What one body takes of [`JSON_IN_FLIGHT_BYTES`], given back when it has come or its client has gone.
#[derive(Debug, Default)]
struct Held(u64);

impl Held {
    /// Holds as many bytes as have come of a body.
    fn hold(&mut self, seen: u64) -> Result<(), Broken> {
        let more = seen.saturating_sub(OPEN_JSON_LIMIT_BYTES).saturating_sub(self.0);
        self.0 += more;
        let all = IN_FLIGHT_BYTES.fetch_add(more, Ordering::Relaxed) + more;
        if all > JSON_IN_FLIGHT_BYTES { Err(Broken::Crowded) } else { Ok(()) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        IN_FLIGHT_BYTES.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// Counts levels and members of JSON as it comes, before anything is made of it. Whether it is JSON is not its business.
#[derive(Debug, Default)]
struct Scan {
    is_text: bool,
    is_escaped: bool,
    /// Members seen of each list or object that is open.
    open: Vec<u32>,
    members: u32,
}

impl Scan {
    fn read(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        for byte in bytes {
            if self.is_escaped {
                self.is_escaped = false;
                continue;
            }
            match byte {
                b'\\' if self.is_text => self.is_escaped = true,
                b'"' => self.is_text = !self.is_text,
                _ if self.is_text => {}
                b'{' | b'[' => {
                    if self.open.len() == JSON_DEPTH {
                        return Err(Broken::Deep);
                    }
                    self.open.push(0);
                }
                b'}' | b']' => drop(self.open.pop()),
                // Outside of texts, a colon stands once in every member.
                b':' => self.count()?,
                _ => {}
            }
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), Broken> {
        self.members += 1;
        if self.members > JSON_MEMBERS {
            return Err(Broken::Members(JSON_MEMBERS));
        }
        if let Some(members) = self.open.last_mut() {
            *members += 1;
            if *members > JSON_OBJECT_MEMBERS {
                return Err(Broken::Members(JSON_OBJECT_MEMBERS));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> Result<(), Broken> {
        let (mut whole, mut pieces) = (Scan::default(), Scan::default());
        let result = whole.read(text.as_bytes());
        // It makes no difference where the network cuts it.
        let in_pieces = text.as_bytes().chunks(3).try_for_each(|piece| pieces.read(piece));
        assert_eq!(result, in_pieces);
        result
    }

    fn object(members: u32) -> String {
        let members: Vec<_> = (0..members).map(|n| format!("\"k{n}\":{n}")).collect();
        format!("{{{}}}", members.join(","))
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(scan(&nested(JSON_DEPTH)), Ok(()));
        assert_eq!(scan(&nested(JSON_DEPTH + 1)), Err(Broken::Deep));
        assert_eq!(scan(&format!("[{}]", vec!["[[]]"; 1000].join(","))), Ok(()), "wide is not deep");
        assert_eq!(scan(&format!("\"{}\\\"{}\"", "[".repeat(99), "{".repeat(99))), Ok(()), "texts are not nested");
    }

    #[test]
    fn members_end_at_the_limit() {
        assert_eq!(scan(&object(JSON_OBJECT_MEMBERS)), Ok(()));
        assert_eq!(scan(&object(JSON_OBJECT_MEMBERS + 1)), Err(Broken::Members(JSON_OBJECT_MEMBERS)));
        let many = |objects: u32| format!("[{}]", vec![object(1000); objects as usize].join(","));
        assert_eq!(scan(&many(JSON_MEMBERS / 1000)), Ok(()));
        assert_eq!(scan(&many(JSON_MEMBERS / 1000 + 1)), Err(Broken::Members(JSON_MEMBERS)));
        assert_eq!(scan(&format!("[\"{}\"]", ":".repeat(60_000))), Ok(()), "colons in texts are not members");
    }

    #[test]
    fn only_so_much_is_on_its_way() {
        let mut small = Held::default();
        assert_eq!(small.hold(OPEN_JSON_LIMIT_BYTES), Ok(()));
        let mut bodies: Vec<_> = (0..127).map(|_| Held::default()).collect();
        for body in &mut bodies {
            assert_eq!(body.hold(JSON_LIMIT_BYTES / 2), Ok(()));
            assert_eq!(body.hold(JSON_LIMIT_BYTES + OPEN_JSON_LIMIT_BYTES), Ok(()));
        }
        let mut more = Held::default();
        assert_eq!(more.hold(2 * JSON_LIMIT_BYTES), Err(Broken::Crowded));
        drop(more);
        assert_eq!(Held::default().hold(OPEN_JSON_LIMIT_BYTES), Ok(()), "small ones always get through");
        drop(bodies);
        assert_eq!(IN_FLIGHT_BYTES.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn bytes_pay_for_time_up_to_a_limit() {
        let pace = Pace { grace: Duration::from_secs(30), bytes_per_second: 1000 };
        assert_eq!(pace.earn(Duration::from_secs(10), 5000), Duration::from_secs(15));
        assert_eq!(pace.earn(Duration::from_secs(10), 10_000_000), Duration::from_secs(60));
    }
}

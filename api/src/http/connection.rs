//! One connection: watched, so that a client that is slow, silent or stuck cannot keep it.
//!
//! How slowly a *request body* may come is judged where the body is read (`limits`); here it is about everything
//! around it: the handshake, the head of a request, the pause between two, and answers that nobody takes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::Stopwatch;
use crate::http::limits::Pace;

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the handshake and for the head of each request.
    pub head: Duration,
    /// Without a byte in either direction while no request is being served.
    pub idle: Duration,
    /// For bodies, and for taking answers.
    pub pace: Pace,
}

/// Why a connection was closed on a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slow {
    /// The handshake or the head of a request did not come in time.
    Head,
    /// Nothing happened for too long.
    Idle,
    /// The answer was taken too slowly.
    Answer,
}

impl Slow {
    /// Its name in the figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Idle => "idle",
            Self::Answer => "answer",
        }
    }
}

/// What the connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// A handshake, or the head of a request, is coming.
    Head = 0,
    /// A request is being served, its body read included.
    Busy = 1,
    /// The answer is being sent, or nothing happens.
    Idle = 2,
}

/// How far a connection is. Shared by its stream, its requests and its watch; reading and writing it costs next to
/// nothing.
#[derive(Debug)]
pub struct Progress {
    clock: Stopwatch,
    phase: AtomicU8,
    /// When the phase began, in milliseconds since the connection was made.
    since_ms: AtomicU64,
    /// When the last byte moved.
    moved_ms: AtomicU64,
    /// Milliseconds that taking the answer may lag behind, when it last moved.
    purse_ms: AtomicI64,
    /// Since when the client is waited for in writing, plus one; 0 while it is not.
    stuck_ms: AtomicU64,
    /// Pays for the taking of answers.
    pace: Pace,
    /// Whether the last head had both kinds of length.
    is_ambiguous: AtomicBool,
}

impl Progress {
    /// Of a connection just made, which owes a head.
    pub fn new(pace: Pace) -> Arc<Self> {
        Arc::new(Self {
            clock: Stopwatch::start(),
            phase: AtomicU8::new(Phase::Head as u8),
            since_ms: AtomicU64::new(0),
            moved_ms: AtomicU64::new(0),
            purse_ms: AtomicI64::new(0),
            stuck_ms: AtomicU64::new(0),
            pace,
            is_ambiguous: AtomicBool::new(false),
        })
    }

    fn now_ms(&self) -> u64 {
        self.clock.elapsed_us() / 1000
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Head,
            1 => Phase::Busy,
            _ => Phase::Idle,
        }
    }

    fn enter(&self, phase: Phase) {
        self.since_ms.store(self.now_ms(), Ordering::Release);
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// The head of a request is complete. Says whether it announced its length in two ways.
    pub fn request_began(&self) -> bool {
        self.enter(Phase::Busy);
        self.is_ambiguous.swap(false, Ordering::AcqRel)
    }

    /// The handler has answered; the answer goes out now.
    pub fn answered(&self) {
        self.purse_ms.store(millis(self.pace.grace), Ordering::Release);
        self.stuck_ms.store(0, Ordering::Release);
        self.moved_ms.store(self.now_ms(), Ordering::Release);
        self.enter(Phase::Idle);
    }

    /// Waits until the client has taken too long, and says with what.
    pub async fn watch(&self, patience: Patience) -> Slow {
        loop {
            match self.remaining(patience, self.now_ms()) {
                Ok(remaining) => tokio::time::sleep(remaining.max(Duration::from_millis(5))).await,
                Err(slow) => return slow,
            }
        }
    }

    /// How long it can go on like this at least, or what is too slow already. What it does may change meanwhile, so it
    /// is never long before the next look.
    fn remaining(&self, patience: Patience, now_ms: u64) -> Result<Duration, Slow> {
        let left = |from_ms: u64, limit: Duration, slow| {
            let spent = Duration::from_millis(now_ms.saturating_sub(from_ms));
            limit.checked_sub(spent).filter(|left| !left.is_zero()).ok_or(slow)
        };
        let since_ms = self.since_ms.load(Ordering::Acquire);
        match self.phase() {
            Phase::Head => left(since_ms, patience.head, Slow::Head),
            // Bodies are watched where they are read, handlers have their own time limit.
            Phase::Busy => Ok(patience.head / 4),
            Phase::Idle => {
                let idle = left(self.moved_ms.load(Ordering::Acquire), patience.idle, Slow::Idle)?;
                let stuck_ms = self.stuck_ms.load(Ordering::Acquire);
                if self.pace.bytes_per_second == 0 || stuck_ms == 0 {
                    return Ok(idle.min(patience.head / 4));
                }
                let purse = Duration::from_millis(self.purse_ms.load(Ordering::Acquire).max(0).unsigned_abs());
                Ok(idle.min(patience.head / 4).min(left(stuck_ms - 1, purse, Slow::Answer)?))
            }
        }
    }

    /// Bytes came.
    fn moved(&self) {
        self.moved_ms.store(self.now_ms(), Ordering::Release);
    }

    /// The client has to take something before more can be written.
    fn stuck(&self) {
        let now = self.now_ms() + 1;
        let _ = self.stuck_ms.compare_exchange(0, now, Ordering::AcqRel, Ordering::Acquire);
    }

    /// The client has taken bytes, or the system has in its place.
    fn taken(&self, bytes: usize) {
        let now = self.now_ms();
        self.moved_ms.store(now, Ordering::Release);
        let stuck_ms = self.stuck_ms.swap(0, Ordering::AcqRel);
        let spent = if stuck_ms == 0 { 0 } else { (now + 1).saturating_sub(stuck_ms) };
        let earned = bytes as u64 * 1000 / u64::from(self.pace.bytes_per_second.max(1));
        let change = i64::try_from(earned).unwrap_or(i64::MAX) - i64::try_from(spent).unwrap_or(i64::MAX);
        let purse = self.purse_ms.load(Ordering::Acquire).saturating_add(change);
        self.purse_ms.store(purse.min(2 * millis(self.pace.grace)), Ordering::Release);
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)
}

/// The stream of the network, which notes when bytes move on it and when the client is waited for. TLS lies above it: it
/// holds back what it was given, so that only here can be seen what the client takes.
#[derive(Debug)]
pub struct Paced<S> {
    inner: S,
    progress: Arc<Progress>,
}

impl<S> Paced<S> {
    /// Watches a stream of the network.
    pub fn new(inner: S, progress: Arc<Progress>) -> Self {
        Self { inner, progress }
    }

    fn has_written(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &outcome {
            Poll::Pending => self.progress.stuck(),
            Poll::Ready(Ok(written)) => self.progress.taken(*written),
            Poll::Ready(Err(_)) => {}
        }
        outcome
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let outcome = Pin::new(&mut this.inner).poll_read(cx, buf);
        if buf.filled().len() > before {
            this.progress.moved();
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.inner).poll_write(cx, buf);
        this.has_written(outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.inner).poll_write_vectored(cx, bufs);
        this.has_written(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

/// The stream of HTTP, which notes when the head of a request begins, and looks into it.
#[derive(Debug)]
pub struct Watched<S> {
    inner: S,
    progress: Arc<Progress>,
    head: HeadScan,
}

impl<S> Watched<S> {
    /// Watches a stream of HTTP.
    pub fn new(inner: S, progress: Arc<Progress>) -> Self {
        Self { inner, progress, head: HeadScan::default() }
    }

    fn has_read(&mut self, bytes: &[u8]) {
        let progress = &self.progress;
        if progress.phase() == Phase::Idle {
            progress.enter(Phase::Head);
            self.head = HeadScan::default();
        }
        if progress.phase() == Phase::Head && self.head.read(bytes) {
            progress.is_ambiguous.store(self.head.is_ambiguous(), Ordering::Release);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let outcome = Pin::new(&mut this.inner).poll_read(cx, buf);
        if buf.filled().len() > before {
            this.has_read(&buf.filled()[before..]);
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        Pin::new(&mut this.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        Pin::new(&mut this.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

/// Looks for two names in the head of a request as it comes. RFC 9112 lets a server refuse a request that has both; a
/// proxy in front that believes the other one would see other requests than we do.
#[derive(Debug, Default)]
struct HeadScan {
    /// The start of the current line, as far as it can be one of the names.
    line: Vec<u8>,
    has_begun: bool,
    has_length: bool,
    has_encoding: bool,
    is_complete: bool,
}

const LENGTH: &[u8] = b"content-length:";
const ENCODING: &[u8] = b"transfer-encoding:";

impl HeadScan {
    /// Reads on; true once the head is complete.
    fn read(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            if self.is_complete {
                break;
            }
            match byte {
                b'\n' => {
                    // Empty lines may stand before the first one.
                    self.is_complete = self.line.is_empty() && self.has_begun;
                    self.line.clear();
                }
                b'\r' => {}
                _ => self.next(byte.to_ascii_lowercase()),
            }
        }
        self.is_complete
    }

    fn next(&mut self, byte: u8) {
        self.has_begun = true;
        if self.line.len() < ENCODING.len() {
            self.line.push(byte);
            self.has_length |= self.line == LENGTH;
            self.has_encoding |= self.line == ENCODING;
        }
    }

    fn is_ambiguous(&self) -> bool {
        self.is_complete && self.has_length && self.has_encoding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(60),
        pace: Pace { grace: Duration::from_secs(30), bytes_per_second: 1000 },
    };

    fn at(phase: Phase) -> Arc<Progress> {
        let progress = Progress::new(PATIENCE.pace);
        progress.enter(phase);
        progress.since_ms.store(0, Ordering::Release);
        progress
    }

    #[test]
    fn a_head_has_ten_seconds() {
        let head = at(Phase::Head);
        assert_eq!(head.remaining(PATIENCE, 9_000), Ok(Duration::from_secs(1)));
        // Bytes that trickle in buy no time.
        head.moved_ms.store(9_999, Ordering::Release);
        assert_eq!(head.remaining(PATIENCE, 10_000), Err(Slow::Head));
        assert!(at(Phase::Busy).remaining(PATIENCE, 1_000_000).is_ok(), "a handler has its own limit");
    }

    #[test]
    fn a_pause_has_a_minute_since_the_last_byte() {
        let idle = at(Phase::Idle);
        idle.moved_ms.store(50_000, Ordering::Release);
        assert!(idle.remaining(PATIENCE, 109_000).is_ok());
        assert_eq!(idle.remaining(PATIENCE, 110_000), Err(Slow::Idle));
    }

    #[test]
    fn an_answer_must_be_taken_at_a_pace() {
        let slow = at(Phase::Busy);
        slow.answered();
        slow.moved_ms.store(49_000, Ordering::Release);
        assert!(slow.remaining(PATIENCE, 50_000).is_ok(), "it is not the client who is waited for");
        slow.stuck_ms.store(1, Ordering::Release);
        assert_eq!(slow.remaining(PATIENCE, 29_000), Ok(Duration::from_secs(1)));
        assert_eq!(slow.remaining(PATIENCE, 30_000), Err(Slow::Answer));
        // What is taken pays for time, and a lot of it at once not for more than a minute.
        slow.purse_ms.store(10_000, Ordering::Release);
        slow.stuck_ms.store(0, Ordering::Release);
        slow.taken(5_000);
        assert_eq!(slow.purse_ms.load(Ordering::Acquire), 15_000);
        slow.taken(5_000_000);
        assert_eq!(slow.purse_ms.load(Ordering::Acquire), 60_000);
    }

    fn ambiguous(head: &str) -> bool {
        let mut scan = HeadScan::default();
        for piece in head.as_bytes().chunks(5) {
            scan.read(piece);
        }
        scan.is_ambiguous()
    }

    #[test]
    fn both_kinds_of_length_are_seen() {
        assert!(ambiguous("POST / HTTP/1.1\r\nContent-Length: 5\r\nHost: a\r\nTRANSFER-encoding: chunked\r\n\r\n"));
        assert!(ambiguous("POST / HTTP/1.1\nTransfer-Encoding: chunked\nContent-Length: 5\n\n"));
        assert!(!ambiguous("POST / HTTP/1.1\r\nContent-Length: 5\r\nX: Transfer-Encoding: chunked\r\n\r\n"));
        assert!(!ambiguous("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nTransfer-Encoding: chunked\r\n\r\n"));
        assert!(!ambiguous("POST / HTTP/1.1\r\nX-Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"));
    }
}

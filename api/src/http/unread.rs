//! Bodies that an answer leaves unread.
//!
//! Closing a connection on a client that is still sending resets it, and the reset may overtake the answer: a phone
//! would take "your token has ended" for a bad line and send the photo for ever. So the rest is read and thrown away,
//! within limits.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, unfold};
use poem::Body;
use tokio::sync::Mutex;

/// Most bytes that are thrown away for the sake of an answer.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// Longest time that it may take.
const LONGEST: Duration = Duration::from_secs(20);
/// Longest silence; a client that sends nothing more is waiting for the answer.
const SILENCE: Duration = Duration::from_secs(2);

/// What the handler has not read of a body.
pub struct Unread(Arc<Mutex<BoxStream<'static, Result<Bytes, std::io::Error>>>>);

impl Unread {
    /// Splits a body: one end for the handler, one to see afterwards what it left.
    pub fn watch(body: Body) -> (Body, Self) {
        let shared = Arc::new(Mutex::new(body.into_bytes_stream().boxed()));
        let stream = unfold(shared.clone(), |shared| async move {
            let chunk = shared.lock().await.next().await?;
            Some((chunk, shared))
        });
        (Body::from_bytes_stream(stream.boxed()), Self(shared))
    }

    /// Reads the rest and throws it away.
    pub async fn discard(self) {
        let mut seen = 0;
        let rest = async {
            while let Ok(Some(Ok(chunk))) = tokio::time::timeout(SILENCE, self.0.lock().await.next()).await {
                seen += chunk.len();
                if seen > MOST_BYTES {
                    return;
                }
            }
        };
        // Whoever is still sending after that has no use for the answer.
        let _ = tokio::time::timeout(LONGEST, rest).await;
    }
}

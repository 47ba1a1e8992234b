//! A stand-in for a transcription service: it speaks the HTTP interface, keeps what it is sent, and misbehaves when told.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::files::sha256;
use super::{eventually, now};

/// Bodies up to this size are kept; of larger ones only the size.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// What it does with a request.
#[derive(Clone)]
pub enum Way {
    /// Answers with a status, more headers and a body.
    Answer(u16, &'static str, String),
    /// Waits to be told, and answers well then.
    Held(Arc<Notify>),
    /// Never answers.
    Silent,
    /// Says that it answers with so many bytes, and sends them.
    Huge(u64),
    /// Answers without end.
    Endless,
    /// Closes the connection in the middle of its answer.
    Broken,
    /// Closes the connection before it has read the recording.
    Cut,
}

/// A recording that it was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The head of the request.
    pub head: String,
    /// The fields before the file, by their names.
    pub fields: HashMap<String, String>,
    /// The head of the part with the file.
    pub file_head: String,
    /// The sha256 of the file; empty for a large one.
    pub file_sha256: String,
    /// How large the whole body was.
    pub bytes: usize,
    /// When it had come.
    pub at: DateTime<Utc>,
}

#[derive(Default)]
struct Shared {
    ways: Mutex<HashMap<String, VecDeque<Way>>>,
    sent: Mutex<Vec<Sent>>,
}

/// The service on a free port.
pub struct TranscriptionService {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

/// The answer to a recording, as such services give it.
pub fn good_answer() -> Value {
    json!({
        "task": "transcribe", "language": "estonian", "duration": 6.5, "text": " Tere päevast! Kuidas saan aidata?",
        "segments": [
            {"id": 0, "seek": 0, "start": 0.0, "end": 2.5, "text": " Tere päevast!", "tokens": [1, 2], "avg_logprob": -0.2},
            {"id": 1, "seek": 0, "start": 2.5, "end": 6.48, "text": " Kuidas saan aidata?", "tokens": [3], "temperature": 0.0},
        ],
    })
}

impl TranscriptionService {
    /// Starts it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let of_server = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = of_server.clone();
                tokio::spawn(async move { converse(stream, &shared).await });
            }
        });
        Self { address, shared }
    }

    /// Its address for the settings.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Says how it treats the next recordings in a language; after these, well.
    pub fn treat(&self, language: &str, ways: impl IntoIterator<Item = Way>) {
        let mut all = self.shared.ways.lock().expect("no test panics while it holds this");
        all.entry(language.to_owned()).or_default().extend(ways);
    }

    /// The recordings that it was sent in a language.
    pub fn sent(&self, language: &str) -> Vec<Sent> {
        let all = self.shared.sent.lock().expect("no test panics while it holds this");
        all.iter().filter(|sent| sent.fields.get("language").is_some_and(|its| its == language)).cloned().collect()
    }

    /// Waits until it was sent so many recordings in a language.
    pub async fn was_sent(&self, language: &str, count: usize) -> Vec<Sent> {
        eventually("a recording is sent", || async {
            let sent = self.sent(language);
            (sent.len() >= count).then_some(sent)
        })
        .await
    }
}

async fn converse(mut stream: TcpStream, shared: &Shared) -> Option<()> {
    let mut buffer = Vec::new();
    let body_start = loop {
        if let Some(end) = find(&buffer, b"\r\n\r\n") {
            break end + 4;
        }
        read(&mut stream, &mut buffer).await?;
    };
    let head = String::from_utf8_lossy(&buffer[..body_start]).into_owned();
    if head.starts_with("GET ") {
        let status = if head.contains("Bearer wrong") { "401 Unauthorized" } else { "200 OK" };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
        return stream.write_all(answer.as_bytes()).await.ok();
    }
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (its, value) = line.split_once(':')?;
            its.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let length: usize = header("content-length")?.parse().ok()?;
    let boundary = header("content-type")?.split_once("boundary=")?.1.to_owned();
    // What stands before the file is short.
    let file_start = loop {
        let body = &buffer[body_start..];
        if let Some(name) = find(body, b"name=\"file\"")
            && let Some(end) = find(&body[name..], b"\r\n\r\n")
        {
            break name + end + 4;
        }
        read(&mut stream, &mut buffer).await?;
    };
    let fields = fields(&String::from_utf8_lossy(&buffer[body_start..body_start + file_start]), &boundary);
    let language = fields.get("language").cloned().unwrap_or_default();
    let way = {
        let mut ways = shared.ways.lock().expect("no test panics while it holds this");
        ways.get_mut(&language).and_then(VecDeque::pop_front)
    };
    if matches!(way, Some(Way::Cut)) {
        return None;
    }
    let mut bytes = buffer.len() - body_start;
    let mut piece = vec![0; 256 * 1024];
    while bytes < length {
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        bytes += read;
        if buffer.len() < KEPT_BYTES {
            buffer.extend_from_slice(&piece[..read]);
        }
    }
    let body = &buffer[body_start..];
    let file_end = length - format!("\r\n--{boundary}--\r\n").len();
    let file_head = String::from_utf8_lossy(&body[..file_start]).into_owned();
    let sent = Sent {
        file_head: file_head.rsplit("--").next().unwrap_or_default().to_owned(),
        file_sha256: body.get(file_start..file_end).filter(|_| body.len() == length).map_or(String::new(), sha256),
        head,
        fields,
        bytes,
        at: now(),
    };
    shared.sent.lock().expect("no test panics while it holds this").push(sent);
    answer(&mut stream, way).await
}

async fn answer(stream: &mut TcpStream, way: Option<Way>) -> Option<()> {
    let good = || good_answer().to_string();
    let (status, headers, body) = match way {
        None => (200, "", good()),
        Some(Way::Answer(status, headers, body)) => (status, headers, body),
        Some(Way::Held(told)) => {
            told.notified().await;
            (200, "", good())
        }
        Some(Way::Silent) => {
            // Until the other side has had enough.
            drop(stream.read(&mut [0]).await);
            return None;
        }
        Some(Way::Huge(bytes)) => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {bytes}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.ok()?;
            return pour(stream, false).await;
        }
        Some(Way::Endless) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.ok()?;
            return pour(stream, true).await;
        }
        Some(Way::Broken) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"text\": ").await.ok()?;
            return None;
        }
        Some(Way::Cut) => return None,
    };
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await.ok()
}

/// Sends until nobody takes it any more.
async fn pour(stream: &mut TcpStream, is_chunked: bool) -> Option<()> {
    let blank = " ".repeat(64 * 1024);
    let piece = if is_chunked { format!("{:x}\r\n{blank}\r\n", blank.len()) } else { blank };
    loop {
        stream.write_all(piece.as_bytes()).await.ok()?;
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let read = stream.read_buf(buffer).await.ok()?;
    (read > 0).then_some(())
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// The fields of a form before its file.
fn fields(body: &str, boundary: &str) -> HashMap<String, String> {
    let field = |part: &str| {
        let (head, value) = part.split_once("\r\n\r\n")?;
        let name = head.split_once("name=\"")?.1.split('"').next()?;
        Some((name.to_owned(), value.trim_end_matches("\r\n").to_owned()))
    };
    body.split(&format!("--{boundary}")).filter_map(field).filter(|(name, _)| name != "file").collect()
}

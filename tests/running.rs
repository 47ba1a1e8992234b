//! A running Peegel and a small HTTP client, for the programs beside the tests.
//!
//! The client shares the machine with the server it measures, so it does as little as it can: one connection, kept
//! alive, ready-made requests, and answers that are looked at no closer than needed.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// What went wrong, for people.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The program, as built beside this one.
pub fn built_program() -> Outcome<PathBuf> {
    let examples = std::env::current_exe()?;
    let profile = examples.parent().and_then(Path::parent).ok_or("this program is not in target/PROFILE/examples")?;
    let program = profile.join("peegel");
    if program.is_file() {
        Ok(program)
    } else {
        Err(format!("{} is not there; build it first", program.display()).into())
    }
}

/// Runs a command of the program to its end and gives what it printed.
pub fn run(program: &Path, arguments: &[&str]) -> Outcome<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(format!("peegel {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Adds somebody by the command line and gives the password that was made.
pub fn add_user(program: &Path, settings: &[&str], email: &str, name: &str, role: &str) -> Outcome<String> {
    let add = ["user", "add", "--email", email, "--name", name, "--role", role];
    let printed = run(program, &[&add, settings].concat())?;
    Ok(printed.strip_prefix("password: ").ok_or("no password was printed")?.to_owned())
}

/// A `peegel serve`, ended when dropped.
pub struct Server {
    child: Child,
    /// Where it listens, `HOST:PORT`.
    pub address: String,
}

impl Server {
    /// Starts it on a free port and waits until it listens.
    pub fn start(program: &Path, settings: &[&str]) -> Outcome<Self> {
        let mut child = Command::new(program)
            .args([&["serve", "--listen", "127.0.0.1:0", "--log", "warn"], settings].concat())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut first = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut first)?;
        let address = first.split_once("http://").and_then(|(_, rest)| rest.split_whitespace().next());
        let server = Self { child, address: address.unwrap_or_default().to_owned() };
        if server.address.is_empty() { Err("the server did not start".into()) } else { Ok(server) }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a service manager would, and checks that it ends well.
    pub fn stop(mut self) -> Outcome<()> {
        Command::new("kill").arg(self.pid().to_string()).status()?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the server ended with {status}").into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A request as it goes over the wire.
pub fn request(method: &str, path: &str, token: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    [&head(method, path, token, headers, body.len()), body].concat()
}

/// The head of a request with so many bytes of body.
pub fn head(method: &str, path: &str, token: &str, headers: &[(&str, &str)], length: usize) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n");
    if !token.is_empty() {
        bytes.push_str(&format!("authorization: Bearer {token}\r\n"));
    }
    for (name, value) in headers {
        bytes.push_str(&format!("{name}: {value}\r\n"));
    }
    bytes.push_str("\r\n");
    bytes.into_bytes()
}

/// An answer.
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// Status line and headers.
    pub head: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// The body as JSON; null when there is none. Fails unless the status is 2xx.
    pub fn json(&self) -> Outcome<Value> {
        if !(200..300).contains(&self.status) {
            return Err(format!("{}\n{}", self.head, String::from_utf8_lossy(self.body)).into());
        }
        if self.body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(self.body)?) }
    }
}

/// One connection, kept alive.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Connects.
    pub fn connect(address: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// Sends a request and waits for its answer.
    pub fn send(&mut self, request: &[u8]) -> Outcome<Answer<'_>> {
        self.send_parts(&[request])
    }

    /// Sends a request that lies in several places, so that a large body need not be copied, and waits for its answer.
    pub fn send_parts(&mut self, parts: &[&[u8]]) -> Outcome<Answer<'_>> {
        for part in parts {
            self.stream.write_all(part)?;
        }
        self.buffer.clear();
        let head = loop {
            self.read_more()?;
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
        };
        let body = head + 4;
        let text = std::str::from_utf8(&self.buffer[..head])?;
        if header(text, "transfer-encoding").is_some() {
            while !self.buffer[body - 2..].ends_with(b"\r\n0\r\n\r\n") {
                self.read_more()?;
            }
            let whole = joined(&self.buffer[body..])?;
            self.buffer.truncate(body);
            self.buffer.extend(whole);
        } else {
            let length: usize = header(text, "content-length").map_or(Ok(0), str::parse)?;
            while self.buffer.len() < body + length {
                self.read_more()?;
            }
        }
        let head = std::str::from_utf8(&self.buffer[..head])?;
        let status = head.get(9..12).ok_or("no status")?.parse()?;
        Ok(Answer { status, head, body: &self.buffer[body..] })
    }

    /// Sends JSON and expects JSON.
    pub fn json(&mut self, method: &str, path: &str, token: &str, body: &Value) -> Outcome<Value> {
        let bytes = if body.is_null() { Vec::new() } else { serde_json::to_vec(body)? };
        let headers: &[(&str, &str)] = if body.is_null() { &[] } else { &[("content-type", "application/json")] };
        let answer = self.send(&request(method, path, token, headers, &bytes))?.json();
        answer.map_err(|error| format!("{method} {path}: {error}").into())
    }

    fn read_more(&mut self) -> Outcome<()> {
        let mut part = [0; 16 * 1024];
        match self.stream.read(&mut part)? {
            0 => Err("the server closed the connection".into()),
            read => {
                self.buffer.extend_from_slice(&part[..read]);
                Ok(())
            }
        }
    }
}

/// The chunks of a body as one.
fn joined(mut chunks: &[u8]) -> Outcome<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = chunks.windows(2).position(|two| two == b"\r\n").ok_or("no size of a chunk")?;
        let size = std::str::from_utf8(&chunks[..end])?.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size.trim(), 16)?;
        if size == 0 {
            return Ok(whole);
        }
        whole.extend_from_slice(chunks.get(end + 2..end + 2 + size).ok_or("half a chunk")?);
        chunks = chunks.get(end + 4 + size..).ok_or("half a chunk")?;
    }
}

/// A header of an answer.
pub fn header<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    let pairs = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    pairs.filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim()).next()
}

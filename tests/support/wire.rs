//! Connections below HTTP: clients that stop, hang up or reset in the middle of a request.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How a client goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// It closes the connection (FIN).
    Fin,
    /// It resets the connection (RST), as a phone does that lost its network.
    Rst,
}

/// A connection to the server.
pub struct Wire(TcpStream);

impl Wire {
    /// Connects to `http://HOST:PORT`.
    pub async fn connect(base: &str) -> std::io::Result<Self> {
        let address: SocketAddr = base.trim_start_matches("http://").parse().expect("an address");
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Sends some bytes. The server may have closed the connection; what matters is read later.
    pub async fn send(&mut self, bytes: &[u8]) {
        drop(self.0.write_all(bytes).await);
    }

    /// Goes away.
    pub async fn leave(mut self, farewell: Farewell) {
        match farewell {
            Farewell::Fin => drop(self.0.shutdown().await),
            Farewell::Rst => self.0.set_zero_linger().expect("a socket that can be reset"),
        }
    }

    /// Reads the answer to the end of the connection, which the request must have asked to be closed.
    pub async fn answer(mut self) -> String {
        let mut answer = Vec::new();
        self.0.read_to_end(&mut answer).await.expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// The bytes of a request.
pub fn request(method: &str, path: &str, token: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: peegel\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let mut request = request.into_bytes();
    request.extend_from_slice(body);
    request
}

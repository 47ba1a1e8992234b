//! An SMTP server that keeps what it is given, after refusing some of it.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};

use super::PATIENCE;

/// A server on a free port.
pub struct SmtpServer {
    /// Where it listens.
    pub address: SocketAddr,
    letters: Mutex<mpsc::UnboundedReceiver<(String, Vec<u8>)>>,
}

impl SmtpServer {
    /// Starts it. It refuses the first letters for now (451).
    pub async fn start(refused: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (sender, letters) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut refused = refused;
            while let Ok((stream, _)) = listener.accept().await {
                let refuse = refused > 0;
                refused = refused.saturating_sub(1);
                let sender = sender.clone();
                tokio::spawn(async move {
                    if let Some(letter) = converse(stream, refuse).await {
                        drop(sender.send(letter));
                    }
                });
            }
        });
        Self { address, letters: Mutex::new(letters) }
    }

    /// Waits for the next letter: its recipient and its bytes.
    pub async fn letter(&self) -> (String, Vec<u8>) {
        let mut letters = self.letters.lock().await;
        tokio::time::timeout(PATIENCE, letters.recv()).await.expect("a letter in time").expect("a running server")
    }
}

/// One conversation (RFC 5321).
async fn converse(stream: TcpStream, refuse: bool) -> Option<(String, Vec<u8>)> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 test ESMTP\r\n").await.ok()?;
    let (mut to, mut letter) = (String::new(), None);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return letter;
        }
        let line = line.trim_end().to_owned();
        let answer = match line.split([' ', ':']).next().unwrap_or_default().to_uppercase().as_str() {
            "RCPT" if refuse => "451 try later",
            "RCPT" => {
                line.split(['<', '>']).nth(1)?.clone_into(&mut to);
                "250 ok"
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await.ok()?;
                let mut bytes = Vec::new();
                loop {
                    let mut line = Vec::new();
                    stream.read_until(b'\n', &mut line).await.ok()?;
                    if line == b".\r\n" {
                        break;
                    }
                    // A dot at the start of a line was doubled.
                    bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
                }
                letter = Some((to.clone(), bytes));
                "250 kept"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await.ok()?;
                return letter;
            }
            _ => "250 ok",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    }
}

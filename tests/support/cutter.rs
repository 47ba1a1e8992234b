//! A proxy on a bad line: it cuts connections at random offsets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Dice;

/// A proxy in front of a server, which breaks so many connections and then leaves them alone.
pub struct Cutter {
    /// Its address, `http://HOST:PORT`.
    pub base: String,
    cuts: Arc<AtomicUsize>,
}

impl Cutter {
    /// Starts one. A connection lives for less than `most_bytes` in both directions together.
    pub async fn start(server: &str, seed: u64, cuts: usize, most_bytes: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let server = server.trim_start_matches("http://").to_owned();
        let left = Arc::new(AtomicUsize::new(cuts));
        let (counted, mut dice) = (left.clone(), Dice(seed));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // One in four dies young, so that heads and answers are hit as well as bodies.
                let most = if dice.below(4) == 0 { 600 } else { most_bytes };
                let (lifetime, is_reset) = (dice.below(most), dice.below(2) == 0);
                let (server, left) = (server.clone(), left.clone());
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(server).await {
                        carry(client, server, lifetime, is_reset, &left).await;
                    }
                });
            }
        });
        Self { base, cuts: counted }
    }

    /// How many connections are still to be broken.
    pub fn cuts_left(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }
}

/// Carries bytes both ways until one side ends, or the lifetime does.
async fn carry(mut client: TcpStream, mut server: TcpStream, mut lifetime: usize, is_reset: bool, left: &AtomicUsize) {
    let (mut up, mut down) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    loop {
        let (read, is_up) = tokio::select! {
            read = client.read(&mut up) => (read, true),
            read = server.read(&mut down) => (read, false),
        };
        let Ok(bytes @ 1..) = read else { return };
        let (to, buffer) = if is_up { (&mut server, &up) } else { (&mut client, &down) };
        let is_cut = bytes > lifetime
            && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        let passed = if is_cut { lifetime } else { bytes };
        if to.write_all(&buffer[..passed]).await.is_err() {
            return;
        }
        if is_cut {
            if is_reset {
                client.set_zero_linger().expect("a socket that can be reset");
                server.set_zero_linger().expect("a socket that can be reset");
            }
            return;
        }
        lifetime = lifetime.saturating_sub(bytes);
    }
}

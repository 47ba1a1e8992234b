//! Measures whether slow clients are a burden: many connections from several addresses send a head byte by byte and
//! come back whenever they are closed, while `/livez` is asked again and again on connections of its own.
//!
//! ```sh
//! cargo build --release && cargo run --release --example slow
//! ```
#![expect(clippy::disallowed_methods, reason = "a program that measures needs the machine's clock")]

#[expect(dead_code, reason = "the programs that file visits use the rest")]
mod running;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use running::{Outcome, Server, built_program};

/// Connections from one address; fewer than the server allows one.
const PER_ADDRESS: usize = 100;
/// How long one question may take before it counts as unanswered.
const PATIENCE: Duration = Duration::from_secs(10);

/// Measures whether slow clients are a burden
#[derive(Parser)]
struct Arguments {
    /// The program; the one built beside this if absent
    #[arg(long)]
    peegel: Option<PathBuf>,
    /// Slow connections at a time
    #[arg(long, default_value_t = 1000)]
    connections: usize,
    /// How long
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Folder for the data
    #[arg(long, default_value = "target/slow", value_name = "DIR")]
    data: PathBuf,
    /// The p99 of `/livez`, in milliseconds, beyond which this fails
    #[arg(long, default_value_t = 200.0)]
    most_ms: f64,
}

#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    made: AtomicU64,
    closed: AtomicU64,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    let program = arguments.peegel.clone().map_or_else(built_program, Ok)?;
    if arguments.data.exists() {
        std::fs::remove_dir_all(&arguments.data)?;
    }
    std::fs::create_dir_all(&arguments.data)?;
    let server = Server::start(&program, &["--data", arguments.data.to_str().ok_or("the folder is not UTF-8")?])?;
    let address: SocketAddr = server.address.parse()?;
    let before = ask(address, Duration::from_secs(5)).await?;

    let counts = Arc::new(Counts::default());
    let slow: Vec<_> = (0..arguments.connections).map(|n| tokio::spawn(be_slow(n, address, counts.clone()))).collect();
    // All are there before the measurement begins.
    let began = Instant::now();
    while counts.open.load(Ordering::Relaxed) < arguments.connections * 9 / 10 {
        if began.elapsed() > Duration::from_secs(30) {
            return Err(format!("only {} connections came about", counts.open.load(Ordering::Relaxed)).into());
        }
        sleep(Duration::from_millis(50)).await;
    }
    let during = ask(address, Duration::from_secs(arguments.seconds)).await?;
    let open = counts.open.load(Ordering::Relaxed);
    slow.iter().for_each(tokio::task::JoinHandle::abort);

    println!("| slow connections | /livez asked | p50 ms | p99 ms | max ms | unanswered |");
    println!("|---:|---:|---:|---:|---:|---:|");
    before.print(0);
    during.print(open);
    println!(
        "{} connections were made, the server closed {} of them",
        counts.made.load(Ordering::Relaxed),
        counts.closed.load(Ordering::Relaxed)
    );
    server.stop()?;
    std::fs::remove_dir_all(&arguments.data)?;
    if during.unanswered > 0 || during.quantile_ms(99) > arguments.most_ms {
        return Err("slow clients are a burden".into());
    }
    Ok(())
}

/// Sends a head, one byte a second, and begins again whenever the connection is closed.
async fn be_slow(number: usize, server: SocketAddr, counts: Arc<Counts>) {
    let own = Ipv4Addr::new(127, 0, 0, u8::try_from(2 + number / PER_ADDRESS).unwrap_or(254));
    loop {
        let Ok(mut stream) = connect(own, server).await else {
            sleep(Duration::from_millis(200)).await;
            continue;
        };
        counts.open.fetch_add(1, Ordering::Relaxed);
        counts.made.fetch_add(1, Ordering::Relaxed);
        let mut buffer = [0; 64];
        for byte in b"GET /livez HTTP/1.1\r\nX-Slow: ".iter().chain(std::iter::repeat(&b'x')) {
            let is_closed = match timeout(Duration::from_secs(1), stream.read(&mut buffer)).await {
                Ok(read) => !matches!(read, Ok(1..)),
                Err(_) => stream.write_all(&[*byte]).await.is_err(),
            };
            if is_closed {
                break;
            }
        }
        counts.closed.fetch_add(1, Ordering::Relaxed);
        counts.open.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn connect(own: Ipv4Addr, server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((own, 0)))?;
    socket.connect(server).await
}

struct Answers {
    latencies: Vec<Duration>,
    unanswered: usize,
}

impl Answers {
    fn quantile_ms(&self, percent: usize) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (self.latencies.len() * percent / 100).min(last);
        self.latencies.get(at).map_or(f64::INFINITY, |latency| latency.as_secs_f64() * 1e3)
    }

    fn print(&self, slow: usize) {
        println!(
            "| {slow} | {} | {:.2} | {:.2} | {:.2} | {} |",
            self.latencies.len() + self.unanswered,
            self.quantile_ms(50),
            self.quantile_ms(99),
            self.quantile_ms(100),
            self.unanswered
        );
    }
}

/// Asks `/livez` every 20 ms, each time on a connection of its own.
async fn ask(server: SocketAddr, how_long: Duration) -> Outcome<Answers> {
    let (mut latencies, mut unanswered) = (Vec::new(), 0);
    let began = Instant::now();
    while began.elapsed() < how_long {
        let clock = Instant::now();
        let question = async {
            let mut stream = TcpStream::connect(server).await?;
            stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            std::io::Result::Ok(answer.starts_with(b"HTTP/1.1 200 "))
        };
        match timeout(PATIENCE, question).await {
            Ok(Ok(true)) => latencies.push(clock.elapsed()),
            _ => unanswered += 1,
        }
        sleep(Duration::from_millis(20)).await;
    }
    latencies.sort_unstable();
    Ok(Answers { latencies, unanswered })
}

//! `peegel demo`: two invented firms, filed through the public HTTP API as phones and browsers would.
//!
//! A server runs inside on a free port of this machine with a clock that the story moves, so that visits of past waves
//! lie in the past. Afterwards the same folder is served with the machine's clock.

mod answers;
mod client;
mod filing;
pub mod random;
mod story;
mod taken;

use std::net::ToSocketAddrs;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::app::App;
use crate::cli::serve::{lock, run_server, stop_signal};
use crate::cli::{bad_usage, open, open_now};
use crate::clock::{Clock, Stopwatch};
use crate::config::{DataSettings, EdgeSettings, ServeSettings};
use crate::demo::story::Story;
use crate::failure::Failure;
use crate::ids::Ids;

/// The file that says that a folder is a demo, and holds its sign-ins once it is complete.
const MARK: &str = "demo.json";
/// What a demo folder may hold; anything else is somebody's own.
const OWN: [&str; 10] = [
    MARK,
    "peegel.db",
    "peegel.db-wal",
    "peegel.db-shm",
    "peegel.lock",
    "blobs",
    "keys",
    "outbox",
    "reports",
    "demo.part",
];

/// Arguments of `peegel demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Folder of the demo; it must be new, empty or an earlier demo
    #[arg(long, env = "PEEGEL_DEMO", default_value = "peegel-demo", value_name = "DIR")]
    data: std::path::PathBuf,
    /// Make the demo and end
    #[arg(long)]
    no_serve: bool,
    /// Address to serve on afterwards; this machine only
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: String,
}

/// Makes the demo, unless the folder holds a complete one, and serves it.
///
/// # Errors
///
/// [`Failure`] when the folder or the address cannot be used.
pub async fn run(args: DemoArgs) -> Result<ExitCode, Failure> {
    if !is_loopback(&args.listen) {
        return Ok(bad_usage("the demo has known passwords; it listens on this machine only, such as 127.0.0.1:8080"));
    }
    if let Some(stranger) = stranger_in(&args.data)? {
        let folder = args.data.display();
        return Ok(bad_usage(&format!(
            "{folder} is not a demo folder: it holds {stranger}. Name a new one with --data"
        )));
    }
    let data =
        DataSettings { data: args.data.clone(), database_url: None, blobs: None, signing_keys: None, vault_key: None };
    let _lock = match lock(&data).await? {
        Ok(lock) => lock,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let mark = args.data.join(MARK);
    if tokio::fs::try_exists(&mark).await? {
        println!("{} holds the demo already.", args.data.display());
    } else {
        make(&data).await?;
    }
    let summary: Value = serde_json::from_slice(&tokio::fs::read(&mark).await?).map_err(Failure::internal)?;
    if args.no_serve {
        print_sign_ins(&summary);
        return Ok(ExitCode::SUCCESS);
    }
    let app = open_now(&data).await?;
    let settings = ServeSettings { listen: args.listen, no_worker: false, edge: EdgeSettings::default() };
    run_server(app, &settings, stop_signal()?, |address| {
        print_sign_ins(&summary);
        println!("\nPeegel listens on http://{address}\n  pages     http://{address}/docs\n  document  http://{address}/openapi.json");
        println!("End it with Ctrl-C.");
    })
    .await
}

fn is_loopback(listen: &str) -> bool {
    listen.to_socket_addrs().is_ok_and(|mut addresses| addresses.all(|address| address.ip().is_loopback()))
}

fn stranger_in(folder: &Path) -> Result<Option<String>, Failure> {
    if !folder.exists() {
        return Ok(None);
    }
    let names: Vec<_> = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, std::io::Error>>()?;
    let is_demo = names.iter().any(|name| name == MARK || name == "demo.part");
    Ok(names.into_iter().find(|name| !is_demo || !OWN.contains(&name.as_str())))
}

/// Files the whole story into a fresh folder. What an interrupted attempt left is removed first.
async fn make(data: &DataSettings) -> Result<(), Failure> {
    let watch = Stopwatch::start();
    for name in OWN.iter().filter(|name| !matches!(**name, "peegel.lock" | "demo.part")) {
        let path = data.data.join(name);
        let gone = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match gone {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    tokio::fs::write(data.data.join("demo.part"), b"").await?;
    let story = Story::read()?;
    let begins = filing::begins(&story);
    let clock = Clock::manual(begins);
    let app = open(data, clock.clone(), Ids::seeded(clock, 2026)).await?;
    let (stop, stopped) = watch::channel(false);
    let (address, listening) = tokio::sync::oneshot::channel();
    let settings = ServeSettings { listen: "127.0.0.1:0".to_owned(), no_worker: false, edge: EdgeSettings::default() };
    let server = {
        let app = app.clone();
        tokio::spawn(async move {
            run_server(app, &settings, stopped, |at| {
                drop(address.send(at.to_owned()));
            })
            .await
        })
    };
    let base = format!("http://{}", listening.await.map_err(Failure::internal)?);
    println!("Filing the demo through {base} ...");
    let summary = file(&app, &story, &base, &data.data.join("reports")).await?;
    let _ = stop.send(true);
    server.await.map_err(Failure::internal)??;
    tokio::fs::write(data.data.join("demo.part"), serde_json::to_vec_pretty(&summary).map_err(Failure::internal)?)
        .await?;
    tokio::fs::rename(data.data.join("demo.part"), data.data.join(MARK)).await?;
    println!(
        "Done in {:.1} s. Branch reports: {}",
        watch.elapsed_us() as f64 / 1e6,
        data.data.join("reports").display()
    );
    Ok(())
}

async fn file(app: &App, story: &Story, base: &str, reports: &Path) -> Result<Value, Failure> {
    tokio::fs::create_dir_all(reports).await?;
    let (mut users, mut chains) = (Vec::new(), Vec::new());
    for firm in &story.firms {
        let filed = filing::file_firm(app, firm, base, reports).await?;
        users.extend(filed.users);
        chains.extend(filed.chains);
    }
    Ok(json!({"users": users, "chains": chains}))
}

fn print_sign_ins(summary: &Value) {
    println!("\nSign in with (address / password):");
    for user in summary["users"].as_array().into_iter().flatten() {
        let word = |name: &str| user[name].as_str().unwrap_or_default().to_owned();
        println!("  {:14} {:15} {:36} {}", word("firm"), word("role"), word("email"), word("password"));
    }
}

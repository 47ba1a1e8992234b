//! Measures how fast visits are filed: the auditors of one firm submit visits of 40 items, each on a connection of its
//! own, one after the other, until a fixed number is filed.
//!
//! ```sh
//! cargo build --release && cargo run --release --example load -- --postgres postgres://postgres@127.0.0.1:5432/postgres
//! ```
//!
//! Every measurement has a server and a database of its own. The client runs on the same machine and takes its share
//! of it.
#![expect(clippy::disallowed_methods, reason = "a program that measures needs the machine's clock")]

mod field;
mod meters;
mod running;
mod sample;

use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use clap::Parser;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use serde_json::Value;

use field::Admin;
use meters::{cpu_seconds, peak_mb};
use running::{Client, Outcome, Server, add_user, built_program, request, run};

/// Visits that every connection files before the measurement begins.
const WARM_UP: usize = 20;

/// Measures how fast visits are filed
#[derive(Parser)]
struct Arguments {
    /// The program; the one built beside this if absent
    #[arg(long)]
    peegel: Option<PathBuf>,
    /// A PostgreSQL server to measure on too; databases of our own are made there and dropped
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Measure on PostgreSQL only
    #[arg(long, requires = "postgres")]
    no_sqlite: bool,
    /// Visits of each measurement
    #[arg(long, default_value_t = 6000)]
    submits: usize,
    /// Connections of each measurement
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32])]
    connections: Vec<usize>,
    /// Folder for the data; it must be on a disk that stands for the real one
    #[arg(long, default_value = "target/load", value_name = "DIR")]
    data: PathBuf,
}

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    let program = arguments.peegel.clone().map_or_else(built_program, Ok)?;
    println!("| database | connections | submits | submits/s | p50 ms | p99 ms | server CPU ms a submit | peak MB |");
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    if !arguments.no_sqlite {
        for connections in &arguments.connections {
            measure("SQLite", &program, &arguments, *connections, None)?;
        }
    }
    if let Some(url) = &arguments.postgres {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (server, _) = url.rsplit_once('/').ok_or("the URL names no database")?;
        let admin = runtime.block_on(Database::connect(url.as_str()))?;
        runtime.block_on(check_durable(&admin))?;
        for connections in &arguments.connections {
            let name = format!("peegel_load_{}_{connections}", std::process::id());
            runtime.block_on(admin.execute_unprepared(&format!("CREATE DATABASE {name}")))?;
            let done = measure("PostgreSQL", &program, &arguments, *connections, Some(&format!("{server}/{name}")));
            runtime.block_on(admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")))?;
            done?;
        }
    }
    Ok(())
}

/// A server that does not wait for the disk would be measured at something else.
async fn check_durable(admin: &DatabaseConnection) -> Outcome<()> {
    for setting in ["fsync", "synchronous_commit"] {
        let show = Statement::from_string(DbBackend::Postgres, format!("SHOW {setting}"));
        let row = admin.query_one_raw(show).await?.ok_or("SHOW answered nothing")?;
        let value: String = row.try_get_by_index(0)?;
        if value != "on" {
            return Err(format!("PostgreSQL runs with {setting}={value}; it must be on").into());
        }
    }
    Ok(())
}

fn measure(
    database: &str,
    program: &Path,
    arguments: &Arguments,
    connections: usize,
    url: Option<&str>,
) -> Outcome<()> {
    let folder = arguments.data.join(format!("{}-{connections}", database.to_lowercase()));
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let mut settings = vec!["--data", folder.to_str().ok_or("the folder is not UTF-8")?];
    settings.extend(url.iter().flat_map(|url| ["--database-url", *url]));
    run(program, &[&["firm", "add", "--code", "load", "--name", "Load"], settings.as_slice()].concat())?;
    let password = add_user(program, &settings, "admin@example.org", "Admin", "firm_admin")?;
    let server = Server::start(program, &settings)?;

    let each = arguments.submits.div_ceil(connections);
    let mut admin = Admin::sign_in(&server, &password)?;
    let mut rounds = Vec::with_capacity(connections);
    for (n, auditor) in admin.prepare(connections, each + WARM_UP)?.into_iter().enumerate() {
        let requests = auditor.assignment_ids.iter().zip(n * (each + WARM_UP)..);
        let requests = requests.map(|(assignment_id, n)| put_visit(&auditor.token, assignment_id, n as u64));
        rounds.push(requests.collect::<Outcome<Vec<_>>>()?);
    }
    let total = connections * (each + WARM_UP);

    let (warmed, go) = (Barrier::new(connections + 1), Barrier::new(connections + 1));
    let (mut latencies, cpu, wall) = std::thread::scope(|scope| {
        let auditors: Vec<_> =
            rounds.iter().map(|requests| scope.spawn(|| file(&server.address, requests, &warmed, &go))).collect();
        warmed.wait();
        let (cpu, clock) = (cpu_seconds(server.pid()), Instant::now());
        go.wait();
        let mut latencies = Vec::with_capacity(connections * each);
        for auditor in auditors {
            latencies.extend(auditor.join().map_err(|_| "an auditor panicked")??);
        }
        let wall = clock.elapsed();
        Outcome::Ok((latencies, cpu_seconds(server.pid())? - cpu?, wall))
    })?;

    let filed = admin.count_submitted()?;
    if filed != total {
        return Err(format!("{total} visits were answered with 201, but {filed} are there").into());
    }
    latencies.sort_unstable();
    let count = latencies.len();
    let quantile = |share: usize| latencies[(count * share / 100).min(count - 1)].as_secs_f64() * 1e3;
    println!(
        "| {database} | {connections} | {count} | {:.0} | {:.2} | {:.2} | {:.3} | {:.0} |",
        count as f64 / wall.as_secs_f64(),
        quantile(50),
        quantile(99),
        cpu * 1e3 / count as f64,
        peak_mb(server.pid())?,
    );
    server.stop()?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Files all visits of one auditor; measures all but the first few.
fn file(address: &str, requests: &[Vec<u8>], warmed: &Barrier, go: &Barrier) -> Outcome<Vec<Duration>> {
    let (warm_up, measured) = requests.split_at(WARM_UP);
    let warm = Client::connect(address).and_then(|mut client| {
        for request in warm_up {
            expect_created(&mut client, request)?;
        }
        Ok(client)
    });
    // The others wait here, also for one that failed.
    warmed.wait();
    go.wait();
    let mut client = warm?;
    let mut latencies = Vec::with_capacity(measured.len());
    for request in measured {
        let clock = Instant::now();
        expect_created(&mut client, request)?;
        latencies.push(clock.elapsed());
    }
    Ok(latencies)
}

fn expect_created(client: &mut Client, request: &[u8]) -> Outcome<()> {
    let answer = client.send(request)?;
    if answer.status == 201 {
        return Ok(());
    }
    Err(format!("{}\n{}", answer.head, String::from_utf8_lossy(answer.body)).into())
}

/// The request that files visit `n`.
fn put_visit(token: &str, assignment_id: &Value, n: u64) -> Outcome<Vec<u8>> {
    let (id, body) = sample::visit(assignment_id, n);
    let headers = [("content-type", "application/json"), ("if-none-match", "*")];
    Ok(request("PUT", &format!("/v1/visits/{id}"), token, &headers, &serde_json::to_vec(&body)?))
}

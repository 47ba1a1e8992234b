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

mod running;
mod sample;

use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use clap::Parser;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use serde_json::{Value, json};

use running::{Client, Outcome, Server, add_user, built_program, request, run};

const BRANCHES: usize = 100;
/// Visits that every connection files before the measurement begins.
const WARM_UP: usize = 20;
/// What `utime` and `stime` count in, on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

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
    let rounds = admin.prepare(connections, each + WARM_UP)?;
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

/// The firm's administrator, who prepares the work and counts what came of it.
struct Admin {
    client: Client,
    token: String,
}

impl Admin {
    fn sign_in(server: &Server, password: &str) -> Outcome<Self> {
        let mut client = Client::connect(&server.address)?;
        let session = session(&mut client, "admin@example.org", password)?;
        let token = text(&session["access_token"])?;
        Ok(Self { client, token })
    }

    fn call(&mut self, method: &str, path: &str, body: &Value) -> Outcome<Value> {
        self.client.json(method, path, &self.token, body)
    }

    /// Makes everything that visits need, and the requests of every auditor.
    fn prepare(&mut self, auditors: usize, visits_each: usize) -> Outcome<Vec<Vec<Vec<u8>>>> {
        self.call("POST", "/v1/standards", &sample::standard())?;
        self.call("POST", "/v1/standards/load/publish", &json!({"version": 1}))?;
        let chain = json!({"code": "load", "name": "Load", "kind": "client", "locale": "en", "colour": "#336699"});
        let chain_id = text(&self.call("POST", "/v1/chains", &chain)?["id"])?;
        let branch = |i| json!({"code": format!("B{i}"), "name": format!("Branch {i}"), "address": "Long Street 1", "time_zone": "Europe/Tallinn"});
        let branches: Vec<_> = (0..BRANCHES).map(branch).collect();
        let branches = self.call("POST", "/v1/branches", &json!({"chain_id": chain_id, "branches": branches}))?;
        let branch_ids = branches["data"].as_array().ok_or("no branches")?.iter().map(|branch| &branch["id"]);
        let branch_ids: Vec<_> = branch_ids.collect();
        let wave = json!({"chain_id": chain_id, "name": "Load", "kind": "regular", "opens_on": "2020-01-01", "closes_on": "2099-12-31"});
        let wave_id = text(&self.call("POST", "/v1/waves", &wave)?["id"])?;
        self.call("POST", &format!("/v1/waves/{wave_id}/open"), &Value::Null)?;
        let mut rounds = Vec::with_capacity(auditors);
        for auditor in 0..auditors {
            let (email, password) = (format!("auditor{auditor}@example.org"), "one of many auditors");
            let user =
                json!({"email": email, "name": "Auditor", "role": "auditor", "locale": "en", "password": password});
            self.call("POST", "/v1/users", &user)?;
            let session = session(&mut self.client, &email, password)?;
            let token = text(&session["access_token"])?;
            let auditor_id = &session["memberships"][0]["membership_id"];
            let mut requests = Vec::with_capacity(visits_each);
            let assignments: Vec<_> = (0..visits_each)
                .map(|n| {
                    json!({
                        "branch_id": branch_ids[n % branch_ids.len()], "standard_id": "load", "standard_version": 1,
                        "auditor_id": auditor_id, "window_start": "2020-01-01T00:00:00Z", "window_end": "2099-12-31T00:00:00Z",
                    })
                })
                .collect();
            for some in assignments.chunks(1000) {
                let added = self.call("POST", "/v1/assignments", &json!({"wave_id": wave_id, "assignments": some}))?;
                for assignment in added["data"].as_array().ok_or("no assignments")? {
                    let n = requests.len();
                    requests.push(put_visit(&token, &assignment["id"], (auditor * visits_each + n) as u64)?);
                }
            }
            rounds.push(requests);
        }
        Ok(rounds)
    }

    fn count_submitted(&mut self) -> Outcome<usize> {
        let (mut count, mut cursor) = (0, String::new());
        loop {
            let page = self.call("GET", &format!("/v1/visits?state=submitted&limit=200{cursor}"), &Value::Null)?;
            count += page["data"].as_array().ok_or("no page")?.len();
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(count),
            }
        }
    }
}

fn session(client: &mut Client, email: &str, password: &str) -> Outcome<Value> {
    client.json("POST", "/v1/sessions", "", &json!({"email": email, "password": password}))
}

fn text(value: &Value) -> Outcome<String> {
    Ok(value.as_str().ok_or("a text is missing in an answer")?.to_owned())
}

/// The request that files visit `n`.
fn put_visit(token: &str, assignment_id: &Value, n: u64) -> Outcome<Vec<u8>> {
    let (id, body) = sample::visit(assignment_id, n);
    let headers = [("content-type", "application/json"), ("if-none-match", "*")];
    Ok(request("PUT", &format!("/v1/visits/{id}"), token, &headers, &serde_json::to_vec(&body)?))
}

/// What the process has used of all cores so far, in user mode and in the kernel.
fn cpu_seconds(pid: u32) -> Outcome<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program is in brackets and may hold spaces.
    let (_, after_name) = stat.rsplit_once(')').ok_or("unreadable /proc/PID/stat")?;
    let ticks: f64 = after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_SECOND)
}

/// The most memory that the process has held.
fn peak_mb(pid: u32) -> Outcome<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

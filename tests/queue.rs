//! Measures how many jobs a second the queue carries: claimed, run, noted. The jobs look for a file that is not there,
//! which is one question to the database, so nearly everything is the queue.
//!
//! ```sh
//! cargo build --release && cargo run --release --example queue -- --postgres postgres://postgres@127.0.0.1:5432/postgres
//! ```
//!
//! A worker is a process of `peegel worker`, which has two lanes. A folder with SQLite admits one. The clock runs from
//! the start of the workers until the table is empty.
#![expect(clippy::disallowed_methods, reason = "a program that measures needs the machine's clock")]

mod meters;
#[expect(dead_code, reason = "the programs that file visits use the rest")]
mod running;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};

use meters::{cpu_seconds, peak_mb};
use running::{Outcome, built_program, run};

/// Measures how many jobs a second the queue carries
#[derive(Parser)]
struct Arguments {
    /// The program; the one built beside this if absent
    #[arg(long)]
    peegel: Option<PathBuf>,
    /// A PostgreSQL server to measure on too; databases of our own are made there and dropped
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Jobs of each measurement
    #[arg(long, value_delimiter = ',', default_values_t = [1000, 10_000])]
    jobs: Vec<usize>,
    /// Folder for the data; it must be on a disk that stands for the real one
    #[arg(long, default_value = "target/queue", value_name = "DIR")]
    data: PathBuf,
}

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    let program = arguments.peegel.clone().map_or_else(built_program, Ok)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("| database | workers | jobs | jobs/s | workers' CPU ms a job | peak MB of one |");
    println!("|---|---:|---:|---:|---:|---:|");
    for jobs in &arguments.jobs {
        runtime.block_on(measure("SQLite", &program, &arguments.data, 1, *jobs, None))?;
    }
    let Some(url) = &arguments.postgres else { return Ok(()) };
    let (server, _) = url.rsplit_once('/').ok_or("the URL names no database")?;
    let admin = runtime.block_on(Database::connect(url.as_str()))?;
    for (jobs, workers) in arguments.jobs.iter().flat_map(|jobs| [(*jobs, 1), (*jobs, 2)]) {
        let name = format!("peegel_queue_{}_{jobs}_{workers}", std::process::id());
        runtime.block_on(admin.execute_unprepared(&format!("CREATE DATABASE {name}")))?;
        let url = format!("{server}/{name}");
        let done = runtime.block_on(measure("PostgreSQL", &program, &arguments.data, workers, jobs, Some(&url)));
        runtime.block_on(admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")))?;
        done?;
    }
    Ok(())
}

async fn measure(
    database: &str,
    program: &Path,
    data: &Path,
    workers: usize,
    jobs: usize,
    url: Option<&str>,
) -> Outcome<()> {
    if data.exists() {
        std::fs::remove_dir_all(data)?;
    }
    std::fs::create_dir_all(data)?;
    let sqlite = format!("sqlite://{}", data.join("peegel.db").display());
    let url = url.unwrap_or(&sqlite);
    let settings = ["--data", data.to_str().ok_or("the folder is not UTF-8")?, "--database-url", url];
    run(program, &[&["firm", "add", "--code", "queue", "--name", "Queue"], &settings[..]].concat())?;
    let db = Database::connect(url).await?;
    queue(&db, jobs).await?;
    let clock = Instant::now();
    let workers: Vec<_> = (0..workers).map(|_| Worker::start(program, &settings)).collect::<Outcome<_>>()?;
    while count(&db).await? > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let wall = clock.elapsed();
    let cpu = workers.iter().map(|worker| cpu_seconds(worker.0.id())).sum::<Outcome<f64>>()?;
    let peaks = workers.iter().map(|worker| peak_mb(worker.0.id())).collect::<Outcome<Vec<_>>>()?;
    println!(
        "| {database} | {} | {jobs} | {:.0} | {:.3} | {:.0} |",
        workers.len(),
        jobs as f64 / wall.as_secs_f64(),
        cpu * 1e3 / jobs as f64,
        peaks.into_iter().fold(0.0, f64::max),
    );
    drop(workers);
    db.close().await?;
    Ok(std::fs::remove_dir_all(data)?)
}

/// Queues jobs as a server would have, only faster.
async fn queue(db: &DatabaseConnection, jobs: usize) -> Outcome<()> {
    let (id, text) = match db.get_database_backend() {
        sea_orm::DbBackend::Postgres => ("gen_random_uuid()", "'file ' || i"),
        _ => ("randomblob(16)", "'file ' || i"),
    };
    let nobody = "{\"evidence_id\": \"018f0000-0000-7000-8000-000000000000\"}";
    let statement = format!(
        "INSERT INTO jobs (id, firm_id, kind, payload, state, run_at, attempts, dedup_key, created_at) \
         WITH RECURSIVE numbers AS (SELECT 0 AS i UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < {jobs}) \
         SELECT {id}, firms.id, 'evidence.process', '{nobody}', 'ready', '2020-01-01T00:00:00+00:00', 0, {text}, \
         '2020-01-01T00:00:00+00:00' FROM numbers CROSS JOIN firms"
    );
    db.execute_unprepared(&statement).await?;
    db.execute_unprepared("ANALYZE").await?;
    let queued = count(db).await?;
    if usize::try_from(queued)? == jobs { Ok(()) } else { Err(format!("{queued} jobs are queued").into()) }
}

async fn count(db: &DatabaseConnection) -> Outcome<i64> {
    let count = Statement::from_string(db.get_database_backend(), "SELECT count(*) FROM jobs");
    Ok(db.query_one_raw(count).await?.ok_or("no count")?.try_get_by_index(0)?)
}

/// A `peegel worker`, ended when dropped.
struct Worker(Child);

impl Worker {
    fn start(program: &Path, settings: &[&str]) -> Outcome<Self> {
        let arguments = [&["worker", "--log", "warn"], settings].concat();
        Ok(Self(Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

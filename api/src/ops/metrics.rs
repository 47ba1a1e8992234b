//! `/metrics`: what is counted as it happens, and what is looked up when somebody asks.
//!
//! The cost does not depend on how much there is: the job table is looked at through its indexes and only so far, and
//! not more often than every few seconds.

use std::sync::Arc;

use poem::http::header;
use poem::{Endpoint, IntoResponse, Request, Response, endpoint};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::Mutex;

use crate::app::App;
use crate::clock::Stopwatch;
use crate::failure::Failure;
use crate::http::address::Client;
use crate::http::problem;
use crate::jobs::store::{JobFigures, job_figures};
use crate::metrics::FloatGauge;
use crate::ops::process;

/// OpenMetrics, which Prometheus reads.
const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How long a look at the job table is good for, in microseconds.
const FRESH_US: u64 = 5_000_000;

/// Who may read the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Whoever reaches the listener, which is one of its own.
    Anybody,
    /// Programs on this machine that connect directly, without a proxy in between.
    ThisMachine,
    /// Nobody: they are served elsewhere.
    Nobody,
}

/// A number of each pool of connections.
type PoolGauges = Family<[(&'static str, &'static str); 1], Gauge>;

/// The endpoint.
pub fn page(app: Arc<App>, readers: Readers) -> impl Endpoint<Output = Response> {
    let jobs: Arc<Mutex<Option<(Stopwatch, JobFigures)>>> = Arc::default();
    endpoint::make(move |request: Request| {
        let (app, jobs) = (app.clone(), jobs.clone());
        async move {
            let is_local = request.extensions().get::<Client>().is_some_and(|client| client.is_local);
            if readers == Readers::Nobody || readers == Readers::ThisMachine && !is_local {
                return problem::no_such_address().into_response();
            }
            match figures(&app, &jobs).await {
                Ok(text) => Response::builder().header(header::CONTENT_TYPE, MEDIA_TYPE).body(text),
                Err(failure) => failure.into_response(),
            }
        }
    })
}

async fn figures(app: &App, jobs: &Mutex<Option<(Stopwatch, JobFigures)>>) -> Result<String, Failure> {
    let jobs = {
        let mut known = jobs.lock().await;
        match &*known {
            Some((watch, figures)) if watch.elapsed_us() < FRESH_US => Some(*figures),
            // A database that does not answer must not hide the other figures.
            _ => match job_figures(app.db.reader(), app.clock.now()).await {
                Ok(figures) => {
                    *known = Some((Stopwatch::start(), figures));
                    Some(figures)
                }
                Err(error) => {
                    tracing::warn!(%error, "the job table cannot be read");
                    None
                }
            },
        }
    };
    let mut own = Registry::with_prefix("peegel");
    gauge(&mut own, "database_up", "1 when the database answered", i64::from(jobs.is_some()));
    if let Some(jobs) = jobs {
        gauge(&mut own, "jobs_ready", "Jobs that wait, at most 10000", jobs.ready);
        gauge(&mut own, "jobs_dead", "Jobs given up, at most 10000", jobs.dead);
        let age = FloatGauge::default();
        age.set(jobs.oldest_age_s);
        own.register_with_unit("jobs_oldest_age", "How long the oldest due job has waited", Unit::Seconds, age);
    }
    let (open, idle, most) = (PoolGauges::default(), PoolGauges::default(), PoolGauges::default());
    for (name, pool) in app.db.pools() {
        for (gauges, value) in [(&open, pool.open), (&idle, pool.idle), (&most, pool.most)] {
            gauges.get_or_create(&[("pool", name)]).set(i64::from(value));
        }
    }
    own.register("database_connections_open", "Connections to the database", open);
    own.register("database_connections_idle", "Connections to the database that nobody uses", idle);
    own.register("database_connections_most", "Connections to the database that there may be", most);
    own.register("build", "The program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
    let process = process_figures();
    app.metrics.text(&[&own, &process]).map_err(Failure::internal)
}

/// Figures of the process under the names that all programs use.
fn process_figures() -> Registry {
    let mut registry = Registry::with_prefix("process");
    let Some(usage) = process::usage() else { return registry };
    let cpu: Counter<f64, std::sync::atomic::AtomicU64> = Counter::default();
    cpu.inc_by(usage.cpu_s);
    registry.register_with_unit("cpu", "Processor time used", Unit::Seconds, cpu);
    gauge(&mut registry, "resident_memory_bytes", "Memory held", usage.resident_bytes);
    gauge(&mut registry, "virtual_memory_bytes", "Address space", usage.virtual_bytes);
    gauge(&mut registry, "threads", "Threads", usage.threads);
    gauge(&mut registry, "open_fds", "File descriptors in use", usage.open_files);
    if let Some(limit) = process::file_limit() {
        gauge(&mut registry, "max_fds", "File descriptors that there may be", i64::try_from(limit).unwrap_or(i64::MAX));
    }
    registry
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: i64) {
    let gauge: Gauge = Gauge::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

//! `peegel serve`, `peegel worker` and `peegel migrate`.

use std::fs::{File, TryLockError};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures_util::FutureExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::app::{App, metrics_routes, routes};
use crate::cli::{bad_usage, make_folder, open_now, open_to_serve, unusable};
use crate::clock::Clock;
use crate::config::{DataSettings, OutsideSettings, ServeSettings};
use crate::erasure;
use crate::failure::Failure;
use crate::http::server::{self, Service};
use crate::http::tls::Tls;
use crate::ids::Ids;
use crate::jobs;
use crate::ops::process;
use crate::vault;

/// File descriptors beside those of connections: the database, files being received and sent.
const OTHER_FILES: u64 = 512;
/// How long requests in flight may take after the signal to stop.
const FINISH_WITHIN: Duration = Duration::from_secs(20);

/// Arguments of `peegel serve`.
#[derive(Args, Debug)]
pub struct ServeArgs {
    #[command(flatten)]
    data: DataSettings,
    #[command(flatten)]
    serve: ServeSettings,
    #[command(flatten)]
    outside: OutsideSettings,
}

/// Arguments of `peegel worker`.
#[derive(Args, Debug)]
pub struct WorkerArgs {
    #[command(flatten)]
    data: DataSettings,
    #[command(flatten)]
    outside: OutsideSettings,
}

/// Arguments of `peegel migrate`.
#[derive(Args, Debug)]
pub struct MigrateArgs {
    #[command(flatten)]
    data: DataSettings,
}

/// Serves until SIGTERM or SIGINT: then stops accepting, finishes what is in flight and ends with 0.
///
/// # Errors
///
/// [`Failure`] when the data or the address cannot be used.
pub async fn serve(args: ServeArgs) -> Result<ExitCode, Failure> {
    let _hangup = survive_hangup()?;
    if let Some(message) = bad_vault_key(&args.data) {
        return Ok(bad_usage(&message));
    }
    let _lock = match lock(&args.data).await? {
        Ok(lock) => lock,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let app = open_to_serve(&args.data, &args.outside, Clock::System, Ids::system(Clock::System)).await?;
    let stop = stop_signal()?;
    let scheme = if args.serve.edge.tls_cert.is_some() { "https" } else { "http" };
    run_server(app, &args.serve, stop, |address| {
        println!("Peegel listens on {scheme}://{address} (pages at /docs)");
    })
    .await
}

/// Runs server and worker until `stop` becomes true; tells the address once it listens.
///
/// # Errors
///
/// [`Failure`] when the address or the certificate cannot be used.
pub async fn run_server(
    app: Arc<App>,
    settings: &ServeSettings,
    stop: watch::Receiver<bool>,
    listening: impl FnOnce(&str),
) -> Result<ExitCode, Failure> {
    let edge = &settings.edge;
    let tls = match (&edge.tls_cert, &edge.tls_key) {
        (Some(certificate), Some(key)) => Some(Arc::new(Tls::read(certificate.clone(), key.clone())?)),
        (None, None) => None,
        _ => return Ok(bad_usage("TLS needs both --tls-cert and --tls-key")),
    };
    app.blobs.prepare(app.ids.next(), app.clock.now()).await?;
    app.signing.prepare(app.clock.now()).await?;
    app.vault.prepare().await?;
    erasure::tombstones::replay(&app).await?;
    make_room(edge.max_connections);
    let listener = bind(&settings.listen).await?;
    let figures = match &edge.metrics_listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let address = listener.local_addr()?.to_string();
    tracing::info!(address, "listening");
    let reloading = tls.clone().map(reload_at_hangup).transpose()?;
    let worker = (!settings.no_worker).then(|| tokio::spawn(jobs::worker::run(app.clone(), stop.clone())));
    let service = Service {
        endpoint: routes(app.clone(), edge),
        tls,
        patience: edge.patience(),
        crowd: edge.crowd(),
        proxies: edge.proxies(),
        metrics: app.metrics.clone(),
    };
    let figures = figures.map(|listener| {
        tracing::info!(address = ?listener.local_addr().ok(), "listening for /metrics");
        let service = Service {
            endpoint: metrics_routes(&app, edge),
            tls: None,
            patience: edge.patience(),
            crowd: edge.crowd(),
            proxies: edge.proxies(),
            metrics: app.metrics.clone(),
        };
        tokio::spawn(server::serve(listener, service, stopped(stop.clone()), FINISH_WITHIN))
    });
    let stopping = app.stopping.clone();
    tokio::spawn(stopped(stop.clone()).then(|()| async move { stopping.cancel() }));
    listening(&address);
    server::serve(listener, service, stopped(stop), FINISH_WITHIN).await;
    if let Some(figures) = figures {
        figures.await.map_err(Failure::internal)?;
    }
    if let Some(worker) = worker {
        worker.await.map_err(Failure::internal)?;
    }
    if let Some(reloading) = reloading {
        reloading.abort();
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// What is wrong with the vault key that was given, if anything. Found out at the first sign-in, it would be too late.
fn bad_vault_key(data: &DataSettings) -> Option<String> {
    let problem = vault::key_problem(data.vault_key.as_ref()?.reveal())?;
    Some(format!("{problem} Make one with: openssl rand -base64 32"))
}

async fn bind(address: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| unusable(format!("Cannot listen on {address}: {error}")))
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() && stop.changed().await.is_ok() {}
}

/// Sees to it that there are file descriptors for the connections, and warns when there are not.
fn make_room(connections: u32) {
    process::raise_file_limit();
    if let Some(limit) = process::file_limit()
        && (connections == 0 || u64::from(connections) + OTHER_FILES > limit)
    {
        tracing::warn!(limit, connections, "more connections are allowed than there are file descriptors for");
    }
}

/// Listens for SIGHUP, which ends a process that does not, from now on for good. Whoever has a certificate renewed sends
/// it to all servers and workers, with TLS or without.
fn survive_hangup() -> Result<Signal, Failure> {
    Ok(signal(SignalKind::hangup())?)
}

/// Reads the certificate again at every SIGHUP.
fn reload_at_hangup(tls: Arc<Tls>) -> Result<JoinHandle<()>, Failure> {
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            match tls.reload() {
                Ok(()) => tracing::info!("the certificate was read again"),
                Err(failure) => tracing::error!(%failure, "the certificate stays what it was"),
            }
        }
    }))
}

/// Runs jobs until SIGTERM or SIGINT.
///
/// # Errors
///
/// [`Failure`] when the data cannot be used.
pub async fn worker(args: WorkerArgs) -> Result<ExitCode, Failure> {
    let _hangup = survive_hangup()?;
    if let Some(message) = bad_vault_key(&args.data) {
        return Ok(bad_usage(&message));
    }
    let _lock = match lock(&args.data).await? {
        Ok(lock) => lock,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let app = open_to_serve(&args.data, &args.outside, Clock::System, Ids::system(Clock::System)).await?;
    app.blobs.prepare(app.ids.next(), app.clock.now()).await?;
    app.signing.prepare(app.clock.now()).await?;
    app.vault.prepare().await?;
    erasure::tombstones::replay(&app).await?;
    jobs::worker::run(app, stop_signal()?).await;
    Ok(ExitCode::SUCCESS)
}

/// Brings the tables up to date.
///
/// # Errors
///
/// [`Failure`] when the data cannot be used.
pub async fn migrate(args: MigrateArgs) -> Result<ExitCode, Failure> {
    open_now(&args.data).await?;
    println!("The tables are up to date.");
    Ok(ExitCode::SUCCESS)
}

/// Becomes true at SIGTERM or SIGINT.
///
/// # Errors
///
/// [`Failure`] when signals cannot be caught.
pub fn stop_signal() -> Result<watch::Receiver<bool>, Failure> {
    let (sender, receiver) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        let _ = sender.send(true);
        // Keeps the channel open until everybody has seen it.
        sender.closed().await;
    });
    Ok(receiver)
}

/// Takes the lock of a SQLite database, a file beside it: one server, worker or demo at a time. With another database
/// there is none.
///
/// # Errors
///
/// * The message for exit 2 when somebody else holds it.
/// * [`Failure`] when the folder or the lock cannot be made.
pub async fn lock(data: &DataSettings) -> Result<Result<Option<File>, String>, Failure> {
    let Some(database) = data.sqlite_file() else { return Ok(Ok(None)) };
    if let Some(folder) = database.parent() {
        make_folder(folder).await?;
    }
    let path = database.with_extension("lock");
    let failed = |error| unusable(format!("The lock {} cannot be taken: {error}", path.display()));
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Ok(Some(file))),
        Err(TryLockError::WouldBlock) => {
            Ok(Err(format!("{} is in use by another `peegel serve`, `worker` or `demo`", database.display())))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

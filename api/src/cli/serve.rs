//! `peegel serve`, `peegel worker` and `peegel migrate`.

use std::fs::{File, TryLockError};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use poem::Server;
use poem::listener::{Acceptor, Listener, TcpListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::app::{App, routes};
use crate::cli::{bad_usage, make_folder, open_now, unusable};
use crate::config::{DataSettings, ServeSettings};
use crate::failure::Failure;
use crate::jobs;

/// How long a connection may be silent, in the middle of a request too.
const IDLE_FOR: Duration = Duration::from_secs(120);
/// How long requests in flight may take after the signal to stop.
const FINISH_WITHIN: Duration = Duration::from_secs(20);

/// Arguments of `peegel serve`.
#[derive(Args, Debug)]
pub struct ServeArgs {
    #[command(flatten)]
    data: DataSettings,
    #[command(flatten)]
    serve: ServeSettings,
}

/// Arguments of `peegel worker`.
#[derive(Args, Debug)]
pub struct WorkerArgs {
    #[command(flatten)]
    data: DataSettings,
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
    let _lock = match lock(&args.data).await? {
        Ok(lock) => lock,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let app = open_now(&args.data).await?;
    let stop = stop_signal()?;
    run_server(app, &args.serve, stop, |address| {
        println!("Peegel listens on http://{address} (pages at /docs)");
    })
    .await
}

/// Runs server and worker until `stop` becomes true; tells the address once it listens.
///
/// # Errors
///
/// [`Failure`] when the address cannot be used.
pub async fn run_server(
    app: Arc<App>,
    settings: &ServeSettings,
    mut stop: watch::Receiver<bool>,
    listening: impl FnOnce(&str),
) -> Result<ExitCode, Failure> {
    app.blobs.prepare(app.clock.now()).await?;
    app.signing.prepare(app.clock.now()).await?;
    let acceptor = TcpListener::bind(settings.listen.clone()).into_acceptor().await?;
    let address = acceptor.local_addr().first().map(ToString::to_string).unwrap_or_default();
    let address = address.trim_start_matches("socket://").trim_start_matches("http://").to_owned();
    tracing::info!(address, "listening");
    listening(&address);
    let worker = (!settings.no_worker).then(|| tokio::spawn(jobs::worker::run(app.clone(), stop.clone())));
    let stopped = async move { while !*stop.borrow() && stop.changed().await.is_ok() {} };
    Server::new_with_acceptor(acceptor)
        .idle_timeout(IDLE_FOR)
        .run_with_graceful_shutdown(routes(app), stopped, Some(FINISH_WITHIN))
        .await?;
    if let Some(worker) = worker {
        worker.await.map_err(Failure::internal)?;
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Runs jobs until SIGTERM or SIGINT.
///
/// # Errors
///
/// [`Failure`] when the data cannot be used.
pub async fn worker(args: WorkerArgs) -> Result<ExitCode, Failure> {
    let _lock = match lock(&args.data).await? {
        Ok(lock) => lock,
        Err(message) => return Ok(bad_usage(&message)),
    };
    let app = open_now(&args.data).await?;
    app.blobs.prepare(app.clock.now()).await?;
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

//! The database: how it is opened, migrated and written to, the same code for SQLite and PostgreSQL.

use std::time::Duration;

use peegel_migrations::{Migrator, MigratorTrait};
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};

/// Connections that read beside the one that writes, on SQLite.
const SQLITE_READERS: u32 = 4;
/// Connections to PostgreSQL.
const POSTGRES_CONNECTIONS: u32 = 16;

/// An open, migrated database.
#[derive(Clone, Debug)]
pub struct Db {
    write: DatabaseConnection,
    read: DatabaseConnection,
}

impl Db {
    /// Opens the database at `url` (`sqlite://PATH` or `postgres://..`) and brings its tables up to date.
    ///
    /// # Errors
    ///
    /// [`DbErr`] when it cannot be reached, or holds tables of a newer program.
    pub async fn open(url: &str) -> Result<Self, DbErr> {
        // On a connection of its own: the migrator changes connection settings.
        let migrating = Database::connect(options(url, 1)).await?;
        Migrator::up(&migrating, None).await?;
        migrating.close().await?;
        if url.starts_with("sqlite:") {
            // One writer, so that a writing transaction waits for its turn instead of failing.
            let write = Database::connect(options(url, 1)).await?;
            let read = Database::connect(options(url, SQLITE_READERS)).await?;
            Ok(Self { write, read })
        } else {
            let pool = Database::connect(options(url, POSTGRES_CONNECTIONS)).await?;
            Ok(Self { write: pool.clone(), read: pool })
        }
    }

    /// For queries that change nothing.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.read
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    ///
    /// [`DbErr`] when no connection comes free in time.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let mode = match self.backend() {
            DbBackend::Sqlite => Some(SqliteTransactionMode::Immediate),
            _ => None,
        };
        self.write.begin_with_options(TransactionOptions { sqlite_transaction_mode: mode, ..Default::default() }).await
    }

    /// Which database it is.
    pub fn backend(&self) -> DbBackend {
        self.read.get_database_backend()
    }

    /// True when every migration of this program has run.
    ///
    /// # Errors
    ///
    /// [`DbErr`] when the database does not answer.
    pub async fn is_migrated(&self) -> Result<bool, DbErr> {
        Ok(Migrator::get_pending_migrations_read_only(&self.read).await?.is_empty())
    }
}

fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url.to_owned());
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(15))
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(15))
                .foreign_keys(true)
                .pragma("cache_size", "-20000")
        });
    options
}

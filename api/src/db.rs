//! The database: how it is opened, migrated and written to, the same code for SQLite and PostgreSQL.

use std::time::Duration;

use chrono::{DateTime, Utc};
use peegel_migrations::{Migrator, MigratorTrait};
use sea_orm::sea_query::{Expr, Func, Query};
use sea_orm::sqlx::Connection;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ColumnTrait, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    EntityTrait, QueryFilter, QuerySelect, RuntimeErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use uuid::Uuid;

use crate::entity::evidence;

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

    /// Looks at a database without changing or making anything.
    ///
    /// # Errors
    ///
    /// [`DbErr`] when it cannot be reached.
    pub async fn look(url: &str) -> Result<Look, DbErr> {
        let mut options = options(url, 1);
        options.connect_timeout(Duration::from_secs(5)).acquire_timeout(Duration::from_secs(5));
        let db = Database::connect(options).await?;
        let is_sqlite = db.get_database_backend() == DbBackend::Sqlite;
        let (name, function) = if is_sqlite { ("SQLite ", "sqlite_version") } else { ("", "version") };
        let asked = Query::select().expr_as(Func::cust(function), "version").to_owned();
        let row = db.query_one(&asked).await?;
        let version: String = row.map_or(Ok(String::new()), |row| row.try_get("", "version"))?;
        let now = if is_sqlite {
            // It is a part of this program and has no clock of its own.
            None
        } else {
            let asked = Query::select().expr_as(Expr::current_timestamp(), "now").to_owned();
            db.query_one(&asked).await?.map(|row| row.try_get("", "now")).transpose()?
        };
        let pending = Migrator::get_pending_migrations_read_only(&db).await;
        let pending = pending.map(|some| some.iter().map(|migration| migration.name().to_owned()).collect());
        // A table that is not there yet knows of none.
        let stored = evidence::Entity::find().filter(evidence::Column::StoredAt.is_not_null()).select_only();
        let stored = stored.column(evidence::Column::Id).limit(1).into_tuple::<Uuid>().one(&db).await;
        let has_files = stored.is_ok_and(|id| id.is_some());
        db.close().await?;
        // What follows the first words is how it was built.
        let version = version.split(" on ").next().unwrap_or_default();
        Ok(Look { version: format!("{name}{version}"), pending, now, has_files })
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

    /// Takes what was deleted out of the journal too, where SQLite keeps pages as they were until it writes over them.
    /// Readers that are under way may keep some of it for a while.
    ///
    /// # Errors
    ///
    /// [`DbErr`] when the database fails.
    pub async fn empty_journal(&self) -> Result<(), DbErr> {
        match self.backend() {
            DbBackend::Sqlite => self.write.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await.map(drop),
            _ => Ok(()),
        }
    }

    /// The connections that there are, by what they are for.
    pub fn pools(&self) -> Vec<(&'static str, Pool)> {
        match self.backend() {
            DbBackend::Sqlite => {
                let of = |db: &DatabaseConnection, most| {
                    let pool = db.get_sqlite_connection_pool();
                    Pool::new(pool.size(), pool.num_idle(), most)
                };
                vec![("write", of(&self.write, 1)), ("read", of(&self.read, SQLITE_READERS))]
            }
            _ => {
                let pool = self.read.get_postgres_connection_pool();
                vec![("all", Pool::new(pool.size(), pool.num_idle(), POSTGRES_CONNECTIONS))]
            }
        }
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

/// Whether the database failed because its disk is full.
pub fn is_full(error: &DbErr) -> bool {
    let (DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause)) = error else { return false };
    let RuntimeErr::SqlxError(cause) = cause else { return false };
    // SQLITE_FULL, and `disk_full` of PostgreSQL.
    cause.as_database_error().and_then(|said| said.code()).is_some_and(|code| ["13", "53100"].contains(&&*code))
}

/// What a database says of itself.
#[derive(Debug)]
pub struct Look {
    /// Which one it is.
    pub version: String,
    /// The migrations that have not run, or why they cannot be told.
    pub pending: Result<Vec<String>, DbErr>,
    /// Its time, if it has a clock of its own.
    pub now: Option<DateTime<Utc>>,
    /// Whether it knows of files whose bytes are stored.
    pub has_files: bool,
}

/// How many connections a pool has.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    /// Connections made.
    pub open: u32,
    /// Those of them that nobody uses.
    pub idle: u32,
    /// Connections that there may be.
    pub most: u32,
}

impl Pool {
    fn new(open: u32, idle: usize, most: u32) -> Self {
        Self { open, idle: u32::try_from(idle).unwrap_or(u32::MAX), most }
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
                // What is deleted is overwritten, and not only forgotten.
                .pragma("secure_delete", "on")
        })
        // A full disk ends a transaction without being asked to. The driver does not notice, and takes what comes next for
        // part of that one: it would be acknowledged and never committed.
        .map_sqlx_sqlite_pool_opts(|pool| {
            pool.before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
        });
    options
}

//! Every setting: its flag, its environment name, its default. Nothing else reads the environment.

use std::path::PathBuf;

use clap::Args;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;

/// Where the data is.
#[derive(Args, Clone, Debug)]
pub struct DataSettings {
    /// Folder of the database and the stored files
    #[arg(long, env = "PEEGEL_DATA", default_value = "peegel-data", value_name = "DIR")]
    pub data: PathBuf,
    /// Database; SQLite in the data folder if absent, or postgres://USER@HOST/NAME
    #[arg(long, env = "PEEGEL_DATABASE_URL", value_name = "URL")]
    pub database_url: Option<String>,
    /// Folder of stored files; `blobs` in the data folder if absent
    #[arg(long, env = "PEEGEL_BLOBS", value_name = "DIR")]
    pub blobs: Option<PathBuf>,
    /// Folder of the keys that sign receipts; `keys` in the data folder if absent. Servers of one database share it
    #[arg(long, env = "PEEGEL_SIGNING_KEYS", value_name = "DIR")]
    pub signing_keys: Option<PathBuf>,
}

impl DataSettings {
    /// The database address, in the form that the driver wants.
    pub fn database_url(&self) -> String {
        self.database_url.clone().unwrap_or_else(|| format!("sqlite://{}", self.data.join("peegel.db").display()))
    }

    /// The file of the database, if it is SQLite.
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        let url = self.database_url();
        let options = url.starts_with("sqlite:").then(|| url.parse::<SqliteConnectOptions>().ok()).flatten()?;
        Some(options.get_filename().to_owned())
    }

    /// The folder of stored files.
    pub fn blobs(&self) -> PathBuf {
        self.blobs.clone().unwrap_or_else(|| self.data.join("blobs"))
    }

    /// The folder of signing keys.
    pub fn signing_keys(&self) -> PathBuf {
        self.signing_keys.clone().unwrap_or_else(|| self.data.join("keys"))
    }
}

/// How the server listens and logs.
#[derive(Args, Clone, Debug)]
pub struct ServeSettings {
    /// Address and port; port 0 takes a free one
    #[arg(long, env = "PEEGEL_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: String,
    /// Run no jobs in this process; another runs `peegel worker`
    #[arg(long, env = "PEEGEL_NO_WORKER")]
    pub no_worker: bool,
}

/// How the program logs, to standard error.
#[derive(Args, Clone, Debug)]
pub struct LogSettings {
    /// What to log, such as `info` or `peegel=debug`
    #[arg(long, env = "PEEGEL_LOG", default_value = "peegel=info,warn", global = true, value_name = "FILTER")]
    pub log: String,
    /// Log as text or as JSON lines
    #[arg(long, env = "PEEGEL_LOG_FORMAT", default_value = "text", global = true, value_name = "text|json")]
    pub log_format: LogFormat,
}

/// The form of log lines.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs, one object a line.
    Json,
}

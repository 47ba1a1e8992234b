//! Every setting: its flag, its environment name, its default. Nothing else reads the environment.
//!
//! A setting that has an environment name `PEEGEL_X_Y` is `x_y` in the settings file (`file`).

pub mod file;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;

use crate::http::address::Proxies;
use crate::http::connection::Patience;
use crate::http::cors::{Cors, Origin};
use crate::http::limits::Pace;
use crate::http::server::Crowd;

/// Where the data is.
#[derive(Args, Clone, Debug)]
pub struct DataSettings {
    /// Folder of the database and the stored files
    #[arg(long, env = "PEEGEL_DATA", default_value = "peegel-data", value_name = "DIR")]
    pub data: PathBuf,
    /// Database; SQLite in the data folder if absent, or postgres://USER@HOST/NAME
    #[arg(long, env = "PEEGEL_DATABASE_URL", value_name = "URL")]
    pub database_url: Option<String>,
    /// Folder of stored files, also as file:// URL, or bucket as s3://BUCKET/PREFIX with the AWS_ variables of S3 tools;
    /// `blobs` in the data folder if absent
    #[arg(long, env = "PEEGEL_BLOBS", value_name = "PLACE", value_parser = place)]
    pub blobs: Option<Place>,
    /// Folder of the keys that sign receipts and seal second factors; `keys` in the data folder if absent. Servers of
    /// one database share it
    #[arg(long, env = "PEEGEL_SIGNING_KEYS", value_name = "DIR")]
    pub signing_keys: Option<PathBuf>,
    /// Key that seals second factors: 32 bytes in base64; made in the folder of keys if absent
    #[arg(long, env = "PEEGEL_VAULT_KEY", value_name = "BASE64", hide_env_values = true)]
    pub vault_key: Option<Hidden>,
}

/// A setting that no log and no message shows. `peegel doctor` knows secrets by this type: give it to every one.
#[derive(Clone)]
pub struct Hidden(String);

impl Hidden {
    /// The value.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Hidden {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

/// How mail leaves.
#[derive(Args, Clone, Debug)]
pub struct MailSettings {
    /// SMTP server, such as smtps://USER:PASSWORD@HOST or smtp://HOST:25; without one letters are written to `outbox`
    /// in the data folder
    #[arg(long, env = "PEEGEL_SMTP_URL", value_name = "URL", hide_env_values = true)]
    pub smtp_url: Option<Hidden>,
    /// Whom letters are from
    #[arg(long, env = "PEEGEL_MAIL_FROM", default_value = DEFAULT_FROM, value_name = "ADDRESS")]
    pub mail_from: String,
    /// Address of the app whose pages `invitation` and `reset` take the code behind `#`; without one letters hold the
    /// bare code
    #[arg(long, env = "PEEGEL_APP_URL", value_name = "URL")]
    pub app_url: Option<String>,
    /// Address of this API as the world reaches it, such as https://api.example.org; letters with notices link to it, so
    /// that they are ended at one click. Without one they hold no such links
    #[arg(long, env = "PEEGEL_API_URL", value_name = "URL", value_parser = web_address)]
    pub api_url: Option<String>,
}

/// Whom letters are from when nobody says so.
const DEFAULT_FROM: &str = "Peegel <peegel@localhost>";

impl Default for MailSettings {
    fn default() -> Self {
        Self { smtp_url: None, mail_from: DEFAULT_FROM.to_owned(), app_url: None, api_url: None }
    }
}

/// A service that writes down what is said in recordings.
#[derive(Args, Clone, Debug)]
pub struct TranscriptionSettings {
    /// Service that transcribes recordings by the HTTP interface of OpenAI (POST /v1/audio/transcriptions), such as
    /// https://HOST, or http://localhost:PORT on this machine; without one nothing leaves
    #[arg(long, env = "PEEGEL_TRANSCRIPTION_URL", value_name = "URL")]
    pub transcription_url: Option<String>,
    /// Its key, sent as a bearer token
    #[arg(long, env = "PEEGEL_TRANSCRIPTION_KEY", value_name = "KEY", hide_env_values = true)]
    pub transcription_key: Option<Hidden>,
    /// The model that it is told to use
    #[arg(long, env = "PEEGEL_TRANSCRIPTION_MODEL", default_value = DEFAULT_MODEL, value_name = "NAME")]
    pub transcription_model: String,
    /// Networks that are not public and that the service may be in, such as 10.0.0.5/32; https there too
    #[arg(long, env = "PEEGEL_TRANSCRIPTION_NETWORKS", value_name = "CIDR", value_delimiter = ',', value_parser = network)]
    pub transcription_networks: Vec<IpNet>,
    /// Seconds that it may take for a recording
    #[arg(long, env = "PEEGEL_TRANSCRIPTION_TIMEOUT", default_value = "900", value_name = "SECONDS", value_parser = seconds)]
    pub transcription_timeout: Duration,
}

/// The model when nobody says which.
const DEFAULT_MODEL: &str = "whisper-1";

impl Default for TranscriptionSettings {
    fn default() -> Self {
        Self {
            transcription_url: None,
            transcription_key: None,
            transcription_model: DEFAULT_MODEL.to_owned(),
            transcription_networks: Vec::new(),
            transcription_timeout: Duration::from_secs(900),
        }
    }
}

/// What leaves the house: letters, and recordings to be transcribed.
#[derive(Args, Clone, Debug, Default)]
pub struct OutsideSettings {
    #[command(flatten)]
    pub mail: MailSettings,
    #[command(flatten)]
    pub transcription: TranscriptionSettings,
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

    /// The folder of letters, when no SMTP server sends them.
    pub fn outbox(&self) -> PathBuf {
        self.data.join("outbox")
    }

    /// Where stored files are.
    pub fn blobs(&self) -> Place {
        self.blobs.clone().unwrap_or_else(|| Place::Folder(self.data.join("blobs")))
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
    #[command(flatten)]
    pub edge: EdgeSettings,
}

/// Whom the server listens to, how patiently, and who may look at its figures.
#[derive(Args, Clone, Debug)]
pub struct EdgeSettings {
    /// Certificate chain in PEM: speak TLS. SIGHUP reads it again
    #[arg(long, env = "PEEGEL_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate in PEM
    #[arg(long, env = "PEEGEL_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Networks of proxies whose word on the client's address and on TLS is taken, such as 10.0.0.0/8,::1/128
    #[arg(long, env = "PEEGEL_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they give it; the other one is never read
    #[arg(long, env = "PEEGEL_FORWARDED_HEADER", default_value = "x-forwarded-for", value_name = "NAME")]
    pub forwarded_header: ForwardedHeader,
    /// Origins of web pages on other hosts that may call the API, such as `https://app.example.org`
    #[arg(long, env = "PEEGEL_CORS_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    pub cors_origins: Vec<Origin>,
    /// Most connections at once; 0 for any number
    #[arg(long, env = "PEEGEL_MAX_CONNECTIONS", default_value_t = 4096, value_name = "COUNT")]
    pub max_connections: u32,
    /// Most connections at once from one IPv4 address or IPv6 /64, trusted proxies apart; 0 for any number
    #[arg(long, env = "PEEGEL_MAX_CONNECTIONS_PER_ADDRESS", default_value_t = 200, value_name = "COUNT")]
    pub max_connections_per_address: u32,
    /// Seconds for a TLS handshake, and for the head of a request
    #[arg(long, env = "PEEGEL_HEAD_TIMEOUT", default_value = "10", value_name = "SECONDS", value_parser = seconds)]
    pub head_timeout: Duration,
    /// Seconds that a connection may be silent between requests
    #[arg(long, env = "PEEGEL_IDLE_TIMEOUT", default_value = "60", value_name = "SECONDS", value_parser = seconds)]
    pub idle_timeout: Duration,
    /// Bytes a second that a body or the taking of an answer may not fall below for long; 0 for any speed
    #[arg(long, env = "PEEGEL_MIN_RATE", default_value_t = 1000, value_name = "BYTES")]
    pub min_rate: u32,
    /// Seconds that a body or the taking of an answer may lag behind that
    #[arg(long, env = "PEEGEL_RATE_GRACE", default_value = "30", value_name = "SECONDS", value_parser = seconds)]
    pub rate_grace: Duration,
    /// Address and port for /metrics alone, readable by whoever reaches it; without it, /metrics is on the main address
    /// and answers programs on this machine only
    #[arg(long, env = "PEEGEL_METRICS_LISTEN", value_name = "ADDRESS")]
    pub metrics_listen: Option<String>,
}

impl Default for EdgeSettings {
    /// What applies when nothing is set.
    fn default() -> Self {
        Self {
            tls_cert: None,
            tls_key: None,
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::default(),
            cors_origins: Vec::new(),
            max_connections: 4096,
            max_connections_per_address: 200,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            min_rate: 1000,
            rate_grace: Duration::from_secs(30),
            metrics_listen: None,
        }
    }
}

impl EdgeSettings {
    /// The proxies whose word is taken.
    pub fn proxies(&self) -> Proxies {
        Proxies::new(self.trusted_proxies.clone(), self.forwarded_header)
    }

    /// The pages of other hosts that may call.
    pub fn cors(&self) -> Cors {
        Cors::new(self.cors_origins.clone())
    }

    /// How long clients may take.
    pub fn patience(&self) -> Patience {
        let pace = Pace { grace: self.rate_grace, bytes_per_second: self.min_rate };
        Patience { head: self.head_timeout, idle: self.idle_timeout, pace }
    }

    /// How many connections there may be.
    pub fn crowd(&self) -> Crowd {
        Crowd { total: self.max_connections, per_address: self.max_connections_per_address }
    }
}

/// Where programs are looked for.
pub fn program_folders() -> Vec<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "this file is where the environment is read")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect()
}

/// The header in which proxies say whom they speak for.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For` and `X-Forwarded-Proto`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Where stored files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a folder.
    Folder(PathBuf),
    /// In a bucket of an S3-compatible store.
    Bucket {
        /// Its name.
        name: String,
        /// What the names of all files in it begin with, without slashes at its ends; may be empty.
        prefix: String,
    },
}

impl Place {
    /// The folder, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Bucket { .. } => None,
        }
    }
}

/// A folder, by its path or its URL, or a bucket. What looks like another kind of store is refused rather than made a
/// folder of.
fn place(text: &str) -> Result<Place, String> {
    let bad = || Err(format!("`{text}` is not a folder, file:///PATH or s3://BUCKET/PREFIX"));
    match text.split_once("://") {
        None => Ok(Place::Folder(text.into())),
        Some(("file", path)) if path.starts_with('/') => Ok(Place::Folder(path.into())),
        Some(("s3", rest)) => {
            let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
            let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            let prefix = prefix.trim_matches('/');
            let is_prefix = prefix.is_empty()
                || prefix.split('/').all(|part| part.chars().all(is_part) && part.chars().any(|c| c != '.'));
            if !(3..=63).contains(&name.len()) || !name.chars().all(is_name) || !is_prefix {
                return bad();
            }
            Ok(Place::Bucket { name: name.to_owned(), prefix: prefix.to_owned() })
        }
        Some(_) => bad(),
    }
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let network = text.parse().or_else(|_| text.parse().map(|address: std::net::IpAddr| address.to_canonical().into()));
    network.map_err(|_| format!("`{text}` is not a network such as 10.0.0.0/8 or an address"))
}

/// The address of a web server, of letters that the header of a mail may hold.
fn web_address(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_good = |rest: &str| !rest.is_empty() && rest.len() < 200 && rest.bytes().all(|b| b.is_ascii_graphic());
    match rest.filter(|rest| is_good(rest) && !rest.contains(['<', '>', '"', '?', '#'])) {
        Some(_) => Ok(text.to_owned()),
        None => Err(format!("`{text}` is not an address such as https://api.example.org")),
    }
}

/// Seconds, with fractions.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.trim().parse().ok().filter(|seconds| *seconds > 0.0 && *seconds <= 86_400.0);
    seconds.map(Duration::from_secs_f64).ok_or_else(|| format!("`{text}` is not a number of seconds from 0 to 86400"))
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

/// Where settings come from beside flags and environment.
#[derive(Args, Clone, Debug)]
pub struct FileSetting {
    /// Settings file (TOML); `peegel.toml` in the data folder if absent
    #[arg(long, env = "PEEGEL_CONFIG", global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The form of log lines.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs, one object a line.
    Json,
}

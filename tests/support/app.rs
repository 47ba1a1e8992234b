//! A running server with its own folder and database.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, QueryResult, Statement};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::bucket::TestBucket;
use super::client::{Client, Secrets};
use super::new_id;
use super::postgres::TestDatabase;

/// The program under test.
const PEEGEL: &str = env!("CARGO_BIN_EXE_peegel");
/// How long starting or stopping may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file in the data folder.
    Sqlite,
    /// A database of its own on the server that the test run brings.
    Postgres,
}

/// A server with its own folder and database.
pub struct TestApp {
    // Before the others: dropped first.
    server: Mutex<Option<Server>>,
    database: Option<TestDatabase>,
    bucket: Option<TestBucket>,
    folder: PathBuf,
    base: Arc<RwLock<String>>,
    expected_errors: Mutex<Vec<&'static str>>,
    secrets: Secrets,
}

/// What a finished command said.
#[derive(Debug)]
pub struct Said {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
}

impl Said {
    /// Standard output as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("text on standard output")
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", String::from_utf8_lossy(&self.stdout), self.stderr);
        self
    }
}

/// Another server beside that of a test.
pub struct SecondServer {
    base: Arc<RwLock<String>>,
    secrets: Secrets,
    _child: Child,
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl SecondServer {
    /// A client that is not signed in.
    pub fn client(&self) -> Client {
        Client::new(self.base.clone(), self.secrets.clone())
    }
}

struct Server {
    child: Child,
    pid: u32,
    // Kept open: a program that prints to a closed pipe panics.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl TestApp {
    /// Starts a server on a new folder and a new database.
    pub async fn start(kind: Kind) -> Self {
        let app = Self::stopped(kind).await;
        app.serve(&[]).await;
        app
    }

    /// Starts a server on a new database, that keeps files in a new bucket.
    pub async fn start_on_bucket(kind: Kind) -> Self {
        let mut app = Self::stopped(kind).await;
        app.bucket = Some(TestBucket::create().await);
        app.serve(&[]).await;
        app
    }

    /// A new folder and a new database without a server.
    pub async fn stopped(kind: Kind) -> Self {
        let database = match kind {
            Kind::Sqlite => None,
            Kind::Postgres => Some(TestDatabase::create().await),
        };
        let folder = std::env::temp_dir().join(format!("peegel-test-{}", new_id()));
        std::fs::create_dir(&folder).expect("a temporary folder");
        Self {
            server: Mutex::new(None),
            database,
            bucket: None,
            folder,
            base: Arc::default(),
            expected_errors: Mutex::default(),
            secrets: Secrets::default(),
        }
    }

    /// The database that it runs on.
    pub fn kind(&self) -> Kind {
        if self.database.is_some() { Kind::Postgres } else { Kind::Sqlite }
    }

    /// A folder for files of the test.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The bucket, if files are kept in one.
    pub fn bucket(&self) -> Option<&TestBucket> {
        self.bucket.as_ref()
    }

    /// How many files or objects lie where uploads arrive.
    pub async fn incoming(&self) -> usize {
        match &self.bucket {
            Some(bucket) => bucket.names("incoming").await.len(),
            None => std::fs::read_dir(self.data().join("blobs/incoming")).expect("the folder of uploads").count(),
        }
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    /// What the server logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// What will be looked for in the log when the test ends.
    pub fn secrets(&self) -> Vec<String> {
        self.secrets.all()
    }

    /// Starts the server on what is there, with more arguments.
    pub async fn serve(&self, more: &[&str]) {
        let mut server = self.server.lock().await;
        assert!(server.is_none(), "the server runs already");
        let log = File::options().create(true).append(true).open(self.log_file()).expect("a log file");
        let mut child = self
            .command(["serve", "--listen", "127.0.0.1:0"])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = timeout(PATIENCE, stdout.next_line()).await.expect("the server says in time where it listens");
        let line = line.expect("readable output").unwrap_or_else(|| panic!("the server ended:\n{}", self.log()));
        let address = line
            .strip_prefix("Peegel listens on ")
            .and_then(|rest| rest.strip_suffix(" (pages at /docs)"))
            .unwrap_or_else(|| panic!("the first line should name the address: {line}"));
        address.clone_into(&mut self.base.write().expect("no test panics while it holds this"));
        let pid = child.id().expect("a running server");
        *server = Some(Server { child, pid, _stdout: stdout });
    }

    /// Starts another server on the same folder and database, which PostgreSQL allows. It is killed when dropped.
    pub async fn second_server(&self) -> SecondServer {
        self.another_server(&[]).await
    }

    /// Starts another server on the same database and bucket, as on another machine: it shares nothing else but the keys.
    pub async fn server_elsewhere(&self) -> SecondServer {
        let (data, keys) = (self.folder.join("elsewhere"), self.data().join("keys"));
        let shown = |path: &Path| path.to_str().expect("a path of letters").to_owned();
        self.another_server(&["--data", &shown(&data), "--signing-keys", &shown(&keys)]).await
    }

    async fn another_server(&self, more: &[&str]) -> SecondServer {
        let mut command = self.command(["serve", "--listen", "127.0.0.1:0"]);
        command.args(more);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = timeout(PATIENCE, stdout.next_line()).await.expect("an address in time").expect("readable output");
        let line = line.expect("a line");
        let address = line.split_whitespace().find(|word| word.starts_with("http://")).expect("an address");
        let base = Arc::new(RwLock::new(address.to_owned()));
        SecondServer { base, secrets: self.secrets.clone(), _child: child, _stdout: stdout }
    }

    /// Asks the server to stop; it must end with exit 0.
    pub async fn stop(&self) {
        self.signal("TERM").await;
        self.stopped_by_itself().await;
    }

    /// Sends a signal to the server.
    pub async fn signal(&self, name: &str) {
        let pid = self.pid().await.to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().await.expect("kill runs");
        assert!(sent.success(), "SIG{name} to {pid}");
    }

    /// Waits for a server that was asked to stop; it must end with exit 0.
    pub async fn stopped_by_itself(&self) {
        let mut server = self.server.lock().await.take().expect("a server");
        let ended = timeout(PATIENCE, server.child.wait()).await.expect("the server stops in time");
        assert_eq!(ended.expect("an exit status").code(), Some(0), "exit after SIGTERM:\n{}", self.log());
    }

    /// Kills the server with SIGKILL, in the middle of whatever it does.
    pub async fn kill(&self) {
        let mut server = self.server.lock().await.take().expect("a server");
        server.child.kill().await.expect("SIGKILL arrives");
    }

    /// Says that the server will log an error with these words.
    pub async fn expect_error(&self, words: &'static str) {
        self.expected_errors.lock().await.push(words);
    }

    /// Ends a test: the server stops with exit 0 and has logged no error.
    pub async fn finish(self) {
        if self.server.lock().await.is_some() {
            self.stop().await;
        }
        let log = self.log();
        let expected = self.expected_errors.lock().await;
        let is_error = |line: &&str| line.contains(" ERROR ") || line.contains("panicked at");
        let is_expected = |line: &&str| expected.iter().any(|words| line.contains(words));
        let bad: Vec<_> = log.lines().filter(is_error).filter(|line| !is_expected(line)).collect();
        assert!(bad.is_empty(), "the server logged errors:\n{}", bad.join("\n"));
    }

    /// The process id of the server.
    pub async fn pid(&self) -> u32 {
        self.server.lock().await.as_ref().expect("a server").pid
    }

    /// The most memory that the server ever held, in bytes.
    pub async fn peak_memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid().await)).expect("a running server");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line with the peak");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
        kib * 1024
    }

    /// The address of the server, `http://HOST:PORT`.
    pub fn base(&self) -> String {
        self.base.read().expect("no test panics while it holds this").clone()
    }

    /// A client that is not signed in. It follows the server when that is started again.
    pub fn client(&self) -> Client {
        Client::new(self.base.clone(), self.secrets.clone())
    }

    /// The program with arguments, on this folder and database.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(PEEGEL);
        for (name, _) in std::env::vars_os() {
            if ["PEEGEL_", "AWS_"].iter().any(|start| name.to_string_lossy().starts_with(start)) {
                command.env_remove(name);
            }
        }
        command.args(arguments).env("PEEGEL_DATA", self.data()).env("NO_COLOR", "1").current_dir(&self.folder);
        command.env("PEEGEL_LOG", "peegel=debug,warn");
        if let Some(database) = &self.database {
            command.env("PEEGEL_DATABASE_URL", database.url());
        }
        if let Some(bucket) = &self.bucket {
            command.env("PEEGEL_BLOBS", bucket.url()).envs(bucket.environment());
        }
        command.kill_on_drop(true);
        command
    }

    /// Runs a command to its end.
    pub async fn peegel(&self, arguments: &[&str]) -> Said {
        self.peegel_with_input(arguments, "").await
    }

    /// Runs a command to its end, with standard input.
    pub async fn peegel_with_input(&self, arguments: &[&str], input: &str) -> Said {
        if arguments.contains(&"--password-stdin") {
            input.lines().for_each(|line| self.secrets.add(line));
        }
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // A command that reads no input may have closed the pipe already.
        drop(stdin.write_all(input.as_bytes()).await);
        drop(stdin);
        let output = timeout(PATIENCE, child.wait_with_output()).await.expect("the command ends in time");
        let output = output.expect("the command runs");
        Said {
            code: output.status.code().expect("an exit code"),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// A connection to the database beside the server.
    pub async fn database(&self) -> DatabaseConnection {
        let url = match &self.database {
            Some(database) => database.url(),
            None => format!("sqlite://{}", self.data().join("peegel.db").display()),
        };
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        Database::connect(options).await.expect("the database answers")
    }

    /// Runs a statement beside the server.
    pub async fn execute(&self, statement: &str) -> Result<(), DbErr> {
        self.database().await.execute_unprepared(statement).await.map(drop)
    }

    /// Runs a query beside the server.
    pub async fn query(&self, query: &str) -> Vec<QueryResult> {
        let database = self.database().await;
        let statement = Statement::from_string(database.get_database_backend(), query);
        database.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{query}: {error}"))
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of the server, {:?} ---\n{}", self.kind(), last_lines(&self.log(), 60));
        }
        // The server goes first; it is killed when its handle is dropped.
        self.server.get_mut().take();
        let log = self.log();
        drop(std::fs::remove_dir_all(&self.folder));
        if !std::thread::panicking() {
            let told: Vec<_> = log.lines().filter_map(|line| told(line, &self.secrets.all())).collect();
            assert!(told.is_empty(), "secrets or personal data are in the log of the server:\n{}", told.join("\n"));
        }
    }
}

/// What a line of the log tells that it must not: something that a test used as a secret, a token, or an address of
/// somebody (all are under `.example`).
fn told(line: &str, secrets: &[String]) -> Option<String> {
    let is_body = |rest: &str| rest.chars().take_while(char::is_ascii_alphanumeric).count() >= 8;
    let token = ["pgl_at_", "pgl_rt_", "pgl_key_", "pgl_lnk_", "pgl_up_", "pgl_uns_"].into_iter();
    let token = token.filter(|prefix| line.split(prefix).skip(1).any(is_body)).map(str::to_owned).next();
    let is_word = |c: char| c.is_alphanumeric() || ".-_+".contains(c);
    let is_address = |(before, after): (&str, &str)| {
        let host: String = after.chars().take_while(|c| is_word(*c)).collect();
        before.ends_with(is_word) && host.trim_end_matches('.').ends_with(".example")
    };
    let mut ats = line.match_indices('@').map(|(at, _)| (&line[..at], &line[at + 1..]));
    let address = ats.find(|pair| is_address(*pair)).map(|_| "an address".to_owned());
    let secret = || secrets.iter().find(|secret| line.contains(secret.as_str())).cloned();
    token.or(address).or_else(secret).map(|what| format!("{what}: {line}"))
}

#[test]
fn what_must_not_be_told_is_found() {
    let secrets = ["neli juhuslikku sõna".to_owned()];
    for line in ["x pgl_rt_0123456789abc", "to <mari@b.example>", "mari@b.example.", "a=\"neli juhuslikku sõna\""] {
        assert!(told(line, &secrets).is_some(), "{line}");
    }
    for line in ["pgl_at_made_up", "https://b.example/@x", "@b.example", "juhuslikku", "to mari@localhost"] {
        assert_eq!(told(line, &secrets), None, "{line}");
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

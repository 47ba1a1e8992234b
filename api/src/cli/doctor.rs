//! `peegel doctor`: what is wrong with this installation, and what to do about it. It changes nothing.

use std::net::ToSocketAddrs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;

use crate::clock::Clock;
use crate::config::file::Setting;
use crate::config::{DataSettings, Hidden, MailSettings, Place, ServeSettings, program_folders};
use crate::db::{Db, Look};
use crate::evidence::blobs::bucket::Bucket;
use crate::failure::Failure;
use crate::http::tls::Tls;
use crate::ids::Ids;
use crate::mail::transport::Mailer;
use crate::ops::process;
use crate::vault::Vault;

const MIB: u64 = 1024 * 1024;
/// Less room than this is too little to go on.
const LITTLE_BYTES: u64 = 200 * MIB;
/// Less room than this should be seen to.
const SCARCE_BYTES: u64 = 2048 * MIB;
/// Clocks that differ more than this are worth a word, in seconds.
const SKEW_S: i64 = 5;
/// Clocks that differ more than this make wrong times, in seconds.
const BAD_SKEW_S: i64 = 120;
/// File descriptors beside those of connections.
const OTHER_FILES: u64 = 512;
/// How long the mail server may take to greet.
const MAIL_ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// Programs that some files need, and what for.
const TOOLS: [(&str, &str); 4] = [
    ("ffmpeg", "install ffmpeg to convert recordings that browsers do not play"),
    ("heif-convert", "install libheif-examples to see previews of HEIC and AVIF photos"),
    ("prlimit", "install util-linux; the programs above do not run without limits"),
    ("setpriv", "install util-linux; the programs above do not run without it"),
];

/// Arguments of `peegel doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    #[command(flatten)]
    data: DataSettings,
    #[command(flatten)]
    serve: ServeSettings,
    #[command(flatten)]
    mail: MailSettings,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How it stands with something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and should be seen to.
    Warn,
    /// It does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    verdict: Verdict,
    name: &'static str,
    what: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    todo: Option<String>,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, name: &'static str, what: impl Into<String>) {
        self.0.push(Finding { verdict: Verdict::Ok, name, what: what.into(), todo: None });
    }

    fn warn(&mut self, name: &'static str, what: impl Into<String>, todo: impl Into<String>) {
        self.0.push(Finding { verdict: Verdict::Warn, name, what: what.into(), todo: Some(todo.into()) });
    }

    fn fail(&mut self, name: &'static str, what: impl Into<String>, todo: impl Into<String>) {
        self.0.push(Finding { verdict: Verdict::Fail, name, what: what.into(), todo: Some(todo.into()) });
    }
}

/// Looks at everything and prints one line each; exit 1 when something does not work.
///
/// # Errors
///
/// [`Failure`] when the findings cannot be written.
pub async fn run(args: DoctorArgs, settings: &[Setting], file: Option<&Path>) -> Result<ExitCode, Failure> {
    let mut findings = Findings::default();
    look_at_settings(&mut findings, settings, file);
    look_at_addresses(&mut findings, &args.serve);
    look_at_folder(&mut findings, &args.data);
    look_at_vault(&mut findings, &args.data).await;
    look_at_mail(&mut findings, &args.data, &args.mail).await;
    let has_files = look_at_database(&mut findings, &args.data).await;
    look_at_files(&mut findings, &args.data, has_files).await;
    look_at_room(&mut findings, &args.data, args.serve.edge.max_connections);
    look_at_tools(&mut findings);
    print(&findings.0, args.json)?;
    let is_bad = findings.0.iter().any(|finding| finding.verdict == Verdict::Fail);
    Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(findings: &[Finding], as_json: bool) -> Result<(), Failure> {
    if as_json {
        println!("{}", serde_json::to_string_pretty(findings).map_err(Failure::internal)?);
        return Ok(());
    }
    for Finding { verdict, name, what, todo } in findings {
        let verdict = match verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        };
        let todo = todo.as_ref().map_or_else(String::new, |todo| format!(" - {todo}"));
        println!("{verdict:4} {name}: {what}{todo}");
    }
    Ok(())
}

fn look_at_settings(findings: &mut Findings, settings: &[Setting], file: Option<&Path>) {
    match file {
        Some(file) => findings.ok("settings", format!("the file is {}", file.display())),
        None => findings.ok("settings", "there is no settings file"),
    }
    for Setting { name, value, source } in settings {
        let value = value.as_deref().unwrap_or("not set");
        findings.ok("setting", format!("{name} = {value} ({source})"));
    }
}

fn look_at_addresses(findings: &mut Findings, serve: &ServeSettings) {
    let edge = &serve.edge;
    let listeners = [("listen", Some(&serve.listen)), ("metrics_listen", edge.metrics_listen.as_ref())];
    for (name, address) in listeners {
        let Some(address) = address else { continue };
        match address.to_socket_addrs().map(Iterator::collect::<Vec<_>>) {
            Ok(found) if !found.is_empty() => {
                let is_local = found.iter().all(|address| address.ip().is_loopback());
                if name == "listen" && !is_local && edge.tls_cert.is_none() && edge.trusted_proxies.is_empty() {
                    let todo = "set tls_cert and tls_key, or trusted_proxies if a proxy speaks TLS";
                    findings.warn("address", format!("{address} is reached by others without TLS"), todo);
                } else {
                    findings.ok("address", format!("{name} {address} can be used"));
                }
            }
            _ => findings.fail("address", format!("{name} {address} is no address"), "write HOST:PORT"),
        }
    }
    match (&edge.tls_cert, &edge.tls_key) {
        (None, None) => {}
        (Some(certificate), Some(key)) => match Tls::read(certificate.clone(), key.clone()) {
            Ok(_) => findings.ok("tls", format!("the certificate {} fits its key", certificate.display())),
            Err(failure) => findings.fail("tls", failure.detail, "name a certificate chain and its key, both PEM"),
        },
        _ => findings.fail("tls", "only one of tls_cert and tls_key is set", "set both, or neither"),
    }
}

fn look_at_folder(findings: &mut Findings, data: &DataSettings) {
    let shown = data.data.display();
    match std::fs::metadata(&data.data) {
        Ok(metadata) if metadata.is_dir() => {
            let mode = metadata.permissions().mode() & 0o777;
            if mode & 0o007 == 0 {
                findings.ok("data", format!("{shown} is a folder, mode {mode:04o}"));
            } else {
                let todo = format!("chmod o= {shown}");
                findings.warn("data", format!("{shown} can be read by everybody on this machine ({mode:04o})"), todo);
            }
        }
        Ok(_) => findings.fail("data", format!("{shown} is not a folder"), "name a folder with --data"),
        Err(error) => findings.fail("data", format!("{shown}: {error}"), "name the folder with --data, or make a firm"),
    }
    let keys = data.signing_keys();
    let Ok(entries) = std::fs::read_dir(&keys) else { return };
    let open: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o077 != 0))
        .map(|entry| entry.path().display().to_string())
        .collect();
    if open.is_empty() {
        findings.ok("keys", "only the owner can read them");
    } else {
        let todo = format!("chmod 600 {}, and think about who has read them", open.join(" "));
        findings.fail("keys", "others on this machine can read signing keys", todo);
    }
}

/// Whether what is sealed could be opened. A key that is not there yet is made when it is first needed.
async fn look_at_vault(findings: &mut Findings, data: &DataSettings) {
    let vault = Vault::new(data.signing_keys(), data.vault_key.as_ref().map(Hidden::reveal).map(str::to_owned));
    if let Err(failure) = vault.prepare().await {
        let todo = if data.vault_key.is_some() {
            "make one with `openssl rand -base64 32`"
        } else {
            "put back the vault.secret that was backed up, readable by its owner only; a new one opens no second factors"
        };
        findings.fail("vault_key", failure.detail, todo);
    }
}

/// Whether letters can leave. A server that does not answer now may do so later, and letters wait for it.
async fn look_at_mail(findings: &mut Findings, data: &DataSettings, mail: &MailSettings) {
    let mailer = match Mailer::new(mail, data.outbox()) {
        Ok(mailer) => mailer,
        Err(message) => {
            let todo = "write smtps://USER:PASSWORD@HOST or smtp://HOST, and an address that letters are from";
            findings.fail("mail", message, todo);
            return;
        }
    };
    match tokio::time::timeout(MAIL_ANSWERS_WITHIN, mailer.test()).await {
        Ok(Ok(what)) => findings.ok("mail", what),
        Ok(Err(what)) => findings.warn("mail", what, "check smtp_url, the user and the password in it"),
        Err(_) => {
            let what = format!("the SMTP server does not answer within {} s", MAIL_ANSWERS_WITHIN.as_secs());
            findings.warn("mail", what, "check smtp_url, and that the network lets mail out");
        }
    }
}

/// Looks at the database, and says whether it knows of stored files.
async fn look_at_database(findings: &mut Findings, data: &DataSettings) -> bool {
    if let Some(file) = data.sqlite_file()
        && !file.is_file()
    {
        let todo = "make the first firm with `peegel firm add`, or name the right folder with --data";
        findings.fail("database", format!("{} is not there", file.display()), todo);
        return false;
    }
    let look = match Db::look(&data.database_url()).await {
        Ok(look) => look,
        Err(error) => {
            let todo = "check database_url, and that the database runs and lets this user in";
            findings.fail("database", format!("it does not answer: {error}"), todo);
            return false;
        }
    };
    let Look { version, pending, now, has_files } = look;
    findings.ok("database", version);
    match pending {
        Ok(pending) if pending.is_empty() => findings.ok("migrations", "all tables are there"),
        Ok(pending) => {
            let what = format!("{} wait: {}", pending.len(), pending.join(", "));
            findings.fail("migrations", what, "run `peegel migrate`, or start `peegel serve`");
        }
        Err(error) => {
            let todo = "use the program that made these tables, or a newer one";
            findings.fail("migrations", format!("the tables are not those of this program: {error}"), todo);
        }
    }
    look_at_clock(findings, data, now);
    has_files
}

/// Compares the clock of this machine with that of the database, or with the times of files it has written.
fn look_at_clock(findings: &mut Findings, data: &DataSettings, database: Option<DateTime<Utc>>) {
    let now = Clock::System.now();
    let todo = "set the clock of this machine by NTP";
    if now.timestamp() < 1_750_000_000 {
        findings.fail("clock", format!("it says {now}, which is long ago"), todo);
        return;
    }
    let written = [data.sqlite_file(), data.blobs().folder().map(Path::to_path_buf)].into_iter().flatten();
    let newest = written.filter_map(|path| Some(DateTime::<Utc>::from(path.metadata().ok()?.modified().ok()?))).max();
    let ahead_s = newest.map_or(0, |newest| (newest - now).num_seconds());
    let skew_s = database.map_or(0, |database| (database - now).num_seconds());
    if skew_s.abs() > BAD_SKEW_S {
        findings.fail("clock", format!("it differs from the database's by {skew_s} s"), todo);
    } else if ahead_s > SKEW_S {
        findings.fail("clock", format!("the data was written {ahead_s} s in its future"), todo);
    } else if skew_s.abs() > SKEW_S {
        findings.warn("clock", format!("it differs from the database's by {skew_s} s"), todo);
    } else {
        findings.ok("clock", format!("it says {}", now.format("%Y-%m-%d %H:%M:%S UTC")));
    }
}

/// Writes a file where the server would, forces it to the disk and removes it again.
async fn look_at_files(findings: &mut Findings, data: &DataSettings, has_files: bool) {
    let probe = Ids::system(Clock::System).next();
    let blobs = match data.blobs() {
        Place::Folder(folder) => folder,
        Place::Bucket { name, prefix } => {
            let proved = match Bucket::new(&name, &prefix, data.data.join("scratch")) {
                Ok(bucket) => bucket.prove(probe).await,
                Err(error) => Err(error),
            };
            match proved {
                Ok(()) => findings.ok("files", format!("the bucket {name} can be read and written to")),
                Err(error) => {
                    let todo = "check AWS_ENDPOINT_URL, AWS_REGION, the keys and what they may do";
                    findings.fail("files", format!("the bucket {name} cannot be used: {error}"), todo);
                }
            }
            return;
        }
    };
    if !blobs.is_dir() && has_files {
        let what = format!("the folder {} is not there, and the database knows of files in it", blobs.display());
        findings.fail("files", what, "mount its volume, name it with --blobs, or bring it back from a backup");
        return;
    }
    if !blobs.is_dir() {
        let todo = "`peegel serve` makes it; if it is on another volume, mount that";
        findings.warn("files", format!("the folder {} is not there yet", blobs.display()), todo);
        return;
    }
    let probe = blobs.join(format!("{probe}.probe"));
    let written = std::fs::File::create(&probe).and_then(|mut file| {
        std::io::Write::write_all(&mut file, b"peegel doctor")?;
        file.sync_all()?;
        std::fs::File::open(&blobs)?.sync_all()
    });
    drop(std::fs::remove_file(&probe));
    match written {
        Ok(()) => findings.ok("files", format!("{} can be written to and forced to the disk", blobs.display())),
        Err(error) => {
            let todo = "give the account that runs peegel the right to write there";
            findings.fail("files", format!("{} cannot be written to: {error}", blobs.display()), todo);
        }
    }
}

fn look_at_room(findings: &mut Findings, data: &DataSettings, connections: u32) {
    let mut folders: Vec<PathBuf> =
        [Some(data.data.clone()), data.blobs().folder().map(Path::to_path_buf)].into_iter().flatten().collect();
    folders.dedup();
    folders.retain(|folder| folder.is_dir());
    for folder in folders {
        let shown = folder.display();
        match process::free_bytes(&folder) {
            Ok(free) => {
                let what = format!("{} MiB are free in {shown}", free / MIB);
                match free {
                    ..LITTLE_BYTES => findings.fail("disk", what, "make room: uploads are refused when it is full"),
                    LITTLE_BYTES..SCARCE_BYTES => findings.warn("disk", what, "make room soon"),
                    _ => findings.ok("disk", what),
                }
            }
            Err(error) => findings.fail("disk", format!("{shown}: {error}"), "check that the volume is mounted"),
        }
    }
    process::raise_file_limit();
    match process::file_limit() {
        Some(limit) if u64::from(connections) + OTHER_FILES > limit => {
            let todo = format!("raise it (LimitNOFILE= in systemd), or set max_connections below {limit}");
            findings.warn("descriptors", format!("{limit} are allowed, {connections} connections are"), todo);
        }
        Some(limit) => findings.ok("descriptors", format!("{limit} are allowed")),
        None => findings.ok("descriptors", "there is no limit"),
    }
}

fn look_at_tools(findings: &mut Findings) {
    let folders = program_folders();
    for (tool, todo) in TOOLS {
        match folders.iter().map(|folder| folder.join(tool)).find(|path| path.is_file()) {
            Some(path) => findings.ok("tool", format!("{tool} is {}", path.display())),
            None => findings.warn("tool", format!("{tool} is not installed"), todo),
        }
    }
}

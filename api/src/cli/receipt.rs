//! `peegel receipt`: verifying receipts of scores and of evidence, and the keys that sign them.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::cli::bad_usage;
use crate::clock::Clock;
use crate::config::DataSettings;
use crate::failure::Failure;
use crate::receipts::verify::{LIMIT_BYTES, verify};
use crate::receipts::{verify_evidence, verify_purge};
use crate::signing::key::PublicKey;
use crate::signing::keyring::Keyring;

/// Largest file of keys, in bytes.
const KEYS_LIMIT_BYTES: usize = 1024 * 1024;

/// Arguments of `peegel receipt`.
#[derive(Args, Debug)]
pub struct ReceiptArgs {
    #[command(subcommand)]
    command: ReceiptCommand,
}

#[derive(Subcommand, Debug)]
enum ReceiptCommand {
    /// Recompute a score receipt, or check an evidence receipt or a line of a purge, and its signature; prints the verdict as JSON. Needs no data and no network.
    /// Exit 0: the same; 1: not, with exactly what differs; 2: the file or a key cannot be read
    Verify {
        /// The receipt, byte for byte as it was fetched
        file: PathBuf,
        /// A key of the signer: a file with the answer of GET /v1/keys, or one public key in base64 or hex. May be
        /// repeated. Without it, the key inside the receipt is used, which says nothing of who signed
        #[arg(long = "key", value_name = "KEY", allow_hyphen_values = true)]
        keys: Vec<String>,
    },
    /// Make a new key, which signs from now on, also in servers that run; earlier keys stay published
    RotateKey {
        #[command(flatten)]
        data: DataSettings,
    },
}

/// Runs the command.
///
/// # Errors
///
/// [`Failure`] when the keys cannot be used.
pub async fn run(args: ReceiptArgs) -> Result<ExitCode, Failure> {
    match args.command {
        ReceiptCommand::Verify { file, keys } => {
            Ok(verify_file(&file, &keys).unwrap_or_else(|message| bad_usage(&message)))
        }
        ReceiptCommand::RotateKey { data } => rotate_key(&data).await,
    }
}

fn verify_file(file: &Path, keys: &[String]) -> Result<ExitCode, String> {
    let bytes = read(file, LIMIT_BYTES)?;
    let given = given_keys(keys)?;
    let (text, ok) = if verify_evidence::is_one(&bytes) {
        let verdict = verify_evidence::verify(&bytes, given.as_deref());
        (serde_json::to_string(&verdict), verdict.ok)
    } else if verify_purge::is_one(&bytes) {
        let verdict = verify_purge::verify(&bytes, given.as_deref());
        (serde_json::to_string(&verdict), verdict.ok)
    } else {
        let verdict = verify(&bytes, given.as_deref());
        (serde_json::to_string(&verdict), verdict.ok)
    };
    let text = text.map_err(|error| error.to_string())?;
    // A reader that has gone away is no reason to panic.
    drop(writeln!(std::io::stdout().lock(), "{text}"));
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The keys of all `--key`; none if there is no such argument.
///
/// # Errors
///
/// The message for exit 2 when one is no key and no file with keys.
pub fn given_keys(keys: &[String]) -> Result<Option<Vec<PublicKey>>, String> {
    if keys.is_empty() {
        return Ok(None);
    }
    let mut given = Vec::new();
    for key in keys {
        given.extend(read_keys(key)?);
    }
    Ok(Some(given))
}

/// The keys of one `--key`: the key itself, or a file with keys.
fn read_keys(text: &str) -> Result<Vec<PublicKey>, String> {
    if let Some(key) = PublicKey::parse(text) {
        return Ok(vec![key]);
    }
    let bytes = read(Path::new(text), KEYS_LIMIT_BYTES)
        .map_err(|error| format!("--key {text} is no Ed25519 key in base64 or hex, and as a file: {error}"))?;
    let keys = match serde_json::from_slice::<Value>(&bytes) {
        Ok(value) => PublicKey::of_jwks(&value),
        Err(_) => std::str::from_utf8(&bytes).ok().and_then(PublicKey::parse).into_iter().collect(),
    };
    if keys.is_empty() { Err(format!("{text} holds no Ed25519 key, as GET /v1/keys gives them")) } else { Ok(keys) }
}

fn read(file: &Path, limit: usize) -> Result<Vec<u8>, String> {
    let shown = file.display();
    let failed = |error: std::io::Error| format!("{shown} cannot be read: {error}");
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    File::open(file).map_err(failed)?.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limit {
        return Err(format!("{shown} is larger than {limit} bytes, which nothing of this kind is"));
    }
    Ok(bytes)
}

async fn rotate_key(data: &DataSettings) -> Result<ExitCode, Failure> {
    if data.signing_keys.is_none() && !data.data.is_dir() {
        return Ok(bad_usage(&format!("there is no Peegel data in {}", data.data.display())));
    }
    let public = Keyring::new(data.signing_keys()).rotate(Clock::System.now()).await?;
    println!("{}", public.id());
    Ok(ExitCode::SUCCESS)
}

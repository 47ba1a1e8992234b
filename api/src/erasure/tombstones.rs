//! Who was erased, outside the database: after a backup from before is restored, they are erased once more.
//!
//! It is a file in the folder of the signing keys, which every process of an installation shares and which is kept apart
//! from backups of the database: one signed document `peegel.erasure/1` a line, with ids and nothing else of the person.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::canonical::canonical;
use crate::entity::erasure;
use crate::erasure::service::{Begin, erase_again};
use crate::failure::Failure;
use crate::signing::key::{PublicKey, sign};
use crate::words::{ErasureExtent, ErasureReason};

/// What a line is; also the line that goes under the signature before it.
const FORMAT: &str = "peegel.erasure/1";
/// The file in the folder of the keys.
const FILE: &str = "erasures.jsonl";
/// Longest line that is read, in bytes.
const LINE_LIMIT_BYTES: u64 = 64 * 1024;

/// A line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tombstone {
    format: String,
    id: Uuid,
    firm_id: Uuid,
    membership_ids: Vec<Uuid>,
    label: String,
    extent: ErasureExtent,
    reason: ErasureReason,
    requested_by: Option<Uuid>,
    at: DateTime<Utc>,
    key_id: String,
    public_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

fn file(app: &App) -> PathBuf {
    app.signing.folder().join(FILE)
}

/// Notes an erasure, durably, unless it is noted already.
///
/// # Errors
///
/// [`Failure`] (500) when the file cannot be read or written.
pub async fn note(app: &App, row: &erasure::Model, ids: &[Uuid]) -> Result<(), Failure> {
    let keys = app.signing.keys().await?;
    let key = PublicKey::of(keys.signer());
    let mut tombstone = Tombstone {
        format: FORMAT.to_owned(),
        id: row.id,
        firm_id: row.firm_id,
        membership_ids: ids.to_vec(),
        label: row.label.clone(),
        extent: row.extent,
        reason: row.reason,
        requested_by: row.requested_by,
        at: row.requested_at,
        key_id: key.id(),
        public_key: key.to_text(),
        signature: None,
    };
    tombstone.signature = Some(sign(keys.signer(), FORMAT, canonical(&tombstone)?.text.as_bytes()));
    let (path, line) = (file(app), canonical(&tombstone)?.text);
    let id = format!("\"id\":\"{}\"", row.id);
    tokio::task::spawn_blocking(move || append(&path, &id, &line)).await.map_err(Failure::internal)??;
    Ok(())
}

/// Appends a line that stands alone, whatever an earlier one that broke off has left, and forces it to the disk.
fn append(path: &Path, id: &str, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    file.lock()?;
    let mut reader = BufReader::new(&file);
    let mut text = Vec::new();
    while Read::take(&mut reader, LINE_LIMIT_BYTES).read_until(b'\n', &mut text)? > 0 {
        if text.ends_with(b"\n") && text.windows(id.len()).any(|part| part == id.as_bytes()) {
            return Ok(());
        }
        text.clear();
    }
    let length = file.seek(SeekFrom::End(0))?;
    if length > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_all()?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// What became of the lines of the file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Replayed {
    /// Lines that a key of the installation signed.
    pub known: u64,
    /// People who were erased once more.
    pub again: u64,
    /// Lines that cannot be read, or that no key of the installation signed.
    pub refused: u64,
}

/// Erases everybody once more who was erased and is there again.
///
/// # Errors
///
/// [`Failure`] (500) when the file, the keys or the database fail.
pub async fn replay(app: &App) -> Result<Replayed, Failure> {
    let path = file(app);
    let lines = tokio::task::spawn_blocking(move || lines(&path)).await.map_err(Failure::internal)??;
    let mut replayed = Replayed::default();
    if lines.is_empty() {
        return Ok(replayed);
    }
    let keys: Vec<_> = app.signing.keys().await?.public().collect();
    for line in lines {
        let Some(tombstone) = read(&line, &keys) else {
            tracing::error!(
                "a line of {FILE} is no erasure that a key of this installation signed; it was passed over"
            );
            replayed.refused += 1;
            continue;
        };
        replayed.known += 1;
        let (firm_id, id) = (tombstone.firm_id, tombstone.id);
        let begin = Begin {
            id,
            membership_ids: tombstone.membership_ids,
            label: tombstone.label,
            extent: tombstone.extent,
            reason: tombstone.reason,
            requested_by: tombstone.requested_by,
            at: tombstone.at,
        };
        if erase_again(app, firm_id, begin).await? {
            tracing::warn!(erasure = %id, "somebody who was erased was here again, and is erased once more");
            replayed.again += 1;
        }
    }
    Ok(replayed)
}

fn lines(path: &Path) -> std::io::Result<Vec<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let mut reader = BufReader::new(file);
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        if Read::take(&mut reader, LINE_LIMIT_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(lines);
        }
        lines.push(line);
    }
}

/// A line that one of the keys signed.
fn read(line: &[u8], keys: &[PublicKey]) -> Option<Tombstone> {
    let mut document: Value = serde_json::from_slice(line).ok()?;
    let tombstone: Tombstone = serde_json::from_value(document.clone()).ok()?;
    document.as_object_mut()?.remove("signature");
    let key = keys.iter().find(|key| key.to_text() == tombstone.public_key)?;
    let text = canonical(&document).ok()?.text;
    let is_signed = key.has_signed(FORMAT, text.as_bytes(), tombstone.signature.as_deref()?);
    (is_signed && json!(tombstone.format) == FORMAT).then_some(tombstone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::{hex, random_bytes};

    #[test]
    fn a_line_is_written_once_and_stands_alone() {
        let folder = std::env::temp_dir().join(format!("peegel-erasures-{}", hex(&random_bytes::<8>())));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join(FILE);
        append(&path, "\"id\":\"1\"", "{\"id\":\"1\"}").unwrap();
        append(&path, "\"id\":\"1\"", "{\"id\":\"1\"}").unwrap();
        // A power cut in the middle of a line.
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"id\":\"2\"").unwrap();
        append(&path, "\"id\":\"2\"", "{\"id\":\"2\"}").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "{\"id\":\"1\"}\n{\"id\":\"2\"\n{\"id\":\"2\"}\n");
        assert_eq!(lines(&path).unwrap().len(), 3);
        assert!(lines(&folder.join("none")).unwrap().is_empty());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

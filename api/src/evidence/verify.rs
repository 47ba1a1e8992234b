//! Hashing all stored files again, to find what a disk lost or somebody changed.

use std::fmt::{Display, Formatter};

use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::app::App;
use crate::appeals;
use crate::entity::{appeal_file, blob, evidence};
use crate::evidence::store;
use crate::failure::{Failure, Kind};
use crate::secrets::hex;

/// Files looked up in one go.
const BATCH: u64 = 500;

/// Something that is wrong with a stored file.
#[derive(Debug)]
pub enum Flaw {
    /// It is not there.
    Missing(What),
    /// Its bytes are not those that were stored.
    Differs(What),
    /// It is there and cannot be read; the log says why.
    Unreadable(What),
}

/// Which file it is.
#[derive(Debug)]
pub struct What {
    sha256: String,
    of: Vec<evidence::Model>,
    of_appeals: Vec<appeal_file::Model>,
}

impl Display for What {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sha256)?;
        for file in &self.of {
            let what = if file.sha256.as_ref() == Some(&self.sha256) { "evidence" } else { "a preview of evidence" };
            write!(f, ", {what} {} of visit {}", file.id, file.visit_id)?;
        }
        for file in &self.of_appeals {
            write!(f, ", file {} of appeal {}", file.id, file.appeal_id)?;
        }
        Ok(())
    }
}

/// What was found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// Files looked at.
    pub files: u64,
    /// Their bytes.
    pub bytes: i64,
    /// Those of them that are not there.
    pub missing: u64,
    /// Those of them whose bytes are others.
    pub differ: u64,
    /// Those of them that cannot be read.
    pub unreadable: u64,
}

impl Told {
    /// Whether every file is what was stored.
    pub fn is_whole(&self) -> bool {
        self.missing + self.differ + self.unreadable == 0
    }
}

/// Hashes every file of a firm that something refers to, and tells of each that is wrong.
///
/// # Errors
///
/// [`Failure`] (500, 503) when the database fails, or the store does not answer.
pub async fn verify_firm(app: &App, firm_id: Uuid, mut tell: impl FnMut(Flaw)) -> Result<Told, Failure> {
    let mut told = Told::default();
    let mut after = String::new();
    loop {
        let rows = store::blobs_after(app.db.reader(), firm_id, &after, BATCH).await?;
        for row in rows.iter().filter(|row| row.refs > 0) {
            told.files += 1;
            told.bytes += row.bytes;
            let found = hash(app, firm_id, &row.sha256).await;
            if found.as_ref().is_ok_and(|found| found.as_ref() == Some(&found_when_stored(row))) {
                continue;
            }
            let of = store::evidence_with(app.db.reader(), firm_id, &row.sha256).await?;
            let of_appeals = appeals::store::files_with(app.db.reader(), firm_id, &row.sha256).await?;
            let what = What { sha256: row.sha256.clone(), of, of_appeals };
            match found {
                Ok(None) => {
                    told.missing += 1;
                    tell(Flaw::Missing(what));
                }
                Ok(Some(_)) => {
                    told.differ += 1;
                    tell(Flaw::Differs(what));
                }
                // A store that does not answer says nothing of its files.
                Err(failure) if failure.kind != Kind::Internal => return Err(failure),
                Err(_) => {
                    told.unreadable += 1;
                    tell(Flaw::Unreadable(what));
                }
            }
        }
        match rows.last() {
            Some(last) => after.clone_from(&last.sha256),
            None => return Ok(told),
        }
    }
}

fn found_when_stored(row: &blob::Model) -> (String, i64) {
    (row.sha256.clone(), row.bytes)
}

/// The sha256 and size of a file; none when it is not there.
async fn hash(app: &App, firm_id: Uuid, sha256: &str) -> Result<Option<(String, i64)>, Failure> {
    let Some(opened) = app.blobs.open(firm_id, sha256).await? else { return Ok(None) };
    let bytes = opened.bytes;
    let (mut hasher, mut hashed) = (Sha256::new(), 0);
    let mut stream = opened.stream(0, bytes).await?;
    while let Some(piece) = stream.next().await {
        let piece = piece?;
        hasher.update(&piece);
        hashed += i64::try_from(piece.len()).unwrap_or(0);
    }
    Ok(Some((hex(&hasher.finalize()), hashed)))
}

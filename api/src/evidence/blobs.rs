//! Stored files: content-addressed inside a firm, written so that what was acknowledged survives a power cut.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use futures_util::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use tokio::fs;
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use crate::evidence::incoming::is_incoming;
use crate::failure::{Failure, Kind};
use crate::secrets::hex;

/// Bytes kept of the head of a file, for finding out what it is.
pub const HEAD_BYTES: usize = 4096;
/// After this long without a byte, an upload that a crash interrupted is removed.
const ABANDONED_AFTER: Duration = Duration::hours(1);

/// The folder of stored files: `FIRM/ab/cd/abcd..` after the sha256 of the content.
#[derive(Clone, Debug)]
pub struct Blobs {
    root: PathBuf,
}

/// A file that was received and is on disk under a temporary name. Unless it was kept, it is removed with this, or
/// lasts if it came piece by piece.
#[derive(Debug)]
pub struct Received {
    temporary: Temporary,
    /// The sha256 of its bytes in lower-case hex.
    pub sha256: String,
    /// Its size.
    pub bytes: i64,
    /// Its first bytes.
    pub head: Vec<u8>,
}

impl Blobs {
    /// Files under `root`.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Makes the folders when the program starts, and removes the uploads that an earlier run left unfinished.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500, 507) when the folders cannot be made or read.
    pub async fn prepare(&self, now: DateTime<Utc>) -> Result<(), Failure> {
        fs::create_dir_all(self.incoming()).await?;
        sync_folder(self.root.clone()).await?;
        self.sweep(now).await
    }

    /// Removes the uploads that were abandoned an hour ago or earlier.
    async fn sweep(&self, now: DateTime<Utc>) -> Result<(), Failure> {
        let mut entries = fs::read_dir(self.incoming()).await?;
        while let Some(entry) = entries.next_entry().await? {
            // Other processes share the folder: what is gone by now was kept or removed by them.
            let Ok(metadata) = entry.metadata().await else { continue };
            let abandoned = DateTime::<Utc>::from(metadata.modified()?) <= now - ABANDONED_AFTER;
            if metadata.is_file() && abandoned && !is_incoming(&entry.path()) {
                match fs::remove_file(entry.path()).await {
                    Ok(()) => tracing::info!(file = ?entry.file_name(), "an abandoned upload was removed"),
                    Err(error) => tracing::warn!(%error, "an abandoned upload could not be removed"),
                }
            }
        }
        Ok(())
    }

    /// Checks that files can be written, under a name of the caller's. Makes no folder: one that is missing, such as
    /// of a volume that is not mounted, is an error.
    ///
    /// # Errors
    ///
    /// The error of the file system when it cannot.
    pub async fn check(&self, name: Uuid) -> std::io::Result<()> {
        let probe = Temporary::new(self.incoming().join(format!("{name}.probe")));
        match &probe.path {
            Some(path) => fs::write(path, b"").await,
            None => Ok(()),
        }
    }

    /// Where a stored file lies.
    pub fn path(&self, firm_id: Uuid, sha256: &str) -> PathBuf {
        let (a, b) = (sha256.get(..2).unwrap_or("__"), sha256.get(2..4).unwrap_or("__"));
        self.root.join(firm_id.to_string()).join(a).join(b).join(sha256)
    }

    /// The folder of files that arrive.
    pub fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    /// Receives a file piece by piece, never whole in memory, and forces it to the disk.
    ///
    /// # Errors
    ///
    /// * 408 `body_too_slow` when it comes too slowly.
    /// * 400 `interrupted` when the client stops in the middle; nothing is kept.
    /// * 413 `too_large` beyond `limit_bytes`.
    /// * 507 `storage_full` when the disk is.
    pub async fn receive<S, E>(&self, name: Uuid, mut stream: S, limit_bytes: u64) -> Result<Received, Failure>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: std::error::Error + 'static,
    {
        let path = self.incoming().join(name.to_string());
        let mut file = fs::File::create(&path).await?;
        let temporary = Temporary::new(path);
        let (mut hasher, mut bytes, mut head) = (Sha256::new(), 0u64, Vec::new());
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| {
                if let Some(failure) = crate::http::limits::broken(&error) {
                    return failure;
                }
                let detail = format!("The file did not arrive whole ({error}). Send it again.");
                Failure::new(Kind::Malformed, "interrupted", detail)
            })?;
            bytes += chunk.len() as u64;
            if bytes > limit_bytes {
                return Err(crate::http::limits::too_large(limit_bytes));
            }
            if head.len() < HEAD_BYTES {
                head.extend_from_slice(&chunk[..chunk.len().min(HEAD_BYTES - head.len())]);
            }
            hasher.update(&chunk);
            file.write_all(&chunk).await?;
        }
        file.flush().await?;
        file.sync_all().await?;
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        Ok(Received { temporary, sha256: hex(&hasher.finalize()), bytes, head })
    }

    /// Moves a received file to its place, durably. The row that names it is written afterwards. Doing it again changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// 507 `storage_full`, or 500 when the file system fails.
    pub async fn keep(&self, firm_id: Uuid, received: &mut Received) -> Result<(), Failure> {
        let Some(temporary) = &received.temporary.path else { return Ok(()) };
        let place = self.path(firm_id, &received.sha256);
        let folder = place.parent().map(Path::to_path_buf).unwrap_or_default();
        fs::create_dir_all(&folder).await?;
        fs::rename(temporary, &place).await?;
        received.temporary.path = None;
        // The names of the folders must survive too, up to the root; another upload may have made them just now and
        // not come to this yet.
        for parent in folder.ancestors().take(4) {
            sync_folder(parent.to_path_buf()).await?;
        }
        Ok(())
    }

    /// Removes a stored file that was written before a time. False when there is a newer one in its place, which stays:
    /// the same bytes have just come again.
    ///
    /// # Errors
    ///
    /// 500 when the file system fails.
    pub async fn remove_old(
        &self,
        firm_id: Uuid,
        sha256: &str,
        name: Uuid,
        before: DateTime<Utc>,
    ) -> Result<bool, Failure> {
        let (place, aside) = (self.path(firm_id, sha256), self.incoming().join(format!("{name}.removed")));
        // Out of the way first: whatever takes its place from now on is not touched.
        match fs::rename(&place, &aside).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
            moved => moved?,
        }
        if DateTime::<Utc>::from(fs::metadata(&aside).await?.modified()?) >= before {
            fs::rename(&aside, &place).await?;
            return Ok(false);
        }
        fs::remove_file(&aside).await?;
        Ok(true)
    }

    /// Stores bytes that the server made itself, such as a preview.
    ///
    /// # Errors
    ///
    /// As [`Blobs::receive`] and [`Blobs::keep`].
    pub async fn store(&self, firm_id: Uuid, name: Uuid, content: Vec<u8>) -> Result<(String, i64), Failure> {
        let limit = content.len() as u64;
        let stream = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(content))]);
        let mut received = self.receive(name, stream, limit).await?;
        self.keep(firm_id, &mut received).await?;
        Ok((received.sha256, received.bytes))
    }
}

/// Forces the names in a folder to the disk.
pub async fn sync_folder(folder: PathBuf) -> Result<(), Failure> {
    let synced = tokio::task::spawn_blocking(move || std::fs::File::open(folder)?.sync_all()).await;
    Ok(synced.map_err(Failure::internal)??)
}

impl Received {
    /// A file that came piece by piece and lasts until its upload ends.
    pub fn lasting(path: PathBuf, sha256: String, bytes: u64, head: Vec<u8>) -> Self {
        Self { temporary: Temporary { path: Some(path), lasts: true }, ..Self::kept(sha256, bytes, head) }
    }

    /// A file that is in its place already.
    pub fn kept(sha256: String, bytes: u64, head: Vec<u8>) -> Self {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        Self { temporary: Temporary { path: None, lasts: true }, sha256, bytes, head }
    }
}

/// A file that is removed with this, unless its name was taken out or it lasts.
#[derive(Debug)]
struct Temporary {
    path: Option<PathBuf>,
    lasts: bool,
}

impl Temporary {
    fn new(path: PathBuf) -> Self {
        Self { path: Some(path), lasts: false }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.path.take().filter(|_| !self.lasts) {
            drop(std::fs::remove_file(path));
        }
    }
}

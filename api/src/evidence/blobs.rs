//! Stored files: content-addressed inside a firm, written so that what was acknowledged survives a power cut.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use tokio::fs;
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use crate::failure::{Failure, Kind};
use crate::secrets::hex;

/// Bytes kept of the head of a file, for finding out what it is.
pub const HEAD_BYTES: usize = 4096;

/// The folder of stored files: `FIRM/ab/cd/abcd..` after the sha256 of the content.
#[derive(Clone, Debug)]
pub struct Blobs {
    root: PathBuf,
}

/// A file that was received and is on disk under a temporary name.
#[derive(Debug)]
pub struct Received {
    temporary: PathBuf,
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

    /// Makes the folder, and checks that it can be written to.
    ///
    /// # Errors
    ///
    /// The error of the file system when it cannot.
    pub async fn check(&self) -> std::io::Result<()> {
        let folder = self.incoming();
        fs::create_dir_all(&folder).await?;
        let probe = folder.join(".probe");
        fs::write(&probe, b"").await?;
        fs::remove_file(&probe).await
    }

    /// Where a stored file lies.
    pub fn path(&self, firm_id: Uuid, sha256: &str) -> PathBuf {
        let (a, b) = (sha256.get(..2).unwrap_or("__"), sha256.get(2..4).unwrap_or("__"));
        self.root.join(firm_id.to_string()).join(a).join(b).join(sha256)
    }

    fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    /// Receives a file piece by piece, never whole in memory, and forces it to the disk.
    ///
    /// # Errors
    ///
    /// * 400 `interrupted` when the client stops in the middle; nothing is kept.
    /// * 413 `too_large` beyond `limit_bytes`.
    /// * 507 `storage_full` when the disk is.
    pub async fn receive<S, E>(&self, name: Uuid, mut stream: S, limit_bytes: u64) -> Result<Received, Failure>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: std::fmt::Display,
    {
        let folder = self.incoming();
        fs::create_dir_all(&folder).await?;
        let temporary = folder.join(name.to_string());
        // Removes the file on every way out but the good one.
        let mut guard = Temporary(Some(temporary.clone()));
        let mut file = fs::File::create(&temporary).await?;
        let (mut hasher, mut bytes, mut head) = (Sha256::new(), 0u64, Vec::new());
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| {
                let detail = format!("The file did not arrive whole ({error}). Send it again.");
                Failure::new(Kind::Malformed, "interrupted", detail)
            })?;
            bytes += chunk.len() as u64;
            if bytes > limit_bytes {
                return Err(crate::http::too_large(limit_bytes));
            }
            if head.len() < HEAD_BYTES {
                head.extend_from_slice(&chunk[..chunk.len().min(HEAD_BYTES - head.len())]);
            }
            hasher.update(&chunk);
            file.write_all(&chunk).await?;
        }
        file.flush().await?;
        file.sync_all().await?;
        guard.0 = None;
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        Ok(Received { temporary, sha256: hex(&hasher.finalize()), bytes, head })
    }

    /// Moves a received file to its place, durably. The row that names it is written afterwards.
    ///
    /// # Errors
    ///
    /// 507 `storage_full`, or 500 when the file system fails.
    pub async fn keep(&self, firm_id: Uuid, received: &Received) -> Result<(), Failure> {
        let place = self.path(firm_id, &received.sha256);
        let folder = place.parent().map(Path::to_path_buf).unwrap_or_default();
        let new_folder = !fs::try_exists(&folder).await?;
        fs::create_dir_all(&folder).await?;
        fs::rename(&received.temporary, &place).await?;
        sync_folder(folder.clone()).await?;
        if new_folder {
            // The names of new folders must survive too, up to the firm's folder and the root.
            for parent in folder.ancestors().skip(1).take(3) {
                sync_folder(parent.to_path_buf()).await?;
            }
        }
        Ok(())
    }

    /// Removes a received file that was refused.
    pub async fn discard(&self, received: Received) {
        if let Err(error) = fs::remove_file(&received.temporary).await {
            tracing::warn!(%error, "a refused upload could not be removed");
        }
    }

    /// Stores bytes that the server made itself, such as a preview.
    ///
    /// # Errors
    ///
    /// As [`Blobs::receive`] and [`Blobs::keep`].
    pub async fn store(&self, firm_id: Uuid, name: Uuid, content: Vec<u8>) -> Result<(String, i64), Failure> {
        let limit = content.len() as u64;
        let stream = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(content))]);
        let received = self.receive(name, stream, limit).await?;
        self.keep(firm_id, &received).await?;
        Ok((received.sha256, received.bytes))
    }
}

/// Forces the names in a folder to the disk.
async fn sync_folder(folder: PathBuf) -> Result<(), Failure> {
    let synced = tokio::task::spawn_blocking(move || std::fs::File::open(folder)?.sync_all()).await;
    Ok(synced.map_err(Failure::internal)??)
}

struct Temporary(Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            drop(std::fs::remove_file(path));
        }
    }
}

//! Stored files in a folder: `FIRM/ab/cd/abcd..` after the sha256 of the content, written so that they survive a power
//! cut.

use std::collections::HashSet;
use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use tokio::fs;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;
use uuid::Uuid;

use crate::evidence::blobs::{Inflow, Received, Source, gone};
use crate::failure::Failure;

/// After this long without a byte, an upload that a crash interrupted is removed.
const ABANDONED_AFTER: Duration = Duration::hours(1);
/// The end of the names of files that arrive piece by piece, and are kept until their upload ends.
pub const UPLOAD_ENDING: &str = "upload";
/// Most folders that are remembered.
const MOST_KNOWN: usize = 100_000;
/// Bytes read in one go.
const READ_BYTES: usize = 128 * 1024;

/// The folder of stored files.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    /// Folders whose own names are on the disk since the program started; they are never removed.
    known: Arc<Mutex<HashSet<PathBuf>>>,
}

impl Folder {
    /// Files under `root`.
    pub fn new(root: PathBuf) -> Self {
        Self { root, known: Arc::default() }
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
            if !abandoned || is_upload(&entry.path()) {
                continue;
            }
            // Folders are of programs that looked into a file.
            let removed = match metadata.is_dir() {
                true => fs::remove_dir_all(entry.path()).await,
                false => fs::remove_file(entry.path()).await,
            };
            match removed {
                Ok(()) => tracing::info!(file = ?entry.file_name(), "an abandoned upload was removed"),
                Err(error) => tracing::warn!(%error, "an abandoned upload could not be removed"),
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
    pub fn place(&self, firm_id: Uuid, sha256: &str) -> PathBuf {
        let (a, b) = (sha256.get(..2).unwrap_or("__"), sha256.get(2..4).unwrap_or("__"));
        self.root.join(firm_id.to_string()).join(a).join(b).join(sha256)
    }

    /// The folder of files that arrive.
    pub fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    /// Receives a file and forces it to the disk, as [`super::Blobs::receive`].
    pub(super) async fn receive<S, E>(&self, name: Uuid, mut inflow: Inflow<S>) -> Result<Received, Failure>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: std::error::Error + 'static,
    {
        let path = self.incoming().join(name.to_string());
        let mut file = fs::File::create(&path).await?;
        let temporary = Temporary::new(path);
        while let Some(chunk) = inflow.next().await? {
            file.write_all(&chunk).await?;
        }
        file.flush().await?;
        file.sync_all().await?;
        Ok(inflow.received(Source::File(temporary)))
    }

    /// Moves a file to its place, durably.
    pub(super) async fn keep(&self, firm_id: Uuid, sha256: &str, temporary: &mut Temporary) -> Result<(), Failure> {
        let Some(path) = &temporary.path else { return Ok(()) };
        let place = self.place(firm_id, sha256);
        let folder = place.parent().map(Path::to_path_buf).unwrap_or_default();
        fs::create_dir_all(&folder).await?;
        match fs::rename(path, &place).await {
            // Its upload ended at this moment, and took its bytes along.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(gone()),
            moved => moved?,
        }
        temporary.path = None;
        self.sync_place(firm_id, sha256).await
    }

    /// Forces the name of a stored file to the disk, and those of its folders up to the root; another upload may have
    /// made them just now and not come to this yet.
    ///
    /// # Errors
    ///
    /// 500 when the file system fails.
    pub async fn sync_place(&self, firm_id: Uuid, sha256: &str) -> Result<(), Failure> {
        let place = self.place(firm_id, sha256);
        let folders: Vec<_> = place.ancestors().skip(1).take(4).map(Path::to_path_buf).collect();
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let of_folders = folders.windows(2).take_while(|pair| !known().contains(&pair[0])).count();
        for folder in folders.iter().take(1 + of_folders) {
            sync_folder(folder.clone()).await?;
        }
        // All at once: whoever finds one known relies on those that it lies in.
        let mut known = known();
        if known.len() > MOST_KNOWN {
            known.clear();
        }
        known.extend(folders.into_iter().take(of_folders));
        Ok(())
    }

    /// Removes a stored file, if it is there.
    pub(super) async fn remove(&self, firm_id: Uuid, sha256: &str) -> Result<(), Failure> {
        match fs::remove_file(self.place(firm_id, sha256)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Forces the names in a folder to the disk.
pub async fn sync_folder(folder: PathBuf) -> Result<(), Failure> {
    let synced = tokio::task::spawn_blocking(move || std::fs::File::open(folder)?.sync_all()).await;
    Ok(synced.map_err(Failure::internal)??)
}

/// Bytes of a file from one position to before another.
pub(super) async fn stream(
    mut file: fs::File,
    from: u64,
    to: u64,
) -> Result<BoxStream<'static, std::io::Result<Bytes>>, Failure> {
    file.seek(SeekFrom::Start(from)).await?;
    Ok(ReaderStream::with_capacity(file.take(to - from), READ_BYTES).boxed())
}

/// Whether a file of the folder is one that arrives piece by piece.
pub fn is_upload(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == UPLOAD_ENDING)
}

/// A file that is removed with this, unless its name was taken out or it lasts.
#[derive(Debug)]
pub(super) struct Temporary {
    path: Option<PathBuf>,
    lasts: bool,
}

impl Temporary {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path: Some(path), lasts: false }
    }

    pub(super) fn lasting(path: PathBuf) -> Self {
        Self { path: Some(path), lasts: true }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.path.take().filter(|_| !self.lasts) {
            drop(std::fs::remove_file(path));
        }
    }
}

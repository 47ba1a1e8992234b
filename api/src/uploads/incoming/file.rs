//! Files that arrive in a folder.
//!
//! Whoever works on such a file holds its lock (flock). Another request that wants it leaves a note beside it, for which
//! the holder looks while it waits for bytes; it then saves what it has and lets go. So a phone that came back need not
//! wait for its own dead connection, whichever process that ended in.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::clock::Stopwatch;
use crate::entity::upload;
use crate::evidence::blobs::folder::{Folder, UPLOAD_ENDING, is_upload, sync_folder};
use crate::evidence::blobs::{HEAD_BYTES, Received};
use crate::failure::Failure;
use crate::secrets::hex;
use crate::uploads::incoming::{LET_GO_WITHIN, hash_of, in_use, state_of};
use crate::uploads::service::{as_stored, as_told, trusted};

/// How often somebody who waits for a file looks whether it is free.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A file that arrives, and its lock: nobody else works on it while this lives.
#[derive(Debug)]
pub struct FileParts {
    file: Arc<File>,
    path: PathBuf,
    note: PathBuf,
    hasher: Sha256,
    bytes: u64,
    /// Bytes that were forced to the disk, and may have been told: they stay, whatever becomes of those after them.
    synced: u64,
}

impl Folder {
    /// Makes an empty file for an upload, durably.
    ///
    /// # Errors
    ///
    /// 507 `storage_full`, or 500 when the file system fails.
    pub async fn begin_incoming(&self, id: Uuid) -> Result<(), Failure> {
        let path = self.incoming_path(id);
        let folder = self.incoming();
        blocking(move || OpenOptions::new().write(true).create_new(true).open(path).map(drop)).await?;
        sync_folder(folder).await
    }

    /// Takes the file of an upload, from whoever works on it. None when it is not there.
    ///
    /// # Errors
    ///
    /// * 423 `upload_in_use` when the holder does not let go of it.
    /// * 500 when the file system fails.
    pub async fn take_incoming(&self, id: Uuid) -> Result<Option<FileParts>, Failure> {
        let (path, note) = (self.incoming_path(id), self.incoming_path(id).with_extension("wanted"));
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let watch = Stopwatch::start();
        let locked = loop {
            match file.try_lock() {
                Ok(()) => break true,
                Err(TryLockError::Error(error)) => return Err(error.into()),
                Err(TryLockError::WouldBlock) if Duration::from_micros(watch.elapsed_us()) >= LET_GO_WITHIN => {
                    break false;
                }
                Err(TryLockError::WouldBlock) => {
                    if !note.exists() {
                        File::create(&note)?;
                    }
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        };
        // Also one that a crash left; who else waits leaves another.
        drop(std::fs::remove_file(&note));
        if !locked {
            return Err(in_use());
        }
        // Whoever held it may have moved it to its place meanwhile.
        let is_same = std::fs::metadata(&path).is_ok_and(|now| file.metadata().is_ok_and(|own| own.ino() == now.ino()));
        if !is_same {
            return Ok(None);
        }
        let file = Arc::new(file);
        Ok(Some(FileParts { file, path, note, hasher: Sha256::new(), bytes: 0, synced: u64::MAX }))
    }

    /// Removes the file of an upload, if it is there.
    ///
    /// # Errors
    ///
    /// 500 when the file system fails.
    pub async fn drop_incoming(&self, id: Uuid) -> Result<(), Failure> {
        match tokio::fs::remove_file(self.incoming_path(id)).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// How much of an upload is on the disk at least, without taking it from anybody; none when there is no file.
    ///
    /// # Errors
    ///
    /// 500 when the file system fails.
    pub async fn incoming_synced(&self, id: Uuid) -> Result<Option<u64>, Failure> {
        let path = self.incoming_path(id);
        blocking(move || match File::open(path) {
            Ok(file) => {
                let bytes = file.metadata()?.len();
                // The name of an empty one is on the disk already, and there is nothing else of it.
                if bytes > 0 {
                    file.sync_all()?;
                }
                Ok(Some(bytes))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    /// How long the file of an upload is, whether it is on the disk already or not; none when there is no file. Not for
    /// telling a client.
    pub async fn incoming_bytes(&self, id: Uuid) -> Option<u64> {
        tokio::fs::metadata(self.incoming_path(id)).await.ok().map(|metadata| metadata.len())
    }

    /// The uploads whose files lie in the folder, with the time of the last byte.
    ///
    /// # Errors
    ///
    /// 500 when the folder cannot be read.
    pub async fn all_incoming(&self) -> Result<Vec<(Uuid, DateTime<Utc>)>, Failure> {
        let mut found = Vec::new();
        let mut entries = tokio::fs::read_dir(self.incoming()).await?;
        while let Some(entry) = entries.next_entry().await? {
            let path = entry.path();
            let id = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            if let (true, Some(id), Ok(metadata)) = (is_upload(&path), id, entry.metadata().await) {
                found.push((id, metadata.modified()?.into()));
            }
        }
        Ok(found)
    }

    fn incoming_path(&self, id: Uuid) -> PathBuf {
        self.incoming().join(id.to_string()).with_extension(UPLOAD_ENDING)
    }
}

impl FileParts {
    /// Bytes that are there, and on the disk since [`FileParts::sync`].
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Forces it to the disk, and looks how long it is. When that fails, what is not known to be there is cut off: the
    /// system may have dropped it, and would say the next time that all is well.
    ///
    /// # Errors
    ///
    /// 507 `storage_full`, or 500 when the file system fails.
    pub async fn sync(&mut self) -> Result<(), Failure> {
        let (file, synced) = (self.file.clone(), self.synced);
        self.bytes = blocking(move || {
            let bytes = file.metadata()?.len();
            if bytes > 0
                && let Err(error) = file.sync_all()
            {
                if synced < bytes {
                    file.set_len(synced)?;
                }
                return Err(error);
            }
            Ok(bytes)
        })
        .await?;
        self.synced = self.bytes;
        Ok(())
    }

    async fn truncate(&mut self, bytes: u64) -> Result<(), Failure> {
        let file = self.file.clone();
        blocking(move || {
            file.set_len(bytes)?;
            file.sync_all()
        })
        .await?;
        self.sync().await
    }

    /// Looks how long it is, cuts off what cannot be trusted, and goes on with the hash from where the row has it, or
    /// from the start; what came after that is read again.
    pub(super) async fn resume(&mut self, row: &upload::Model) -> Result<(), Failure> {
        self.synced = as_told(row.received);
        self.sync().await?;
        if self.bytes > trusted(row) {
            self.truncate(trusted(row)).await?;
        }
        let hashed = as_told(row.received);
        let resumed = hash_of(row).filter(|_| hashed <= self.bytes);
        let (mut hasher, from) = resumed.map_or_else(|| (Sha256::new(), 0), |hasher| (hasher, hashed));
        let (file, to) = (self.file.clone(), self.bytes);
        if from < to {
            hasher = blocking(move || {
                let mut file = &*file;
                file.seek(SeekFrom::Start(from))?;
                let mut rest = file.take(to - from);
                let mut buffer = vec![0; 256 * 1024];
                loop {
                    match rest.read(&mut buffer)? {
                        0 => return Ok(hasher),
                        n => hasher.update(&buffer[..n]),
                    }
                }
            })
            .await?;
        }
        self.hasher = hasher;
        Ok(())
    }

    /// Writes how far it is into its row.
    pub(super) fn note(&self, row: &mut upload::Model) {
        row.received = as_stored(self.bytes);
        row.hash_state = Some(state_of(&self.hasher));
    }

    /// Whether another request waits for it.
    pub async fn is_wanted(&self) -> bool {
        tokio::fs::try_exists(&self.note).await.unwrap_or(false)
    }

    /// Adds bytes at the end, and to the hash. They are on the disk after [`FileParts::sync`].
    ///
    /// # Errors
    ///
    /// 507 `storage_full`, or 500 when the file system fails: some of them may have been added then, and the hash has
    /// to be resumed.
    pub async fn append(&mut self, chunks: Vec<Bytes>) -> Result<(), Failure> {
        let (file, from, mut hasher) = (self.file.clone(), self.bytes, self.hasher.clone());
        // The work keeps the file, and so its lock, should nobody wait for it any more.
        let (hasher, to) = blocking(move || {
            let mut at = from;
            for chunk in &chunks {
                file.write_all_at(chunk, at)?;
                at += chunk.len() as u64;
                hasher.update(chunk);
            }
            Ok((hasher, at))
        })
        .await?;
        (self.hasher, self.bytes) = (hasher, to);
        Ok(())
    }

    /// The whole file, to be kept. Unlike one that came at once it stays where it is unless it is kept.
    ///
    /// # Errors
    ///
    /// 500 when the file system fails.
    pub async fn received(&self) -> Result<Received, Failure> {
        let file = self.file.clone();
        let head = blocking(move || head_of(&file)).await?;
        Ok(Received::lasting_file(self.path.clone(), hex(&self.hasher.clone().finalize()), self.bytes, head))
    }
}

/// A file whose bytes were all hashed and that was moved to its place already: a crash came before that was noted.
pub async fn received_before(folder: &Folder, row: &upload::Model) -> Result<Option<Received>, Failure> {
    let Some(hasher) = hash_of(row).filter(|_| row.length == Some(row.received)) else { return Ok(None) };
    let (sha256, bytes) = (hex(&hasher.finalize()), as_told(row.received));
    let path = folder.place(row.firm_id, &sha256);
    if !tokio::fs::try_exists(&path).await? {
        return Ok(None);
    }
    // It was moved, but nobody knows how far its name had come.
    folder.sync_place(row.firm_id, &sha256).await?;
    blocking(move || match File::open(&path) {
        Ok(file) if file.metadata()?.len() == bytes => Ok(Some(Received::in_place(sha256, bytes, head_of(&file)?))),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    })
    .await
}

fn head_of(mut file: &File) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    file.seek(SeekFrom::Start(0))?;
    file.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Work on a file, which may take the disk some time.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T, Failure> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(Failure::internal)??)
}

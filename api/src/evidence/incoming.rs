//! Files that arrive piece by piece. What counts is what lies on the disk: its length is the offset that is told, never
//! a number in memory, so that any process with the same folder can go on after any other.
//!
//! Whoever works on such a file holds its lock (flock). Another request that wants it leaves a note beside it, for which
//! the holder looks while it waits for bytes; it then saves what it has and lets go. So a phone that came back need not
//! wait for its own dead connection, whichever process that ended in.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::clock::Stopwatch;
use crate::evidence::blobs::{Blobs, HEAD_BYTES, Received, sync_folder};
use crate::failure::{Failure, Kind};
use crate::secrets::hex;

/// How long the holder of a file may take to let go of it.
const LET_GO_WITHIN: Duration = Duration::from_secs(3);
/// How often somebody who waits for a file looks whether it is free.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The end of the names of files that arrive.
const ENDING: &str = "upload";

/// A file that arrives, and its lock: nobody else works on it while this lives.
#[derive(Debug)]
pub struct Incoming {
    file: Arc<File>,
    path: PathBuf,
    note: PathBuf,
    hasher: Sha256,
    bytes: u64,
}

impl Blobs {
    /// Makes an empty file for an upload, durably.
    ///
    /// # Errors
    ///
    /// 507 `storage_full`, or 500 when the file system fails.
    pub async fn begin_incoming(&self, id: Uuid) -> Result<(), Failure> {
        let path = self.incoming_path(id);
        let folder = self.incoming();
        blocking(move || OpenOptions::new().write(true).create_new(true).open(path)?.sync_all()).await?;
        sync_folder(folder).await
    }

    /// Takes the file of an upload, from whoever works on it. None when it is not there.
    ///
    /// # Errors
    ///
    /// * 423 `upload_in_use` when the holder does not let go of it.
    /// * 500 when the file system fails.
    pub async fn take_incoming(&self, id: Uuid) -> Result<Option<Incoming>, Failure> {
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
            let detail = "Another request is working on this upload and does not let go of it. Try again in a moment.";
            return Err(Failure::new(Kind::Locked, "upload_in_use", detail).with_retry_after(1));
        }
        // Whoever held it may have moved it to its place meanwhile.
        let is_same = std::fs::metadata(&path).is_ok_and(|now| file.metadata().is_ok_and(|own| own.ino() == now.ino()));
        if !is_same {
            return Ok(None);
        }
        let file = Arc::new(file);
        let mut incoming = Incoming { file, path, note, hasher: Sha256::new(), bytes: 0 };
        incoming.sync().await?;
        Ok(Some(incoming))
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
                file.sync_all()?;
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

    /// The uploads whose files lie in the folder, with the seconds since the last byte came.
    ///
    /// # Errors
    ///
    /// 500 when the folder cannot be read.
    pub async fn all_incoming(&self) -> Result<Vec<(Uuid, std::time::SystemTime)>, Failure> {
        let mut found = Vec::new();
        let mut entries = tokio::fs::read_dir(self.incoming()).await?;
        while let Some(entry) = entries.next_entry().await? {
            let path = entry.path();
            let id = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            if let (true, Some(id), Ok(metadata)) = (is_incoming(&path), id, entry.metadata().await) {
                found.push((id, metadata.modified()?));
            }
        }
        Ok(found)
    }

    fn incoming_path(&self, id: Uuid) -> PathBuf {
        self.incoming().join(id.to_string()).with_extension(ENDING)
    }
}

/// Whether a file of the folder is one that arrives piece by piece, and is kept until its upload ends.
pub fn is_incoming(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == ENDING)
}

impl Incoming {
    /// Bytes that are there, and on the disk since [`Incoming::sync`].
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Forces it to the disk, and looks how long it is.
    ///
    /// # Errors
    ///
    /// 507 `storage_full`, or 500 when the file system fails.
    pub async fn sync(&mut self) -> Result<(), Failure> {
        let file = self.file.clone();
        self.bytes = blocking(move || {
            file.sync_all()?;
            Ok(file.metadata()?.len())
        })
        .await?;
        Ok(())
    }

    /// Cuts it to a length, durably.
    ///
    /// # Errors
    ///
    /// 500 when the file system fails.
    pub async fn truncate(&mut self, bytes: u64) -> Result<(), Failure> {
        let file = self.file.clone();
        blocking(move || file.set_len(bytes)).await?;
        self.sync().await
    }

    /// Whether another request waits for it.
    pub async fn is_wanted(&self) -> bool {
        tokio::fs::try_exists(&self.note).await.unwrap_or(false)
    }

    /// Goes on with a hash that was saved when there were `hashed` bytes, or from the start; what came after them is
    /// read again.
    ///
    /// # Errors
    ///
    /// 500 when the file system fails.
    pub async fn resume_hash(&mut self, hashed: u64, state: Option<&str>) -> Result<(), Failure> {
        let resumed = state.filter(|_| hashed <= self.bytes).and_then(hasher_of);
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

    /// The state of the hash over all its bytes, to be saved.
    pub fn hash_state(&self) -> String {
        BASE64_STANDARD.encode(self.hasher.serialize())
    }

    /// Adds bytes at the end, and to the hash. They are on the disk after [`Incoming::sync`].
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
        Ok(Received::lasting(self.path.clone(), hex(&self.hasher.clone().finalize()), self.bytes, head))
    }
}

/// A file whose bytes were all hashed and that was moved to its place already: a crash came before that was noted.
pub async fn received_before(
    blobs: &Blobs,
    firm_id: Uuid,
    bytes: u64,
    state: Option<&str>,
) -> Result<Option<Received>, Failure> {
    let Some(hasher) = state.and_then(hasher_of) else { return Ok(None) };
    let sha256 = hex(&hasher.finalize());
    let path = blobs.path(firm_id, &sha256);
    blocking(move || match File::open(&path) {
        Ok(file) if file.metadata()?.len() == bytes => Ok(Some(Received::kept(sha256, bytes, head_of(&file)?))),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    })
    .await
}

fn hasher_of(state: &str) -> Option<Sha256> {
    let bytes = BASE64_STANDARD.decode(state).ok()?;
    Sha256::deserialize(bytes.as_slice().try_into().ok()?).ok()
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

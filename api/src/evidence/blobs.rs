//! Stored files: content-addressed inside a firm, in a folder or in a bucket of an S3-compatible store. Both keep what
//! was acknowledged: nothing is told to be stored that a power cut or the death of this machine could take back.

pub mod bucket;
pub mod folder;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use crate::evidence::blobs::bucket::{Bucket, Key, TemporaryObject};
use crate::evidence::blobs::folder::{Folder, Temporary};
use crate::failure::{Failure, Kind};
use crate::secrets::hex;

/// Bytes kept of the head of a file, for finding out what it is.
pub const HEAD_BYTES: usize = 4096;

/// How long a store may take to answer that it is there.
const CHECKED_WITHIN: Duration = Duration::from_secs(3);

/// Where stored files are.
#[derive(Clone, Debug)]
pub enum Blobs {
    /// In a folder that every process of the installation shares.
    Folder(Folder),
    /// In a bucket.
    Bucket(Bucket),
}

/// A file that was received whole and is durable, but has no place yet. Unless it was kept, it is removed with this, or
/// lasts if it came piece by piece.
#[derive(Debug)]
pub struct Received {
    source: Source,
    /// The sha256 of its bytes in lower-case hex.
    pub sha256: String,
    /// Its size.
    pub bytes: i64,
    /// Its first bytes.
    pub head: Vec<u8>,
}

#[derive(Debug)]
enum Source {
    InPlace,
    File(Temporary),
    /// A file so small that it is sent to its place at once. Only here it is not durable before it is kept.
    Memory(Bytes),
    Object(TemporaryObject),
}

/// A stored file, to be read.
pub struct Opened {
    /// Its size.
    pub bytes: u64,
    source: OpenedSource,
}

enum OpenedSource {
    File(tokio::fs::File),
    Object(Bucket, Key),
}

/// A stored file with a path, for those that read only such; a copy of it if need be, removed with this.
pub struct OnDisk {
    path: PathBuf,
    _copy: Option<Temporary>,
}

impl OnDisk {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Blobs {
    /// Makes sure that files can be stored when the program starts, and removes what an earlier run left unfinished.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500, 503, 507) when the folder cannot be made or read, or the bucket cannot be reached.
    pub async fn prepare(&self, name: Uuid, now: DateTime<Utc>) -> Result<(), Failure> {
        match self {
            Self::Folder(folder) => folder.prepare(now).await,
            Self::Bucket(bucket) => {
                bucket.clear_scratch(now).await?;
                bucket.check(name).await.map_err(|error| {
                    Failure::new(Kind::Unavailable, "storage_unavailable", format!("Files cannot be stored: {error}"))
                })
            }
        }
    }

    /// Checks that files can be stored, under a name of the caller's. Makes no folder: one that is missing, such as of a
    /// volume that is not mounted, is an error.
    ///
    /// # Errors
    ///
    /// Why they cannot, for people who run the server.
    pub async fn check(&self, name: Uuid) -> Result<(), String> {
        match self {
            Self::Folder(folder) => folder.check(name).await.map_err(|error| error.to_string()),
            Self::Bucket(bucket) => tokio::time::timeout(CHECKED_WITHIN, bucket.check(name))
                .await
                .unwrap_or_else(|_| Err("the store does not answer in time".to_owned())),
        }
    }

    /// Receives a file piece by piece, never a large one whole in memory.
    ///
    /// # Errors
    ///
    /// * 408 `body_too_slow` when it comes too slowly.
    /// * 400 `interrupted` when the client stops in the middle; nothing is kept.
    /// * 413 `too_large` beyond `limit_bytes`.
    /// * 503 `storage_unavailable`, 507 `storage_full` when it cannot be stored.
    pub async fn receive<S, E>(&self, name: Uuid, stream: S, limit_bytes: u64) -> Result<Received, Failure>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: std::error::Error + 'static,
    {
        let inflow = Inflow::new(stream, limit_bytes);
        match self {
            Self::Folder(folder) => folder.receive(name, inflow).await,
            Self::Bucket(bucket) => bucket.receive(name, inflow).await,
        }
    }

    /// Gives a received file its place, durably. The row that names it is written afterwards. Doing it again changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// 503 `storage_unavailable`, 507 `storage_full`, or 500 when the file system fails.
    pub async fn keep(&self, firm_id: Uuid, received: &mut Received) -> Result<(), Failure> {
        match (self, &mut received.source) {
            (_, Source::InPlace) => Ok(()),
            (Self::Folder(folder), Source::File(temporary)) => {
                folder.keep(firm_id, &received.sha256, temporary).await?;
                received.source = Source::InPlace;
                Ok(())
            }
            (Self::Bucket(bucket), Source::Memory(content)) => {
                bucket.put(&bucket.place(firm_id, &received.sha256), content.clone()).await
            }
            (Self::Bucket(bucket), Source::Object(object)) => {
                bucket.copy(object.key(), &bucket.place(firm_id, &received.sha256)).await
            }
            _ => Err(Failure::internal("a file was received by another store")),
        }
    }

    /// Removes a stored file, if it is there. Its row is marked, so that nothing refers to it.
    ///
    /// # Errors
    ///
    /// 500, 503 when the store fails: it may be removed then or not, or later.
    pub async fn remove(&self, firm_id: Uuid, sha256: &str) -> Result<(), Failure> {
        match self {
            Self::Folder(folder) => folder.remove(firm_id, sha256).await,
            Self::Bucket(bucket) => bucket.remove(&bucket.place(firm_id, sha256)).await,
        }
    }

    /// Stores bytes that the server made itself, such as a preview.
    ///
    /// # Errors
    ///
    /// As [`Blobs::receive`] and [`Blobs::keep`].
    pub async fn store(&self, firm_id: Uuid, name: Uuid, content: Vec<u8>) -> Result<Received, Failure> {
        let content = Bytes::from(content);
        let limit = content.len() as u64;
        let mut received = match self {
            Self::Folder(_) => {
                let stream = futures_util::stream::iter([Ok::<_, std::io::Error>(content)]);
                self.receive(name, stream, limit).await?
            }
            Self::Bucket(_) => {
                let (sha256, head) = (hex(&Sha256::digest(&content)), Vec::new());
                Received::of(Source::Memory(content), sha256, limit, head)
            }
        };
        self.keep(firm_id, &mut received).await?;
        Ok(received)
    }

    /// Opens a stored file; none when it is not there.
    ///
    /// # Errors
    ///
    /// 500, 503 when the store fails.
    pub async fn open(&self, firm_id: Uuid, sha256: &str) -> Result<Option<Opened>, Failure> {
        match self {
            Self::Folder(folder) => {
                let file = match tokio::fs::File::open(folder.place(firm_id, sha256)).await {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                    opened => opened?,
                };
                Ok(Some(Opened { bytes: file.metadata().await?.len(), source: OpenedSource::File(file) }))
            }
            Self::Bucket(bucket) => {
                let key = bucket.place(firm_id, sha256);
                let bytes = bucket.length(&key).await?;
                Ok(bytes.map(|bytes| Opened { bytes, source: OpenedSource::Object(bucket.clone(), key) }))
            }
        }
    }

    /// A stored file in memory, for small ones that the server made itself.
    ///
    /// # Errors
    ///
    /// 500, 503 when it is not there or cannot be read.
    pub async fn read(&self, firm_id: Uuid, sha256: &str) -> Result<Vec<u8>, Failure> {
        let opened = self.open(firm_id, sha256).await?.ok_or_else(|| missing(sha256))?;
        let bytes = opened.bytes;
        let mut stream = opened.stream(0, bytes).await?;
        let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
        while let Some(piece) = stream.next().await {
            content.extend_from_slice(&piece?);
        }
        Ok(content)
    }

    /// The place of a folder, under a name of the caller's, for a program that looks into a stored file. It is not there
    /// yet; if it is left behind, it is removed when the program starts.
    pub fn work_folder(&self, name: Uuid) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.incoming().join(format!("{name}.work")),
            Self::Bucket(bucket) => bucket.scratch().join(format!("{name}.work")),
        }
    }

    /// A stored file that has a path. `name` names the copy, if one has to be made.
    ///
    /// # Errors
    ///
    /// 500, 503, 507 when it is not there, or cannot be read or copied.
    pub async fn on_disk(&self, firm_id: Uuid, sha256: &str, name: Uuid) -> Result<OnDisk, Failure> {
        let bucket = match self {
            Self::Folder(folder) => return Ok(OnDisk { path: folder.place(firm_id, sha256), _copy: None }),
            Self::Bucket(bucket) => bucket,
        };
        let opened = self.open(firm_id, sha256).await?.ok_or_else(|| missing(sha256))?;
        let path = bucket.scratch().join(name.to_string());
        let mut file = tokio::fs::File::options().write(true).create_new(true).mode(0o600).open(&path).await?;
        let copy = Temporary::new(path.clone());
        let bytes = opened.bytes;
        let mut stream = opened.stream(0, bytes).await?;
        while let Some(piece) = stream.next().await {
            file.write_all(&piece?).await?;
        }
        file.flush().await?;
        Ok(OnDisk { path, _copy: Some(copy) })
    }
}

/// A file that the database knows of and the store does not.
pub fn missing(sha256: &str) -> Failure {
    Failure::internal(format!("the stored file {sha256} is missing"))
}

/// 410: what has arrived of a file is not there any more.
pub fn gone() -> Failure {
    let detail = "What has arrived of the file is not here any more. Begin a new upload with POST /v1/uploads.";
    Failure::new(Kind::Gone, "upload_gone", detail)
}

impl Opened {
    /// Its bytes from one position to before another.
    ///
    /// # Errors
    ///
    /// 500 when the file cannot be read.
    pub async fn stream(self, from: u64, to: u64) -> Result<BoxStream<'static, std::io::Result<Bytes>>, Failure> {
        match self.source {
            OpenedSource::File(file) => folder::stream(file, from, to).await,
            OpenedSource::Object(bucket, key) => Ok(bucket.stream(key, from, to)),
        }
    }
}

impl Received {
    /// A file of the folder that came piece by piece and lasts until its upload ends.
    pub fn lasting_file(path: PathBuf, sha256: String, bytes: u64, head: Vec<u8>) -> Self {
        Self::of(Source::File(Temporary::lasting(path)), sha256, bytes, head)
    }

    /// An object of the bucket that came piece by piece and lasts until its upload ends.
    pub fn lasting_object(object: TemporaryObject, sha256: String, bytes: u64, head: Vec<u8>) -> Self {
        Self::of(Source::Object(object), sha256, bytes, head)
    }

    /// A file that is in its place already.
    pub fn in_place(sha256: String, bytes: u64, head: Vec<u8>) -> Self {
        Self::of(Source::InPlace, sha256, bytes, head)
    }

    fn of(source: Source, sha256: String, bytes: u64, head: Vec<u8>) -> Self {
        Self { source, sha256, bytes: i64::try_from(bytes).unwrap_or(i64::MAX), head }
    }
}

/// The bytes of a file on their way into a store: hashed, counted, and refused beyond a limit.
struct Inflow<S> {
    stream: S,
    limit_bytes: u64,
    hasher: Sha256,
    bytes: u64,
    head: Vec<u8>,
}

impl<S, E> Inflow<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::error::Error + 'static,
{
    fn new(stream: S, limit_bytes: u64) -> Self {
        Self { stream, limit_bytes, hasher: Sha256::new(), bytes: 0, head: Vec::new() }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let Some(chunk) = self.stream.next().await else { return Ok(None) };
        let chunk = chunk.map_err(|error| {
            if let Some(failure) = crate::http::limits::broken(&error) {
                return failure;
            }
            let detail = format!("The file did not arrive whole ({error}). Send it again.");
            Failure::new(Kind::Malformed, "interrupted", detail)
        })?;
        self.bytes += chunk.len() as u64;
        if self.bytes > self.limit_bytes {
            return Err(crate::http::limits::too_large(self.limit_bytes));
        }
        if self.head.len() < HEAD_BYTES {
            self.head.extend_from_slice(&chunk[..chunk.len().min(HEAD_BYTES - self.head.len())]);
        }
        self.hasher.update(&chunk);
        Ok(Some(chunk))
    }

    fn received(self, source: Source) -> Received {
        Received::of(source, hex(&self.hasher.finalize()), self.bytes, self.head)
    }
}

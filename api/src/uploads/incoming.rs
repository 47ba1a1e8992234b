//! Files that arrive piece by piece: what is there of each, and who works on it. In a folder what counts is the length of
//! the file on the disk; in a bucket, what the row of the upload says of the objects there. Either way it is never a
//! number in memory, so that any process can go on after any other.

pub mod file;
pub mod parts;

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::Sha256;
use sha2::digest::common::hazmat::SerializableState;
use uuid::Uuid;

use crate::app::App;
use crate::entity::upload;
use crate::evidence::blobs::{Blobs, Received};
use crate::failure::{Failure, Kind};
use crate::uploads::incoming::file::FileParts;
use crate::uploads::incoming::parts::ObjectParts;
use crate::uploads::service::as_told;

/// How long the holder of an upload may take to let go of it.
pub const LET_GO_WITHIN: Duration = Duration::from_secs(3);

/// A file that arrives. Nobody else works on it while this lives.
#[derive(Debug)]
pub enum Incoming {
    /// In a file.
    File(FileParts),
    /// In objects of a bucket.
    Objects(Box<ObjectParts>),
}

/// Makes room for a new upload, durably.
///
/// # Errors
///
/// 507 `storage_full`, or 500 when the file system fails.
pub async fn begin(app: &App, id: Uuid) -> Result<(), Failure> {
    match &app.blobs {
        Blobs::Folder(folder) => folder.begin_incoming(id).await,
        Blobs::Bucket(_) => Ok(()),
    }
}

/// Takes an open upload from whoever works on it; it has to be [resumed](Incoming::resume) next, with its row as it is
/// then. None when there is nothing of it.
///
/// # Errors
///
/// * 423 `upload_in_use` when the holder does not let go of it.
/// * 500, 503 when the store or the database fails.
pub async fn take(app: &App, row: &upload::Model) -> Result<Option<Incoming>, Failure> {
    match &app.blobs {
        Blobs::Folder(folder) => Ok(folder.take_incoming(row.id).await?.map(Incoming::File)),
        Blobs::Bucket(bucket) => Ok(Some(Incoming::Objects(Box::new(ObjectParts::take(app, bucket, row).await?)))),
    }
}

/// Removes what is there of an upload that is not open any more.
///
/// # Errors
///
/// 500, 503 when the store fails.
pub async fn remove(app: &App, row: &upload::Model) -> Result<(), Failure> {
    match &app.blobs {
        Blobs::Folder(folder) => folder.drop_incoming(row.id).await,
        Blobs::Bucket(bucket) => parts::remove(bucket, row).await,
    }
}

/// Removes what is there of an upload that has ended, when that has been answered for: what stays is swept.
pub async fn clear(app: &App, row: &upload::Model) {
    if let Err(failure) = remove(app, row).await {
        tracing::info!(upload = %row.id, %failure, "the bytes of an upload that has ended stay for the sweep");
    }
}

/// Removes what is there of an upload of which there is no row.
///
/// # Errors
///
/// 500, 503 when the store fails.
pub async fn remove_orphan(app: &App, id: Uuid) -> Result<(), Failure> {
    match &app.blobs {
        Blobs::Folder(folder) => folder.drop_incoming(id).await,
        Blobs::Bucket(bucket) => bucket.remove_incoming(id).await,
    }
}

/// How much of an upload is durable at least, without taking it from anybody; none when there is nothing of it.
///
/// # Errors
///
/// 500 when the file system fails.
pub async fn durable_bytes(app: &App, row: &upload::Model) -> Result<Option<u64>, Failure> {
    match &app.blobs {
        Blobs::Folder(folder) => folder.incoming_synced(row.id).await,
        Blobs::Bucket(_) => Ok(Some(as_told(row.received))),
    }
}

/// How much there is of an upload, durable or not; none when there is nothing of it. Not for telling a client.
pub async fn bytes(app: &App, row: &upload::Model) -> Option<u64> {
    match &app.blobs {
        Blobs::Folder(folder) => folder.incoming_bytes(row.id).await,
        Blobs::Bucket(_) => Some(as_told(row.received)),
    }
}

/// The uploads of which something is there, with the time of the last byte.
///
/// # Errors
///
/// 500, 503 when the store fails.
pub async fn all(app: &App) -> Result<Vec<(Uuid, DateTime<Utc>)>, Failure> {
    match &app.blobs {
        Blobs::Folder(folder) => folder.all_incoming().await,
        Blobs::Bucket(bucket) => bucket.find_incoming().await,
    }
}

/// A file whose bytes were all hashed and that was moved to its place already: a crash came before that was noted. A
/// bucket leaves what arrived where it is until that is noted.
///
/// # Errors
///
/// 500 when the file system fails.
pub async fn received_before(app: &App, row: &upload::Model) -> Result<Option<Received>, Failure> {
    match &app.blobs {
        Blobs::Folder(folder) => file::received_before(folder, row).await,
        Blobs::Bucket(_) => Ok(None),
    }
}

/// The hash over the bytes received that the row of an upload tells.
fn hash_of(row: &upload::Model) -> Option<Sha256> {
    let bytes = BASE64_STANDARD.decode(row.hash_state.as_deref()?).ok()?;
    Sha256::deserialize(bytes.as_slice().try_into().ok()?).ok()
}

/// A hash that is not finished, as rows keep it.
fn state_of(hasher: &Sha256) -> String {
    BASE64_STANDARD.encode(hasher.serialize())
}

/// 423: another request works on the upload.
pub fn in_use() -> Failure {
    let detail = "Another request is working on this upload and does not let go of it. Try again in a moment.";
    Failure::new(Kind::Locked, "upload_in_use", detail).with_retry_after(1)
}

impl Incoming {
    /// Bytes that are there, and durable since [`Incoming::sync`].
    pub fn bytes(&self) -> u64 {
        match self {
            Self::File(file) => file.bytes(),
            Self::Objects(objects) => objects.bytes(),
        }
    }

    /// Goes on from what the row and the store tell; what came after that is dropped.
    ///
    /// # Errors
    ///
    /// * 410 `upload_gone` when they do not tell enough.
    /// * 500 when the file system fails.
    pub async fn resume(&mut self, row: &upload::Model) -> Result<(), Failure> {
        match self {
            Self::File(file) => file.resume(row).await,
            Self::Objects(objects) => objects.resume(row).await,
        }
    }

    /// Adds bytes at the end, and to the hash.
    ///
    /// # Errors
    ///
    /// 503 `storage_unavailable`, 507 `storage_full`, or 500 when the store fails: some of them may have been added
    /// then, and it has to be resumed.
    pub async fn append(&mut self, chunks: Vec<Bytes>) -> Result<(), Failure> {
        match self {
            Self::File(file) => file.append(chunks).await,
            Self::Objects(objects) => objects.append(chunks).await,
        }
    }

    /// Makes all its bytes durable. In a bucket they count when the row is saved.
    ///
    /// # Errors
    ///
    /// 503 `storage_unavailable`, 507 `storage_full`, or 500 when the store fails.
    pub async fn sync(&mut self) -> Result<(), Failure> {
        match self {
            Self::File(file) => file.sync().await,
            Self::Objects(objects) => objects.sync().await,
        }
    }

    /// Whether the row should be saved though the piece has not ended, so that a crash takes less.
    pub fn is_worth_saving(&self) -> bool {
        match self {
            Self::File(_) => false,
            Self::Objects(objects) => objects.is_worth_saving(),
        }
    }

    /// Writes how far it is into its row.
    pub fn note(&self, row: &mut upload::Model) {
        match self {
            Self::File(file) => file.note(row),
            Self::Objects(objects) => objects.note(row),
        }
    }

    /// The row as noted is about to be saved: whether it was is not certain any more until it is read again.
    pub fn saving(&mut self) {
        match self {
            Self::File(_) => {}
            Self::Objects(objects) => objects.saving(),
        }
    }

    /// Whether it has held memory for some time that others wait for.
    pub fn is_in_the_way(&self) -> bool {
        match self {
            Self::File(_) => false,
            Self::Objects(objects) => objects.is_in_the_way(),
        }
    }

    /// Lets others have the memory that it held; everything is saved.
    pub fn make_way(&mut self) {
        match self {
            Self::File(_) => {}
            Self::Objects(objects) => objects.make_way(),
        }
    }

    /// The row as noted has been saved.
    pub async fn saved(&mut self) {
        match self {
            Self::File(_) => {}
            Self::Objects(objects) => objects.saved().await,
        }
    }

    /// The name under which the row must be saved, if it is one's turn only under a name.
    pub fn holder(&self) -> Option<Uuid> {
        match self {
            Self::File(_) => None,
            Self::Objects(objects) => Some(objects.holder()),
        }
    }

    /// Whether another request waits for it.
    pub async fn is_wanted(&self) -> bool {
        match self {
            Self::File(file) => file.is_wanted().await,
            Self::Objects(objects) => objects.is_wanted(),
        }
    }

    /// The whole file, to be kept. Unlike one that came at once it stays where it is unless it is kept.
    ///
    /// # Errors
    ///
    /// 503 `storage_unavailable`, 507 `storage_full`, or 500 when the store fails.
    pub async fn received(&self) -> Result<Received, Failure> {
        match self {
            Self::File(file) => file.received().await,
            Self::Objects(objects) => objects.received().await,
        }
    }
}

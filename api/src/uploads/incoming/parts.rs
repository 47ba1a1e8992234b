//! Files that arrive in a bucket. Every [`PART_BYTES`] become a part of a large file; what is less waits as small objects
//! (the tail) until enough follow. The row of the upload names both, so that any machine can go on.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use crate::app::App;
use crate::clock::Stopwatch;
use crate::entity::upload;
use crate::evidence::blobs::bucket::{Bucket, Key, Multipart, PART_BYTES, TemporaryObject, Waiting};
use crate::evidence::blobs::{HEAD_BYTES, Received};
use crate::failure::{Failure, Kind};
use crate::secrets::hex;
use crate::uploads::incoming::{hash_of, state_of};
use crate::uploads::lease::Lease;
use crate::uploads::service::{as_stored, as_told};

/// How long a part is held in memory while others wait. What a slow client has sent by then becomes a small object.
const PLACE_FOR: Duration = Duration::from_secs(3);
/// Most small objects of a tail; then one is made of them.
const TAIL_OBJECTS: usize = 32;

/// A file that arrives in a bucket, and the right to work on it.
#[derive(Debug)]
pub struct ObjectParts {
    bucket: Bucket,
    id: Uuid,
    lease: Lease,
    stored: Stored,
    /// How many bytes the store has.
    stored_bytes: u64,
    /// Over these.
    hasher: Sha256,
    /// What follows and is not in the store yet.
    waiting: Waiting,
    /// A part has them by now; they go when that is saved.
    superseded: Vec<Key>,
    /// What the row calls the large file.
    saved_large: Option<String>,
    /// The right to hold a part in memory, and since when.
    place: Option<(OwnedSemaphorePermit, Stopwatch)>,
    is_worth_saving: bool,
}

/// What the store has of a file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Stored {
    large: Option<Multipart>,
    tail: Vec<TailObject>,
}

/// Bytes that are too few for a part.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct TailObject {
    name: String,
    bytes: u64,
    /// What the store calls this content, if it says so.
    #[serde(default)]
    etag: Option<String>,
}

impl Stored {
    fn of(row: &upload::Model) -> Option<Self> {
        row.parts.as_deref().map_or(Some(Self::default()), |parts| serde_json::from_str(parts).ok())
    }

    fn tail_bytes(&self) -> usize {
        self.tail.iter().map(|object| usize::try_from(object.bytes).unwrap_or(usize::MAX)).sum()
    }
}

/// Removes what is there of an upload.
///
/// # Errors
///
/// 503 `storage_unavailable`.
pub async fn remove(bucket: &Bucket, row: &upload::Model) -> Result<(), Failure> {
    if let Some(large) = Stored::of(row).and_then(|stored| stored.large) {
        bucket.abort(&bucket.whole(row.id), &large.id).await;
    }
    bucket.remove_incoming(row.id).await
}

impl ObjectParts {
    /// Takes an upload, as [`super::take`].
    pub(super) async fn take(app: &App, bucket: &Bucket, row: &upload::Model) -> Result<Self, Failure> {
        Ok(Self {
            lease: Lease::take(app, row).await?,
            bucket: bucket.clone(),
            id: row.id,
            stored: Stored::default(),
            stored_bytes: 0,
            hasher: Sha256::new(),
            waiting: Waiting::default(),
            superseded: Vec::new(),
            saved_large: None,
            place: None,
            is_worth_saving: false,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.stored_bytes + self.waiting.bytes() as u64
    }

    pub(super) fn holder(&self) -> Uuid {
        self.lease.holder()
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.lease.is_wanted()
    }

    pub(super) fn is_worth_saving(&self) -> bool {
        self.is_worth_saving
    }

    pub(super) async fn resume(&mut self, row: &upload::Model) -> Result<(), Failure> {
        self.abort_unsaved().await;
        // Parts cannot be read before the file is whole, so there is no other way to the hash of what is there.
        let hasher = if row.received == 0 { Some(Sha256::new()) } else { hash_of(row) };
        let (Some(hasher), Some(stored)) = (hasher, Stored::of(row)) else {
            let detail = "This upload cannot go on. Begin a new one with POST /v1/uploads.";
            return Err(Failure::new(Kind::Gone, "upload_gone", detail));
        };
        (self.hasher, self.stored, self.stored_bytes) = (hasher, stored, as_told(row.received));
        (self.waiting, self.is_worth_saving) = (Waiting::default(), false);
        self.superseded.clear();
        self.saved_large = self.large_id();
        Ok(())
    }

    fn large_id(&self) -> Option<String> {
        self.stored.large.as_ref().map(|large| large.id.clone())
    }

    /// The large file that was begun and that no row names.
    fn unsaved(&mut self) -> Option<String> {
        let id = self.large_id().filter(|id| self.saved_large.as_ref() != Some(id))?;
        self.stored.large = None;
        Some(id)
    }

    async fn abort_unsaved(&mut self) {
        if let Some(id) = self.unsaved() {
            self.bucket.abort(&self.bucket.whole(self.id), &id).await;
        }
    }

    pub(super) async fn append(&mut self, chunks: Vec<Bytes>) -> Result<(), Failure> {
        if self.place.is_none() {
            self.place = Some((self.bucket.take_place().await?, Stopwatch::start()));
        }
        for chunk in chunks {
            self.waiting.push(chunk);
        }
        while self.stored.tail_bytes() + self.waiting.bytes() >= PART_BYTES {
            let mut part = self.fetch_tail().await?;
            let taken = self.waiting.take(PART_BYTES - self.stored.tail_bytes());
            part.extend(taken.iter().cloned());
            self.bucket.put_part(&self.bucket.whole(self.id), &mut self.stored.large, part).await?;
            self.drop_tail();
            self.count(&taken);
            self.is_worth_saving = true;
        }
        Ok(())
    }

    fn count(&mut self, stored: &[Bytes]) {
        for chunk in stored {
            self.hasher.update(chunk);
            self.stored_bytes += chunk.len() as u64;
        }
    }

    pub(super) async fn sync(&mut self) -> Result<(), Failure> {
        if self.waiting.bytes() == 0 {
            return Ok(());
        }
        let mut content = Vec::new();
        if self.stored.tail.len() >= TAIL_OBJECTS {
            content = self.fetch_tail().await?;
        }
        let merged = !content.is_empty();
        let taken = self.waiting.take(self.waiting.bytes());
        content.extend(taken.iter().cloned());
        let content = Bytes::from(content.concat());
        // Nobody else writes under this name, however late they are.
        let name = format!("{:012}-{}", self.stored_bytes, self.holder());
        let mut object = TailObject { name, bytes: content.len() as u64, etag: None };
        object.etag = self.bucket.put(&self.key_of(&object), content).await?;
        if merged {
            self.drop_tail();
        }
        self.stored.tail.push(object);
        self.count(&taken);
        Ok(())
    }

    pub(super) fn note(&self, row: &mut upload::Model) {
        row.received = as_stored(self.stored_bytes);
        row.hash_state = Some(state_of(&self.hasher));
        row.parts = serde_json::to_string(&self.stored).ok();
    }

    pub(super) fn saving(&mut self) {
        self.saved_large = self.large_id();
    }

    pub(super) fn is_in_the_way(&self) -> bool {
        let is_old = |(_, since): &(_, Stopwatch)| Duration::from_micros(since.elapsed_us()) >= PLACE_FOR;
        self.bucket.is_crowded() && self.place.as_ref().is_some_and(is_old)
    }

    pub(super) fn make_way(&mut self) {
        self.place = None;
    }

    pub(super) async fn saved(&mut self) {
        self.is_worth_saving = false;
        for key in self.superseded.drain(..) {
            if let Err(failure) = self.bucket.remove(&key).await {
                tracing::info!(%failure, "a piece of an upload stays until the upload ends");
            }
        }
    }

    pub(super) async fn received(&self) -> Result<Received, Failure> {
        let whole = self.bucket.whole(self.id);
        let key = match (&self.stored.large, self.stored.tail.as_slice()) {
            (None, [only]) => self.key_of(only),
            (None, _) => {
                self.bucket.put(&whole, self.fetch_tail().await?.concat().into()).await?;
                whole
            }
            // It was put together before a crash.
            (Some(_), _) if self.bucket.length(&whole).await? == Some(self.stored_bytes) => whole,
            (Some(large), tail) => {
                let mut large = Some(large.clone());
                if !tail.is_empty() {
                    self.bucket.put_part(&whole, &mut large, self.fetch_tail().await?).await?;
                }
                if let Some(large) = large
                    && let Err(failure) = self.bucket.complete(&whole, &large).await
                    // Another request may have done it at this moment, or the answer was lost.
                    && self.bucket.length(&whole).await? != Some(self.stored_bytes)
                {
                    return Err(failure);
                }
                whole
            }
        };
        let head = self.bucket.fetch(&key, 0, self.stored_bytes.min(HEAD_BYTES as u64)).await?.to_vec();
        let object = TemporaryObject::lasting(self.bucket.clone(), key);
        Ok(Received::lasting_object(object, hex(&self.hasher.clone().finalize()), self.stored_bytes, head))
    }

    async fn fetch_tail(&self) -> Result<Vec<Bytes>, Failure> {
        let mut fetched = Vec::with_capacity(self.stored.tail.len());
        for object in &self.stored.tail {
            fetched.push(self.bucket.fetch_same(&self.key_of(object), object.bytes, object.etag.clone()).await?);
        }
        Ok(fetched)
    }

    fn drop_tail(&mut self) {
        let dropped: Vec<_> = self.stored.tail.drain(..).collect();
        let keys: Vec<_> = dropped.iter().map(|object| self.key_of(object)).collect();
        self.superseded.extend(keys);
    }

    fn key_of(&self, object: &TailObject) -> Key {
        self.bucket.incoming(self.id).join(object.name.as_str())
    }
}

impl Drop for ObjectParts {
    fn drop(&mut self) {
        let Some(id) = self.unsaved() else { return };
        let (bucket, key) = (self.bucket.clone(), self.bucket.whole(self.id));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { bucket.abort(&key, &id).await });
        }
    }
}

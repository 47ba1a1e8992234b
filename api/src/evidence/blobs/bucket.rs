//! Stored files in a bucket of an S3-compatible store: `[PREFIX/]FIRM/ab/cd/abcd..` after the sha256 of the content. What
//! arrives lies under `[PREFIX/]incoming/ID/` until it is whole and is what was announced; only then it is copied, inside
//! the store, to its place.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::{Path, PathPart};
use object_store::{BackoffConfig, ClientConfigKey, Error, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::evidence::blobs::{Inflow, Received, Source, gone};
use crate::failure::{Failure, Kind};

/// Where something lies in a bucket.
pub type Key = Path;

/// The parts that a large file is sent to the store in; the last one may be smaller. The least that S3 takes, and all of
/// one size because some stores ask for that. It is also what an upload holds in memory.
pub const PART_BYTES: usize = 5 * 1024 * 1024;
/// Uploads that hold a part in memory at the same time; the next one waits, and slow ones make way.
const UPLOADS_AT_ONCE: usize = 48;
/// Files that come at once and hold a part in memory at the same time; the next one waits.
const PUTS_AT_ONCE: usize = 16;
/// How long it waits.
const PLACE_WITHIN: Duration = Duration::from_secs(10);
/// After so long a copy is one that a killed program left.
const SCRATCH_LEFT_AFTER: chrono::Duration = chrono::Duration::days(1);
/// Pieces smaller than this are copied together: each would keep the memory of a whole read.
const SMALL_BYTES: usize = 16 * 1024;
/// Bytes fetched in one go. A slow reader holds them, and no connection to the store.
const FETCH_BYTES: u64 = 2 * 1024 * 1024;
/// How long one request to the store may take.
const REQUEST_TIMEOUT: &str = "60 seconds";
/// How long one is repeated that failed.
const RETRY_WITHIN: Duration = Duration::from_secs(10);
/// How often one is repeated that failed.
const RETRIES: usize = 4;

/// A bucket, or a part of one.
#[derive(Clone, Debug)]
pub struct Bucket {
    store: Arc<AmazonS3>,
    prefix: Path,
    /// Where copies lie that need a path.
    scratch: PathBuf,
    /// Uploads that may hold a part in memory.
    places: Arc<Semaphore>,
    /// Files that come at once and may do so. A slow one of these cannot make way, so they have their own.
    puts: Arc<Semaphore>,
}

/// Parts of a large file in the store, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Multipart {
    /// What the store calls it.
    pub id: String,
    /// What the store calls its parts, each of [`PART_BYTES`] but for the last.
    pub parts: Vec<String>,
}

/// Why the store did not do what it was asked for.
#[derive(Debug)]
pub struct Refused(Error);

impl From<Refused> for Failure {
    fn from(Refused(error): Refused) -> Self {
        let said = error.to_string();
        tracing::warn!(error = said, "the store of files does not do what it is asked");
        // Parts or pieces that the store has no more, or has others in their place, will not come back. Any other 404 may
        // be of somebody between us and the store.
        let lost = ["<Code>NoSuchUpload", "<Code>NoSuchKey", "<Code>InvalidPart<"];
        if lost.iter().any(|words| said.contains(words)) {
            return gone();
        }
        // What MinIO and Ceph say of a full disk and a used-up quota.
        let full = ["507 Insufficient Storage", "<Code>XMinioStorageFull", "<Code>QuotaExceeded"];
        if full.iter().any(|words| said.contains(words)) {
            let detail = "The server has no room left. Keep the file and try later.";
            return Self::new(Kind::StorageFull, "storage_full", detail);
        }
        unavailable()
    }
}

/// 503: the store does not answer.
pub fn unavailable() -> Failure {
    let detail = "The server's store of files does not answer. Keep the file and try again in a moment.";
    Failure::new(Kind::Unavailable, "storage_unavailable", detail).with_retry_after(5)
}

impl Bucket {
    /// The part under `prefix` of a bucket. Credentials, region and address of the store come from the variables that all
    /// tools for S3 know: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL` and so on.
    ///
    /// # Errors
    ///
    /// What is wrong with those.
    pub fn new(name: &str, prefix: &str, scratch: PathBuf) -> Result<Self, String> {
        let retry =
            RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES, retry_timeout: RETRY_WITHIN };
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(name)
            .with_retry(retry)
            // The other options of the connection come from the variables, such as whether it may be without TLS.
            .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), REQUEST_TIMEOUT);
        let store = store.build().map_err(|error| error.to_string())?;
        let prefix = Path::parse(prefix).map_err(|error| error.to_string())?;
        let [places, puts] = [UPLOADS_AT_ONCE, PUTS_AT_ONCE].map(|most| Arc::new(Semaphore::new(most)));
        Ok(Self { store: Arc::new(store), prefix, scratch, places, puts })
    }

    /// The folder of this process for copies that need a path. Each is removed when it has been looked into.
    pub fn scratch(&self) -> &std::path::Path {
        &self.scratch
    }

    /// Makes the folder for copies when the program starts, and removes those that a killed one left.
    pub(super) async fn clear_scratch(&self, now: DateTime<Utc>) -> Result<(), Failure> {
        tokio::fs::create_dir_all(&self.scratch).await?;
        let mut entries = tokio::fs::read_dir(&self.scratch).await?;
        while let Some(entry) = entries.next_entry().await? {
            let Ok(metadata) = entry.metadata().await else { continue };
            if DateTime::<Utc>::from(metadata.modified()?) > now - SCRATCH_LEFT_AFTER {
                continue;
            }
            drop(match metadata.is_dir() {
                true => tokio::fs::remove_dir_all(entry.path()).await,
                false => tokio::fs::remove_file(entry.path()).await,
            });
        }
        Ok(())
    }

    /// Whether all places are taken.
    pub fn is_crowded(&self) -> bool {
        self.places.available_permits() == 0
    }

    /// Waits for the right to hold a part in memory.
    ///
    /// # Errors
    ///
    /// 503 `busy` when others hold theirs for long.
    pub async fn take_place(&self) -> Result<OwnedSemaphorePermit, Failure> {
        place_of(&self.places).await
    }

    /// Checks that the bucket answers.
    ///
    /// # Errors
    ///
    /// Why it does not.
    pub async fn check(&self, name: Uuid) -> Result<(), String> {
        // Asking for an object that is not there would get the same answer where there is no bucket.
        let asked = self.store.list_with_delimiter(Some(&self.incoming(name))).await;
        asked.map(drop).map_err(|error| error.to_string())
    }

    /// Checks that files can be written and removed.
    ///
    /// # Errors
    ///
    /// Why they cannot.
    pub async fn prove(&self, name: Uuid) -> Result<(), String> {
        self.check(name).await?;
        let key = self.incoming(name).join("probe");
        self.store.put(&key, PutPayload::from_static(b"peegel")).await.map_err(|error| error.to_string())?;
        self.store.delete(&key).await.map_err(|error| error.to_string())
    }

    /// Where a stored file lies.
    pub fn place(&self, firm_id: Uuid, sha256: &str) -> Key {
        let (a, b) = (sha256.get(..2).unwrap_or("__"), sha256.get(2..4).unwrap_or("__"));
        [&firm_id.to_string(), a, b, sha256].into_iter().fold(self.prefix.clone(), Path::join)
    }

    /// Where the pieces of a file that arrives lie.
    pub fn incoming(&self, id: Uuid) -> Key {
        self.all_incoming().join(id.to_string())
    }

    fn all_incoming(&self) -> Key {
        self.prefix.clone().join("incoming")
    }

    /// Where a file that arrived lies when it is whole.
    pub fn whole(&self, id: Uuid) -> Key {
        self.incoming(id).join("whole")
    }

    /// Receives a file, as [`super::Blobs::receive`].
    pub(super) async fn receive<S, E>(&self, name: Uuid, mut inflow: Inflow<S>) -> Result<Received, Failure>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: std::error::Error + 'static,
    {
        let _place = place_of(&self.puts).await?;
        let key = self.whole(name);
        let (mut waiting, mut large) = (Waiting::default(), None);
        let received = self.receive_parts(&key, &mut inflow, &mut waiting, &mut large).await;
        match (received, large) {
            (Ok(()), None) => Ok(inflow.received(Source::Memory(waiting.concat()))),
            (Ok(()), Some(large)) => {
                if let Err(failure) = self.complete(&key, &large).await {
                    self.abort(&key, &large.id).await;
                    return Err(failure);
                }
                Ok(inflow.received(Source::Object(TemporaryObject::new(self.clone(), key))))
            }
            (Err(failure), large) => {
                if let Some(large) = large {
                    self.abort(&key, &large.id).await;
                }
                Err(failure)
            }
        }
    }

    async fn receive_parts<S, E>(
        &self,
        key: &Key,
        inflow: &mut Inflow<S>,
        waiting: &mut Waiting,
        large: &mut Option<Multipart>,
    ) -> Result<(), Failure>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: std::error::Error + 'static,
    {
        while let Some(chunk) = inflow.next().await? {
            waiting.push(chunk);
            while waiting.bytes() > PART_BYTES {
                self.put_part(key, large, waiting.take(PART_BYTES)).await?;
            }
        }
        if large.is_some() {
            self.put_part(key, large, waiting.take(PART_BYTES)).await?;
        }
        Ok(())
    }

    /// Adds a part to a large file, which begins with its first.
    ///
    /// # Errors
    ///
    /// 503 `storage_unavailable`, 507 `storage_full`.
    pub async fn put_part(&self, key: &Key, large: &mut Option<Multipart>, part: Vec<Bytes>) -> Result<(), Failure> {
        let large = match large {
            Some(large) => large,
            None => {
                let id = self.store.create_multipart(key).await.map_err(Refused)?;
                large.insert(Multipart { id, parts: Vec::new() })
            }
        };
        let payload = PutPayload::from_iter(part);
        let part = self.store.put_part(key, &large.id, large.parts.len(), payload).await.map_err(Refused)?;
        large.parts.push(part.content_id);
        Ok(())
    }

    /// Makes one object of the parts of a large file.
    ///
    /// # Errors
    ///
    /// 503 `storage_unavailable`, 507 `storage_full`.
    pub async fn complete(&self, key: &Key, large: &Multipart) -> Result<(), Failure> {
        let parts = large.parts.iter().map(|part| PartId { content_id: part.clone() }).collect();
        self.store.complete_multipart(key, &large.id, parts).await.map_err(Refused)?;
        Ok(())
    }

    /// Has the store forget the parts of a large file. What it does not forget now, the bucket's rule for parts that were
    /// left behind does.
    pub async fn abort(&self, key: &Key, id: &str) {
        match self.store.abort_multipart(key, &id.to_owned()).await {
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(error) => tracing::info!(%error, "parts of an upload were left in the store"),
        }
    }

    /// Writes an object.
    ///
    /// # Errors
    ///
    /// 503 `storage_unavailable`, 507 `storage_full`.
    pub async fn put(&self, key: &Key, content: Bytes) -> Result<(), Failure> {
        self.store.put(key, content.into()).await.map_err(Refused)?;
        Ok(())
    }

    /// Copies an object inside the store.
    ///
    /// # Errors
    ///
    /// 503 `storage_unavailable`, 507 `storage_full`.
    pub async fn copy(&self, from: &Key, to: &Key) -> Result<(), Failure> {
        Ok(self.store.copy(from, to).await.map_err(Refused)?)
    }

    /// The size of an object; none when it is not there.
    ///
    /// # Errors
    ///
    /// 503 `storage_unavailable`.
    pub async fn length(&self, key: &Key) -> Result<Option<u64>, Failure> {
        match self.store.head(key).await {
            Ok(found) => Ok(Some(found.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Refused(error).into()),
        }
    }

    /// A part of an object.
    ///
    /// # Errors
    ///
    /// 503 `storage_unavailable`.
    pub async fn fetch(&self, key: &Key, from: u64, to: u64) -> Result<Bytes, Failure> {
        Ok(self.store.get_range(key, from..to).await.map_err(Refused)?)
    }

    /// A part of an object, fetched as it is read.
    pub(super) fn stream(&self, key: Key, from: u64, to: u64) -> BoxStream<'static, std::io::Result<Bytes>> {
        let bucket = self.clone();
        let fetched = stream::try_unfold(from, move |from| {
            let (bucket, key, end) = (bucket.clone(), key.clone(), to.min(from + FETCH_BYTES));
            async move {
                if from == to {
                    return Ok(None);
                }
                let piece = bucket.store.get_range(&key, from..end).await.map_err(std::io::Error::other)?;
                Ok(Some((piece, end)))
            }
        });
        fetched.boxed()
    }

    /// Removes an object, if it is there.
    ///
    /// # Errors
    ///
    /// 503 `storage_unavailable`.
    pub async fn remove(&self, key: &Key) -> Result<(), Failure> {
        match self.store.delete(key).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Refused(error).into()),
        }
    }

    /// Removes all pieces of a file that arrived.
    ///
    /// # Errors
    ///
    /// 503 `storage_unavailable`.
    pub async fn remove_incoming(&self, id: Uuid) -> Result<(), Failure> {
        let prefix = self.incoming(id);
        let pieces: Vec<_> = self.store.list(Some(&prefix)).try_collect().await.map_err(Refused)?;
        for piece in pieces {
            self.remove(&piece.location).await?;
        }
        Ok(())
    }

    /// The files of which pieces lie in the bucket, with the time of the newest.
    ///
    /// # Errors
    ///
    /// 503 `storage_unavailable`.
    pub async fn find_incoming(&self) -> Result<Vec<(Uuid, DateTime<Utc>)>, Failure> {
        let prefix = self.all_incoming();
        let mut newest: HashMap<Uuid, DateTime<Utc>> = HashMap::new();
        let mut pieces = self.store.list(Some(&prefix));
        while let Some(piece) = pieces.try_next().await.map_err(Refused)? {
            let id = piece.location.prefix_match(&prefix).and_then(|mut rest| rest.next()).map(name_of);
            if let Some(Some(id)) = id {
                let at = newest.entry(id).or_insert(piece.last_modified);
                *at = piece.last_modified.max(*at);
            }
        }
        Ok(newest.into_iter().collect())
    }
}

/// A place, when one comes free in time.
async fn place_of(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Failure> {
    match tokio::time::timeout(PLACE_WITHIN, places.clone().acquire_owned()).await {
        Ok(place) => place.map_err(Failure::internal),
        Err(_) => {
            let detail = "Too many files arrive at this moment. Go on in a moment.";
            Err(Failure::new(Kind::Unavailable, "busy", detail).with_retry_after(5))
        }
    }
}

fn name_of(part: PathPart<'_>) -> Option<Uuid> {
    part.as_ref().parse().ok()
}

/// Bytes that wait to become a part.
#[derive(Debug, Default)]
pub struct Waiting {
    chunks: Vec<Bytes>,
    /// Small ones after them.
    small: BytesMut,
    bytes: usize,
}

impl Waiting {
    /// Adds some at the end.
    pub fn push(&mut self, chunk: Bytes) {
        self.bytes += chunk.len();
        if chunk.len() < SMALL_BYTES {
            self.small.extend_from_slice(&chunk);
            return;
        }
        self.settle();
        self.chunks.push(chunk);
    }

    /// How many there are.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes the first ones out: so many, or all if there are fewer.
    pub fn take(&mut self, bytes: usize) -> Vec<Bytes> {
        self.settle();
        let mut taken = Vec::new();
        let mut left = bytes.min(self.bytes);
        self.bytes -= left;
        let mut chunks = std::mem::take(&mut self.chunks).into_iter();
        for mut chunk in chunks.by_ref() {
            if left < chunk.len() {
                if left > 0 {
                    taken.push(chunk.split_to(left));
                }
                self.chunks.push(chunk);
                break;
            }
            left -= chunk.len();
            taken.push(chunk);
        }
        self.chunks.extend(chunks);
        taken
    }

    /// All of them in one piece.
    pub fn concat(mut self) -> Bytes {
        self.settle();
        match self.chunks.len() {
            1 => self.chunks.remove(0),
            _ => self.chunks.concat().into(),
        }
    }

    fn settle(&mut self) {
        if !self.small.is_empty() {
            self.chunks.push(std::mem::take(&mut self.small).freeze());
        }
    }
}

/// An object that is removed with this, unless it lasts.
#[derive(Debug)]
pub struct TemporaryObject {
    bucket: Bucket,
    key: Key,
    lasts: bool,
}

impl TemporaryObject {
    fn new(bucket: Bucket, key: Key) -> Self {
        Self { bucket, key, lasts: false }
    }

    /// One that stays.
    pub fn lasting(bucket: Bucket, key: Key) -> Self {
        Self { bucket, key, lasts: true }
    }

    /// Where it lies.
    pub fn key(&self) -> &Key {
        &self.key
    }
}

impl Drop for TemporaryObject {
    fn drop(&mut self) {
        if self.lasts {
            return;
        }
        let (bucket, key) = (self.bucket.clone(), self.key.clone());
        // What stays because the program ends is swept.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { drop(bucket.remove(&key).await) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_bytes_are_cut_where_asked() {
        let mut waiting = Waiting::default();
        for chunk in ["abc", "de", "", "fghij"] {
            waiting.push(Bytes::from_static(chunk.as_bytes()));
        }
        assert_eq!(waiting.chunks.len(), 0, "small ones are put together");
        assert_eq!(waiting.take(4).concat(), b"abcd");
        assert_eq!((waiting.bytes(), waiting.take(0).len()), (6, 0));
        assert_eq!(waiting.take(1).concat(), b"e");
        assert_eq!(waiting.take(99).concat(), b"fghij");
        assert_eq!((waiting.bytes(), waiting.concat()), (0, Bytes::new()));
    }

    #[test]
    fn small_and_large_chunks_keep_their_order() {
        let mut waiting = Waiting::default();
        let large = vec![7; SMALL_BYTES];
        for chunk in [vec![1], large.clone(), vec![2], vec![3], large.clone(), vec![4]] {
            waiting.push(chunk.into());
        }
        let whole = [vec![1], large.clone(), vec![2, 3], large, vec![4]].concat();
        let first = waiting.take(SMALL_BYTES + 2).concat();
        assert_eq!([first, waiting.concat().to_vec()].concat(), whole);
    }
}

//! The folder of signing keys: one file a key, readable by its owner only.
//!
//! The newest key signs; the others stay, so that what they signed can be checked. Processes that share the folder agree
//! on one first key, because making one takes a lock. The names in the folder are read at every use, so that a key made
//! by `peegel receipt rotate-key` signs from then on in all of them, without a restart.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::failure::{Failure, Kind};
use crate::secrets::random_bytes;
use crate::signing::key::PublicKey;

/// Largest key file, in bytes.
const LIMIT_BYTES: usize = 4096;

/// The folder.
#[derive(Clone)]
pub struct Keyring {
    folder: PathBuf,
    /// What was in the folder when it last changed.
    loaded: Arc<Mutex<Option<Arc<Keys>>>>,
}

/// The keys of the folder; there is always one that signs.
pub struct Keys {
    files: Vec<PathBuf>,
    newest: Key,
    /// Newest first.
    earlier: Vec<Key>,
}

struct Key {
    created_at: DateTime<Utc>,
    secret: SigningKey,
}

/// A key file: a private JWK (RFC 8037) with the time it was made.
#[derive(Serialize, Deserialize)]
struct KeyFile<'a> {
    kty: &'a str,
    crv: &'a str,
    kid: &'a str,
    x: &'a str,
    d: &'a str,
    created_at: DateTime<Utc>,
}

impl Keys {
    /// The key that signs.
    pub fn signer(&self) -> &SigningKey {
        &self.newest.secret
    }

    /// The public halves, newest first.
    pub fn public(&self) -> impl Iterator<Item = PublicKey> {
        std::iter::once(&self.newest).chain(&self.earlier).map(|key| PublicKey::of(&key.secret))
    }
}

impl Keyring {
    /// Keys in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, loaded: Arc::default() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads the keys when the program starts, and makes the folder and the first key if there is none.
    ///
    /// # Errors
    ///
    /// [`Failure`] (503 `unusable_keys`) saying what to do, when a key cannot be read or others than its owner can.
    pub async fn prepare(&self, now: DateTime<Utc>) -> Result<(), Failure> {
        let keys = self.blocking(move |ring| {
            if key_files(&ring.folder)?.is_empty() {
                let _lock = ring.lock_folder()?;
                if key_files(&ring.folder)?.is_empty() {
                    make(&ring.folder, now)?;
                }
            }
            ring.current()
        });
        let keys = keys.await?.map_err(unusable)?;
        tracing::info!(key_id = PublicKey::of(keys.signer()).id(), earlier = keys.earlier.len(), "signing keys");
        Ok(())
    }

    /// The keys as they are now.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when none can be read.
    pub async fn keys(&self) -> Result<Arc<Keys>, Failure> {
        self.blocking(Self::current).await?.map_err(Failure::internal)
    }

    /// Makes a new key, which signs from now on, and gives its public half.
    ///
    /// # Errors
    ///
    /// [`Failure`] (503 `unusable_keys`) when the folder or a key in it cannot be used; nothing has changed then.
    pub async fn rotate(&self, now: DateTime<Utc>) -> Result<PublicKey, Failure> {
        let rotated = self.blocking(move |ring| {
            let _lock = ring.lock_folder()?;
            let files = key_files(&ring.folder)?;
            // Newer than all others, even if a clock was wrong when they were made.
            let after_all = match files.is_empty() {
                true => now,
                false => load(files)?.newest.created_at + TimeDelta::microseconds(1),
            };
            make(&ring.folder, now.max(after_all))
        });
        rotated.await?.map_err(unusable)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, String> + Send + 'static,
    ) -> Result<Result<T, String>, Failure> {
        let ring = self.clone();
        tokio::task::spawn_blocking(move || work(&ring)).await.map_err(Failure::internal)
    }

    fn current(&self) -> Result<Arc<Keys>, String> {
        let files = key_files(&self.folder)?;
        let known = self.loaded().clone();
        match (load_unless_known(files, known.as_ref()), known) {
            (Ok(keys), _) => {
                *self.loaded() = Some(Arc::clone(&keys));
                Ok(keys)
            }
            (Err(problem), Some(known)) => {
                tracing::error!(problem, "the signing keys changed and cannot be used; those read before still are");
                Ok(known)
            }
            (Err(problem), None) => Err(problem),
        }
    }

    /// What a panic left behind is still the last good set.
    fn loaded(&self) -> MutexGuard<'_, Option<Arc<Keys>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the folder unless it is there, and waits until nobody else makes a key in it.
    fn lock_folder(&self) -> Result<File, String> {
        let folder = &self.folder;
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| cannot("make", folder, &error))?;
        check_folder(folder)?;
        let path = folder.join(".lock");
        let open = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = open.map_err(|error| cannot("open", &path, &error))?;
        file.lock().map_err(|error| cannot("lock", &path, &error))?;
        Ok(file)
    }
}

fn load_unless_known(files: Vec<PathBuf>, known: Option<&Arc<Keys>>) -> Result<Arc<Keys>, String> {
    match known {
        Some(known) if known.files == files => Ok(Arc::clone(known)),
        _ => load(files).map(Arc::new),
    }
}

/// The key files of a folder in the order of their names; none when there is no folder.
fn key_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| cannot("read", folder, &error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "key") {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn load(files: Vec<PathBuf>) -> Result<Keys, String> {
    if let Some(folder) = files.first().and_then(|file| file.parent()) {
        check_folder(folder)?;
    }
    let mut keys = files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
    keys.sort_unstable_by_key(|key| (key.created_at, key.secret.verifying_key().to_bytes()));
    keys.dedup_by_key(|key| key.secret.verifying_key());
    let newest = keys.pop().ok_or("There is no signing key any more. Put the files of the keys back.")?;
    keys.reverse();
    Ok(Keys { files, newest, earlier: keys })
}

/// Whoever can write into the folder can put a key there that signs.
fn check_folder(folder: &Path) -> Result<(), String> {
    let mode = fs::metadata(folder).map_err(|error| cannot("read", folder, &error))?.permissions().mode();
    if mode & 0o022 == 0 {
        return Ok(());
    }
    let folder = folder.display();
    Err(format!("Others can write into the folder of the signing keys {folder}. Run: chmod 700 {folder}"))
}

fn read(path: &Path) -> Result<Key, String> {
    let failed = |error: std::io::Error| cannot("read", path, &error);
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    let shown = path.display();
    if mode & 0o077 != 0 {
        return Err(format!("Others can use the signing key {shown} (mode {mode:03o}). Run: chmod 600 {shown}"));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(LIMIT_BYTES + 1));
    file.take(LIMIT_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let damaged =
        || format!("{shown} is no signing key of Peegel, or it is damaged. Put the right file there or take it away.");
    let stored: KeyFile<'_> = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
    let mut secret = Zeroizing::new([0; 32]);
    let length = BASE64_URL_SAFE_NO_PAD.decode_slice(stored.d, &mut *secret).map_err(|_| damaged())?;
    let key = Key { created_at: stored.created_at, secret: SigningKey::from_bytes(&secret) };
    let is_whole = length == secret.len() && PublicKey::of(&key.secret).to_text() == stored.x;
    if is_whole { Ok(key) } else { Err(damaged()) }
}

/// Makes a key and forces it to the disk. Its file appears whole or not at all.
fn make(folder: &Path, created_at: DateTime<Utc>) -> Result<PublicKey, String> {
    let secret = Zeroizing::new(random_bytes::<32>());
    let public = PublicKey::of(&SigningKey::from_bytes(&secret));
    let (kid, x) = (public.id(), public.to_text());
    let d = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(secret.as_slice()));
    let key = KeyFile { kty: "OKP", crv: "Ed25519", kid: &kid, x: &x, d: &d, created_at };
    // Large enough from the start: what a growing buffer leaves behind is not wiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LIMIT_BYTES));
    serde_json::to_writer(&mut *bytes, &key).map_err(|error| error.to_string())?;
    bytes.push(b'\n');
    let (temporary, place) = (folder.join(format!(".{kid}.tmp")), folder.join(format!("{kid}.key")));
    let written = write_private(&temporary, &bytes).and_then(|()| fs::rename(&temporary, &place));
    if let Err(error) = written {
        drop(fs::remove_file(&temporary));
        return Err(cannot("write", &place, &error));
    }
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| cannot("write", folder, &error))?;
    Ok(public)
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> String {
    let path = path.display();
    format!("Cannot {what} {path}, where the signing keys are: {error}. It belongs to the account that runs Peegel.")
}

fn unusable(detail: String) -> Failure {
    Failure::new(Kind::Unavailable, "unusable_keys", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let unique = crate::secrets::hex(&random_bytes::<8>());
            Self(std::env::temp_dir().join(format!("peegel-keys-{name}-{unique}/keys")))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(self.0.parent().unwrap()));
        }
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    async fn ids(ring: &Keyring) -> Vec<String> {
        ring.keys().await.unwrap().public().map(|key| key.id()).collect()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn the_first_start_makes_a_private_key_and_later_ones_keep_it() {
        let folder = Folder::new("first");
        let ring = Keyring::new(folder.0.clone());
        assert!(ring.keys().await.is_err());
        ring.prepare(at(1)).await.unwrap();
        let first = ids(&ring).await;
        assert_eq!(first.len(), 1);
        let file = folder.0.join(format!("{}.key", first[0]));
        assert_eq!((mode(&folder.0), mode(&file)), (0o700, 0o600));
        let again = Keyring::new(folder.0.clone());
        again.prepare(at(2)).await.unwrap();
        assert_eq!(ids(&again).await, first);
    }

    #[tokio::test]
    async fn many_first_starts_at_once_agree_on_one_key() {
        let folder = Folder::new("many");
        let rings: Vec<_> = (0..16).map(|_| Keyring::new(folder.0.clone())).collect();
        let starts = rings.iter().enumerate().map(|(n, ring)| ring.prepare(at(n.try_into().unwrap())));
        assert!(futures_util::future::join_all(starts).await.iter().all(Result::is_ok));
        let first = ids(&rings[0]).await;
        assert_eq!(first.len(), 1);
        for ring in &rings {
            assert_eq!(ids(ring).await, first);
        }
    }

    #[tokio::test]
    async fn a_new_key_signs_at_once_everywhere_whatever_the_clock_says() {
        let folder = Folder::new("rotate");
        let (ring, other) = (Keyring::new(folder.0.clone()), Keyring::new(folder.0.clone()));
        ring.prepare(at(1000)).await.unwrap();
        let first = ids(&ring).await.remove(0);
        let second = other.rotate(at(10)).await.unwrap().id();
        let third = other.rotate(at(2000)).await.unwrap().id();
        assert_eq!(ids(&ring).await, [third, second, first]);
    }

    #[tokio::test]
    async fn keys_that_others_can_use_are_refused() {
        let folder = Folder::new("modes");
        let ring = Keyring::new(folder.0.clone());
        ring.prepare(at(1)).await.unwrap();
        let file = folder.0.join(format!("{}.key", ids(&ring).await[0]));
        let text = fs::read_to_string(&file).unwrap();
        let refusal = async |what: &str| {
            let failure = Keyring::new(folder.0.clone()).prepare(at(2)).await.expect_err(what);
            assert_eq!(failure.code, "unusable_keys");
            assert!(!failure.detail.contains(text.split("\"d\":\"").nth(1).unwrap().split('"').next().unwrap()));
            failure.detail
        };
        for bad in [0o640, 0o604, 0o620, 0o644, 0o666] {
            fs::set_permissions(&file, fs::Permissions::from_mode(bad)).unwrap();
            let detail = refusal("mode").await;
            assert!(detail.contains("chmod 600") && detail.contains(&format!("{bad:03o}")), "{detail}");
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
        Keyring::new(folder.0.clone()).prepare(at(2)).await.unwrap();
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(refusal("folder").await.contains("chmod 700"));
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
        let x = text.split("\"x\":\"").nth(1).unwrap().split('"').next().unwrap();
        let other = PublicKey::of(&SigningKey::from_bytes(&[1; 32])).to_text();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        for damaged in ["", "{}", "not a key", &text[..60], &text.replace(x, &other), &"x".repeat(100_000)] {
            fs::write(&file, damaged).unwrap();
            assert!(refusal("damaged").await.contains("is no signing key"), "{damaged}");
        }
        fs::write(&file, &text).unwrap();
        fs::create_dir(folder.0.join("folder.key")).unwrap();
        fs::set_permissions(folder.0.join("folder.key"), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(refusal("a folder").await.contains("Cannot read"));
        // A server that runs goes on with the keys it has.
        assert_eq!(ids(&ring).await.len(), 1);
    }
}

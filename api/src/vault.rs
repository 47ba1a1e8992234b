//! What has to be read again and yet should not stand in the database: sealed with a key that lies beside it, so that
//! a copy of the database alone does not give it away.

use std::fmt::{Debug, Formatter};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use base64::{DecodeError, Engine};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use tokio::sync::OnceCell;

use crate::failure::{Failure, Kind};
use crate::secrets::{hex, random_bytes};

/// The file of the key.
const FILE: &str = "vault.secret";
/// Bytes of the key.
const KEY_BYTES: usize = 32;

/// Seals and opens small secrets. The key is made when it is first needed.
pub struct Vault {
    folder: PathBuf,
    given: Option<String>,
    keys: OnceCell<Keys>,
}

struct Keys {
    sealing: LessSafeKey,
    marking: hmac::Key,
}

impl Debug for Vault {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Vault {
    /// A vault whose key is `given` (32 bytes in base64), or lies in `folder`.
    pub fn new(folder: PathBuf, given: Option<String>) -> Self {
        Self { folder, given, keys: OnceCell::new() }
    }

    /// Seals a secret (AES-256-GCM). It opens for the same `owner` only, so that a row cannot be moved to somebody
    /// else.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when the key cannot be read or made.
    pub async fn seal(&self, owner: &str, secret: &[u8]) -> Result<String, Failure> {
        Ok(BASE64_STANDARD.encode(self.seal_bytes(owner, secret).await?))
    }

    /// [`Self::seal`] in letters that an address may hold.
    ///
    /// # Errors
    ///
    /// As [`Self::seal`].
    pub async fn seal_for_address(&self, owner: &str, secret: &[u8]) -> Result<String, Failure> {
        Ok(BASE64_URL_SAFE_NO_PAD.encode(self.seal_bytes(owner, secret).await?))
    }

    async fn seal_bytes(&self, owner: &str, secret: &[u8]) -> Result<Vec<u8>, Failure> {
        let nonce = random_bytes::<NONCE_LEN>();
        let mut sealed = secret.to_vec();
        let key = &self.keys().await?.sealing;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(owner), &mut sealed)
            .map_err(|_| Failure::internal("a secret cannot be sealed"))?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Opens what was sealed for `owner`.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when it was sealed with another key or for somebody else.
    pub async fn open(&self, owner: &str, sealed: &str) -> Result<Vec<u8>, Failure> {
        let opened = self.open_bytes(owner, BASE64_STANDARD.decode(sealed)).await?;
        opened.ok_or_else(|| Failure::internal("a secret was sealed with another key than the one in the keys folder"))
    }

    /// Opens what may have come from [`Self::seal_for_address`] for `owner`; none when it has not.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when the key cannot be read or made.
    pub async fn open_of_address(&self, owner: &str, sealed: &str) -> Result<Option<Vec<u8>>, Failure> {
        self.open_bytes(owner, BASE64_URL_SAFE_NO_PAD.decode(sealed)).await
    }

    async fn open_bytes(&self, owner: &str, sealed: Result<Vec<u8>, DecodeError>) -> Result<Option<Vec<u8>>, Failure> {
        let key = &self.keys().await?.sealing;
        let Ok(bytes) = sealed else { return Ok(None) };
        let Some((nonce, sealed)) = bytes.split_at_checked(NONCE_LEN) else { return Ok(None) };
        let Ok(nonce) = Nonce::try_assume_unique_for_key(nonce) else { return Ok(None) };
        let mut secret = sealed.to_vec();
        let opened = key.open_in_place(nonce, Aad::from(owner), &mut secret).ok();
        Ok(opened.map(|opened| opened.to_vec()))
    }

    /// A mark of a value (HMAC-SHA256, hex) by which it is recognised and from which it cannot be guessed without the
    /// key.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when the key cannot be read or made.
    pub async fn mark(&self, value: &str) -> Result<String, Failure> {
        Ok(hex(hmac::sign(&self.keys().await?.marking, value.as_bytes()).as_ref()))
    }

    /// Looks at the key when the program starts. One that is not there yet is made when it is first needed.
    ///
    /// # Errors
    ///
    /// [`Failure`] (503 `unusable_keys`) saying what to do, when it is no key, or others can read it.
    pub async fn prepare(&self) -> Result<(), Failure> {
        let text = match &self.given {
            Some(text) => Some(text.clone()),
            None => {
                let path = self.folder.join(FILE);
                tokio::task::spawn_blocking(move || read(&path)).await.map_err(Failure::internal)??
            }
        };
        let problem = text.as_deref().and_then(key_problem);
        problem.map_or(Ok(()), |problem| Err(unusable(problem)))
    }

    async fn keys(&self) -> Result<&Keys, Failure> {
        self.keys
            .get_or_try_init(|| async {
                let key = match &self.given {
                    Some(text) => text.trim().to_owned(),
                    None => {
                        let folder = self.folder.clone();
                        tokio::task::spawn_blocking(move || read_or_make(&folder))
                            .await
                            .map_err(Failure::internal)??
                    }
                };
                let bytes = bytes_of(&key).map_err(Failure::internal)?;
                // Two uses, two keys.
                let root = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
                let derived = |name: &[u8]| hmac::sign(&root, name);
                let sealing = UnboundKey::new(&AES_256_GCM, derived(b"peegel vault: seal").as_ref());
                let sealing = LessSafeKey::new(sealing.map_err(|_| Failure::internal("the vault key seals nothing"))?);
                let marking = hmac::Key::new(hmac::HMAC_SHA256, derived(b"peegel vault: mark").as_ref());
                Ok(Keys { sealing, marking })
            })
            .await
    }
}

/// What is wrong with a key, if anything; the key is not repeated.
pub fn key_problem(text: &str) -> Option<String> {
    bytes_of(text).err()
}

fn bytes_of(text: &str) -> Result<Vec<u8>, String> {
    let bytes = BASE64_STANDARD.decode(text.trim()).ok().filter(|bytes| bytes.len() == KEY_BYTES);
    bytes.ok_or_else(|| format!("The key of --vault-key or {FILE} is not {KEY_BYTES} bytes in base64."))
}

fn unusable(detail: String) -> Failure {
    Failure::new(Kind::Unavailable, "unusable_keys", detail)
}

/// Reads the key, if there is one.
fn read(path: &Path) -> Result<Option<String>, Failure> {
    let mut file = match std::fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let shown = path.display();
        return Err(unusable(format!(
            "Others can use the vault key {shown} (mode {mode:03o}). Run: chmod 600 {shown}"
        )));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Reads the key, or makes one that only this account reads. When two processes make one at once, the first one stays.
fn read_or_make(folder: &Path) -> Result<String, Failure> {
    let path = folder.join(FILE);
    if let Some(text) = read(&path)? {
        return Ok(text);
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let temporary = folder.join(format!("{FILE}.{}", hex(&random_bytes::<8>())));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(BASE64_STANDARD.encode(random_bytes::<KEY_BYTES>()).as_bytes())?;
    file.sync_all()?;
    let kept = std::fs::hard_link(&temporary, &path);
    std::fs::remove_file(&temporary)?;
    match kept {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error.into()),
        _ => std::fs::File::open(folder)?.sync_all()?,
    }
    read(&path)?.ok_or_else(|| Failure::internal("the vault key is gone as soon as it was made"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(byte: u8) -> Vault {
        Vault::new(PathBuf::from("/nowhere"), Some(BASE64_STANDARD.encode([byte; KEY_BYTES])))
    }

    #[tokio::test]
    async fn a_secret_opens_with_its_key_and_for_its_owner_only() {
        let sealed = vault(1).seal("mari", b"secret").await.unwrap();
        assert_ne!(sealed, vault(1).seal("mari", b"secret").await.unwrap(), "sealing twice looks different");
        assert_eq!(vault(1).open("mari", &sealed).await.unwrap(), b"secret");
        assert!(vault(1).open("jaan", &sealed).await.is_err());
        assert!(vault(2).open("mari", &sealed).await.is_err());
        assert!(vault(1).open("mari", "").await.is_err());
        let sealed = vault(1).seal_for_address("mari", b"secret").await.unwrap();
        assert_eq!(vault(1).open_of_address("mari", &sealed).await.unwrap().as_deref(), Some(&b"secret"[..]));
        assert_eq!(vault(1).open_of_address("jaan", &sealed).await.unwrap(), None);
        assert_eq!(vault(1).open_of_address("mari", &format!("{sealed}=")).await.unwrap(), None);
        assert_eq!(vault(1).mark("x").await.unwrap(), vault(1).mark("x").await.unwrap());
        assert_ne!(vault(1).mark("x").await.unwrap(), vault(2).mark("x").await.unwrap());
    }

    #[tokio::test]
    async fn the_key_is_made_once_and_for_this_account_only() {
        let folder = std::env::temp_dir().join(format!("peegel-vault-{}", hex(&random_bytes::<8>())));
        let first = Vault::new(folder.clone(), None).mark("x").await.unwrap();
        assert_eq!(Vault::new(folder.clone(), None).mark("x").await.unwrap(), first);
        let mode = std::fs::metadata(folder.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        Vault::new(folder.clone(), None).prepare().await.unwrap();
        // What others can read, or what is no key, is not used.
        std::fs::set_permissions(folder.join(FILE), PermissionsExt::from_mode(0o640)).unwrap();
        assert!(Vault::new(folder.clone(), None).prepare().await.is_err());
        assert!(Vault::new(folder.clone(), None).mark("x").await.is_err());
        std::fs::set_permissions(folder.join(FILE), PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(folder.join(FILE), "c2hvcnQ=").unwrap();
        assert!(Vault::new(folder.clone(), None).prepare().await.is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }
}

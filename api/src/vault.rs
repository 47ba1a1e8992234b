//! What has to be read again and yet should not stand in the database: sealed with a key that lies beside it, so that
//! a copy of the database alone does not give it away.

use std::fmt::{Debug, Formatter};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use tokio::sync::OnceCell;

use crate::failure::Failure;
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
        let nonce = random_bytes::<NONCE_LEN>();
        let mut sealed = secret.to_vec();
        let key = &self.keys().await?.sealing;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(owner), &mut sealed)
            .map_err(|_| Failure::internal("a secret cannot be sealed"))?;
        Ok(BASE64_STANDARD.encode([&nonce[..], &sealed].concat()))
    }

    /// Opens what was sealed for `owner`.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when it was sealed with another key or for somebody else.
    pub async fn open(&self, owner: &str, sealed: &str) -> Result<Vec<u8>, Failure> {
        let broken = || Failure::internal("a secret was sealed with another key than the one in the keys folder");
        let bytes = BASE64_STANDARD.decode(sealed).map_err(|_| broken())?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let mut secret = sealed.to_vec();
        let opened = self.keys().await?.sealing.open_in_place(nonce, Aad::from(owner), &mut secret);
        Ok(opened.map_err(|_| broken())?.to_vec())
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
                let wrong = || Failure::internal("the vault key is not 32 bytes in base64");
                let bytes = BASE64_STANDARD.decode(key.trim()).map_err(|_| wrong())?;
                if bytes.len() != KEY_BYTES {
                    return Err(wrong());
                }
                // Two uses, two keys.
                let root = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
                let derived = |name: &[u8]| hmac::sign(&root, name);
                let sealing = UnboundKey::new(&AES_256_GCM, derived(b"peegel vault: seal").as_ref());
                let sealing = LessSafeKey::new(sealing.map_err(|_| wrong())?);
                let marking = hmac::Key::new(hmac::HMAC_SHA256, derived(b"peegel vault: mark").as_ref());
                Ok(Keys { sealing, marking })
            })
            .await
    }
}

/// Reads the key, or makes one that only this account reads. When two processes make one at once, the first one stays.
fn read_or_make(folder: &Path) -> Result<String, Failure> {
    let path = folder.join(FILE);
    match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        read => return Ok(read?),
    }
    std::fs::create_dir_all(folder)?;
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
    Ok(std::fs::read_to_string(&path)?)
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
        assert_eq!(vault(1).mark("x").await.unwrap(), vault(1).mark("x").await.unwrap());
        assert_ne!(vault(1).mark("x").await.unwrap(), vault(2).mark("x").await.unwrap());
    }

    #[tokio::test]
    async fn the_key_is_made_once_and_for_this_account_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("peegel-vault-{}", hex(&random_bytes::<8>())));
        let first = Vault::new(folder.clone(), None).mark("x").await.unwrap();
        assert_eq!(Vault::new(folder.clone(), None).mark("x").await.unwrap(), first);
        let mode = std::fs::metadata(folder.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

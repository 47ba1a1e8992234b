//! TLS with a certificate from files, read again when the program is told to.

use std::path::PathBuf;
use std::sync::{Arc, RwLock};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::failure::{Failure, Kind};

/// Chooses whose cryptography all TLS of this program is made of, also that of clients.
pub fn choose_cryptography() {
    // Whoever came first has chosen; there is one.
    drop(default_provider().install_default());
}

/// The certificate that the server shows, with its files.
#[derive(Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads a certificate chain and its key, both PEM.
    ///
    /// # Errors
    ///
    /// [`Failure`] `unusable_certificate` naming the file that cannot be used, and why.
    pub fn read(certificate: PathBuf, key: PathBuf) -> Result<Self, Failure> {
        let current = RwLock::new(Arc::new(config(&certificate, &key)?));
        Ok(Self { certificate, key, current })
    }

    /// Reads the files again. Connections that are open keep what they have.
    ///
    /// # Errors
    ///
    /// As [`Tls::read`]; the certificate stays what it was then.
    pub fn reload(&self) -> Result<(), Failure> {
        let fresh = Arc::new(config(&self.certificate, &self.key)?);
        *self.current.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = fresh;
        Ok(())
    }

    /// For the next handshake.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.current.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone().into()
    }
}

fn config(certificate: &PathBuf, key: &PathBuf) -> Result<ServerConfig, Failure> {
    let unusable = |file: &PathBuf, why: String| {
        Failure::new(Kind::Unavailable, "unusable_certificate", format!("{} cannot be used: {why}", file.display()))
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(unusable(certificate, "it holds no certificate in PEM".to_owned()));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Failure::internal)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| unusable(certificate, error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

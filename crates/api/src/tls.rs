//! TLS: the certificate, looked at again and again, and the handshake's settings.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use message::CertificateFacts;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use thiserror::Error;

use crate::validity::certificate_validity;

/// Why there is no TLS. All of it is the operator's turn.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path}: {source}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no PEM, or holds something else.
    #[error("{path} holds no {wanted} in PEM form", path = .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// The two files do not fit, or cannot be used.
    #[error("the certificate and its key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// The certificate in use. Handshakes take the current one; connections keep theirs.
pub(crate) struct Certificate {
    current: RwLock<Loaded>,
}

struct Loaded {
    key: Arc<CertifiedKey>,
    files: Files,
    seen: Option<Stamp>,
}

/// Where the certificate and its key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// When both files were changed last, and their lengths.
type Stamp = [(SystemTime, u64); 2];

impl Certificate {
    pub(crate) fn load(files: Files) -> Result<Arc<Self>, TlsError> {
        let current = RwLock::new(Loaded::read(files)?);
        Ok(Arc::new(Self { current }))
    }

    /// Takes the certificate in these files from now on; whether it is another one. On an error the old one stays.
    pub(crate) fn replace(&self, files: Files) -> Result<bool, TlsError> {
        let loaded = Loaded::read(files)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let differs = loaded.key.cert != current.key.cert;
        *current = loaded;
        Ok(differs)
    }

    /// Reads the files again if they changed; tells whether they did.
    ///
    /// Files that change between two looks and cannot be used are tried again at the next look, since somebody may be
    /// half done with replacing them.
    pub(crate) fn refresh(&self) -> Result<bool, TlsError> {
        let (files, seen) = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            (current.files.clone(), current.seen)
        };
        if files.stamp() == seen {
            return Ok(false);
        }
        self.replace(files)?;
        Ok(true)
    }

    /// Until when the one in use is valid, as far as that can be read.
    pub(crate) fn facts(&self) -> Option<CertificateFacts> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let (not_before, not_after) = certificate_validity(current.key.cert.first()?)?;
        Some(CertificateFacts { not_before, not_after })
    }

    /// The settings of every handshake: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 (which WebSocket needs).
    pub(crate) fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, TlsError> {
        let mut config = self.plain_config()?;
        config.alpn_protocols = vec![ALPN_H2.to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// The settings for protocols that ALPN does not name.
    pub(crate) fn other_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, TlsError> {
        self.plain_config().map(Arc::new)
    }

    /// The same, for clients whose certificate one of these authorities signed, and nobody else.
    pub(crate) fn known_config(self: &Arc<Self>, authorities: &Path) -> Result<Arc<ServerConfig>, TlsError> {
        let unusable = || explain(authorities, pem::Error::NoItemsFound, "certificate of an authority");
        let mut roots = RootCertStore::empty();
        for authority in chain(authorities)? {
            roots.add(authority).map_err(|_| unusable())?;
        }
        let known = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let builder = builder.with_client_cert_verifier(known.map_err(|_| unusable())?);
        Ok(Arc::new(builder.with_cert_resolver(self.clone())))
    }

    /// The same, for protocols that know their clients by certificates of their own: one is asked for, and any is taken
    /// whose key its client has. Whoever serves says whose it is.
    pub(crate) fn asking_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let builder = builder.with_client_cert_verifier(Arc::new(Anybody(provider())));
        Ok(Arc::new(builder.with_cert_resolver(self.clone())))
    }

    fn plain_config(self: &Arc<Self>) -> Result<ServerConfig, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        Ok(builder.with_no_client_auth().with_cert_resolver(self.clone()))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(current.key.clone())
    }
}

/// Takes clients without a certificate, and with any whose key they have.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ClientCertVerifier for Anybody {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate")
    }
}

impl Loaded {
    fn read(files: Files) -> Result<Self, TlsError> {
        // Before reading: a change in between is then seen at the next look.
        let seen = files.stamp();
        let chain = chain(&files.certificate)?;
        let key =
            PrivateKeyDer::from_pem_file(&files.key).map_err(|error| explain(&files.key, error, "private key"))?;
        let key = Arc::new(CertifiedKey::from_der(chain, key, &provider())?);
        Ok(Self { key, files, seen })
    }
}

impl Files {
    fn stamp(&self) -> Option<Stamp> {
        let look = |path: &Path| {
            let found = fs::metadata(path).ok()?;
            Some((found.modified().ok()?, found.len()))
        };
        Some([look(&self.certificate)?, look(&self.key)?])
    }
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let explain = |error| explain(path, error, "certificate");
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(explain)?
        .collect::<Result<_, _>>()
        .map_err(explain)?;
    match chain.is_empty() {
        true => Err(explain(pem::Error::NoItemsFound)),
        false => Ok(chain),
    }
}

fn explain(path: &Path, error: pem::Error, wanted: &'static str) -> TlsError {
    let path = path.to_owned();
    match error {
        pem::Error::Io(source) => TlsError::Unreadable { path, source },
        _ => TlsError::Content { path, wanted },
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// How ALPN calls HTTP/2.
pub(crate) const ALPN_H2: &[u8] = b"h2";

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str) -> Files {
        let signed = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("a certificate");
        let files = Files {
            certificate: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        };
        fs::write(&files.certificate, signed.cert.pem()).expect("written");
        fs::write(&files.key, signed.signing_key.serialize_pem()).expect("written");
        files
    }

    #[test]
    fn a_wrong_file_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = write(folder.path(), "one");
        let told = |certificate: &Path, key: &Path| {
            let files = Files {
                certificate: certificate.into(),
                key: key.into(),
            };
            Certificate::load(files)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        assert!(told(Path::new("/nowhere.pem"), &files.key).starts_with("/nowhere.pem: "));
        assert!(told(&files.key, &files.key).ends_with("one.key holds no certificate in PEM form"));
        assert!(told(&files.certificate, &files.certificate).ends_with("one.pem holds no private key in PEM form"));
        let other = write(folder.path(), "other");
        assert!(told(&files.certificate, &other.key).starts_with("the certificate and its key cannot be used"));
    }

    #[test]
    fn a_half_replaced_pair_keeps_the_old_one_in_use() {
        let folder = tempfile::tempdir().expect("a folder");
        let (files, other) = (write(folder.path(), "one"), write(folder.path(), "other"));
        let certificate = Certificate::load(files.clone()).expect("loaded");
        assert!(!certificate.refresh().expect("unchanged"));
        let leaf = |certificate: &Certificate| certificate.current.read().expect("read").key.cert[0].clone();
        let before = leaf(&certificate);
        fs::copy(&other.certificate, &files.certificate).expect("copied");
        assert!(certificate.refresh().is_err(), "the key does not fit yet");
        assert_eq!(leaf(&certificate), before);
        fs::copy(&other.key, &files.key).expect("copied");
        assert!(certificate.refresh().expect("both are new"));
        assert_ne!(leaf(&certificate), before);
    }
}

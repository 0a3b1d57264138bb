//! A line to the alert listener: over TCP or TLS, a connection each, as the first clients do it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use consumers::trouble::tls_error;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;

use crate::client::certificate_sentence;
use crate::failure::Failure;

/// Where alerts are sent to.
pub(super) struct Listener {
    host: String,
    port: u16,
    limit: Duration,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// Whom to believe, and who we are.
pub(super) struct Trust {
    /// The certificates to trust, in PEM form; without them the system's.
    pub(super) authority: Option<Vec<u8>>,
    /// Our certificate and its key, in PEM form.
    pub(super) own: Option<(Vec<u8>, Vec<u8>)>,
}

impl Listener {
    /// One without encryption.
    pub(super) fn plain(host: &str, port: u16, limit: Duration) -> Self {
        Self {
            host: host.to_owned(),
            port,
            limit,
            tls: None,
        }
    }

    /// One with TLS.
    pub(super) fn tls(host: &str, port: u16, limit: Duration, trust: &Trust) -> Result<Self, Failure> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| Failure::Usage(format!("--host '{host}': no name that a certificate can have")))?;
        let builder = ClientConfig::builder().with_root_certificates(trust.roots()?);
        let config = match &trust.own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| unusable("--client-key", &error))?;
                let own = certificates("--client-cert", certificate)?;
                builder
                    .with_client_auth_cert(own, key)
                    .map_err(|error| unusable("--client-cert", &error))?
            }
        };
        Ok(Self {
            tls: Some((Arc::new(config), name)),
            ..Self::plain(host, port, limit)
        })
    }

    /// Says a line, and hears the answer where there is to be one.
    pub(super) fn say(&self, line: &str, hears: bool) -> Result<Option<Value>, Failure> {
        let explain = |error: io::Error| self.explain(&error);
        let socket = self.connect().map_err(explain)?;
        let Some((config, name)) = &self.tls else {
            return converse(socket, line, hears).map_err(explain);
        };
        let session = ClientConnection::new(Arc::clone(config), name.clone());
        let session = session.map_err(|error| Failure::refused(format!("cannot set up TLS: {error}")))?;
        converse(StreamOwned::new(session, socket), line, hears).map_err(explain)
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::other("the name has no address");
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_LIMIT.min(self.limit)) {
                Ok(socket) => {
                    socket.set_read_timeout(Some(self.limit))?;
                    socket.set_write_timeout(Some(self.limit))?;
                    return Ok(socket);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn explain(&self, error: &io::Error) -> Failure {
        let place = format!("{}:{}", self.host, self.port);
        if let Some(rustls::Error::InvalidCertificate(wrong)) = tls_error(error) {
            return Failure::Untrusted(format!("{place}: {}", certificate_sentence(wrong)));
        }
        Failure::Unreachable(match error.kind() {
            io::ErrorKind::ConnectionRefused => format!("nobody listens on {place}; is alerts.listener.listen set?"),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                format!("{place} does not answer in time; with --ack, is alerts.listener.ack set?")
            }
            io::ErrorKind::UnexpectedEof => {
                format!("{place} closed the connection; is it TLS (--tls), and are you let in?")
            }
            _ => format!("{place}: {error}"),
        })
    }
}

impl Trust {
    fn roots(&self) -> Result<RootCertStore, Failure> {
        let mut roots = RootCertStore::empty();
        let Some(pem) = &self.authority else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(roots);
        };
        for certificate in certificates("--ca", pem)? {
            roots.add(certificate).map_err(|error| unusable("--ca", &error))?;
        }
        Ok(roots)
    }
}

fn converse(mut stream: impl Read + Write, line: &str, hears: bool) -> io::Result<Option<Value>> {
    stream.write_all(line.as_bytes())?;
    stream.write_all(b"\n")?;
    stream.flush()?;
    if !hears {
        return Ok(None);
    }
    let mut answer = String::new();
    BufReader::new(stream.take(LONGEST_ANSWER)).read_line(&mut answer)?;
    match answer.is_empty() {
        true => Err(io::ErrorKind::UnexpectedEof.into()),
        false => serde_json::from_str(&answer).map(Some).map_err(io::Error::other),
    }
}

fn certificates(option: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(option, &error))?;
    match found.is_empty() {
        true => Err(unusable(option, &"it holds no certificate in PEM form")),
        false => Ok(found),
    }
}

fn unusable(option: &str, why: &dyn std::fmt::Display) -> Failure {
    Failure::Usage(format!("the {option} file cannot be used: {why}"))
}

/// As the first clients.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// In octets.
const LONGEST_ANSWER: u64 = 64 * 1024;

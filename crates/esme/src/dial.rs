//! Making a connection to a peer that speaks SMPP: TCP, and TLS around it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What a conversation goes over.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Makes connections to one peer.
pub struct Dialer {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// Whom TLS trusts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trust<'a> {
    /// A PEM file with the authorities; absent: the system's.
    pub ca_file: Option<&'a Path>,
    /// The name in the peer's certificate, where that is not the host.
    pub name: Option<&'a str>,
}

/// A connection that was made.
pub struct Dialled {
    /// What the conversation goes over.
    pub stream: Box<dyn Stream>,
    /// The peer's address, and our own.
    pub ends: (SocketAddr, SocketAddr),
}

impl Dialer {
    /// To this host and port; `trust`: where TLS begins with the first octet.
    ///
    /// # Errors
    /// An address, an authority or a name that cannot be used, for people.
    pub fn new(address: &str, trust: Option<Trust<'_>>) -> Result<Self, String> {
        let (host, port) = host_and_port(address).ok_or("its address has no host and port")?;
        let tls = trust.map(|trust| tls(trust, host)).transpose()?;
        Ok(Self {
            host: host.to_owned(),
            port,
            tls,
        })
    }

    /// A connection, encrypted where it is to be.
    ///
    /// # Errors
    /// The peer cannot be reached, or is not trusted.
    pub async fn dial(&self) -> io::Result<Dialled> {
        let socket = TcpStream::connect((self.host.as_str(), self.port)).await?;
        // Small PDUs go out at once; it works without, only more slowly.
        let _ = socket.set_nodelay(true);
        let ends = (socket.peer_addr()?, socket.local_addr()?);
        let stream: Box<dyn Stream> = match &self.tls {
            Some((connector, name)) => Box::new(connector.connect(name.clone(), socket).await?),
            None => Box::new(socket),
        };
        Ok(Dialled { stream, ends })
    }
}

/// Host and port of an address as `192.0.2.7:2775` or `[2001:db8::7]:2775`.
pub fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = port.parse().ok().filter(|port| *port != 0)?;
    (!host.is_empty()).then_some((host, port))
}

fn tls(trust: Trust<'_>, host: &str) -> Result<(TlsConnector, ServerName<'static>), String> {
    let name = trust.name.unwrap_or(host);
    let name = ServerName::try_from(name.to_owned()).map_err(|error| format!("tls_name: {error}"))?;
    let client = ClientConfig::builder()
        .with_root_certificates(roots(trust.ca_file)?)
        .with_no_client_auth();
    Ok((TlsConnector::from(Arc::new(client)), name))
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(file) = ca_file else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let told = |error: &dyn std::fmt::Display| format!("ca_file: {}: {error}", file.display());
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| told(&error))? {
        let certificate = certificate.map_err(|error| told(&error))?;
        roots.add(certificate).map_err(|error| told(&error))?;
    }
    match roots.is_empty() {
        true => Err(told(&"there is no certificate in it")),
        false => Ok(roots),
    }
}

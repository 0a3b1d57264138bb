//! Making a connection to an upstream: TCP, and TLS around it.

use std::io;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::Config;

/// What a conversation goes over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Makes the connections of one upstream.
pub(crate) struct Dialer {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Dialer {
    /// # Errors
    /// An address, an authority or a name that cannot be used, for people.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        let (host, port) = config.host_and_port().ok_or("its address has no host and port")?;
        let tls = config.tls.then(|| tls(config, host)).transpose()?;
        Ok(Self {
            host: host.to_owned(),
            port,
            tls,
        })
    }

    /// A connection, encrypted where it is to be.
    pub(crate) async fn dial(&self) -> io::Result<Box<dyn Stream>> {
        let socket = TcpStream::connect((self.host.as_str(), self.port)).await?;
        // Small PDUs go out at once; it works without, only more slowly.
        let _ = socket.set_nodelay(true);
        let Some((connector, name)) = &self.tls else {
            return Ok(Box::new(socket));
        };
        let stream = connector.connect(name.clone(), socket).await?;
        Ok(Box::new(stream))
    }
}

fn tls(config: &Config, host: &str) -> Result<(TlsConnector, ServerName<'static>), String> {
    let name = config.tls_name.as_deref().unwrap_or(host);
    let name = ServerName::try_from(name.to_owned()).map_err(|error| format!("tls_name: {error}"))?;
    let client = ClientConfig::builder()
        .with_root_certificates(roots(config)?)
        .with_no_client_auth();
    Ok((TlsConnector::from(Arc::new(client)), name))
}

fn roots(config: &Config) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(file) = &config.ca_file else {
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

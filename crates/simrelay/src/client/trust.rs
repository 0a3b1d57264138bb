//! Which certificates are trusted where the caller names one: what it signed, and it itself.
//!
//! A certificate of one's own often says of itself that it is an authority's (`openssl req -x509` makes such ones, and so does
//! SMSgate's own script). Other clients take it where it is the one that was named; webpki takes it for no server's.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::failure::Failure;

/// The settings of TLS for whoever trusts the certificates in this PEM text, and nobody else.
pub(super) fn settings(pem: &[u8]) -> Result<ClientConfig, Failure> {
    let unreadable =
        |error: &dyn std::fmt::Display| Failure::Usage(format!("the --ca file is not readable as PEM: {error}"));
    let named: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let named = named.map_err(|error| unreadable(&error))?;
    if named.is_empty() {
        return Err(Failure::Usage("the --ca file holds no certificate in PEM form".into()));
    }
    let mut roots = RootCertStore::empty();
    for certificate in &named {
        roots.add(certificate.clone()).map_err(|error| unreadable(&error))?;
    }
    let usual = WebPkiServerVerifier::builder(Arc::new(roots)).build();
    let usual = usual.map_err(|error| unreadable(&error))?;
    let verifier = Arc::new(Named { usual, named });
    let mut config = ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Trusts what the usual rules do, and the certificates that were named, octet by octet.
#[derive(Debug)]
struct Named {
    usual: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let usual = self.usual.verify_server_cert(shown, between, name, ocsp, now);
        match usual {
            Err(error) if is_of_others(&error) && self.named.iter().any(|named| named == shown) => is_valid(shown),
            usual => usual,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, shown, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, shown, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// Whether all that was found wrong is that an authority's certificate stands where a server's should be, or that nobody
/// knows who signed it.
fn is_of_others(error: &Error) -> bool {
    let unknown = matches!(error, Error::InvalidCertificate(CertificateError::UnknownIssuer));
    unknown || error.to_string().contains("CaUsedAsEndEntity")
}

/// The time that it is made out for is the one thing left to look at.
fn is_valid(shown: &CertificateDer<'_>) -> Result<ServerCertVerified, Error> {
    let now = Timestamp::now();
    match api::certificate_validity(shown) {
        Some((from, _)) if now < from => Err(CertificateError::NotValidYet.into()),
        Some((_, until)) if until <= now => Err(CertificateError::Expired.into()),
        Some(_) => Ok(ServerCertVerified::assertion()),
        None => Err(CertificateError::BadEncoding.into()),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

    use super::*;

    fn own(until: i32) -> (String, CertificateDer<'static>) {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = date_time_ymd(until, 1, 1);
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        (made.pem(), made.der().clone())
    }

    #[test]
    fn it_is_trusted_whoever_signed_it_and_another_of_that_authority_is_not() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority");
        let authority = Issuer::new(params, key);
        let signed = || {
            let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
            params.signed_by(&KeyPair::generate().unwrap(), &authority).unwrap()
        };
        let (named, other) = (signed(), signed());
        assert_eq!(trusts(&named.pem(), named.der()), Ok(()));
        assert!(trusts(&named.pem(), other.der()).is_err());
    }

    fn trusts(pem: &str, shown: &CertificateDer<'_>) -> Result<(), Error> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let named: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<_, _>>()
            .unwrap();
        let mut roots = RootCertStore::empty();
        named.iter().for_each(|one| roots.add(one.clone()).unwrap());
        let usual = WebPkiServerVerifier::builder(Arc::new(roots)).build().unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let verifier = Named { usual, named };
        let verified = verifier.verify_server_cert(shown, &[], &name, &[], UnixTime::now());
        verified.map(drop)
    }

    #[test]
    fn the_very_certificate_that_was_named_is_trusted_though_it_calls_itself_an_authoritys() {
        let (pem, own_one) = own(2100);
        assert_eq!(trusts(&pem, &own_one), Ok(()));
        let (_, other) = own(2100);
        assert!(trusts(&pem, &other).is_err(), "another one is not");
        let (pem, expired) = own(2001);
        let told = trusts(&pem, &expired);
        let is_expired = |wrong: &CertificateError| {
            matches!(
                wrong,
                CertificateError::Expired | CertificateError::ExpiredContext { .. }
            )
        };
        assert!(
            matches!(&told, Err(Error::InvalidCertificate(wrong)) if is_expired(wrong)),
            "{told:?}"
        );
    }
}

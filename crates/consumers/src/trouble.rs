//! Why another server could not be spoken to, in words that say what to do.

use std::error::Error;
use std::io;

use tokio_rustls::rustls::{self, CertificateError};

/// What is wrong at the bottom of an error, for people: TLS in words of our own, anything else as it was told.
pub fn in_words(error: &(dyn Error + 'static)) -> String {
    match tls_error(error) {
        Some(rustls::Error::InvalidCertificate(wrong)) => certificate_in_words(wrong),
        _ => innermost(error),
    }
}

/// What is wrong with a server's certificate.
pub fn certificate_in_words(wrong: &CertificateError) -> String {
    use CertificateError as E;
    let sentence = match wrong {
        E::UnknownIssuer | E::BadSignature => {
            "nobody known here vouches for its certificate: name the authority in ca_file"
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => "its certificate is made out to another name",
        E::Expired | E::ExpiredContext { .. } => "its certificate has expired",
        E::NotValidYet | E::NotValidYetContext { .. } => {
            "its certificate is not valid yet; are the clocks of both machines right?"
        }
        other if other.to_string().contains(AUTHORITY) => {
            "its certificate says of itself that it is an authority's, which no server's may: make one with \
             basicConstraints=CA:FALSE (openssl req -x509 needs -addext for that), or have the authority sign one"
        }
        other => return format!("its certificate is not accepted: {other}"),
    };
    sentence.to_owned()
}

/// The TLS error among the causes of an error.
pub fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The deepest cause, as it was told.
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).last().unwrap_or(error).to_string()
}

/// An error, what caused it, what caused that. An `io::Error` hides what it holds from `source`.
pub fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        let error: &'a (dyn Error + 'static) = *error;
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        held.map(|held| held as &'a (dyn Error + 'static))
            .or_else(|| error.source())
    })
}

/// How webpki calls an authority's certificate where a server's should be.
const AUTHORITY: &str = "CaUsedAsEndEntity";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::UnixTime;

    use super::*;

    #[test]
    fn the_deepest_cause_is_told() {
        let inner = io::Error::new(io::ErrorKind::ConnectionRefused, "the reason");
        let outer = io::Error::other(inner);
        assert_eq!(innermost(&outer), "the reason");
    }

    #[test]
    fn an_authority_that_serves_is_told_how_to_make_another_certificate() {
        let mut wanted = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
        wanted.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = wanted.self_signed(&key).expect("a certificate");
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate.der().clone()).expect("an authority");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .expect("roots");
        let name = "localhost".try_into().expect("a name");
        let refused = verifier
            .verify_server_cert(certificate.der(), &[], &name, &[], UnixTime::now())
            .expect_err("it is an authority");
        assert!(in_words(&refused).contains("basicConstraints=CA:FALSE"), "{refused}");
    }

    #[test]
    fn a_certificate_is_explained_however_deep_it_lies() {
        let wrong = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let outer = io::Error::other(io::Error::other(wrong));
        assert_eq!(in_words(&outer), "its certificate has expired");
    }
}

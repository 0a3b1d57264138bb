//! Why no answer came, in words that say what to do.

use std::error::Error;
use std::io;

use consumers::trouble::{causes, certificate_in_words, innermost, tls_error};
use rustls::CertificateError;

use crate::failure::Failure;

/// Explains a call that found no gateway.
pub(super) fn explain(url: &str, error: &reqwest::Error) -> Failure {
    let tls = tls_error(error);
    if let Some(rustls::Error::InvalidCertificate(wrong)) = tls {
        return Failure::Untrusted(format!("no answer from {url}: {}", certificate_sentence(wrong)));
    }
    let io = || causes(error).find_map(io_sentence);
    let sentence = match tls.map(tls_sentence).or_else(io) {
        Some(sentence) => sentence,
        None if error.is_timeout() => {
            "no answer in time; is it overloaded, or a firewall in between? (--timeout SECONDS waits longer)".to_owned()
        }
        None => innermost(error),
    };
    Failure::Unreachable(format!("no answer from {url}: {sentence}"))
}

fn tls_sentence(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS; is this the gateway's port, and no proxy in between?".to_owned()
        }
        other => format!("TLS failed: {other}"),
    }
}

/// What is wrong with a server's certificate, for whom the options of the commands are at hand.
pub(crate) fn certificate_sentence(error: &CertificateError) -> String {
    use CertificateError as E;
    match error {
        E::UnknownIssuer | E::BadSignature => {
            "its certificate is not known here; give the right one with --ca FILE or SIMRELAY_CA".into()
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            "its certificate is made out to another name; use the name in the certificate".into()
        }
        E::Expired | E::ExpiredContext { .. } => "its certificate has expired; renew it on the gateway".into(),
        other => certificate_in_words(other),
    }
}

fn io_sentence(error: &(dyn Error + 'static)) -> Option<String> {
    let error = error.downcast_ref::<io::Error>()?;
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            Some("connection refused; is the gateway running, and is --url (SIMRELAY_URL) right?".into())
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => {
            Some("the connection was closed; is this the gateway's port?".into())
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Some("no way to that host".into()),
        _ => None,
    }
}

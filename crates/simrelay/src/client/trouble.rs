//! Why no answer came, in words that say what to do.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use crate::failure::Failure;

/// Explains a call that found no gateway.
pub(super) fn explain(url: &str, error: &reqwest::Error) -> Failure {
    let causes = Causes(Some(error));
    let tls = causes.clone().find_map(tls_sentence);
    let io = || causes.clone().find_map(io_sentence);
    let sentence = match tls.or_else(io) {
        Some(sentence) => sentence,
        None if error.is_timeout() => {
            "no answer in time; is it overloaded, or a firewall in between? (--timeout SECONDS waits longer)".to_owned()
        }
        None => innermost(error),
    };
    Failure::Unreachable(format!("no answer from {url}: {sentence}"))
}

fn tls_sentence(error: &(dyn Error + 'static)) -> Option<String> {
    match find_tls(error)? {
        rustls::Error::InvalidCertificate(certificate) => Some(certificate_sentence(certificate)),
        rustls::Error::InvalidMessage(_) => {
            Some("it does not speak TLS; is this the gateway's port, and no proxy in between?".to_owned())
        }
        other => Some(format!("TLS failed: {other}")),
    }
}

fn certificate_sentence(error: &CertificateError) -> String {
    use CertificateError as E;
    match error {
        E::UnknownIssuer | E::BadSignature => {
            "its certificate is not known here; give the right one with --ca FILE or SIMRELAY_CA".into()
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            "its certificate is made out to another name; use the name in the certificate in --url".into()
        }
        E::Expired | E::ExpiredContext { .. } => "its certificate has expired; renew it on the gateway".into(),
        E::NotValidYet | E::NotValidYetContext { .. } => {
            "its certificate is not valid yet; are the clocks of both machines right?".into()
        }
        other => format!("its certificate is not accepted: {other}"),
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

/// rustls' errors come inside an `io::Error`, at times inside a second one; `source` skips what is inside.
fn find_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(found) = error.downcast_ref::<rustls::Error>() {
        return Some(found);
    }
    find_tls(error.downcast_ref::<io::Error>()?.get_ref()?)
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    Causes(Some(error)).last().map_or_else(String::new, ToString::to_string)
}

/// An error, what caused it, what caused that.
#[derive(Clone)]
struct Causes<'a>(Option<&'a (dyn Error + 'static)>);

impl<'a> Iterator for Causes<'a> {
    type Item = &'a (dyn Error + 'static);

    fn next(&mut self) -> Option<Self::Item> {
        let error = self.0?;
        self.0 = error.source();
        Some(error)
    }
}

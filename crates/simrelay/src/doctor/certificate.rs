//! The gateway's certificate: there, readable, and for how much longer.

use std::fs;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::config::open_to_others;
use crate::when::local;

use super::check::Check;

/// Looks at the certificate.
pub(super) fn look(path: &Path) -> Check {
    let pem = match fs::read(path) {
        Ok(pem) => pem,
        Err(error) => return Check::critical(SUBJECT, format!("{}: {error}", path.display()), MAKE),
    };
    let first = CertificateDer::pem_slice_iter(&pem).next();
    let validity = first
        .and_then(Result::ok)
        .and_then(|der| api::certificate_validity(&der));
    match validity {
        Some((from, until)) => judge(from, until, Timestamp::now()),
        None => Check::critical(SUBJECT, format!("{} holds no certificate", path.display()), MAKE),
    }
}

fn judge(from: Timestamp, until: Timestamp, now: Timestamp) -> Check {
    if now < from {
        let sentence = format!("not valid before {}", local(from));
        return Check::critical(SUBJECT, sentence, "set the clock, or use another certificate");
    }
    if until <= now {
        return Check::critical(SUBJECT, format!("it expired on {}", local(until)), RENEW);
    }
    let sentence = format!("valid until {}", local(until));
    match until.duration_since(now) {
        left if left < URGENT => Check::critical(SUBJECT, sentence, RENEW),
        left if left < SOON => Check::warning(SUBJECT, sentence, RENEW),
        _ => Check::ok(SUBJECT, sentence),
    }
}

/// Looks at its key.
pub(super) fn look_at_key(path: &Path) -> Check {
    let file = path.display();
    match open_to_others(path) {
        Ok(None) => Check::ok(KEY, "readable by those who must only"),
        Ok(Some(problem)) => Check::critical(KEY, format!("{file}: {problem}"), format!("chmod g-wx,o= {file}")),
        Err(error) => Check::critical(KEY, format!("{file}: {error}"), MAKE),
    }
}

const SUBJECT: &str = "certificate";
const KEY: &str = "certificate key";
const MAKE: &str = "set api.certificate and api.key; simrelay certificate makes new ones";
const RENEW: &str = "renew it; a changed file is taken up without a restart";
/// As health judges it.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
const URGENT: SignedDuration = SignedDuration::from_hours(3 * 24);

#[cfg(test)]
mod tests {
    use message::Level;

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_fresh_certificate_is_well() {
        let folder = tempfile::tempdir().unwrap();
        let files = crate::certificate::write(folder.path(), &["localhost".to_owned()]).unwrap();
        let levels = [look(&files.certificate), look_at_key(&files.key)]
            .into_iter()
            .map(|check| check.level);
        assert!(levels.eq([Level::Ok, Level::Ok]));
    }

    #[test]
    fn an_expired_and_an_early_certificate_are_told() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let judged = |now: &str| judge(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"), at(now)).level;
        assert_eq!(judged("2025-12-31T23:59:59Z"), Level::Critical);
        assert_eq!(judged("2026-06-01T00:00:00Z"), Level::Ok);
        assert_eq!(judged("2026-12-20T00:00:00Z"), Level::Warning);
        assert_eq!(judged("2026-12-30T00:00:00Z"), Level::Critical);
        assert_eq!(judged("2027-01-01T00:00:00Z"), Level::Critical);
    }

    #[test]
    fn what_is_no_certificate_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(look(file.path()).level, Level::Critical);
        assert_eq!(look(Path::new("/nonexistent")).level, Level::Critical);
    }

    #[test]
    fn a_key_for_everybody_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, level) in [
            (0o644, Level::Critical),
            (0o660, Level::Critical),
            (0o640, Level::Ok),
            (0o600, Level::Ok),
        ] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(look_at_key(file.path()).level, level, "{mode:o}");
        }
    }
}

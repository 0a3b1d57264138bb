//! The gateway's certificate: there, readable, and for how much longer.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use message::CertificateFacts;
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
        Some((not_before, not_after)) => judge(CertificateFacts { not_before, not_after }, Timestamp::now()),
        None => Check::critical(SUBJECT, format!("{} holds no certificate", path.display()), MAKE),
    }
}

/// What is wrong with it is told as health does.
fn judge(shown: CertificateFacts, now: Timestamp) -> Check {
    let well = || Check::ok(SUBJECT, format!("valid until {}", local(shown.not_after)));
    shown
        .complaint(now)
        .map_or_else(well, |complaint| Check::of(SUBJECT, complaint))
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
        let shown = CertificateFacts {
            not_before: at("2026-01-01T00:00:00Z"),
            not_after: at("2027-01-01T00:00:00Z"),
        };
        let judged = |now: &str| judge(shown, at(now)).level;
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

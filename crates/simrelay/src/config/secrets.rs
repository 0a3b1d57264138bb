//! Files that hold secrets, and who may read them.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Who besides its owner may do something with the file, as a sentence; nothing where nobody may.
pub(super) fn open_to_others(file: &Path) -> io::Result<Option<String>> {
    let mode = fs::metadata(file)?.permissions().mode();
    Ok((mode & OTHERS != 0).then(|| format!("others than its owner may read it (mode {:04o})", mode & 0o7777)))
}

/// Where a file named in the configuration lies: absolute, or among the service's credentials, or beside the
/// configuration file.
pub(crate) fn find(named: &Path, configuration: &Path) -> PathBuf {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
    find_in(named, credentials.as_ref().map(Path::new), configuration)
}

/// The PIN that a file holds.
pub(super) fn read_pin(file: &Path) -> io::Result<Zeroizing<String>> {
    let text = Zeroizing::new(fs::read_to_string(file)?);
    let pin = Zeroizing::new(text.trim().to_owned());
    let fits = (4..=8).contains(&pin.len()) && pin.bytes().all(|byte| byte.is_ascii_digit());
    match fits {
        true => Ok(pin),
        false => Err(io::Error::other("it does not hold a PIN of four to eight digits")),
    }
}

fn find_in(named: &Path, credentials: Option<&Path>, configuration: &Path) -> PathBuf {
    if let Some(credential) = credentials.map(|folder| folder.join(named))
        && credential.exists()
    {
        return credential;
    }
    let folder = configuration.parent().unwrap_or(Path::new(""));
    folder.join(named)
}

/// The bits that let group and others read, write or run a file.
const OTHERS: u32 = 0o077;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_for_its_owner_only_is_closed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let told = |mode| {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            open_to_others(file.path()).unwrap()
        };
        assert_eq!(told(0o600), None);
        assert_eq!(told(0o400), None);
        for open in [0o604, 0o640, 0o644, 0o660] {
            assert!(told(open).is_some(), "{open:o}");
        }
        assert!(open_to_others(Path::new("/nonexistent")).is_err());
    }

    #[test]
    fn a_credential_goes_before_a_file_beside_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let configuration = folder.path().join("simrelay.toml");
        let credentials = folder.path().join("credentials");
        fs::create_dir(&credentials).unwrap();
        let named = Path::new("sim1.pin");
        let found = || find_in(named, Some(&credentials), &configuration);
        assert_eq!(found(), folder.path().join("sim1.pin"));
        fs::write(credentials.join("sim1.pin"), "0000").unwrap();
        assert_eq!(found(), credentials.join("sim1.pin"));
        let absolute = Path::new("/run/secrets/pin");
        assert_eq!(find_in(absolute, Some(&credentials), &configuration), absolute);
    }
}

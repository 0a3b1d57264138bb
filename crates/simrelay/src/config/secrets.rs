//! Files that hold secrets, and who may read them.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::source;

/// Who may do more with the file than a secret bears, as a sentence; nothing where nobody may. Its group may read it:
/// a package installs it as `root:simrelay`, mode 640, so that the gateway reads its settings and cannot change them.
pub(crate) fn open_to_others(file: &Path) -> io::Result<Option<String>> {
    let mode = fs::metadata(file)?.permissions().mode() & 0o7777;
    let told = match mode {
        mode if mode & OTHERS != 0 => "it is open to others than its owner and its group",
        mode if mode & GROUP_MORE != 0 => "its group may do more than read it",
        _ => return Ok(None),
    };
    Ok(Some(format!("{told} (mode {mode:04o})")))
}

/// Where a file named in the configuration lies: absolute, or among the service's credentials, or beside the
/// configuration file.
pub(crate) fn find(named: &Path, configuration: &Path) -> PathBuf {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
    find_in(named, credentials.as_ref().map(Path::new), configuration)
}

/// The PIN that a file holds.
pub(super) fn read_pin(file: &Path) -> io::Result<Zeroizing<String>> {
    let text = Zeroizing::new(source::read(file)?);
    let pin = Zeroizing::new(text.trim().to_owned());
    let fits = (4..=8).contains(&pin.len()) && pin.bytes().all(|byte| byte.is_ascii_digit());
    match fits {
        true => Ok(pin),
        false => Err(io::Error::other("it does not hold a PIN of four to eight digits")),
    }
}

/// Whether a file that is named so may be a credential of the service, which nobody else sees: it is not beside the
/// configuration, and this is not the service.
pub(super) fn may_be_credential(named: &Path, configuration: &Path) -> bool {
    let is_service = std::env::var_os("CREDENTIALS_DIRECTORY").is_some();
    let plain = named.is_relative() && named.components().count() == 1;
    plain && !is_service && !find_in(named, None, configuration).exists()
}

fn find_in(named: &Path, credentials: Option<&Path>, configuration: &Path) -> PathBuf {
    // One that may not be looked at is there; reading it then says so.
    if let Some(credential) = credentials.map(|folder| folder.join(named))
        && credential.try_exists().unwrap_or(true)
    {
        return credential;
    }
    let folder = configuration.parent().unwrap_or(Path::new(""));
    folder.join(named)
}

/// The bits that let others read, write or run a file.
const OTHERS: u32 = 0o007;
/// The bits that let its group write or run it.
const GROUP_MORE: u32 = 0o030;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_for_its_owner_to_change_and_for_its_group_to_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let told = |mode| {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            open_to_others(file.path()).unwrap()
        };
        for closed in [0o600, 0o400, 0o640, 0o440] {
            assert_eq!(told(closed), None, "{closed:o}");
        }
        for (open, words) in [
            (0o604, "others than its owner and its group (mode 0604)"),
            (0o644, "others than its owner and its group (mode 0644)"),
            (0o602, "others than its owner and its group (mode 0602)"),
            (0o660, "its group may do more than read it (mode 0660)"),
            (0o620, "its group may do more than read it (mode 0620)"),
        ] {
            assert!(told(open).is_some_and(|told| told.contains(words)), "{open:o}");
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

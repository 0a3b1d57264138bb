//! The keys in use, and taking up those that changed.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use super::keys::{Keys, KeysError};

/// The keys in use. They can be read again while messages are worked; each message is read by those it began with.
#[derive(Debug)]
pub struct Keyring {
    file: Option<PathBuf>,
    /// Held for a line.
    keys: RwLock<Arc<Keys>>,
}

impl Keyring {
    /// Keys that do not change.
    pub fn fixed(keys: Keys) -> Self {
        Self {
            file: None,
            keys: RwLock::new(Arc::new(keys)),
        }
    }

    /// The keys of a file.
    pub fn load(file: PathBuf) -> Result<Self, KeysError> {
        let keys = Keys::load(&file)?;
        Ok(Self {
            file: Some(file),
            ..Self::fixed(keys)
        })
    }

    /// Those in use now.
    pub fn current(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file again. Where it is not right, the keys stay as they were.
    pub fn reload(&self) -> Result<Arc<Keys>, KeysError> {
        let Some(file) = &self.file else {
            return Ok(self.current());
        };
        let fresh = Arc::new(Keys::load(file)?);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&fresh);
        Ok(fresh)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use message::Number;

    use super::*;

    #[test]
    fn keys_that_are_not_right_leave_those_before_in_use() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let write = |text: &str| fs::write(file.path(), text).unwrap();
        write("shared 0123456789abcdef\n");
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        let ring = Keyring::load(file.path().to_owned()).unwrap();
        let before = ring.current();
        write("shared short\n");
        assert!(ring.reload().is_err());
        let anybody = Number::received("+989126211770");
        assert!(ring.current().first(&anybody).is_some());
        write("# nobody any more\n");
        assert!(ring.reload().is_ok());
        assert!(ring.current().first(&anybody).is_none());
        assert!(
            before.first(&anybody).is_some(),
            "a message that began is ended by the keys it began with"
        );
    }
}

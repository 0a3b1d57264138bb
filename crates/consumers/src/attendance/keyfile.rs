//! Changing the key file: devices are added, set and revoked, and everything else in it stays as it stands.
//!
//! A change is written to a file beside it, synced, and renamed over it, so that a reader sees the one before or this
//! one, and a power cut leaves one of the two. Two programs that change it take turns.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use message::Number;
use thiserror::Error;
use zeroize::Zeroizing;

use super::keys::{Keys, KeysError, Mode, refuse_open};

/// A key file that is being changed; others wait until this is dropped.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    /// Locked.
    file: File,
    text: Zeroizing<String>,
}

/// A device that was just made. Its key is shown once and kept in the key file alone.
pub struct NewDevice {
    /// Its id.
    pub id: u32,
    key: Zeroizing<String>,
}

/// Why a key file was not changed. It never tells what stands in it.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// It is not right as it is.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// No device has this id.
    #[error("there is no device {0}")]
    NoDevice(u32),
    /// There are no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
    /// It cannot be written.
    #[error("cannot be written: {0}")]
    Write(io::Error),
}

impl KeyFile {
    /// Opens a key file to change it, and waits for whoever changes it now; makes an empty one where there is none.
    /// Blocks.
    pub fn open(path: &Path) -> Result<Self, KeyFileError> {
        if !path.exists() {
            create(path).map_err(KeyFileError::Write)?;
        }
        let path = path.canonicalize().map_err(KeysError::Read)?;
        refuse_open(&path)?;
        let mut file = locked(&path).map_err(KeysError::Read)?;
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(KeysError::Read)?;
        Keys::parse(&text)?;
        Ok(Self { path, file, text })
    }

    /// Adds a device with a new key.
    pub fn add(&mut self, owner: &Number, mode: Mode, roaming: bool) -> Result<NewDevice, KeyFileError> {
        let mut octets = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *octets).map_err(KeyFileError::Random)?;
        let device = NewDevice {
            id: self.fresh_id()?,
            key: Zeroizing::new(hex::encode(*octets)),
        };
        let line = Zeroizing::new(format!("device {} {owner} {}", device.id, *device.key));
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.push_str(&line);
        self.text.push_str(&words(mode, roaming, false));
        self.text.push('\n');
        Ok(device)
    }

    /// Sets which versions are taken from a device's owner; a device that was revoked is in use again.
    pub fn set(&mut self, id: u32, mode: Mode) -> Result<(), KeyFileError> {
        let roaming = self.keys()?.device(id).is_some_and(|device| device.roaming);
        self.reword(id, &words(mode, roaming, false))
    }

    /// Takes a device out of use. Its key stays, so that the device can be told.
    pub fn revoke(&mut self, id: u32) -> Result<(), KeyFileError> {
        let keys = self.keys()?;
        let device = keys.device(id).ok_or(KeyFileError::NoDevice(id))?;
        let (mode, roaming) = (device.mode, device.roaming);
        self.reword(id, &words(mode, roaming, true))
    }

    /// Its keys, with what was changed.
    pub fn keys(&self) -> Result<Keys, KeyFileError> {
        Ok(Keys::parse(&self.text)?)
    }

    /// Writes what was changed. The file keeps its owner and its mode.
    pub fn save(self) -> Result<(), KeyFileError> {
        self.replace().map_err(KeyFileError::Write)
    }

    /// Ids are drawn, not counted: one that was used before and left the file would meet its old counters.
    fn fresh_id(&self) -> Result<u32, KeyFileError> {
        let keys = self.keys()?;
        loop {
            let drawn = getrandom::u32().map_err(KeyFileError::Random)?;
            let id = ID_LEAST + drawn % (ID_MOST - ID_LEAST + 1);
            if keys.device(id).is_none() {
                return Ok(id);
            }
        }
    }

    /// Writes other words behind the key of a device.
    fn reword(&mut self, id: u32, words: &str) -> Result<(), KeyFileError> {
        let mut changed = Zeroizing::new(String::with_capacity(self.text.len() + words.len()));
        let mut found = false;
        for line in self.text.lines() {
            let mut fields = line.split_ascii_whitespace();
            let is_it = fields.next() == Some("device") && fields.next().and_then(|id| id.parse().ok()) == Some(id);
            if is_it {
                let (owner, key) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
                // Writing into a string cannot fail.
                let _ = writeln!(changed, "device {id} {owner} {key}{words}");
                found = true;
            } else {
                changed.push_str(line);
                changed.push('\n');
            }
        }
        self.text = changed;
        match found {
            true => Ok(()),
            false => Err(KeyFileError::NoDevice(id)),
        }
    }

    fn replace(&self) -> io::Result<()> {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".new");
        let fresh = PathBuf::from(name);
        // One that a crash left behind: nobody else is at it, since the file is locked.
        match fs::remove_file(&fresh) {
            Err(trouble) if trouble.kind() != io::ErrorKind::NotFound => return Err(trouble),
            _ => {}
        }
        let written = self.write(&fresh).and_then(|()| fs::rename(&fresh, &self.path));
        if written.is_err() {
            // What is left holds keys; where it cannot be removed, the error says enough.
            let _ = fs::remove_file(&fresh);
        }
        written?;
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        File::open(folder)?.sync_all()
    }

    fn write(&self, fresh: &Path) -> io::Result<()> {
        let before = self.file.metadata()?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(fresh)?;
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (before.uid(), before.gid()) {
            fchown(&file, Some(before.uid()), Some(before.gid()))?;
        }
        file.set_permissions(before.permissions())?;
        file.write_all(self.text.as_bytes())?;
        file.sync_all()
    }
}

impl NewDevice {
    /// The key, as 64 hex digits.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What the phone's program reads from the QR code: `ATT2:ID:KEY`, in letters that make a small code.
    pub fn provisioning(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("ATT2:{}:{}", self.id, self.key.to_uppercase()))
    }
}

/// The words behind a device's key.
fn words(mode: Mode, roaming: bool, revoked: bool) -> String {
    let mode = Some(mode).filter(|mode| *mode != Mode::default()).map(Mode::word);
    let all = [mode, roaming.then_some("roaming"), revoked.then_some("revoked")];
    all.into_iter().flatten().map(|word| format!(" {word}")).collect()
}

fn create(path: &Path) -> io::Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Err(trouble) if trouble.kind() != io::ErrorKind::AlreadyExists => Err(trouble),
        _ => Ok(()),
    }
}

/// The file, locked. Whoever waited for the lock may hold a file that was replaced meanwhile, and takes the new one.
fn locked(path: &Path) -> io::Result<File> {
    loop {
        let file = File::open(path)?;
        file.lock()?;
        let (held, there) = (file.metadata()?, fs::metadata(path)?);
        if (held.dev(), held.ino()) == (there.dev(), there.ino()) {
            return Ok(file);
        }
    }
}

/// Ids of six digits: short enough to be read out.
const ID_LEAST: u32 = 100_000;
const ID_MOST: u32 = 999_999;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn owner() -> Number {
        Number::received("+989126211770")
    }

    #[test]
    fn a_device_is_added_and_everything_else_stays_as_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let before = "# ours\n\nshared 0123456789abcdef\nsender +989126211771 a key with # & b";
        fs::write(&path, before).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let mut file = KeyFile::open(&path).unwrap();
        let device = file.add(&owner(), Mode::Both, false).unwrap();
        file.save().unwrap();
        let expected = format!("{before}\ndevice {} +989126211770 {}\n", device.id, device.key());
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left over");
        let shown = device.provisioning();
        assert!(
            shown.starts_with("ATT2:") && shown.len() == 5 + 6 + 1 + 64,
            "{}",
            shown.len()
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_made_and_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let mut file = KeyFile::open(&path).unwrap();
        file.add(&owner(), Mode::V1, true).unwrap();
        file.save().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(Keys::load(&path).unwrap().devices().count(), 1);
    }

    #[test]
    fn a_device_is_moved_and_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let change = |how: &dyn Fn(&mut KeyFile) -> Result<(), KeyFileError>| {
            let mut file = KeyFile::open(&path).unwrap();
            how(&mut file)?;
            file.save()
        };
        let mut file = KeyFile::open(&path).unwrap();
        let id = file.add(&owner(), Mode::V1, true).unwrap().id;
        let other = file.add(&owner(), Mode::Both, false).unwrap().id;
        file.save().unwrap();
        let state = |id: u32| {
            let keys = Keys::load(&path).unwrap();
            let device = keys.device(id).unwrap();
            (device.mode, device.roaming, device.revoked)
        };
        assert_eq!(state(id), (Mode::V1, true, false));
        change(&|file| file.set(id, Mode::V2)).unwrap();
        assert_eq!(state(id), (Mode::V2, true, false));
        change(&|file| file.revoke(id)).unwrap();
        assert_eq!(state(id), (Mode::V2, true, true));
        change(&|file| file.set(id, Mode::Both)).unwrap();
        assert_eq!(state(id), (Mode::Both, true, false));
        assert_eq!(state(other), (Mode::Both, false, false));
        let nobody = change(&|file| file.revoke(1)).unwrap_err();
        assert_eq!(nobody.to_string(), "there is no device 1");
    }

    #[test]
    fn programs_that_change_it_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        KeyFile::open(&path).unwrap().save().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut file = KeyFile::open(&path).unwrap();
                    file.add(&owner(), Mode::Both, false).unwrap();
                    file.save().unwrap();
                });
            }
        });
        assert_eq!(Keys::load(&path).unwrap().devices().count(), 8);
    }

    #[test]
    fn a_file_that_is_open_or_wrong_is_not_changed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "shared tell-nobody\n").unwrap();
        let wrong = KeyFile::open(file.path()).unwrap_err().to_string();
        assert!(wrong.contains("line 1") && !wrong.contains("nobody"), "{wrong}");
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(
            KeyFile::open(file.path())
                .unwrap_err()
                .to_string()
                .contains("chmod 600")
        );
    }
}

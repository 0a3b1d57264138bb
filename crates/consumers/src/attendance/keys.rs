//! The key file: who shares which key with the gateway.
//!
//! The file is read at start and when the gateway is told to, is never part of the configuration, and is overwritten in
//! memory once it was read. A line each, blank lines and lines that begin with `#` aside:
//!
//! ```text
//! shared KEY                                the first version's key, for all senders without one of their own
//! sender +989126211770 KEY                  the first version's key of one sender
//! device 1000 +989126211770 HEX [WORD...]   the second version's key of a device, 64 hex digits
//! ```
//!
//! A key of the first version is the rest of the line behind one blank, as it stands: it may hold blanks and `#`. Words
//! behind a device's key are its [`Mode`] (`v1`, `both`, `v2`; without: `both`), `roaming` (any sender may use it) and
//! `revoked` (it is told not to be used any more).

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fmt, fs, io};

use message::{Number, NumberError};
use thiserror::Error;
use zeroize::Zeroizing;

use super::protocol::{v1, v2};

/// All keys. Their values are overwritten when dropped and never shown.
#[derive(Debug, Default)]
pub struct Keys {
    shared: Option<v1::Key>,
    senders: HashMap<Number, v1::Key>,
    devices: HashMap<u32, Device>,
}

/// A registered device of the second version.
#[derive(Debug)]
pub struct Device {
    /// The sender it belongs to.
    pub owner: Number,
    /// What it shares with the gateway.
    pub key: v2::DeviceKey,
    /// Which versions are taken from its owner.
    pub mode: Mode,
    /// Whether its messages may come from any sender.
    pub roaming: bool,
    /// Whether it was taken out of use.
    pub revoked: bool,
}

/// Which versions of the protocol are taken from the owner of a device: the way of a phone from the first to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// The first alone: the device is registered and not in use yet.
    V1,
    /// Both, until the device's first message; from then on the second alone.
    #[default]
    Both,
    /// The second alone.
    V2,
}

/// What becomes of a sender's requests of the first version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstVersion {
    /// They are taken.
    Taken,
    /// They are taken until one of the second was.
    UntilSecond,
    /// They are refused.
    Refused,
}

/// Why a key file is not taken. It never tells what stands in the file.
#[derive(Debug, Error)]
pub enum KeysError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// Others may read or change it.
    #[error("{0}: chmod 600 it (or 640), since it holds keys")]
    Open(String),
    /// A line is wrong.
    #[error("line {line}: {fault}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        fault: LineFault,
    },
}

/// What is wrong with a line of a key file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LineFault {
    /// It begins with no word that is known, or ends too early.
    #[error("write `shared KEY`, `sender NUMBER KEY` or `device ID NUMBER HEX [v1|both|v2] [roaming] [revoked]`")]
    Form,
    /// The number is none.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// A key of the first version has the wrong length.
    #[error(transparent)]
    Length(#[from] v1::KeyLength),
    /// A device's key is no 64 hex digits.
    #[error("a device's key has 64 hex digits")]
    Hex,
    /// A device's id is no number of 32 bits.
    #[error("a device's id is a number up to 4294967295")]
    Id,
    /// The same key is given twice.
    #[error("it is given a second time")]
    Twice,
}

impl Keys {
    /// Reads a key file: mode 600 or 640, or stricter; or a service manager's credential.
    pub fn load(file: &Path) -> Result<Self, KeysError> {
        refuse_open(file)?;
        let text = Zeroizing::new(fs::read_to_string(file)?);
        Self::parse(&text)
    }

    /// Reads the text of a key file.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let mut keys = Self::default();
        for (line, entry) in (1..).zip(text.lines()) {
            if entry.trim().is_empty() || entry.starts_with('#') {
                continue;
            }
            keys.enter(entry).map_err(|fault| KeysError::Line { line, fault })?;
        }
        Ok(keys)
    }

    /// The first version's key for a sender; `None` where neither it nor all have one.
    pub fn first(&self, sender: &Number) -> Option<&v1::Key> {
        of(&self.senders, sender).or(self.shared.as_ref())
    }

    /// The device with this id.
    pub fn device(&self, id: u32) -> Option<&Device> {
        self.devices.get(&id)
    }

    /// All devices with their ids.
    pub fn devices(&self) -> impl Iterator<Item = (u32, &Device)> {
        self.devices.iter().map(|(id, device)| (*id, device))
    }

    /// The devices that belong to a sender, in whichever form the network writes its number.
    pub(super) fn devices_of(&self, sender: &Number) -> Vec<u32> {
        let owned = self.devices().filter(|(_, device)| device.owner.matches(sender));
        owned.map(|(id, _)| id).collect()
    }

    /// What becomes of a sender's requests of the first version, by its devices' modes: the strictest counts.
    pub(super) fn first_version(&self, sender: &Number) -> FirstVersion {
        let owned = || self.devices.values().filter(|device| device.owner.matches(sender));
        let has = |mode| owned().any(|device| device.mode == mode);
        match (has(Mode::V2), has(Mode::Both), has(Mode::V1)) {
            (true, _, _) => FirstVersion::Refused,
            (false, false, true) => FirstVersion::Taken,
            _ => FirstVersion::UntilSecond,
        }
    }

    fn enter(&mut self, entry: &str) -> Result<(), LineFault> {
        let (word, rest) = entry.split_once(' ').ok_or(LineFault::Form)?;
        match word {
            "shared" => once(self.shared.replace(v1::Key::new(rest)?)),
            "sender" => {
                let (number, key) = rest.split_once(' ').ok_or(LineFault::Form)?;
                once(self.senders.insert(Number::parse(number, None)?, v1::Key::new(key)?))
            }
            "device" => {
                let (id, device) = device(rest)?;
                once(self.devices.insert(id, device))
            }
            _ => Err(LineFault::Form),
        }
    }
}

impl Device {
    /// Whether a sender may use it.
    pub fn serves(&self, sender: &Number) -> bool {
        self.roaming || self.owner.matches(sender)
    }
}

impl Mode {
    /// Reads its word.
    pub fn read(word: &str) -> Option<Self> {
        [Self::V1, Self::Both, Self::V2]
            .into_iter()
            .find(|mode| mode.word() == word)
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::Both => "both",
            Self::V2 => "v2",
        }
    }
}

/// Tells how much is known of whom, and nothing else.
impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = match self.shared {
            Some(_) => "a shared key",
            None => "no shared key",
        };
        let (senders, devices) = (self.senders.len(), self.devices.len());
        write!(
            f,
            "{shared}, {senders} sender(s) with one of their own, {devices} device(s)"
        )
    }
}

fn device(line: &str) -> Result<(u32, Device), LineFault> {
    let mut fields = line.split_ascii_whitespace();
    let mut next = || fields.next().ok_or(LineFault::Form);
    let id = next()?.parse().map_err(|_| LineFault::Id)?;
    let owner = Number::parse(next()?, None)?;
    let mut octets = Zeroizing::new([0; 32]);
    hex::decode_to_slice(next()?, &mut *octets).map_err(|_| LineFault::Hex)?;
    let key = v2::DeviceKey::new(&octets);
    let mut device = Device {
        owner,
        key,
        mode: Mode::default(),
        roaming: false,
        revoked: false,
    };
    for word in fields {
        match (word, Mode::read(word)) {
            (_, Some(mode)) => device.mode = mode,
            ("roaming", _) => device.roaming = true,
            ("revoked", _) => device.revoked = true,
            _ => return Err(LineFault::Form),
        }
    }
    Ok((id, device))
}

/// What belongs to a sender, in whichever form the network writes its number.
fn of<'a, T>(map: &'a HashMap<Number, T>, sender: &Number) -> Option<&'a T> {
    let same = |(number, _): &(&Number, _)| number.matches(sender);
    map.get(sender)
        .or_else(|| map.iter().find(same).map(|(_, found)| found))
}

fn once<T>(before: Option<T>) -> Result<(), LineFault> {
    match before {
        None => Ok(()),
        Some(_) => Err(LineFault::Twice),
    }
}

/// The file is for its owner, and at most for its group to read: as the configuration's own secrets.
pub(super) fn refuse_open(file: &Path) -> Result<(), KeysError> {
    let mode = fs::metadata(file)?.permissions().mode() & 0o7777;
    match mode & (OTHERS | GROUP_MORE) {
        0 => Ok(()),
        _ => Err(KeysError::Open(format!("is open to others (mode {mode:04o})"))),
    }
}

/// The bits that let others read, write or run a file.
const OTHERS: u32 = 0o007;
/// The bits that let its group write or run it.
const GROUP_MORE: u32 = 0o030;

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "34db2a575a6782faf7351954f12df4325d65bc99bfdb199771852111704b8718";

    fn number(text: &str) -> Number {
        Number::received(text)
    }

    fn fault(text: &str) -> String {
        Keys::parse(text).unwrap_err().to_string()
    }

    /// Whether two senders' key is one.
    fn same(keys: &Keys, one: &str, other: &str) -> bool {
        let cipher = |sender| v1::encode("Exit", keys.first(&number(sender)).unwrap());
        cipher(one) == cipher(other)
    }

    #[test]
    fn a_sender_has_its_own_key_or_the_shared_one() {
        let keys = Keys::parse("# ours\n\nshared 0123456789abcdef\nsender +989126211770 # a key, with b#\n").unwrap();
        assert!(!same(&keys, "+989126211770", "+989120000000"));
        assert!(same(&keys, "+989126211770", "09126211770"), "in national form");
        assert!(same(&keys, "+989120000001", "+989120000000"));
        assert_eq!(
            keys.to_string(),
            "a shared key, 1 sender(s) with one of their own, 0 device(s)"
        );
        assert!(Keys::parse("").unwrap().first(&number("+989120000000")).is_none());
    }

    #[test]
    fn a_device_serves_its_owner_and_a_roaming_one_everybody() {
        let text = format!("device 1000 +989126211770 {HEX} v2\ndevice 1001 +989126211771 {HEX} roaming\n");
        let keys = Keys::parse(&text).unwrap();
        let serves = |id, sender| keys.device(id).unwrap().serves(&number(sender));
        assert!(serves(1000, "+989126211770"));
        assert!(!serves(1000, "+989126211771"));
        assert!(serves(1001, "+989126211770"));
        assert!(keys.device(1).is_none());
    }

    #[test]
    fn the_strictest_of_a_senders_devices_says_whether_the_first_version_is_taken() {
        let of = |modes: &[&str]| {
            let lines = (1..).zip(modes);
            let text: String = lines
                .map(|(id, mode)| format!("device {id} +989126211770 {HEX} {mode}\n"))
                .collect();
            Keys::parse(&text).unwrap().first_version(&number("09126211770"))
        };
        assert_eq!(of(&[]), FirstVersion::UntilSecond);
        assert_eq!(of(&["both"]), FirstVersion::UntilSecond);
        assert_eq!(of(&["v1"]), FirstVersion::Taken);
        assert_eq!(of(&["v1", "both"]), FirstVersion::UntilSecond);
        assert_eq!(of(&["v1", "v2"]), FirstVersion::Refused);
        assert_eq!(of(&["v2 revoked"]), FirstVersion::Refused);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_without_the_key() {
        assert_eq!(
            fault("shared 0123456789abcdef\nshared secret"),
            "line 2: a key has 16, 24 or 32 octets, this one has 6"
        );
        assert_eq!(
            fault("shared 0123456789abcdef\nshared 0123456789abcdef"),
            "line 2: it is given a second time"
        );
        for line in [
            "nonsense",
            "key secret",
            "sender +989126211770",
            &format!("device 1 +989126211770 {HEX} secret"),
        ] {
            assert!(fault(line).starts_with("line 1: write `shared KEY`"), "{line}");
            assert!(!fault(line).contains("secret"), "{line}");
        }
        assert_eq!(
            fault(&format!("device x +989126211770 {HEX}")),
            "line 1: a device's id is a number up to 4294967295"
        );
        assert_eq!(
            fault("device 1 +989126211770 secret"),
            "line 1: a device's key has 64 hex digits"
        );
        assert!(fault("sender 09126211770 0123456789abcdef").contains("needs a country code"));
    }

    #[test]
    fn a_file_that_others_may_read_is_not_taken() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "shared 0123456789abcdef\n").unwrap();
        let load = |mode| {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            Keys::load(file.path())
        };
        for closed in [0o600, 0o400, 0o640, 0o440] {
            assert!(load(closed).is_ok(), "{closed:o}");
        }
        for open in [0o604, 0o644, 0o602, 0o660, 0o620] {
            assert!(matches!(load(open), Err(KeysError::Open(_))), "{open:o}");
        }
        assert!(matches!(Keys::load(Path::new("/nonexistent")), Err(KeysError::Read(_))));
    }

    #[test]
    fn keys_are_not_shown() {
        let text = format!("shared 0123456789abcdef\ndevice 1 +989126211770 {HEX}\n");
        let shown = format!("{:?}", Keys::parse(&text).unwrap());
        assert!(
            !shown.contains("0123456789abcdef") && !shown.contains("34db"),
            "{shown}"
        );
    }
}

//! From a received message to what it says, by the keys alone: nothing here knows what came before it.

use message::{Inbound, Number};
use sha2::{Digest, Sha256};

use super::keys::{Keys, Mode};
use super::protocol::{Content, Frame, Refusal, is_loop, v1, v2};

/// A received message as far as keys can tell.
#[derive(Debug)]
pub(super) struct Reading {
    /// The version of the protocol; 0 where there is no frame.
    pub(super) version: u8,
    /// SHA-256 of what was ciphered, however it was written.
    pub(super) frame: Option<[u8; 32]>,
    /// The device that it names.
    pub(super) device: Option<u32>,
    /// What it says.
    pub(super) found: Result<Found, Cause>,
}

/// What a message says.
#[derive(Debug)]
pub(super) enum Found {
    /// A request of the first version, and the key to answer it with.
    First(v1::Request, v1::Key),
    /// A request of the second.
    Second(Second),
}

/// A request of the second version.
#[derive(Debug)]
pub(super) struct Second {
    pub(super) request: v2::Request,
    /// How an answer refers to it.
    pub(super) reference: [u8; 16],
    /// The key to answer it with.
    pub(super) key: v2::DeviceKey,
    /// Whether the device was taken out of use.
    pub(super) revoked: bool,
}

/// Why a message says nothing that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// It came from an address that is never listened to.
    Loop,
    /// Parts of it never came.
    Incomplete,
    /// By the protocol.
    Refused(Refusal),
    /// Its sender has no key, and there is none for all.
    NoKey,
    /// No such device.
    UnknownDevice,
    /// The device belongs to another sender.
    WrongSender,
    /// The device is registered and not in use yet.
    NotInUse,
}

impl Cause {
    /// Its name in the history.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::Incomplete => "incomplete",
            Self::Refused(refusal) => refusal.name(),
            Self::NoKey => "no_key",
            Self::UnknownDevice => "unknown_device",
            Self::WrongSender => "wrong_sender",
            Self::NotInUse => "not_in_use",
        }
    }

    /// Whether it can be one of many tries to find something out, so that it counts towards a lock-out.
    pub(super) fn is_bad(self) -> bool {
        !matches!(
            self,
            Self::Loop | Self::Incomplete | Self::NotInUse | Self::Refused(Refusal::NoFrame | Refusal::Acknowledgement)
        )
    }
}

impl From<Refusal> for Cause {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Reading {
    /// Reads a message.
    pub(super) fn of(message: &Inbound, keys: &Keys) -> Self {
        let sender = &message.from;
        if is_loop(sender.digits()) {
            return Self::nothing(Cause::Loop);
        }
        if message.missing > 0 {
            return Self::nothing(Cause::Incomplete);
        }
        let Some(frame) = Frame::find(&message.text) else {
            return Self::nothing(Refusal::NoFrame.into());
        };
        match frame.content() {
            Content::V1(body) => Self {
                version: 1,
                frame: v1::fingerprint(body).or_else(|| Some(Sha256::digest(body).into())),
                device: None,
                found: first(body, sender, keys),
            },
            Content::V2(_) => Self::second(&frame, sender, keys),
        }
    }

    fn nothing(cause: Cause) -> Self {
        Self {
            version: 0,
            frame: None,
            device: None,
            found: Err(cause),
        }
    }

    fn second(frame: &Frame<'_>, sender: &Number, keys: &Keys) -> Self {
        let sealed = v2::Sealed::decode(frame);
        Self {
            version: 2,
            frame: sealed.as_ref().ok().map(|sealed| sealed.hash),
            device: sealed.as_ref().ok().map(|sealed| sealed.key_id),
            found: sealed
                .map_err(Cause::from)
                .and_then(|sealed| open(&sealed, sender, keys)),
        }
    }
}

fn first(body: &str, sender: &Number, keys: &Keys) -> Result<Found, Cause> {
    let key = keys.first(sender).ok_or(Cause::NoKey)?;
    Ok(Found::First(v1::decode(body, key)?, key.clone()))
}

fn open(sealed: &v2::Sealed, sender: &Number, keys: &Keys) -> Result<Found, Cause> {
    let device = keys.device(sealed.key_id).ok_or(Cause::UnknownDevice)?;
    let request = sealed.request(&device.key)?;
    if !device.serves(sender) {
        return Err(Cause::WrongSender);
    }
    if device.mode == Mode::V1 && !device.revoked {
        return Err(Cause::NotInUse);
    }
    Ok(Found::Second(Second {
        request,
        reference: sealed.reference(),
        key: device.key.clone(),
        revoked: device.revoked,
    }))
}

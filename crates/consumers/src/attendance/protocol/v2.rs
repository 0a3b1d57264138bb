//! The second version: one SMS, sealed with AES-256-GCM-SIV (RFC 8452) for one device, one direction and one counter.
//!
//! ```text
//! frame    "$$2:" base64, unpadded ( key_id[4] nonce[12] ciphertext tag[16] ) "$$"
//! keys     HKDF-SHA256(device key, no salt, "att2/c2s" or "att2/s2c")
//! sealed   also over "ATT2", the direction (0 to the server, 1 to the device) and key_id
//! request  kind[1] flags[1] counter[4] unix_time[4] quarter_hours[1] note
//! answer   status[1] counter[4] unix_time[4] first 16 octets of SHA-256 of the request's frame
//! ```
//!
//! Numbers are big-endian. A nonce may repeat without harm but to secrecy of equal messages: phones have poor random
//! numbers, which is why it is this cipher.

use std::fmt;

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use super::frame::V2_PREFIX;
use super::{Content, Delimiter, Frame, Refusal};

/// What a device and the gateway share, parted by direction. It is overwritten when dropped and never shown.
#[derive(Clone)]
pub struct DeviceKey {
    to_server: Zeroizing<[u8; 32]>,
    to_device: Zeroizing<[u8; 32]>,
}

/// A message as it came, not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which device says it sent it, or is to get it.
    pub key_id: u32,
    /// SHA-256 of the frame, delimiters and all: what an answer refers to and a repeat is recognised by.
    pub hash: [u8; 32],
    nonce: [u8; NONCE],
    octets: Vec<u8>,
}

/// What a device says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What happened.
    pub kind: Kind,
    /// Reserved; kept as they came.
    pub flags: u8,
    /// Grows with every message of the device.
    pub counter: u32,
    /// The device's clock, in seconds since 1970 UTC.
    pub unix_time: u32,
    /// The device's distance from UTC, in quarters of an hour.
    pub quarter_hours: i8,
    /// A few words.
    pub note: String,
}

/// What a request tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 1: somebody came.
    Arrival,
    /// 2: somebody went.
    Exit,
    /// 16: nothing but the note.
    Note,
    /// One that this program does not know; it is kept as it came.
    Unknown(u8),
}

/// What the gateway answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// How the request was taken.
    pub status: Status,
    /// The request's counter.
    pub counter: u32,
    /// The gateway's clock, in seconds since 1970 UTC.
    pub unix_time: u32,
    /// The beginning of [`Sealed::hash`] of the request.
    pub request: [u8; 16],
}

/// How a request was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// 0: kept.
    Kept,
    /// 1: it was kept before.
    Duplicate,
    /// 2: kept, and the device's clock is wrong.
    Skew,
    /// 3: the device is not to be used any more.
    Revoked,
    /// 4: what it says is not known here.
    NotKnown,
    /// One that this program does not know.
    Unknown(u8),
}

/// A note that does not fit into one SMS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a note has at most {NOTE} octets, this one has {0}")]
pub struct NoteTooLong(pub usize);

/// Which way a message goes.
#[derive(Debug, Clone, Copy)]
enum Direction {
    ToServer,
    ToDevice,
}

impl DeviceKey {
    /// Derives both directions' keys from the device's.
    pub fn new(device_key: &[u8; 32]) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, device_key);
        let derive = |info: &[u8]| {
            let mut key = Zeroizing::new([0; 32]);
            hkdf.expand(info, &mut *key)
                .expect("HKDF-SHA256 gives up to 8160 octets");
            key
        };
        Self {
            to_server: derive(b"att2/c2s"),
            to_device: derive(b"att2/s2c"),
        }
    }

    fn seal(&self, direction: Direction, key_id: u32, nonce: [u8; NONCE], plaintext: &[u8]) -> String {
        let aad = &direction.aad(key_id);
        let sealed = self
            .cipher(direction)
            .encrypt(&Nonce::from(nonce), Payload { msg: plaintext, aad })
            .expect("a message of an SMS is far below the cipher's limit of 64 GiB");
        let octets = [&key_id.to_be_bytes()[..], &nonce[..], &sealed].concat();
        Delimiter::Dollar.wrap(&format!("{V2_PREFIX}{}", BASE64_STANDARD_NO_PAD.encode(octets)))
    }

    fn open(&self, direction: Direction, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let aad = &direction.aad(sealed.key_id);
        let msg = &sealed.octets;
        self.cipher(direction)
            .decrypt(&Nonce::from(sealed.nonce), Payload { msg, aad })
            .map(Zeroizing::new)
            .map_err(|_| Refusal::Forged)
    }

    fn cipher(&self, direction: Direction) -> Aes256GcmSiv {
        let key = match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToDevice => &self.to_device,
        };
        Aes256GcmSiv::new((&**key).into())
    }
}

/// Shows nothing.
impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKey")
    }
}

impl Direction {
    /// What is sealed with a message without being sent.
    fn aad(self, key_id: u32) -> [u8; 9] {
        let [a, b, c, d] = key_id.to_be_bytes();
        [b'A', b'T', b'T', b'2', self as u8, a, b, c, d]
    }
}

impl Sealed {
    /// Reads a frame of the second version; unlike in the first, nothing in it may be missing or surplus.
    pub fn decode(frame: &Frame<'_>) -> Result<Self, Refusal> {
        let Content::V2(body) = frame.content() else {
            return Err(Refusal::NoFrame);
        };
        if !frame.closed {
            return Err(Refusal::Length);
        }
        let octets = BASE64_STANDARD_NO_PAD.decode(body).map_err(|_| Refusal::Base64)?;
        let (key_id, rest) = octets.split_first_chunk().ok_or(Refusal::Length)?;
        let (nonce, sealed) = rest.split_first_chunk().ok_or(Refusal::Length)?;
        if sealed.len() < TAG {
            return Err(Refusal::Length);
        }
        Ok(Self {
            key_id: u32::from_be_bytes(*key_id),
            hash: Sha256::digest(Delimiter::Dollar.wrap(frame.body)).into(),
            nonce: *nonce,
            octets: sealed.to_vec(),
        })
    }

    /// Opens a request.
    pub fn request(&self, key: &DeviceKey) -> Result<Request, Refusal> {
        Request::decode(&key.open(Direction::ToServer, self)?)
    }

    /// Opens an answer, as a device does.
    pub fn answer(&self, key: &DeviceKey) -> Result<Answer, Refusal> {
        Answer::decode(&key.open(Direction::ToDevice, self)?)
    }

    /// What an answer to this request refers to it by.
    pub fn reference(&self) -> [u8; 16] {
        *self.hash.first_chunk().expect("the hash has 32 octets")
    }
}

impl Request {
    fn decode(octets: &[u8]) -> Result<Self, Refusal> {
        let (&[kind, flags, c0, c1, c2, c3, t0, t1, t2, t3, zone], note) =
            octets.split_first_chunk().ok_or(Refusal::Length)?;
        Ok(Self {
            kind: Kind::of(kind),
            flags,
            counter: u32::from_be_bytes([c0, c1, c2, c3]),
            unix_time: u32::from_be_bytes([t0, t1, t2, t3]),
            quarter_hours: i8::from_be_bytes([zone]),
            note: String::from_utf8(note.to_vec()).map_err(|_| Refusal::Text)?,
        })
    }

    fn encode(&self) -> Vec<u8> {
        let mut octets = vec![self.kind.code(), self.flags];
        octets.extend(self.counter.to_be_bytes());
        octets.extend(self.unix_time.to_be_bytes());
        octets.extend(self.quarter_hours.to_be_bytes());
        octets.extend(self.note.as_bytes());
        octets
    }

    /// The frame of this request, as a device sends it. The nonce is to be random.
    pub fn seal(&self, key_id: u32, key: &DeviceKey, nonce: [u8; NONCE]) -> Result<String, NoteTooLong> {
        if self.note.len() > NOTE {
            return Err(NoteTooLong(self.note.len()));
        }
        Ok(key.seal(Direction::ToServer, key_id, nonce, &self.encode()))
    }
}

impl Answer {
    fn decode(octets: &[u8]) -> Result<Self, Refusal> {
        let octets: &[u8; 25] = octets.try_into().map_err(|_| Refusal::Length)?;
        let [status, c0, c1, c2, c3, t0, t1, t2, t3, request @ ..] = octets;
        Ok(Self {
            status: Status::of(*status),
            counter: u32::from_be_bytes([*c0, *c1, *c2, *c3]),
            unix_time: u32::from_be_bytes([*t0, *t1, *t2, *t3]),
            request: *request,
        })
    }

    fn encode(&self) -> Vec<u8> {
        let mut octets = vec![self.status.code()];
        octets.extend(self.counter.to_be_bytes());
        octets.extend(self.unix_time.to_be_bytes());
        octets.extend(self.request);
        octets
    }

    /// The frame of this answer: always 82 septets. The nonce is to be random.
    pub fn seal(&self, key_id: u32, key: &DeviceKey, nonce: [u8; NONCE]) -> String {
        key.seal(Direction::ToDevice, key_id, nonce, &self.encode())
    }
}

impl Kind {
    /// Reads its octet.
    pub fn of(code: u8) -> Self {
        match code {
            1 => Self::Arrival,
            2 => Self::Exit,
            16 => Self::Note,
            code => Self::Unknown(code),
        }
    }

    /// Its octet.
    pub fn code(self) -> u8 {
        match self {
            Self::Arrival => 1,
            Self::Exit => 2,
            Self::Note => 16,
            Self::Unknown(code) => code,
        }
    }
}

impl Status {
    /// Reads its octet.
    pub fn of(code: u8) -> Self {
        match code {
            0 => Self::Kept,
            1 => Self::Duplicate,
            2 => Self::Skew,
            3 => Self::Revoked,
            4 => Self::NotKnown,
            code => Self::Unknown(code),
        }
    }

    /// Its octet.
    pub fn code(self) -> u8 {
        match self {
            Self::Kept => 0,
            Self::Duplicate => 1,
            Self::Skew => 2,
            Self::Revoked => 3,
            Self::NotKnown => 4,
            Self::Unknown(code) => code,
        }
    }
}

/// Octets of a nonce.
pub const NONCE: usize = 12;
/// Octets of a note at most: the frame has 158 septets then and stays one SMS.
pub const NOTE: usize = 71;
/// Octets of the proof at the end of what is sealed.
const TAG: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> DeviceKey {
        DeviceKey::new(&[7; 32])
    }

    fn sealed(text: &str) -> Result<Sealed, Refusal> {
        Sealed::decode(&Frame::find(text).ok_or(Refusal::NoFrame)?)
    }

    fn request() -> Request {
        Request {
            kind: Kind::Arrival,
            flags: 0,
            counter: 1,
            unix_time: 1_700_000_000,
            quarter_hours: -14,
            note: String::new(),
        }
    }

    fn answer() -> Answer {
        Answer {
            status: Status::Kept,
            counter: 1,
            unix_time: 1_700_000_003,
            request: [9; 16],
        }
    }

    #[test]
    fn all_codes_survive() {
        for code in 0..=255 {
            assert_eq!(Kind::of(code).code(), code);
            assert_eq!(Status::of(code).code(), code);
        }
    }

    #[test]
    fn an_answer_sent_back_is_no_request_and_the_other_way_round() {
        let back = answer().seal(1000, &key(), [0; NONCE]);
        assert_eq!(sealed(&back).unwrap().request(&key()), Err(Refusal::Forged));
        assert_eq!(sealed(&back).unwrap().answer(&key()), Ok(answer()));
        let forth = request().seal(1000, &key(), [0; NONCE]).unwrap();
        assert_eq!(sealed(&forth).unwrap().answer(&key()), Err(Refusal::Forged));
    }

    #[test]
    fn every_letter_that_is_changed_is_noticed() {
        let text = request().seal(1000, &key(), [1; NONCE]).unwrap();
        for at in "$$2:".len()..text.len() - 2 {
            let other = match text.as_bytes()[at] {
                b'A' => "B",
                _ => "A",
            };
            let mut forged = text.clone();
            forged.replace_range(at..=at, other);
            assert!(
                sealed(&forged).and_then(|sealed| sealed.request(&key())).is_err(),
                "{at}"
            );
        }
    }

    #[test]
    fn a_frame_is_whole_or_refused() {
        let text = request().seal(1000, &key(), [1; NONCE]).unwrap();
        for end in 0..text.len() {
            assert!(sealed(&text[..end]).is_err(), "{end}");
        }
        assert_eq!(sealed("$$2:YQ==$$"), Err(Refusal::Base64));
        assert_eq!(sealed("$$2:$$"), Err(Refusal::Length));
        assert_eq!(sealed("$$YQ==$$"), Err(Refusal::NoFrame));
    }

    #[test]
    fn codes_for_dollars_change_nothing() {
        let text = request().seal(1000, &key(), [1; NONCE]).unwrap();
        let codes = text.replace('$', "\u{2}");
        assert_eq!(sealed(&codes), sealed(&text));
    }

    #[test]
    fn the_longest_note_fits_one_sms_and_a_longer_one_is_refused() {
        let noted = |length| Request {
            note: "x".repeat(length),
            ..request()
        };
        assert_eq!(noted(NOTE).seal(1, &key(), [0; NONCE]).unwrap().len(), 158);
        assert_eq!(noted(NOTE + 1).seal(1, &key(), [0; NONCE]), Err(NoteTooLong(NOTE + 1)));
        assert_eq!(answer().seal(1, &key(), [0; NONCE]).len(), 82);
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", key()), "DeviceKey");
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened(
            kind: u8, flags: u8, counter: u32, unix_time: u32, quarter_hours: i8, note in "\\PC{0,17}",
            key_id: u32, nonce: [u8; NONCE],
        ) {
            let request = Request { kind: Kind::of(kind), flags, counter, unix_time, quarter_hours, note };
            let text = request.seal(key_id, &key(), nonce).unwrap();
            let sealed = sealed(&text).unwrap();
            prop_assert_eq!(sealed.key_id, key_id);
            prop_assert_eq!(sealed.request(&key()), Ok(request));
        }

        #[test]
        fn no_plaintext_makes_it_panic(octets: Vec<u8>) {
            if let Ok(request) = Request::decode(&octets) {
                prop_assert_eq!(request.encode(), octets);
            }
        }
    }
}

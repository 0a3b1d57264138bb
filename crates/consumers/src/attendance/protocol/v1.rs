//! The first version, byte for byte: AES-CBC without an IV, PKCS#7, base64, and a hash as acknowledgement.
//!
//! What it cannot give: the same request is the same text for ever, so it can be repeated by anybody; nothing in it
//! proves the sender; and an answer to a tampered request would tell its padding. Whoever calls [`decode`] bounds how
//! often a sender may be wrong.

use std::fmt;

use aes::{Aes128, Aes192, Aes256};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Claim, Refusal, base64 as lenient};

/// A key: 16, 24 or 32 octets of UTF-8, for AES-128, AES-192 or AES-256. It is overwritten when dropped and never shown.
#[derive(Clone)]
pub struct Key(Octets);

#[derive(Clone)]
enum Octets {
    Aes128(Zeroizing<[u8; 16]>),
    Aes192(Zeroizing<[u8; 24]>),
    Aes256(Zeroizing<[u8; 32]>),
}

/// A key of a length that AES does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a key has 16, 24 or 32 octets, this one has {0}")]
pub struct KeyLength(pub usize);

/// A request that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    plaintext: String,
}

impl Key {
    /// Takes a key as it is written in the key file and in the phones: the octets of the text itself, not hex.
    pub fn new(text: &str) -> Result<Self, KeyLength> {
        let octets = text.as_bytes();
        let known = match octets.len() {
            16 => octets.try_into().map(Zeroizing::new).map(Octets::Aes128),
            24 => octets.try_into().map(Zeroizing::new).map(Octets::Aes192),
            _ => octets.try_into().map(Zeroizing::new).map(Octets::Aes256),
        };
        known.map(Self).map_err(|_| KeyLength(octets.len()))
    }

    fn encrypt(&self, plaintext: &[u8]) -> Vec<u8> {
        let iv = &ZERO_IV.into();
        match &self.0 {
            Octets::Aes128(key) => {
                cbc::Encryptor::<Aes128>::new((&**key).into(), iv).encrypt_padded_vec::<Pkcs7>(plaintext)
            }
            Octets::Aes192(key) => {
                cbc::Encryptor::<Aes192>::new((&**key).into(), iv).encrypt_padded_vec::<Pkcs7>(plaintext)
            }
            Octets::Aes256(key) => {
                cbc::Encryptor::<Aes256>::new((&**key).into(), iv).encrypt_padded_vec::<Pkcs7>(plaintext)
            }
        }
    }

    fn decrypt(&self, octets: &[u8]) -> Result<Vec<u8>, Refusal> {
        if octets.is_empty() || !octets.len().is_multiple_of(BLOCK) {
            return Err(Refusal::Length);
        }
        let iv = &ZERO_IV.into();
        match &self.0 {
            Octets::Aes128(key) => {
                cbc::Decryptor::<Aes128>::new((&**key).into(), iv).decrypt_padded_vec::<Pkcs7>(octets)
            }
            Octets::Aes192(key) => {
                cbc::Decryptor::<Aes192>::new((&**key).into(), iv).decrypt_padded_vec::<Pkcs7>(octets)
            }
            Octets::Aes256(key) => {
                cbc::Decryptor::<Aes256>::new((&**key).into(), iv).decrypt_padded_vec::<Pkcs7>(octets)
            }
        }
        .map_err(|_| Refusal::Padding)
    }
}

/// Shows its size alone.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Octets::Aes128(_) => "Key(AES-128)",
            Octets::Aes192(_) => "Key(AES-192)",
            Octets::Aes256(_) => "Key(AES-256)",
        })
    }
}

impl Request {
    /// What was in the frame.
    pub fn plaintext(&self) -> &str {
        &self.plaintext
    }

    /// What it states.
    pub fn claim(&self) -> Claim<'_> {
        Claim::read(&self.plaintext)
    }

    /// What the acknowledgement says before it is ciphered: the hash of the plaintext and the closing word.
    pub fn acknowledgement(&self) -> String {
        let hash = hex::encode(Sha256::digest(self.plaintext.as_bytes()));
        format!("{hash}{CLOSING_WORD}")
    }
}

/// Reads the body of a frame.
pub fn decode(body: &str, key: &Key) -> Result<Request, Refusal> {
    let octets = lenient::decode(body).ok_or(Refusal::Base64)?;
    let plaintext = String::from_utf8(key.decrypt(&octets)?).map_err(|_| Refusal::Text)?;
    match is_acknowledgement(&plaintext) {
        true => Err(Refusal::Acknowledgement),
        false => Ok(Request { plaintext }),
    }
}

/// SHA-256 of what a body holds, by which the same request is recognised however its base64 is written; `None` where it
/// holds no base64.
pub fn fingerprint(body: &str) -> Option<[u8; 32]> {
    lenient::decode(body).map(|octets| Sha256::digest(octets).into())
}

/// Writes the body of a frame: of a request, or of the acknowledgement of one. Up to 111 octets of plaintext go into
/// one SMS.
pub fn encode(plaintext: &str, key: &Key) -> String {
    BASE64_STANDARD.encode(key.encrypt(plaintext.as_bytes()))
}

/// Whether a plaintext is what [`Request::acknowledgement`] writes.
fn is_acknowledgement(plaintext: &str) -> bool {
    let hash = plaintext.strip_suffix(CLOSING_WORD);
    hash.is_some_and(|hash| hash.len() == 64 && hash.bytes().all(|letter| letter.is_ascii_hexdigit()))
}

const ZERO_IV: [u8; BLOCK] = [0; BLOCK];
/// Octets of a cipher block.
const BLOCK: usize = 16;
/// The end of every acknowledgement.
const CLOSING_WORD: &str = " | AFTSTC";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> Key {
        Key::new("0123456789abcdef0123456789abcdef").unwrap()
    }

    fn framed(octets: &[u8]) -> String {
        BASE64_STANDARD.encode(key().encrypt(octets))
    }

    #[test]
    fn a_key_has_the_length_of_an_aes_key_and_is_not_shown() {
        for (length, shown) in [(16, "Key(AES-128)"), (24, "Key(AES-192)"), (32, "Key(AES-256)")] {
            assert_eq!(format!("{:?}", Key::new(&"k".repeat(length)).unwrap()), shown);
        }
        for length in [0, 15, 17, 31, 33, 64] {
            assert_eq!(Key::new(&"k".repeat(length)).unwrap_err(), KeyLength(length));
        }
        assert!(
            Key::new("کلیدفار").is_err_and(|wrong| wrong.0 == 14),
            "octets count, not letters"
        );
    }

    #[test]
    fn each_way_of_being_wrong_has_its_name() {
        let refused = |body: &str| decode(body, &key()).unwrap_err();
        assert_eq!(refused("YQ"), Refusal::Base64);
        assert_eq!(refused(""), Refusal::Length);
        assert_eq!(refused("YWJj"), Refusal::Length);
        assert_eq!(refused("AAAAAAAAAAAAAAAAAAAAAA=="), Refusal::Padding);
        assert_eq!(refused(&framed(&[0xff, 0xfe])), Refusal::Text);
        let other = Key::new("another key, of as many octets!!").unwrap();
        assert_eq!(refused(&encode("Arrival 08.00", &other)), Refusal::Padding);
    }

    #[test]
    fn an_acknowledgement_that_comes_back_is_no_request() {
        let request = decode(&framed(b"Arrival 08.00"), &key()).unwrap();
        let back = encode(&request.acknowledgement(), &key());
        assert_eq!(decode(&back, &key()), Err(Refusal::Acknowledgement));
        let near = decode(&framed(b"abc | AFTSTC"), &key()).unwrap();
        assert_eq!(near.claim().status(), "");
    }

    #[test]
    fn an_acknowledgement_always_fits_one_sms() {
        for length in [0, 1, 111, 500] {
            let request = decode(&framed("x".repeat(length).as_bytes()), &key()).unwrap();
            assert_eq!(encode(&request.acknowledgement(), &key()).len() + 4, 112);
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(plaintext: String) {
            prop_assume!(!is_acknowledgement(&plaintext));
            let request = decode(&encode(&plaintext, &key()), &key()).unwrap();
            prop_assert_eq!(request.plaintext(), plaintext.as_str());
        }

        #[test]
        fn no_text_makes_it_panic(body in "[A-Za-z0-9+/=$ ]{0,400}") {
            if let Ok(request) = decode(&body, &key()) {
                prop_assert_eq!(request.acknowledgement().len(), 73);
            }
        }
    }
}

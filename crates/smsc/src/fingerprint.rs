//! What a client's certificate is known by.

use std::fmt;

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The SHA-256 of a certificate (DER), as `openssl x509 -noout -fingerprint -sha256` prints it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// That of a certificate.
    pub(crate) fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = &'static str;

    /// Hexadecimal digits, with or without colons, behind an `=` or not.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.rsplit('=').next().unwrap_or_default().replace(':', "");
        let octets = tpdu::from_hex(&digits).ok().and_then(|octets| octets.try_into().ok());
        octets.map(Self).ok_or("no SHA-256 fingerprint: write 64 hexadecimal digits, as `openssl x509 -noout -fingerprint -sha256` prints them")
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&tpdu::to_hex(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_openssl_prints_it() {
        // That of nothing, FIPS 180-4.
        let plain = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let pairs: Vec<&str> = (0..32).map(|place| &plain[place * 2..place * 2 + 2]).collect();
        let printed = format!("sha256 Fingerprint={}", pairs.join(":").to_uppercase());
        for text in [plain, &printed] {
            assert_eq!(
                Fingerprint::try_from(text.to_owned()),
                Ok(Fingerprint::of(b"")),
                "{text}"
            );
        }
        assert!(Fingerprint::try_from("e3b0".to_owned()).is_err());
    }
}

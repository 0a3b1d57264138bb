//! How a post is signed.
//!
//! The signature covers the time and the body: `HMAC-SHA-256(secret, TIME "." BODY)`. The time is that of the try, not of
//! the event, so a receiver may refuse what is older than some minutes and still gets what comes late; within those
//! minutes it knows a repetition by the event's id, which stands in the body as well.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use super::config::Secret;

/// The event's id, the same for every repetition; it is `id` in the signed body too.
pub const EVENT_HEADER: &str = "Simrelay-Event";
/// When it was posted: seconds since 1970, UTC.
pub const TIME_HEADER: &str = "Simrelay-Time";
/// `sha256=` and the signature in lower-case hex.
pub const SIGNATURE_HEADER: &str = "Simrelay-Signature";
/// Which try it is, from 1. Not signed.
pub const ATTEMPT_HEADER: &str = "Simrelay-Attempt";

/// What stands in the headers about time and signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) time: String,
    pub(super) signature: String,
}

/// Signs a body.
pub(super) fn sign(secret: &Secret, at: Timestamp, body: &[u8]) -> Signed {
    let time = at.as_second().to_string();
    #[expect(clippy::expect_used, reason = "RFC 2104 takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.octets()).expect("HMAC takes keys of every length");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    Signed { time, signature }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_openssl_makes_of_time_and_body() {
        // printf '1800000000.{"id":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
        let signed = sign(
            &Secret::new("0123456789abcdef"),
            Timestamp::from_second(1_800_000_000).unwrap(),
            br#"{"id":1}"#,
        );
        assert_eq!(signed.time, "1800000000");
        assert_eq!(
            signed.signature,
            "sha256=07d7d5133714af25bfea217af5834ab7a08cab79a4dd291a3df76e1b40590723"
        );
    }
}

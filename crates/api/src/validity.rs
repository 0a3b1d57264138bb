//! Until when a certificate is valid: the one field of X.509 that health and the doctor need.
//!
//! RFC 5280 4.1: `Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version, serialNumber, signature, issuer,
//! validity SEQUENCE { notBefore, notAfter }, … } … }`.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// From when until when a certificate (DER) is valid; nothing where it is no certificate.
pub fn certificate_validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (certificate, _) = contents(certificate, SEQUENCE)?;
    let (signed, _) = contents(certificate, SEQUENCE)?;
    let signed = contents(signed, VERSION).map_or(signed, |(_, rest)| rest);
    let (_, rest) = contents(signed, INTEGER)?;
    let (_algorithm, rest) = contents(rest, SEQUENCE)?;
    let (_issuer, rest) = contents(rest, SEQUENCE)?;
    let (validity, _) = contents(rest, SEQUENCE)?;
    let (from, rest) = time(validity)?;
    let (until, _) = time(rest)?;
    Some((from, until))
}

/// The contents of the value that `bytes` begin with, if its tag is `tag`, and what follows it.
fn contents(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = length(rest)?;
    rest.split_at_checked(length)
}

/// A definite length (X.690 8.1.3).
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first < 0x80 {
        return Some((usize::from(*first), rest));
    }
    let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    if octets.is_empty() || octets.len() > MOST_LENGTH_OCTETS {
        return None;
    }
    let length = octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
    Some((length, rest))
}

/// UTCTime `yymmddhhmmssZ` or GeneralizedTime `yyyymmddhhmmssZ` (RFC 5280 4.1.2.5).
fn time(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (text, century, rest) = match contents(bytes, UTC_TIME) {
        Some((text, rest)) => (text, century(text)?, rest),
        None => contents(bytes, GENERALIZED_TIME).map(|(text, rest)| (text, "", rest))?,
    };
    let text = format!("{century}{}", std::str::from_utf8(text).ok()?);
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", &text).ok()?;
    let zoned = time.to_zoned(TimeZone::UTC).ok()?;
    Some((zoned.timestamp(), rest))
}

/// Two-digit years from 50 on are of the last century.
fn century(text: &[u8]) -> Option<&'static str> {
    Some(if *text.first()? >= b'5' { "19" } else { "20" })
}

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `[0] EXPLICIT`; absent in version 1.
const VERSION: u8 = 0xa0;

/// No certificate is longer than what three octets can tell.
const MOST_LENGTH_OCTETS: usize = 3;

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn made(from: i32, until: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 2, 3);
        params.not_after = date_time_ymd(until, 4, 5);
        params
            .self_signed(&KeyPair::generate().unwrap())
            .unwrap()
            .der()
            .to_vec()
    }

    #[test]
    fn both_forms_of_time_are_read() {
        for (from, until) in [(2026, 2028), (1999, 2049), (2050, 4096)] {
            let (first, last) = certificate_validity(&made(from, until)).unwrap();
            assert_eq!(first.to_string(), format!("{from}-02-03T00:00:00Z"));
            assert_eq!(last.to_string(), format!("{until}-04-05T00:00:00Z"));
        }
    }

    #[test]
    fn what_is_cut_or_changed_never_panics() {
        let whole = made(2026, 2028);
        for length in 0..whole.len() {
            let _ = certificate_validity(&whole[..length]);
        }
        for place in 0..120 {
            for octet in [0x00, 0x7f, 0x80, 0x84, 0xff] {
                let mut changed = whole.clone();
                changed[place] = octet;
                let _ = certificate_validity(&changed);
            }
        }
        assert_eq!(certificate_validity(b""), None);
        assert_eq!(certificate_validity(b"0\x84\xff\xff\xff\xff"), None);
    }
}

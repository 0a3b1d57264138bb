//! The values of `pdu encode`'s options, as people and the vectors write them.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::Value;
use tpdu::{Alphabet, Language, Ports, Scts, TypeOfNumber, Validity};

/// An octet in decimal, or in hexadecimal behind `0x`.
pub(super) fn octet(text: &str) -> Result<u8, String> {
    number(text)
        .and_then(|number| u8::try_from(number).ok())
        .ok_or_else(|| "a number from 0 to 255".to_owned())
}

/// A number of 16 bits, written as for [`octet`].
pub(super) fn sixteen(text: &str) -> Result<u16, String> {
    number(text).ok_or_else(|| "a number from 0 to 65535".to_owned())
}

/// `gsm7`, `8bit` or `ucs2`.
pub(super) fn alphabets() -> impl TypedValueParser<Value = Alphabet> {
    let names = [Alphabet::Gsm7, Alphabet::Data, Alphabet::Ucs2].map(Alphabet::name);
    one_of(names, Alphabet::from_name)
}

/// The languages with national tables.
pub(super) fn languages() -> impl TypedValueParser<Value = Language> {
    one_of(Language::ALL.map(Language::name), Language::from_name)
}

/// The kinds of numbers.
pub(super) fn kinds() -> impl TypedValueParser<Value = TypeOfNumber> {
    one_of(TypeOfNumber::ALL.map(TypeOfNumber::name), TypeOfNumber::from_name)
}

/// Names that the help lists, and what they mean.
fn one_of<T, const N: usize>(
    names: [&'static str; N],
    find: fn(&str) -> Option<T>,
) -> impl TypedValueParser<Value = T> + use<T, N>
where
    T: Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names).try_map(move |name| find(&name).ok_or(format!("no such name: {name}")))
}

/// Ports as `2948:9200`, receiver first, or as an object `{"dst", "src", "bits"}`.
pub(super) fn ports(text: &str) -> Result<Ports, String> {
    read_ports(text).ok_or_else(|| "two ports such as 2948:9200, the receiver's first".to_owned())
}

/// A validity period: seconds, `5m`, `2h`, `3d`, `1w`, a moment, `vp=170` or `vp=0xAA` for the octet itself, or an object of
/// the vectors such as `{"relative_seconds": 3600}`.
pub(super) fn validity(text: &str) -> Result<Validity, String> {
    read_validity(text).ok_or_else(|| {
        match text.trim_start().starts_with("vp") {
            true => "vp=0 to vp=255 in decimal, or vp=0x00 to vp=0xFF in hexadecimal",
            false => "5 minutes to 63 weeks as seconds, 5m, 2h, 3d, 1w, vp=170 or vp=0xAA, or a time such as 2026-01-02T03:04:05+01:00",
        }
        .to_owned()
    })
}

fn number(text: &str) -> Option<u16> {
    match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn read_ports(text: &str) -> Option<Ports> {
    if let Ok(object @ Value::Object(_)) = serde_json::from_str::<Value>(text) {
        let port = |name: &str| object[name].as_u64().and_then(|port| u16::try_from(port).ok());
        let bits = if object["bits"] == 8 { 8 } else { 16 };
        return Some(Ports {
            destination: port("dst")?,
            source: port("src")?,
            bits,
        });
    }
    let (destination, source) = text.split_once([':', ','])?;
    Some(Ports {
        destination: number(destination.trim())?,
        source: number(source.trim())?,
        bits: 16,
    })
}

fn read_validity(text: &str) -> Option<Validity> {
    if let Ok(Value::Object(object)) = serde_json::from_str::<Value>(text) {
        let (name, value) = object.iter().next()?;
        return named(
            name,
            value.as_str().map_or_else(|| value.to_string(), str::to_owned).as_str(),
        );
    }
    let by_name = text
        .split_once(['=', ':'])
        .and_then(|(name, value)| named(name.trim(), value.trim()));
    by_name.or_else(|| period(text)).or_else(|| moment(text))
}

/// A period under one of the vectors' names.
fn named(name: &str, value: &str) -> Option<Validity> {
    match name {
        "vp" => octet(value).ok().or_else(|| lettered(value)).map(Validity::Relative),
        "relative_seconds" | "seconds" => lasting(value.parse().ok()?),
        "relative_minutes" | "minutes" => lasting(value.parse::<u64>().ok()?.checked_mul(60)?),
        "absolute" => moment(value),
        "enhanced" => enhanced(value),
        _ => None,
    }
}

/// An octet as `pdu decode --json` shows it, where it holds a letter. Two digits are decimal here, as they always were.
fn lettered(text: &str) -> Option<u8> {
    let [octet] = tpdu::from_hex(text).ok()?[..] else {
        return None;
    };
    Some(octet)
}

/// Seven octets in hexadecimal, or in words: `relative octet 0`, `255 s`, `3h12m45s`.
fn enhanced(value: &str) -> Option<Validity> {
    if let Ok(octets) = tpdu::from_hex(value)
        && let Ok(octets) = <[u8; 7]>::try_from(octets)
    {
        return Some(Validity::Enhanced(octets));
    }
    if let Some(value) = value.strip_prefix("relative octet ") {
        return Some(Validity::Enhanced([1, octet(value).ok()?, 0, 0, 0, 0, 0]));
    }
    if let Some(seconds) = value.strip_suffix(" s") {
        return Some(Validity::Enhanced([2, octet(seconds).ok()?, 0, 0, 0, 0, 0]));
    }
    let (hours, rest) = value.split_once('h')?;
    let (minutes, seconds) = rest.split_once('m')?;
    let digits = |text: &str| {
        octet(text)
            .ok()
            .filter(|&number| number < 100)
            .map(|number| ((number % 10) << 4) | (number / 10))
    };
    let seconds = digits(seconds.strip_suffix('s')?)?;
    Some(Validity::Enhanced([
        3,
        digits(hours)?,
        digits(minutes)?,
        seconds,
        0,
        0,
        0,
    ]))
}

fn moment(text: &str) -> Option<Validity> {
    text.parse::<Scts>().ok().map(Validity::Absolute)
}

fn period(text: &str) -> Option<Validity> {
    let unit_at = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let seconds = match unit {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    lasting(number.parse::<u64>().ok()?.checked_mul(seconds)?)
}

/// A period that the relative form can tell (TS 23.040 9.2.3.12.1): 5 minutes to 63 weeks.
fn lasting(seconds: u64) -> Option<Validity> {
    (300..=63 * 604_800)
        .contains(&seconds)
        .then(|| Validity::lasting(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_read_however_it_is_written() {
        let day = Validity::lasting(86_400);
        for text in [
            "86400",
            "1440m",
            "24h",
            "1d",
            "vp=167",
            "vp: 167",
            "vp=0xA7",
            "vp=A7",
            "vp=a7",
            "{\"vp\": 167}",
            "{\"vp\": \"A7\"}",
            "relative_minutes=1440",
            "{\"relative_seconds\": 86400}",
        ] {
            assert_eq!(validity(text), Ok(day), "{text}");
        }
        let moment = validity("2013-07-10T13:39:00+02:00").unwrap();
        assert_eq!(validity("{\"absolute\": \"2013-07-10T13:39:00+02:00\"}"), Ok(moment));
        assert_eq!(
            validity("enhanced=3h12m45s"),
            Ok(Validity::Enhanced([3, 0x30, 0x21, 0x54, 0, 0, 0]))
        );
        assert_eq!(
            validity("enhanced=relative octet 0"),
            Ok(Validity::Enhanced([1, 0, 0, 0, 0, 0, 0]))
        );
        for text in [
            "",
            "x",
            "5 parsecs",
            "vp=256",
            "vp=0x100",
            "vp=A",
            "vp=A7A7",
            "vp=G7",
            "99999999999999999999w",
            "{}",
            "0",
            "4m",
            "64w",
        ] {
            assert!(validity(text).is_err(), "{text}");
        }
        // Digits alone are one number, whoever writes them.
        assert_eq!(validity("vp=10"), Ok(Validity::Relative(10)));
        assert_eq!(validity("vp=0x10"), Ok(Validity::Relative(16)));
    }

    #[test]
    fn ports_are_read_in_both_forms() {
        let expected = Ports {
            destination: 2948,
            source: 9200,
            bits: 16,
        };
        assert_eq!(ports("2948:9200"), Ok(expected));
        assert_eq!(ports("{\"dst\": 2948, \"src\": 9200, \"bits\": 16}"), Ok(expected));
        assert!(ports("2948").is_err());
        assert!(ports("{\"dst\": 70000, \"src\": 1}").is_err());
    }

    #[test]
    fn numbers_may_be_hexadecimal() {
        assert_eq!(octet("0xF4"), Ok(244));
        assert_eq!(sixteen("0xffff"), Ok(65_535));
        assert!(octet("256").is_err());
    }
}

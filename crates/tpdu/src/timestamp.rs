//! Time stamps: 3GPP TS 23.040 clause 9.2.3.11.

use std::{fmt, str::FromStr};

use crate::{DecodeError, reader::Reader};

/// TP-SCTS, TP-DT or an absolute TP-VP: seven octets, kept as they came.
///
/// Networks send days that no calendar has (all zeros, month 13). Those stay
/// readable as octets, and only [`Scts::unix_seconds`] and the text form say
/// that they are no time.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scts([u8; 7]);

impl Scts {
    /// The octets as they are, unchecked.
    pub fn from_octets(octets: [u8; 7]) -> Self {
        Self(octets)
    }

    /// The octets on the wire.
    pub fn octets(&self) -> [u8; 7] {
        self.0
    }

    /// The moment `unix_seconds` shown in a zone of `quarters` quarter hours
    /// east of Greenwich. `None` outside 1990–2089 or ±79 quarters.
    pub fn from_unix(unix_seconds: i64, quarters: i8) -> Option<Self> {
        let local = unix_seconds.checked_add(i64::from(quarters) * QUARTER)?;
        let (year, month, day) = civil_from_days(local.div_euclid(DAY));
        let second = local.rem_euclid(DAY);
        Self::from_local(
            [year, month, day, second / 3600, second / 60 % 60, second % 60],
            quarters,
        )
    }

    /// Local year, month, day, hour, minute and second with their zone.
    fn from_local(fields: [i64; 6], quarters: i8) -> Option<Self> {
        let [year, ..] = fields;
        if !(CENTURY_PIVOT..CENTURY_PIVOT + 100).contains(&year) || quarters.unsigned_abs() > 79 {
            return None;
        }
        let mut octets = [0; 7];
        for (octet, field) in octets.iter_mut().zip(fields) {
            let value = u8::try_from(field.rem_euclid(100)).ok()?;
            *octet = swapped(value);
        }
        let sign = if quarters < 0 { 0x08 } else { 0 };
        octets[6] = swapped(quarters.unsigned_abs()) | sign;
        Some(Self(octets))
    }

    /// Reads seven octets, of which the first six must be decimal.
    ///
    /// # Errors
    /// See [`DecodeError`]; `field` names the field in it.
    pub(crate) fn decode(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        let start = reader.at();
        let taken = reader.take(7, field)?;
        let mut octets = [0; 7];
        octets.copy_from_slice(taken);
        match octets[..6].iter().position(|&octet| decimal(octet).is_none()) {
            Some(at) => Err(DecodeError::unexpected(
                field,
                start + at,
                octets[at],
                "two decimal digits",
            )),
            None => Ok(Self(octets)),
        }
    }

    /// Hours east of Greenwich in quarters. Some networks write the units as
    /// one hexadecimal digit (0xE1 for 24 quarters), which is read so.
    pub fn zone_quarters(&self) -> i8 {
        let zone = self.0[6];
        let quarters = (zone & 0x07) * 10 + (zone >> 4);
        let quarters = i8::try_from(quarters).unwrap_or(i8::MAX);
        if zone & 0x08 == 0 { quarters } else { -quarters }
    }

    /// The moment in seconds since 1970-01-01T00:00Z, or `None` where the
    /// octets name no day and time.
    pub fn unix_seconds(&self) -> Option<i64> {
        let [year, month, day, hour, minute, second] = self.local()?;
        let days = days_from_civil(year, month, day);
        let local = days * DAY + hour * 3600 + minute * 60 + second;
        Some(local - i64::from(self.zone_quarters()) * QUARTER)
    }

    /// Local year, month, day, hour, minute, second, if a calendar has them.
    /// Years 90–99 are of the last century: GSM began in 1991.
    fn local(&self) -> Option<[i64; 6]> {
        let mut fields = [0; 6];
        for (field, &octet) in fields.iter_mut().zip(&self.0) {
            *field = i64::from(decimal(octet)?);
        }
        let [short_year, month, day, hour, minute, second] = fields;
        let year = if short_year >= CENTURY_PIVOT - 1900 { 1900 } else { 2000 } + short_year;
        let is_day = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
        let is_time = hour < 24 && minute < 60 && second < 60;
        (is_day && is_time).then_some([year, month, day, hour, minute, second])
    }
}

impl fmt::Display for Scts {
    /// ISO 8601 with the stamp's own zone, such as
    /// `2018-11-07T20:21:22-08:00`; the octets in hexadecimal where they name
    /// no time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(local) = self.local() else {
            return f.write_str(&crate::to_hex(&self.0));
        };
        let quarters = self.zone_quarters();
        let [year, month, day, hour, minute, second] = local;
        let sign = if quarters < 0 { '-' } else { '+' };
        let zone = quarters.unsigned_abs();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        write!(f, "{sign}{:02}:{:02}", zone / 4, zone % 4 * 15)
    }
}

impl fmt::Debug for Scts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scts({self})")
    }
}

impl FromStr for Scts {
    type Err = NotATime;

    /// Reads `2013-07-10T13:39:00+02:00`; a space may stand for the `T`, `Z`
    /// for the zone.
    fn from_str(text: &str) -> Result<Self, NotATime> {
        parse_iso(text).ok_or(NotATime)
    }
}

/// The text is no time of the form `2013-07-10T13:39:00+02:00` in whole
/// quarter hours and within 1990–2089.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotATime;

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time such as 2013-07-10T13:39:00+02:00 is expected")
    }
}

impl std::error::Error for NotATime {}

fn parse_iso(text: &str) -> Option<Scts> {
    let (date_time, zone) = text.split_at_checked(19)?;
    let (date, time) = date_time.split_once(['T', ' '])?;
    let numbers =
        |text: &str, by: char| -> Option<Vec<i64>> { text.split(by).map(|number| number.parse().ok()).collect() };
    let &[year, month, day] = numbers(date, '-')?.as_slice() else {
        return None;
    };
    let &[hour, minute, second] = numbers(time, ':')?.as_slice() else {
        return None;
    };
    let stamp = Scts::from_local([year, month, day, hour, minute, second], parse_zone(zone)?)?;
    stamp.local().map(|_| stamp)
}

fn parse_zone(zone: &str) -> Option<i8> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let (hours, minutes) = rest.split_once(':')?;
    let minutes = hours.parse::<i16>().ok()?.checked_mul(60)? + minutes.parse::<u8>().ok()? as i16;
    let quarters = i8::try_from(minutes / 15)
        .ok()
        .filter(|_| minutes >= 0 && minutes % 15 == 0)?;
    match sign {
        "+" => Some(quarters),
        "-" => Some(-quarters),
        _ => None,
    }
}

/// Two swapped decimal digits as a number.
fn decimal(octet: u8) -> Option<u8> {
    let (tens, units) = (octet & 0x0F, octet >> 4);
    (tens < 10 && units < 10).then_some(tens * 10 + units)
}

/// A number below 100 as two swapped decimal digits.
fn swapped(value: u8) -> u8 {
    ((value % 10) << 4) | (value / 10)
}

/// Days since 1970-01-01 of a day in the Gregorian calendar: years begin in
/// March, so that the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - 719_468
}

/// Year, month and day of a number of days since 1970-01-01, within ±100 000 years.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days.clamp(-36_000_000, 36_000_000) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const DAY: i64 = 86_400;
const QUARTER: i64 = 900;
/// The first year that two digits can mean.
const CENTURY_PIVOT: i64 = 1990;

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(hex: &str) -> Scts {
        let bytes = crate::from_hex(hex).unwrap();
        Scts::decode(&mut Reader::new(&bytes), "TP-SCTS").unwrap()
    }

    #[test]
    fn the_zone_has_a_sign_and_quarters() {
        assert_eq!(stamp("1230405060703B").to_string(), "2021-03-04T05:06:07-08:15");
        assert_eq!(stamp("12304050607033").to_string(), "2021-03-04T05:06:07+08:15");
        assert_eq!(stamp("99202150750329").to_string(), "1999-02-12T05:57:30-03:00");
    }

    #[test]
    fn a_day_that_no_calendar_has_is_kept_as_octets() {
        let zeros = stamp("00000000000000");
        assert_eq!(zeros.unix_seconds(), None);
        assert_eq!(zeros.to_string(), "00000000000000");
        assert_eq!(stamp("32209200000000").unix_seconds(), None);
    }

    #[test]
    fn every_zone_octet_is_read_without_panic() {
        for zone in 0..=255 {
            let stamp = Scts([0x52, 0x11, 0x03, 0x02, 0, 0, zone]);
            assert!(!stamp.to_string().is_empty());
            let seconds = stamp.unix_seconds().unwrap();
            let quarters = stamp.zone_quarters();
            if let Some(back) = Scts::from_unix(seconds, quarters) {
                assert_eq!(back.to_string(), stamp.to_string());
            }
        }
        assert_eq!(Scts([0x52, 0x11, 0x03, 0x02, 0, 0, 0xE1]).zone_quarters(), 24);
    }

    #[test]
    fn every_day_of_a_century_leads_back() {
        for day in 7305..43_830_i64 {
            let stamp = Scts::from_unix(day * DAY + 12_345, 8).unwrap();
            assert_eq!(stamp.unix_seconds(), Some(day * DAY + 12_345));
        }
        assert_eq!(Scts::from_unix(0, 0), None);
        assert_eq!(Scts::from_unix(i64::MAX, 79), None);
        assert_eq!(Scts::from_unix(i64::MIN, -79), None);
    }

    #[test]
    fn text_is_read_back() {
        for text in ["2013-07-10T13:39:00+02:00", "1999-12-31T23:59:59-08:15"] {
            assert_eq!(text.parse::<Scts>().unwrap().to_string(), text);
        }
        let zulu: Scts = "2024-02-29 00:00:00Z".parse().unwrap();
        assert_eq!(zulu.to_string(), "2024-02-29T00:00:00+00:00");
        for wrong in ["", "2013-07-10", "2013-02-30T00:00:00Z", "2013-07-10T13:39:00+02:07"] {
            assert!(wrong.parse::<Scts>().is_err(), "{wrong}");
        }
    }
}

//! Times on the wire: SMPP 3.4 clause 7.1.1.

use std::fmt;

use jiff::{Span, Timestamp, civil::DateTime, tz::TimeZone};

use crate::Octets;

/// A time of schedule_delivery_time, validity_period or final_date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Time {
    /// A moment, `YYMMDDhhmmsstnnp`.
    Absolute(Moment),
    /// So long after the message centre took the message, `YYMMDDhhmmss000R`.
    Relative(Period),
}

/// A moment as a peer wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Moment {
    /// Seconds since 1970-01-01T00:00Z.
    pub unix_seconds: i64,
    /// Tenths of a second, 0 to 9.
    pub tenths: u8,
    /// The peer's zone in quarter hours east of Greenwich, −48 to 48.
    pub quarters: i8,
}

/// Years, months, days, hours, minutes and seconds, each 0 to 99.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Period(pub [u8; 6]);

/// Octets that are no time of clause 7.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotATime;

impl Time {
    /// Reads the octets of a field. Nothing is written as nothing: the message centre's default. Peers that leave the end
    /// out (`YYMMDDhhmm` or `YYMMDDhhmmss`) mean a moment in Greenwich's zone.
    ///
    /// # Errors
    /// [`NotATime`].
    pub fn decode(octets: &[u8]) -> Result<Option<Self>, NotATime> {
        if octets.is_empty() {
            return Ok(None);
        }
        let text = std::str::from_utf8(octets).map_err(|_| NotATime)?;
        let time = match text.len() {
            10 | 12 => Moment::of_digits(text, 0, 0).map(Self::Absolute),
            16 => whole(text),
            _ => None,
        };
        time.map(Some).ok_or(NotATime)
    }

    /// The octets of a field. A moment that no two-digit year can say becomes nothing.
    pub fn encode(&self) -> Octets {
        match self {
            Self::Absolute(moment) => moment.encode(),
            Self::Relative(period) => period.encode(),
        }
    }

    /// A period of so many seconds, at most 99 days: longer ones are better said as a moment, since months differ.
    pub fn after(seconds: u64) -> Self {
        Self::Relative(Period::lasting(seconds))
    }

    /// The moment in seconds since 1970, for a message that was taken at `now`. Beyond the calendar's end it is that end.
    pub fn resolve(&self, now: i64) -> i64 {
        match self {
            Self::Absolute(moment) => moment.unix_seconds,
            Self::Relative(period) => period.after(now),
        }
    }
}

impl Moment {
    /// Reads `YYMMDDhhmm` or `YYMMDDhhmmss`, local to a zone.
    fn of_digits(digits: &str, tenths: u8, quarters: i8) -> Option<Self> {
        let local = civil(digits)?;
        Some(Self {
            unix_seconds: local - i64::from(quarters) * QUARTER,
            tenths,
            quarters,
        })
    }

    fn encode(&self) -> Octets {
        let local = self.unix_seconds.saturating_add(i64::from(self.quarters) * QUARTER);
        let Some(digits) = digits(local) else {
            return Octets::EMPTY;
        };
        let sign = if self.quarters < 0 { '-' } else { '+' };
        let quarters = self.quarters.unsigned_abs();
        format!("{digits}{}{quarters:02}{sign}", self.tenths % 10).into()
    }
}

impl Period {
    /// The longest period that is not longer than so many seconds, and 99 days at most.
    pub fn lasting(seconds: u64) -> Self {
        let seconds = seconds.min(LONGEST);
        let [days, hours] = [seconds / 86_400, seconds / 3600 % 24];
        let narrow = |number: u64| u8::try_from(number).unwrap_or(99);
        Self([
            0,
            0,
            narrow(days),
            narrow(hours),
            narrow(seconds / 60 % 60),
            narrow(seconds % 60),
        ])
    }

    /// The moment that lies so long after another.
    fn after(&self, now: i64) -> i64 {
        let [years, months, days, hours, minutes, seconds] = self.0.map(i64::from);
        let span = Span::new()
            .years(years)
            .months(months)
            .days(days)
            .hours(hours)
            .minutes(minutes)
            .seconds(seconds);
        let start = Timestamp::from_second(now).map(|start| start.to_zoned(TimeZone::UTC));
        let end = start.and_then(|start| start.checked_add(span));
        end.map_or(i64::MAX, |end| end.timestamp().as_second())
    }

    fn encode(&self) -> Octets {
        let mut text = String::with_capacity(16);
        for number in self.0 {
            text.push_str(&format!("{:02}", number.min(99)));
        }
        text.push_str("000R");
        text.into()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absolute(moment) => match Timestamp::from_second(moment.unix_seconds) {
                Ok(time) => write!(f, "{time}"),
                Err(_) => f.write_str("no time"),
            },
            Self::Relative(Period([years, months, days, hours, minutes, seconds])) => {
                let units = [(years, "years"), (months, "months"), (days, "days")];
                for (number, name) in units.iter().filter(|(number, _)| **number > 0) {
                    write!(f, "{number} {name} ")?;
                }
                write!(f, "{hours:02}:{minutes:02}:{seconds:02} later")
            }
        }
    }
}

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time such as 261122103000000+ or 000002000000000R is expected")
    }
}

impl std::error::Error for NotATime {}

/// Reads sixteen characters.
fn whole(text: &str) -> Option<Time> {
    let (digits, end) = (text.get(..12)?, text.get(12..)?);
    if end == "000R" {
        let mut numbers = [0; 6];
        for (at, number) in numbers.iter_mut().enumerate() {
            *number = digits.get(2 * at..2 * at + 2)?.parse().ok()?;
        }
        return digits_only(digits).then_some(Time::Relative(Period(numbers)));
    }
    let (tail, sign) = end.split_at_checked(3)?;
    let quarters: i8 = tail.get(1..)?.parse().ok().filter(|_| digits_only(tail))?;
    let quarters = match sign {
        "+" if quarters <= MOST_QUARTERS => quarters,
        "-" if quarters <= MOST_QUARTERS => -quarters,
        _ => return None,
    };
    let tenths = tail.get(..1)?.parse().ok()?;
    Moment::of_digits(digits, tenths, quarters).map(Time::Absolute)
}

/// Seconds since 1970 of `YYMMDDhhmm`, `YYMMDDhhmmss` or `YYYYMMDDhhmmss`, as if Greenwich had written it. Years from 70 on
/// are of the last century.
pub(crate) fn civil(digits: &str) -> Option<i64> {
    if !digits_only(digits) {
        return None;
    }
    let (year, rest) = match digits.len() {
        14 => (digits.get(..4)?.parse::<i16>().ok()?, digits.get(4..)?),
        10 | 12 => {
            let short: i16 = digits.get(..2)?.parse().ok()?;
            let century = if short < PIVOT { 2000 } else { 1900 };
            (century + short, digits.get(2..)?)
        }
        _ => return None,
    };
    let mut fields = [0_i8; 5];
    for (field, pair) in fields.iter_mut().zip(rest.as_bytes().chunks_exact(2)) {
        *field = std::str::from_utf8(pair).ok()?.parse().ok()?;
    }
    let [month, day, hour, minute, second] = fields;
    let local = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    let time = local.to_zoned(TimeZone::UTC).ok()?;
    Some(time.timestamp().as_second())
}

/// `YYMMDDhhmmss` of seconds since 1970, as Greenwich writes it; nothing where two digits do not tell the year.
pub(crate) fn digits(unix_seconds: i64) -> Option<String> {
    let time = Timestamp::from_second(unix_seconds).ok()?.to_zoned(TimeZone::UTC);
    if !(1900 + PIVOT..2000 + PIVOT).contains(&time.year()) {
        return None;
    }
    Some(format!(
        "{:02}{:02}{:02}{:02}{:02}{:02}",
        time.year() % 100,
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    ))
}

fn digits_only(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_digit())
}

const QUARTER: i64 = 900;

/// Clause 7.1.1: 00 to 48.
const MOST_QUARTERS: i8 = 48;

/// 99 days, 23 hours, 59 minutes and 59 seconds.
const LONGEST: u64 = 100 * 86_400 - 1;

const PIVOT: i16 = 70;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_in_its_zone_and_written_back() {
        let time = Time::decode(b"150203040506708+").unwrap().unwrap();
        // 04:05:06.7 two hours east of Greenwich.
        assert_eq!(time.resolve(0), 1_422_929_106);
        assert_eq!(time.encode(), "150203040506708+");
        assert_eq!(time.to_string(), "2015-02-03T02:05:06Z");
        let west = Time::decode(b"150203040506008-").unwrap().unwrap();
        assert_eq!(west.resolve(0) - time.resolve(0), 4 * 3600);
    }

    #[test]
    fn a_period_counts_from_the_moment_of_submission() {
        let time = Time::decode(b"000001020304000R").unwrap().unwrap();
        assert_eq!(time.resolve(1000), 1000 + 86_400 + 2 * 3600 + 3 * 60 + 4);
        assert_eq!(time.encode(), "000001020304000R");
        let month = Time::decode(b"010200000000000R").unwrap().unwrap();
        // 2024-01-31 and a year and two months: 2025-03-31.
        assert_eq!(month.resolve(1_706_659_200), 1_743_379_200);
        assert_eq!(Time::after(90_061).encode(), "000001010101000R");
        assert_eq!(Time::after(u64::MAX).encode(), "000099235959000R");
    }

    #[test]
    fn nothing_means_the_default_and_rubbish_is_told() {
        assert_eq!(Time::decode(b""), Ok(None));
        assert!(Time::decode(b"150203040506").unwrap().is_some());
        let wrong: [&[u8]; 7] = [
            b"1",
            b"150203040506708",
            b"151303040506708+",
            b"150203040506799+",
            b"15020304050670a+",
            b"00000102030400+R",
            b"\xFF50203040506708+",
        ];
        for octets in wrong {
            assert_eq!(Time::decode(octets), Err(NotATime), "{}", octets.escape_ascii());
        }
    }
}

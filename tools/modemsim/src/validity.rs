//! TP-Validity-Period: how long the service centre tries to deliver a message (TS 23.040 9.2.3.12).

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

/// How long a message that is accepted at `now`, in seconds of Unix time, is good; `None`: for as long as the network
/// likes, or nobody can tell. `format` is TP-VPF (9.2.3.3), `octets` are TP-VP.
pub(crate) fn lifetime(format: u8, octets: &[u8], now: i64) -> Option<Duration> {
    match (format, octets) {
        (0b10, &[code]) => Some(relative(code)),
        (0b11, octets) => absolute(octets, now),
        (0b01, octets) => enhanced(octets),
        _ => None,
    }
}

/// 9.2.3.12.1
fn relative(code: u8) -> Duration {
    let code = u64::from(code);
    let minutes = match code {
        0..=143 => (code + 1) * 5,
        144..=167 => 12 * 60 + (code - 143) * 30,
        168..=196 => (code - 166) * DAY,
        _ => (code - 192) * 7 * DAY,
    };
    Duration::from_secs(minutes * 60)
}

/// 9.2.3.12.2: a time stamp; one that has passed leaves nothing.
fn absolute(octets: &[u8], now: i64) -> Option<Duration> {
    let &[year, month, day, hour, minute, second, zone] = octets else {
        return None;
    };
    let small = |octet| i8::try_from(unswapped(octet)).ok();
    let date = Date::new(2000 + i16::from(unswapped(year)), small(month)?, small(day)?).ok()?;
    let local = date.at(small(hour)?, small(minute)?, small(second)?, 0);
    let quarters = i32::from(unswapped(zone & 0xF7));
    let sign = if zone & 0x08 == 0 { 1 } else { -1 };
    let offset = Offset::from_seconds(sign * quarters * 900).ok()?;
    let end = local.to_zoned(TimeZone::fixed(offset)).ok()?.timestamp().as_second();
    Some(Duration::from_secs(u64::try_from(end - now).unwrap_or(0)))
}

/// 9.2.3.12.3. That a message is tried once only (bit 6) is passed over.
fn enhanced(octets: &[u8]) -> Option<Duration> {
    let (&indicator, value) = octets.split_first()?;
    let value = if indicator & 0x80 == 0 { value } else { value.get(1..)? };
    match (indicator & 0x07, value) {
        (1, &[code, ..]) => Some(relative(code)),
        (2, &[seconds, ..]) => Some(Duration::from_secs(seconds.into())),
        (3, &[hours, minutes, seconds, ..]) => {
            let [hours, minutes, seconds] = [hours, minutes, seconds].map(|octet| u64::from(unswapped(octet)));
            Some(Duration::from_secs((hours * 60 + minutes) * 60 + seconds))
        }
        _ => None,
    }
}

/// Two decimal digits in swapped semi-octets (9.1.2.3).
fn unswapped(octet: u8) -> u8 {
    (octet & 0x0F) * 10 + (octet >> 4)
}

const DAY: u64 = 24 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_700_049_600; // 2023-11-15 12:00 UTC

    fn minutes(format: u8, octets: &[u8]) -> Option<u64> {
        lifetime(format, octets, NOON).map(|span| span.as_secs() / 60)
    }

    #[test]
    fn a_relative_period_has_the_steps_of_the_table() {
        let table = [
            (0, 5),
            (143, 12 * 60),
            (144, 12 * 60 + 30),
            (167, DAY),
            (168, 2 * DAY),
            (196, 30 * DAY),
            (197, 5 * 7 * DAY),
            (255, 63 * 7 * DAY),
        ];
        for (code, wanted) in table {
            assert_eq!(minutes(0b10, &[code]), Some(wanted), "{code}");
        }
    }

    #[test]
    fn an_absolute_period_ends_at_its_time_and_not_before_now() {
        let one_o_clock = [0x32, 0x11, 0x51, 0x31, 0x00, 0x00, 0x00];
        assert_eq!(minutes(0b11, &one_o_clock), Some(60));
        let east = [0x32, 0x11, 0x51, 0x31, 0x00, 0x00, 0x40];
        assert_eq!(minutes(0b11, &east), Some(0), "12:00 at +1 h");
        let west = [0x32, 0x11, 0x51, 0x31, 0x00, 0x00, 0x48];
        assert_eq!(minutes(0b11, &west), Some(120));
        assert_eq!(minutes(0b11, &[0x32, 0x31, 0x51, 0, 0, 0, 0]), None, "month 13");
    }

    #[test]
    fn an_enhanced_period_is_counted_in_seconds_too() {
        let seconds = |octets: &[u8]| lifetime(0b01, octets, NOON).map(|span| span.as_secs());
        assert_eq!(seconds(&[0x02, 90, 0, 0, 0, 0, 0]), Some(90));
        assert_eq!(seconds(&[0x03, 0x10, 0x20, 0x30, 0, 0, 0]), Some(3723));
        assert_eq!(seconds(&[0x01, 0, 0, 0, 0, 0, 0]), Some(300));
        assert_eq!(seconds(&[0x82, 0, 7, 0, 0, 0, 0]), Some(7), "behind an extension octet");
        assert_eq!(seconds(&[0x00, 90, 0, 0, 0, 0, 0]), None);
        assert_eq!(lifetime(0b00, &[], NOON), None);
    }
}

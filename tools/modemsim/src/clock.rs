//! The one place that reads a clock.
//!
//! Inside, time is nanoseconds since the simulator started ([`Nanos`]). Outside it is microseconds of Unix time, so
//! that another process on the same machine can compare the simulator's stamps with its own.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::{Timestamp, Zoned, tz::Offset, tz::TimeZone};

/// Nanoseconds since the simulator started.
pub(crate) type Nanos = u64;

/// Turns a span into [`Nanos`]; what does not fit is "never".
pub(crate) fn nanos(span: Duration) -> Nanos {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Monotonic time, Unix time and the network's local time.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    start_unix_us: u64,
    /// Offset of local time in quarters of an hour, as in a time stamp.
    quarters: i8,
}

/// The service centre's time stamps: made once a second, since thousands of messages share one.
#[derive(Debug)]
pub(crate) struct Stamps {
    clock: Arc<Clock>,
    second: u64,
    stamp: [u8; 7],
}

impl Stamps {
    pub(crate) fn new(clock: Arc<Clock>) -> Self {
        Self {
            clock,
            second: u64::MAX,
            stamp: [0; 7],
        }
    }

    /// TP-Service-Centre-Time-Stamp of `at` (TS 23.040 9.2.3.11).
    pub(crate) fn scts(&mut self, at: Nanos) -> [u8; 7] {
        let second = self.clock.unix_us(at) / 1_000_000;
        if self.second != second {
            (self.second, self.stamp) = (second, self.clock.stamp_of(second));
        }
        self.stamp
    }
}

impl Clock {
    pub(crate) fn new(quarters: i8) -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            start: Instant::now(),
            start_unix_us: u64::try_from(unix.as_micros()).unwrap_or(0),
            quarters,
        }
    }

    pub(crate) fn now(&self) -> Nanos {
        nanos(self.start.elapsed())
    }

    /// Microseconds of Unix time at `at`.
    pub(crate) fn unix_us(&self, at: Nanos) -> u64 {
        self.start_unix_us + at / 1000
    }

    /// Local time as `+CCLK` gives it (TS 27.007 8.15).
    pub(crate) fn cclk(&self, at: Nanos) -> String {
        let local = self.local(self.unix_us(at) / 1_000_000);
        format!("{}{:+03}", local.strftime("%y/%m/%d,%H:%M:%S"), self.quarters)
    }

    fn stamp_of(&self, second: u64) -> [u8; 7] {
        let local = self.local(second);
        let sign = if self.quarters < 0 { 0x08 } else { 0 };
        [
            swapped(local.year().rem_euclid(100).unsigned_abs()),
            swapped(local.month().unsigned_abs().into()),
            swapped(local.day().unsigned_abs().into()),
            swapped(local.hour().unsigned_abs().into()),
            swapped(local.minute().unsigned_abs().into()),
            swapped(local.second().unsigned_abs().into()),
            swapped(self.quarters.unsigned_abs().into()) | sign,
        ]
    }

    fn local(&self, second: u64) -> Zoned {
        let timestamp = Timestamp::from_second(i64::try_from(second).unwrap_or(0)).unwrap_or_default();
        let offset = Offset::from_seconds(i32::from(self.quarters) * 900).unwrap_or(Offset::UTC);
        timestamp.to_zoned(TimeZone::fixed(offset))
    }
}

/// Two decimal digits as swapped semi-octets (TS 23.040 9.1.2.3).
fn swapped(value: u16) -> u8 {
    u8::try_from(((value % 10) << 4) | ((value / 10) % 10)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_has_swapped_digits_and_a_signed_zone() {
        let mut clock = Clock::new(-4);
        clock.start_unix_us = 1_700_000_000_000_000; // 2023-11-14 22:13:20 UTC
        assert_eq!(hex::encode(clock.stamp_of(1_700_000_000)), "32114112310248");
        clock.quarters = 8;
        assert_eq!(hex::encode(clock.stamp_of(1_700_000_000)), "32115100310280");
        assert_eq!(clock.cclk(0), "23/11/15,00:13:20+08");
    }
}

//! What a request is worth: by what it says, by what came before it, and by the settings. No clock, no store.

use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use message::Number;
use store::AttendanceKnown;

use super::Config;
use super::keys::FirstVersion;
use super::protocol::{ClockTime, Standing, Window, v1, v2};
use super::reading::{Found, Reading, Second};

/// What became of a request. The sender learns of it by the answer alone, and there is none for anything that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Judgement {
    /// In one word, for the history.
    pub(super) verdict: &'static str,
    /// Whether it counts towards a lock-out.
    pub(super) bad: bool,
    /// What is remarkable, for the history.
    pub(super) flags: Vec<&'static str>,
    /// `Arrival`, `Exit`, or nothing.
    pub(super) status: String,
    /// The time as claimed.
    pub(super) time: String,
    /// Whether it becomes the sender's state.
    pub(super) is_state: bool,
    /// Whether the device's owner sends no requests of the first version any more.
    pub(super) ends_first: bool,
    /// The device's counter and clock.
    pub(super) counter: Option<(u32, Timestamp)>,
    /// The device's counters after it.
    pub(super) counters: Option<(u32, u64)>,
    /// How far the claimed time is from the network's, in seconds; above 0: the phone is ahead.
    pub(super) skew_s: Option<i32>,
    /// Whether and how it is answered. The first version has one answer only.
    pub(super) answer: Option<v2::Status>,
}

/// What is known of a request besides what it says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances<'a> {
    /// Who.
    pub(super) sender: &'a Number,
    /// What becomes of the sender's requests of the first version.
    pub(super) first_version: FirstVersion,
    /// The service centre's stamp.
    pub(super) service_centre_time: Option<Timestamp>,
    /// When the gateway had it.
    pub(super) received_at: Timestamp,
    /// Where people work.
    pub(super) zone: &'a TimeZone,
}

/// Judges a request.
pub(super) fn judge(
    reading: &Reading,
    known: &AttendanceKnown,
    around: Circumstances<'_>,
    config: &Config,
) -> Judgement {
    if !config.allows(around.sender) {
        return silent("sender_not_allowed");
    }
    // The same silence for good and bad: else it would tell which was which.
    if known.bad >= config.bad_limit {
        return silent("locked");
    }
    if known.requests >= config.request_limit {
        return silent("too_many");
    }
    // Before anything is deciphered: a silence that hung on the padding would show in what is answered later.
    if reading.version == 1 && around.refuses_first(known) {
        return silent("downgrade");
    }
    match &reading.found {
        Err(cause) => Judgement {
            bad: cause.is_bad(),
            ..silent(cause.name())
        },
        Ok(Found::First(request, _)) => first(request, known, around, config),
        Ok(Found::Second(found)) => second(found, known, around, config),
    }
}

fn first(request: &v1::Request, known: &AttendanceKnown, around: Circumstances<'_>, config: &Config) -> Judgement {
    let claim = request.claim();
    let skew = claim
        .clock()
        .map(|clock| around.nearest(|stamp| day_time_skew(clock, stamp, around.zone)));
    let mut flags = twins(known);
    if skew.is_some_and(|skew| config.is_skew(skew)) {
        flags.push("skew");
    }
    let told = Judgement {
        flags,
        skew_s: skew,
        status: claim.status().to_owned(),
        time: claim.time.to_owned(),
        ..Judgement::default()
    };
    // What a changed cipher text deciphers to counts like one that does not: else the lock-out told which it was.
    if config.strict && claim.clock().is_none() {
        return Judgement {
            verdict: "not_strict",
            bad: true,
            ..told
        };
    }
    Judgement {
        verdict: match claim.word {
            Some(_) => "taken",
            None => "neither_word",
        },
        is_state: true,
        answer: Some(v2::Status::Kept),
        ..told
    }
}

fn second(found: &Second, known: &AttendanceKnown, around: Circumstances<'_>, config: &Config) -> Judgement {
    let request = &found.request;
    let window = known
        .counters
        .map_or_else(Window::default, |(highest, seen)| Window::of(Some(highest), seen));
    let clock = Timestamp::from_second(request.unix_time.into()).unwrap_or(Timestamp::UNIX_EPOCH);
    let skew = around.nearest(|stamp| seconds(clock.duration_since(stamp)));
    let told = Judgement {
        status: status(request.kind).to_owned(),
        time: time(request, clock),
        counter: Some((request.counter, clock)),
        skew_s: Some(skew),
        ..Judgement::default()
    };
    let is_fresh = window.standing(request.counter) == Standing::Fresh;
    if !is_fresh && !known.taken_before {
        return Judgement {
            verdict: "replay",
            bad: true,
            ..told
        };
    }
    if found.revoked {
        let (highest, seen) = window.with(request.counter).parts();
        return Judgement {
            verdict: "revoked",
            counters: highest.map(|highest| (highest, seen)),
            answer: Some(v2::Status::Revoked),
            ..told
        };
    }
    if !is_fresh {
        return Judgement {
            verdict: "duplicate",
            answer: Some(v2::Status::Duplicate),
            ..told
        };
    }
    let (highest, seen) = window.with(request.counter).parts();
    let (verdict, answer) = match request.kind {
        v2::Kind::Unknown(_) => ("not_known", v2::Status::NotKnown),
        _ if config.is_skew(skew) => ("skew", v2::Status::Skew),
        _ => ("taken", v2::Status::Kept),
    };
    Judgement {
        verdict,
        is_state: matches!(request.kind, v2::Kind::Arrival | v2::Kind::Exit),
        ends_first: true,
        counters: highest.map(|highest| (highest, seen)),
        answer: Some(answer),
        ..told
    }
}

impl Circumstances<'_> {
    /// Whether the sender's requests of the first version are refused.
    fn refuses_first(&self, known: &AttendanceKnown) -> bool {
        match self.first_version {
            FirstVersion::Refused => true,
            FirstVersion::UntilSecond => known.second_version,
            FirstVersion::Taken => false,
        }
    }

    /// A skew by the stamp that it is smaller by: the network may keep a message for hours, and service centres have
    /// wrong clocks, too. Whoever holds a message back makes it late by both.
    fn nearest(&self, skew: impl Fn(Timestamp) -> i32) -> i32 {
        let received = skew(self.received_at);
        match self.service_centre_time.map(skew) {
            Some(stamped) if stamped.abs() < received.abs() => stamped,
            _ => received,
        }
    }
}

impl Config {
    fn is_skew(&self, seconds: i32) -> bool {
        seconds.unsigned_abs() > self.skew_s
    }
}

/// How far a time of day is from that of a moment, the shorter way around the clock.
fn day_time_skew(claimed: ClockTime, stamp: Timestamp, zone: &TimeZone) -> i32 {
    let of = |hour: i32, minute: i32, second: i32| hour * 3600 + minute * 60 + second;
    let local = zone.to_datetime(stamp).time();
    let claimed = of(claimed.hour.into(), claimed.minute.into(), claimed.second.into());
    let local = of(local.hour().into(), local.minute().into(), local.second().into());
    (claimed - local + HALF_DAY).rem_euclid(2 * HALF_DAY) - HALF_DAY
}

fn seconds(duration: SignedDuration) -> i32 {
    // Beyond 68 years either way nobody cares which.
    i32::try_from(duration.as_secs()).unwrap_or(if duration.is_negative() { -i32::MAX } else { i32::MAX })
}

fn status(kind: v2::Kind) -> &'static str {
    match kind {
        v2::Kind::Arrival => "Arrival",
        v2::Kind::Exit => "Exit",
        v2::Kind::Note | v2::Kind::Unknown(_) => "",
    }
}

/// The device's own time of day, and its note.
fn time(request: &v2::Request, clock: Timestamp) -> String {
    let zone = Offset::from_seconds(i32::from(request.quarter_hours) * 900).unwrap_or(Offset::UTC);
    let day_time = zone.to_datetime(clock).strftime("%H:%M");
    match request.note.is_empty() {
        true => day_time.to_string(),
        false => format!("{day_time} {}", request.note),
    }
}

/// Octets that came before. Where many share a key, two people who come at the same minute send the same octets; with
/// a key each, nobody but a thief does.
fn twins(known: &AttendanceKnown) -> Vec<&'static str> {
    let found = [(known.copied, "copied"), (known.repeated, "repeated")];
    found.into_iter().filter(|(is, _)| *is).map(|(_, flag)| flag).collect()
}

fn silent(verdict: &'static str) -> Judgement {
    Judgement {
        verdict,
        ..Judgement::default()
    }
}

/// Seconds.
const HALF_DAY: i32 = 12 * 3600;

#[cfg(test)]
mod tests {
    use super::super::protocol::Claim;
    use super::*;

    #[test]
    fn a_claimed_time_of_day_is_held_against_the_nearer_stamp_the_shorter_way_around_the_clock() {
        let zone = &TimeZone::get("Asia/Tehran").expect("a zone");
        let sender = &Number::received("+989126211770");
        let at = |text: &str| text.parse().expect("a time");
        let skew = |plaintext: &str, stamp: Option<&str>, received: &str| {
            let clock = Claim::read(plaintext).clock().expect("a time of day");
            let around = Circumstances {
                sender,
                first_version: FirstVersion::UntilSecond,
                service_centre_time: stamp.map(at),
                received_at: at(received),
                zone,
            };
            around.nearest(|stamp| day_time_skew(clock, stamp, zone))
        };
        // 08:00 in Tehran is 04:30 UTC.
        assert_eq!(skew("Arrival 08.00", None, "2026-11-23T04:30:20Z"), -20);
        assert_eq!(skew("Arrival 07.30", None, "2026-11-23T04:30:00Z"), -1800);
        assert_eq!(
            skew("Exit 00.05", None, "2026-11-23T20:25:00Z"),
            600,
            "ahead over midnight"
        );
        assert_eq!(
            skew("Exit 23.55", None, "2026-11-23T20:35:00Z"),
            -600,
            "behind over midnight"
        );
        let kept_by_the_network = Some("2026-11-23T04:31:00Z");
        assert_eq!(skew("Arrival 08.00", kept_by_the_network, "2026-11-23T09:00:00Z"), -60);
        let wrong_centre = Some("2026-11-23T01:00:00Z");
        assert_eq!(skew("Arrival 08.00", wrong_centre, "2026-11-23T04:31:00Z"), -60);
    }
}

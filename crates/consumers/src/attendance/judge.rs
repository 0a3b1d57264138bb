//! What a request is worth: by what it says, by what came before it, and by the settings. No clock, no store.

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use message::Number;
use store::AttendanceKnown;

use super::Config;
use super::protocol::{Standing, Window, v1, v2};
use super::reading::{Found, Reading};

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
    /// The device's counter and clock.
    pub(super) counter: Option<(u32, Timestamp)>,
    /// The device's counters after it.
    pub(super) counters: Option<(u32, u64)>,
    /// Whether and how it is answered. The first version has one answer only.
    pub(super) answer: Option<v2::Status>,
}

/// What is known of a request besides what it says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances<'a> {
    /// Who.
    pub(super) sender: &'a Number,
    /// Whether the sender's requests of the first version are refused.
    pub(super) refuses_first: bool,
    /// When the gateway had it.
    pub(super) received_at: Timestamp,
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
    match &reading.found {
        Err(cause) => Judgement {
            bad: cause.is_bad(),
            ..silent(cause.name())
        },
        Ok(Found::First(request, _)) => first(request, known, around, config),
        Ok(Found::Second(request, _, _)) => second(request, known, around, config),
    }
}

fn first(request: &v1::Request, known: &AttendanceKnown, around: Circumstances<'_>, config: &Config) -> Judgement {
    if around.refuses_first || known.second_version {
        return silent("downgrade");
    }
    let claim = request.claim();
    let told = Judgement {
        flags: twins(known),
        status: claim.status().to_owned(),
        time: claim.time.to_owned(),
        ..Judgement::default()
    };
    if config.strict && claim.clock().is_none() {
        return Judgement {
            verdict: "not_strict",
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

fn second(request: &v2::Request, known: &AttendanceKnown, around: Circumstances<'_>, config: &Config) -> Judgement {
    let window = known
        .counters
        .map_or_else(Window::default, |(highest, seen)| Window::of(Some(highest), seen));
    let clock = Timestamp::from_second(request.unix_time.into()).unwrap_or(Timestamp::UNIX_EPOCH);
    let told = Judgement {
        status: status(request.kind).to_owned(),
        time: time(request, clock),
        counter: Some((request.counter, clock)),
        ..Judgement::default()
    };
    match window.standing(request.counter) {
        Standing::Seen if known.repeated => {
            return Judgement {
                verdict: "duplicate",
                answer: Some(v2::Status::Duplicate),
                ..told
            };
        }
        Standing::Seen | Standing::Old => {
            return Judgement {
                verdict: "replay",
                bad: true,
                ..told
            };
        }
        Standing::Fresh => {}
    }
    let (highest, seen) = window.with(request.counter).parts();
    let (verdict, answer) = taken_as(request.kind, clock, around.received_at, config);
    Judgement {
        verdict,
        is_state: matches!(request.kind, v2::Kind::Arrival | v2::Kind::Exit),
        counters: highest.map(|highest| (highest, seen)),
        answer: Some(answer),
        ..told
    }
}

fn taken_as(kind: v2::Kind, clock: Timestamp, now: Timestamp, config: &Config) -> (&'static str, v2::Status) {
    let skew = now.duration_since(clock).abs();
    match kind {
        v2::Kind::Unknown(_) => ("not_known", v2::Status::NotKnown),
        _ if skew > SignedDuration::from_secs(config.skew_s.into()) => ("skew", v2::Status::Skew),
        _ => ("taken", v2::Status::Kept),
    }
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

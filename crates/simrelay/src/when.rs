//! Times as people write and read them.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Reads a length of time: seconds, or a number with `s`, `m`, `h` or `d`, as in `90`, `30m`, `2h`, `1d`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(format!("'{text}' is no length of time: write 90, 30m, 2h or 1d")),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| format!("'{text}' is no length of time: write 90, 30m, 2h or 1d"))?;
    let seconds = number
        .checked_mul(unit)
        .ok_or_else(|| format!("'{text}' is too long"))?;
    Ok(Duration::from_secs(seconds))
}

/// Reads a moment: RFC 3339 (`2026-11-22T08:00:00Z`), local time (`2026-11-22 08:00`), or `+30m` from now.
pub(crate) fn parse_moment(text: &str) -> Result<Timestamp, String> {
    parse_moment_at(text, Timestamp::now())
}

/// Reads a moment that lies behind us: as [`parse_moment`], or `2h` or `31d` ago.
pub(crate) fn parse_past(text: &str) -> Result<Timestamp, String> {
    parse_past_at(text, Timestamp::now())
}

/// A moment in local time, to the second.
pub(crate) fn local(moment: Timestamp) -> String {
    moment
        .to_zoned(TimeZone::system())
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// A sentence of the gateway's with its times (RFC 3339) as [`local`] writes them.
pub(crate) fn with_local_times(sentence: &str) -> String {
    let words = sentence.split(' ').map(|word| {
        let plain = word.trim_end_matches([',', ';', '.', ')', ':']);
        match plain.parse::<Timestamp>() {
            Ok(moment) => format!("{}{}", local(moment), &word[plain.len()..]),
            Err(_) => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The same, or a dash where there is none.
pub(crate) fn local_or_dash(moment: Option<Timestamp>) -> String {
    moment.map_or_else(|| "-".to_owned(), local)
}

/// How long ago something was, in one or two units: `3 s`, `5 min`, `2 h 10 min`, `4 d`.
pub(crate) fn ago(moment: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(moment).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn parse_past_at(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let Ok(length) = parse_duration(text) else {
        let wrong =
            |_| format!("'{text}' is no time: write 2026-11-22T08:00:00Z, '2026-11-22 08:00', 2026-11-22 or 2h");
        return parse_moment_at(text, now).map_err(wrong);
    };
    let length = SignedDuration::try_from(length).map_err(|error| error.to_string())?;
    now.checked_sub(length).map_err(|error| error.to_string())
}

fn parse_moment_at(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Some(length) = text.strip_prefix('+') {
        let length = SignedDuration::try_from(parse_duration(length)?).map_err(|error| error.to_string())?;
        return now.checked_add(length).map_err(|error| error.to_string());
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let wrong = || format!("'{text}' is no time: write 2026-11-22T08:00:00Z, '2026-11-22 08:00' or +30m");
    let civil: DateTime = text.parse().map_err(|_| wrong())?;
    let zoned = civil.to_zoned(TimeZone::system()).map_err(|_| wrong())?;
    Ok(zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        parse_duration(text).ok().map(|length| length.as_secs())
    }

    #[test]
    fn times_in_a_sentence_are_local_and_short() {
        let moment: Timestamp = "2026-11-22T07:29:45Z".parse().unwrap();
        let told = with_local_times("the daily limit is reached, until 2026-11-22T07:29:45.98006365Z; come again");
        assert_eq!(
            told,
            format!("the daily limit is reached, until {}; come again", local(moment))
        );
        assert_eq!(with_local_times("no time 2026 at all."), "no time 2026 at all.");
    }

    #[test]
    fn lengths_of_time_have_units() {
        assert_eq!(seconds("90"), Some(90));
        assert_eq!(seconds("30m"), Some(1800));
        assert_eq!(seconds("2h"), Some(7200));
        assert_eq!(seconds("1d"), Some(86_400));
        for wrong in [
            "",
            "h",
            "2w",
            "-3",
            "1.5h",
            "99999999999999999999",
            "999999999999999999d",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_moment_is_absolute_local_or_relative() {
        let now: Timestamp = "2026-11-22T08:00:00Z".parse().expect("a time");
        assert_eq!(parse_moment_at("2026-11-22T08:00:00Z", now), Ok(now));
        assert_eq!(
            parse_moment_at("+2h", now).map(|moment| moment.to_string()),
            Ok("2026-11-22T10:00:00Z".to_owned())
        );
        assert!(parse_moment_at("2026-11-22 08:00", now).is_ok());
        assert!(parse_moment_at("tomorrow", now).is_err());
    }

    #[test]
    fn a_moment_behind_us_can_be_so_long_ago() {
        let now: Timestamp = "2026-11-22T08:00:00Z".parse().expect("a time");
        let read = |text| parse_past_at(text, now).map(|moment| moment.to_string());
        assert_eq!(read("2h"), Ok("2026-11-22T06:00:00Z".to_owned()));
        assert_eq!(read("2026-11-01T00:00:00Z"), Ok("2026-11-01T00:00:00Z".to_owned()));
        assert!(read("2026-11-01").is_ok());
        assert!(read("yesterday").is_err());
    }

    #[test]
    fn how_long_ago_is_short_to_read() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let now = at("2026-11-22T12:00:00Z");
        assert_eq!(ago(at("2026-11-22T11:59:57Z"), now), "3 s");
        assert_eq!(ago(at("2026-11-22T11:55:00Z"), now), "5 min");
        assert_eq!(ago(at("2026-11-22T09:50:00Z"), now), "2 h 10 min");
        assert_eq!(ago(at("2026-11-18T09:50:00Z"), now), "4 d");
        assert_eq!(ago(at("2026-11-23T09:50:00Z"), now), "0 s");
    }
}

//! The modem's clock: `+CCLK`.

use super::Malformed;
use crate::{fields::rest_after, latin1};

/// Reads `+CCLK: "yy/MM/dd,hh:mm:ss±zz"` (TS 27.007 8.15) as RFC 3339.
///
/// The zone counts quarters of an hour; without one it is taken as UTC.
///
/// # Errors
/// When it is another result or no date.
pub fn cclk(line: &[u8]) -> Result<String, Malformed> {
    let text = rest_after(line, "+CCLK").ok_or(Malformed::of("+CCLK", "name"))?;
    let text = latin1(text);
    timestamp(text.trim_matches(['"', ' '])).ok_or(Malformed::of("+CCLK", "time"))
}

/// `13/01/28,14:51:42+08` as RFC 3339; the year may have four digits.
pub(crate) fn timestamp(text: &str) -> Option<String> {
    let (date, time) = text.trim().split_once(',')?;
    let mut date = date.split('/').map(|part| part.trim().parse::<u16>());
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let year = if year < 100 { year + 2000 } else { year };
    let zone_at = time.find(['+', '-']).unwrap_or(time.len());
    let (time, zone) = time.split_at(zone_at);
    let mut time = time.split(':').map(|part| part.trim().parse::<u8>());
    let (hour, minute, second) = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
    let sane = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
    if !sane || second > 60 {
        return None;
    }
    let zone = zone_text(zone)?;
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}"
    ))
}

/// `-32` quarters of an hour as `-08:00`; nothing becomes UTC, so that a text
/// without a zone still orders with others.
fn zone_text(zone: &str) -> Option<String> {
    if zone.is_empty() {
        return Some("+00:00".into());
    }
    let quarters: u16 = zone[1..].trim().parse().ok()?;
    let sign = &zone[..1];
    (quarters <= MOST_QUARTERS).then(|| format!("{sign}{:02}:{:02}", quarters / 4, quarters % 4 * 15))
}

/// Wider than any real zone, for clocks that tell twice the summer time.
const MOST_QUARTERS: u16 = 96;

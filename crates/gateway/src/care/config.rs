//! What an operator says about the care of SIMs: balance, self-test, ring, keep-alive.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::{Time, Weekday};
use message::{Level, RouteId};
use regex::{Regex, RegexBuilder};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is watched and done for one SIM besides sending; a slot's settings contain it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlotCare {
    /// Hours without anything coming in after which health warns; absent: silence is no fault.
    pub quiet_after_h: Option<u32>,
    /// Whether the SIM is meant to roam: then roaming is no fault.
    pub roaming: bool,
    /// The USSD code that the operator answers with the balance; absent: it is not asked for.
    pub balance_ussd: Option<String>,
    /// What is answered to the network's questions, one after the other, until it tells the balance.
    pub balance_replies: Vec<String>,
    /// A regular expression for the operator's text; its group is the amount.
    pub balance_pattern: String,
    /// The currency of the balance.
    pub currency: String,
    /// Below this amount health warns; absent: never.
    pub balance_warning: Option<Amount>,
    /// Below this amount nothing is sent by the SIM; absent: whatever the balance is.
    pub balance_critical: Option<Amount>,
    /// How often the balance is asked for, in seconds.
    pub balance_every_s: u32,
    /// Whether it takes part in the self-test.
    pub self_test: bool,
    /// Whether it takes part in the ring.
    pub ring: bool,
    /// Days without a charge after which the operator switches the SIM off; absent: never.
    pub keep_alive_days: Option<u16>,
    /// How many days before that one message is sent, if nothing was charged.
    pub keep_alive_margin_days: u16,
}

/// All that is cared for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CareSettings {
    /// Each SIM's.
    pub slots: BTreeMap<RouteId, SlotCare>,
    /// When each SIM sends itself a message.
    pub self_test: Schedule,
    /// When each SIM sends the next one a message.
    pub ring: Schedule,
}

/// When something is done, by the wall clock of the machine (`[self_test]`, `[ring]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// How often.
    pub every: Every,
    /// At which time of the day.
    #[serde(with = "time_of_day")]
    pub at: Time,
    /// On which day of the week, where it is weekly.
    #[serde(with = "weekday")]
    pub weekday: Weekday,
    /// On which day of the month, 1 to 28, where it is monthly.
    pub month_day: u8,
    /// How long the message may take, in seconds, before it counts as late.
    pub late_after_s: u32,
    /// How long before it counts as lost.
    pub lost_after_s: u32,
}

/// How often something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// Not at all.
    #[default]
    Never,
    /// Each day.
    Daily,
    /// Once a week.
    Weekly,
    /// Once a month.
    Monthly,
}

/// An amount of money in millionths; written as a number, as 5 or 2.50.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub i64);

impl Default for SlotCare {
    fn default() -> Self {
        Self {
            quiet_after_h: None,
            roaming: false,
            balance_ussd: None,
            balance_replies: Vec::new(),
            balance_pattern: r"(\d+[.,]\d\d)".into(),
            currency: "EUR".into(),
            balance_warning: Some(Amount(5_000_000)),
            balance_critical: Some(Amount(1_000_000)),
            balance_every_s: 86_400,
            self_test: true,
            ring: true,
            keep_alive_days: None,
            keep_alive_margin_days: 7,
        }
    }
}

impl SlotCare {
    /// What finds the amount in the operator's text; nothing where it is no pattern with one group.
    pub fn pattern(&self) -> Option<Regex> {
        let built = RegexBuilder::new(&self.balance_pattern)
            .size_limit(PATTERN_SIZE)
            .build();
        built.ok().filter(|pattern| pattern.captures_len() == 2)
    }

    /// Whether the balance is asked for.
    pub(crate) fn asks_balance(&self) -> bool {
        self.balance_ussd.is_some()
    }

    /// How bad a balance is, with the threshold it is below; nothing where it is enough.
    pub(crate) fn balance_level(&self, micros: i64) -> Option<(Level, Amount)> {
        let below = |threshold: Option<Amount>| threshold.filter(|threshold| micros < threshold.0);
        below(self.balance_critical)
            .map(|threshold| (Level::Critical, threshold))
            .or_else(|| below(self.balance_warning).map(|threshold| (Level::Warning, threshold)))
    }

    /// An amount with the currency.
    pub(crate) fn money(&self, micros: i64) -> String {
        format!("{} {}", Amount(micros), self.currency).trim_end().to_owned()
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            every: Every::Never,
            at: Time::constant(4, 0, 0, 0),
            weekday: Weekday::Monday,
            month_day: 1,
            late_after_s: 300,
            lost_after_s: 21_600,
        }
    }
}

impl Schedule {
    /// Whether it is done at all.
    pub(crate) fn is_on(&self) -> bool {
        self.every != Every::Never
    }
}

impl Amount {
    /// Reads what an operator wrote: `12`, `12.5`, `12,50`, `-0.30`; thousands may be parted as in `1.234,56`. Nothing
    /// where it is no amount.
    pub fn read(text: &str) -> Option<Self> {
        let text: String = text.chars().filter(|c| !c.is_whitespace() && *c != '\'').collect();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(&text)),
        };
        let (whole, fraction) = parted(digits)?;
        let whole: i64 = whole.parse().ok()?;
        let padded = format!("{:0<6}", fraction.get(..fraction.len().min(6))?);
        let micros = whole.checked_mul(1_000_000)?.checked_add(padded.parse().ok()?)?;
        Some(Self(if negative { -micros } else { micros }))
    }
}

/// The digits before and after the decimal sign. Where both signs are there the last one is it; a lone one is, unless
/// three digits follow it and there are several of its kind.
fn parted(digits: &str) -> Option<(String, String)> {
    let plain = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let fits = digits.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ',');
    if !fits || !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let last = digits.rfind(['.', ',']);
    let Some(last) = last else {
        return Some((digits.to_owned(), String::new()));
    };
    let sign = digits.as_bytes()[last];
    let repeated = digits.bytes().filter(|byte| *byte == sign).count() > 1;
    match repeated {
        true => Some((plain(digits), String::new())),
        false => Some((plain(&digits[..last]), plain(&digits[last..]))),
    }
}

impl fmt::Display for Amount {
    /// With two digits after the point, and more where there are more.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, rest) = (self.0.unsigned_abs() / 1_000_000, self.0.unsigned_abs() % 1_000_000);
        let digits = format!("{rest:06}");
        let digits = match digits.trim_end_matches('0') {
            long if long.len() > 2 => long,
            _ => &digits[..2],
        };
        write!(f, "{sign}{whole}.{digits}")
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / 1e6)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount, as 5 or 2.50")
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Amount, E> {
        let micros = value.checked_mul(1_000_000);
        micros
            .map(Amount)
            .ok_or_else(|| E::custom("too much money; write an amount, as 5 or 2.50"))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Amount, E> {
        self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Amount, E> {
        if !value.is_finite() || value.abs() > 1e12 {
            return Err(E::custom("no amount; write one, as 5 or 2.50"));
        }
        Ok(Amount((value * 1e6).round() as i64))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Amount, E> {
        Amount::read(value).ok_or_else(|| E::custom("no amount; write one, as 5 or 2.50"))
    }
}

/// `HH:MM`.
mod time_of_day {
    use jiff::civil::Time;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:02}:{:02}", time.hour(), time.minute()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        Time::strptime("%H:%M", &text).map_err(|_| D::Error::custom("no time of day; write one, as \"04:00\""))
    }
}

/// `monday`, …
mod weekday {
    use jiff::civil::Weekday;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::WEEKDAYS;

    pub(super) fn serialize<S: Serializer>(day: &Weekday, serializer: S) -> Result<S::Ok, S::Error> {
        let word = WEEKDAYS
            .iter()
            .find(|(_, known)| known == day)
            .map_or("monday", |(word, _)| word);
        serializer.serialize_str(word)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Weekday, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known = WEEKDAYS.iter().find(|(word, _)| *word == text.to_lowercase());
        let told = "no day of the week; write one, as \"monday\"";
        known.map(|(_, day)| *day).ok_or_else(|| D::Error::custom(told))
    }
}

/// What a pattern may take, in octets.
const PATTERN_SIZE: usize = 1 << 20;

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_operators_write_them() {
        for (text, micros) in [
            ("12", 12_000_000),
            ("12.5", 12_500_000),
            ("12,50", 12_500_000),
            ("-0.30", -300_000),
            ("1.234,56", 1_234_560_000),
            ("1,234.56", 1_234_560_000),
            ("1 234.56", 1_234_560_000),
            ("1'234.56", 1_234_560_000),
            ("1.234.567", 1_234_567_000_000),
            ("0.1234567", 123_456),
        ] {
            assert_eq!(Amount::read(text), Some(Amount(micros)), "{text}");
        }
        for text in ["", "x", ".5", "12 EUR", "1e5", "-", "99999999999999999999"] {
            assert_eq!(Amount::read(text), None, "{text}");
        }
    }

    #[test]
    fn an_amount_is_shown_with_two_digits_or_as_many_as_it_has() {
        let shown = [12_500_000, -300_000, 5_000_000, 75_000, 1].map(|micros| Amount(micros).to_string());
        assert_eq!(shown, ["12.50", "-0.30", "5.00", "0.075", "0.000001"]);
    }

    #[test]
    fn the_lower_threshold_wins() {
        let care = SlotCare::default();
        assert_eq!(care.balance_level(5_000_000), None);
        assert_eq!(care.balance_level(4_999_999), Some((Level::Warning, Amount(5_000_000))));
        assert_eq!(care.balance_level(999_999), Some((Level::Critical, Amount(1_000_000))));
        let none = SlotCare {
            balance_critical: None,
            ..care
        };
        assert_eq!(none.balance_level(-1).map(|(level, _)| level), Some(Level::Warning));
    }

    #[test]
    fn a_schedule_reads_what_it_writes() {
        let schedule = Schedule {
            every: Every::Weekly,
            at: Time::constant(23, 59, 0, 0),
            weekday: Weekday::Sunday,
            ..Schedule::default()
        };
        let written = serde_json::to_value(&schedule).unwrap();
        assert_eq!(
            (written["at"].as_str(), written["weekday"].as_str()),
            (Some("23:59"), Some("sunday"))
        );
        assert_eq!(serde_json::from_value::<Schedule>(written).unwrap(), schedule);
        for wrong in [
            r#"{"at": "24:00"}"#,
            r#"{"weekday": "someday"}"#,
            r#"{"every": "hourly"}"#,
        ] {
            assert!(serde_json::from_str::<Schedule>(wrong).is_err(), "{wrong}");
        }
    }
}

//! Which alerts a rule is for, and what it does with them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use message::{Alert, Severity};
use serde::{Deserialize, Serialize};

use super::hours::{Day, Hours};

/// One rule (`[[alerts.rules]]`). It tells those whom `mail`, `sms`, `flash` and `rota` name; where none does, it keeps
/// what fits it from the rules behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name: incidents hang on it, so it must stay the same.
    pub name: String,
    /// Only these events, as `MOTION_*`; empty: any.
    #[serde(default)]
    pub events: Vec<Glob>,
    /// Only these cameras.
    #[serde(default)]
    pub cameras: Vec<Glob>,
    /// Only what came this way, as `dvr`.
    #[serde(default)]
    pub sources: Vec<Glob>,
    /// Only what is at least this bad.
    #[serde(default = "least")]
    pub severity: Severity,
    /// Only in these hours.
    #[serde(default)]
    pub hours: Option<Hours>,
    /// Only on these days; with hours over midnight, only where they began on these.
    #[serde(default)]
    pub days: Vec<Day>,
    /// Whether the rules behind it see the alert too.
    #[serde(default)]
    pub also: bool,
    /// Who gets mail: addresses, or names of people.
    #[serde(default)]
    pub mail: Vec<String>,
    /// Who gets an SMS: numbers, or names of people.
    #[serde(default)]
    pub sms: Vec<String>,
    /// Who gets a flash SMS, which shows at once and is not kept by the phone.
    #[serde(default)]
    pub flash: Vec<String>,
    /// The rota whose person on call gets an SMS and has to answer.
    #[serde(default)]
    pub rota: Option<String>,
    /// Whether the SMS to the person on call is a flash SMS.
    #[serde(default)]
    pub rota_flash: bool,
    /// How long the person on call has for an answer before the next is told, in seconds.
    #[serde(default = "answer_s")]
    pub answer_s: u32,
    /// How often the whole rota is gone through.
    #[serde(default = "rounds")]
    pub rounds: u32,
    /// How long repetitions are only counted, in seconds; what was counted is told then.
    #[serde(default = "cooldown_s")]
    pub cooldown_s: u32,
    /// Which alerts are repetitions of each other.
    #[serde(default)]
    pub fold: Fold,
    /// How many different alerts are told within the cooldown before the rest is folded into one.
    #[serde(default = "storm")]
    pub storm: u32,
    /// Whether it is told that an alert is over.
    #[serde(default)]
    pub ended: bool,
    /// Whether it is told in the quiet hours too.
    #[serde(default)]
    pub loud: bool,
}

/// Which alerts are repetitions of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fold {
    /// Those with the same key: usually the same event of the same camera.
    #[default]
    Key,
    /// Those of the same camera.
    Camera,
    /// The same event, whatever the camera.
    Event,
    /// All that the rule is for.
    Rule,
}

/// A name with `*` for any letters, in upper or lower case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Glob(String);

impl Rule {
    /// A rule of this name with everything at its default.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            events: Vec::new(),
            cameras: Vec::new(),
            sources: Vec::new(),
            severity: least(),
            hours: None,
            days: Vec::new(),
            also: false,
            mail: Vec::new(),
            sms: Vec::new(),
            flash: Vec::new(),
            rota: None,
            rota_flash: false,
            answer_s: answer_s(),
            rounds: rounds(),
            cooldown_s: cooldown_s(),
            fold: Fold::default(),
            storm: storm(),
            ended: false,
            loud: false,
        }
    }

    /// Why it is not for an alert; nothing where it is.
    pub fn why_not(&self, alert: &Alert, zone: &TimeZone) -> Option<String> {
        let lacks = |globs: &[Glob], word: &str| !globs.is_empty() && !globs.iter().any(|glob| glob.fits(word));
        if lacks(&self.events, &alert.event) {
            return Some(format!("the event {} is none of its events", alert.event));
        }
        if lacks(&self.cameras, &alert.camera) {
            return Some(format!("{} is none of its cameras", alert.camera));
        }
        if lacks(&self.sources, &alert.source) {
            return Some(format!("{} is none of its sources", alert.source));
        }
        if alert.severity < self.severity {
            let (has, least) = (alert.severity.word(), self.severity.word());
            return Some(format!("{has} is less than {least}"));
        }
        (!self.holds(alert.received_at, zone)).then(|| "it is not the time for it".to_owned())
    }

    /// Whether it tells anybody.
    pub fn tells(&self) -> bool {
        self.rota.is_some() || !(self.mail.is_empty() && self.sms.is_empty() && self.flash.is_empty())
    }

    /// What the repetitions of an alert share.
    pub fn fold_key(&self, alert: &Alert) -> String {
        match self.fold {
            Fold::Key => format!("k:{}", alert.key),
            Fold::Camera => format!("c:{}", alert.camera),
            Fold::Event => format!("e:{}", alert.event),
            Fold::Rule => STORM.to_owned(),
        }
    }

    fn holds(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let local = at.to_zoned(zone.clone()).datetime();
        match self.hours {
            Some(hours) => hours.hold(local, &self.days),
            None => self.days.is_empty() || self.days.iter().any(|day| day.is(local.weekday())),
        }
    }
}

impl Glob {
    /// This pattern.
    pub fn new(pattern: &str) -> Self {
        Self(pattern.to_owned())
    }

    /// Whether a word fits. Takes time in proportion to both lengths.
    pub fn fits(&self, word: &str) -> bool {
        let (pattern, word) = (self.0.to_lowercase(), word.to_lowercase());
        let mut pieces = pattern.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = word.strip_prefix(first) else {
            return false;
        };
        let mut pieces: Vec<&str> = pieces.collect();
        let Some(last) = pieces.pop() else {
            return rest.is_empty();
        };
        for piece in pieces {
            match rest.find(piece) {
                Some(place) => rest = &rest[place + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

/// The fold key of all alerts of a rule together.
pub(super) const STORM: &str = "*";

fn least() -> Severity {
    Severity::Info
}

fn answer_s() -> u32 {
    300
}

fn rounds() -> u32 {
    2
}

fn cooldown_s() -> u32 {
    300
}

fn storm() -> u32 {
    10
}

#[cfg(test)]
mod tests {
    use message::{NewAlert, RawAlert};

    use super::*;

    fn alert(event: &str, camera: &str, severity: Severity, at: &str) -> Alert {
        let raw = RawAlert {
            source: "dvr".into(),
            event: event.into(),
            camera: camera.into(),
            severity,
            ..RawAlert::default()
        };
        NewAlert::clean(raw, at.parse().unwrap()).alert
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, word, fits) in [
            ("MOTION_*", "motion_detected", true),
            ("*", "", true),
            ("*lost", "Video Lost", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("cam1", "cam10", false),
            ("a*a", "a", false),
            ("*a*", "bab", true),
        ] {
            assert_eq!(Glob::new(pattern).fits(word), fits, "{pattern} {word}");
        }
    }

    #[test]
    fn everything_that_is_named_must_fit_and_the_first_that_does_not_is_told() {
        let rule = Rule {
            events: vec![Glob::new("MOTION_*")],
            cameras: vec![Glob::new("cam1"), Glob::new("gate*")],
            severity: Severity::Warning,
            hours: Some("22:00-06:00".parse().unwrap()),
            days: vec![Day::Mon],
            ..Rule::named("night")
        };
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let why = |event, camera, severity, at| rule.why_not(&alert(event, camera, severity, at), &zone);
        // 22:30 in Berlin on Monday.
        let night = "2026-01-05T21:30:00Z";
        let warning = Severity::Warning;
        assert_eq!(why("MOTION_DETECTED", "gate 2", warning, night), None);
        assert!(why("DOOR_OPENED", "cam1", warning, night).unwrap().contains("event"));
        assert!(why("MOTION_DETECTED", "cam2", warning, night).unwrap().contains("cam2"));
        assert!(
            why("MOTION_DETECTED", "cam1", Severity::Info, night)
                .unwrap()
                .contains("less")
        );
        let day = "2026-01-05T12:00:00Z";
        assert!(why("MOTION_DETECTED", "cam1", warning, day).unwrap().contains("time"));
    }
}

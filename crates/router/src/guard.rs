//! Numbers that cost dearly or alarm somebody: refused unless allowed.

use message::Number;
use serde::{Deserialize, Serialize};

/// What is allowed besides ordinary numbers (`[routing.guard]`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardConfig {
    /// Allow premium-rate numbers.
    pub allow_premium: bool,
    /// Allow emergency numbers.
    pub allow_emergency: bool,
    /// Allow satellite and international networks.
    pub allow_satellite: bool,
    /// Prefixes refused besides the built-in ones.
    pub refuse: Vec<String>,
    /// Prefixes allowed although a rule refuses them.
    pub allow: Vec<String>,
}

/// Why a number is guarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Costs far more than a message.
    Premium,
    /// Calls for help.
    Emergency,
    /// A satellite or international network, billed by the minute of a satellite.
    Satellite,
    /// Refused by the operator.
    Refused,
}

impl Kind {
    /// The setting that allows it, for the error's sentence.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Premium => "routing.guard.allow_premium",
            Self::Emergency => "routing.guard.allow_emergency",
            Self::Satellite => "routing.guard.allow_satellite",
            Self::Refused => "routing.guard.allow",
        }
    }

    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Premium => "a premium-rate number",
            Self::Emergency => "an emergency number",
            Self::Satellite => "a satellite number",
            Self::Refused => "refused by `routing.guard.refuse`",
        }
    }
}

/// The guard in front of all routes.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    config: GuardConfig,
}

impl Guard {
    /// A guard with these exceptions.
    pub fn new(config: GuardConfig) -> Self {
        Self { config }
    }

    /// Why `number` must not be sent to; `None` if it may.
    pub fn refusal(&self, number: &Number) -> Option<Kind> {
        let text = number.to_string();
        let starts = |prefixes: &[String]| prefixes.iter().any(|prefix| text.starts_with(prefix.as_str()));
        if starts(&self.config.allow) {
            return None;
        }
        if starts(&self.config.refuse) {
            return Some(Kind::Refused);
        }
        let kind = built_in(&text)?;
        let allowed = match kind {
            Kind::Premium => self.config.allow_premium,
            Kind::Emergency => self.config.allow_emergency,
            Kind::Satellite => self.config.allow_satellite,
            Kind::Refused => false,
        };
        (!allowed).then_some(kind)
    }
}

fn built_in(number: &str) -> Option<Kind> {
    if EMERGENCY.contains(&number) {
        return Some(Kind::Emergency);
    }
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| number.starts_with(prefix));
    if starts(SATELLITE) {
        return Some(Kind::Satellite);
    }
    starts(PREMIUM).then_some(Kind::Premium)
}

/// Emergency numbers in wide use (ITU-T E.161.1 names 112 and 911; the others are national).
const EMERGENCY: &[&str] = &[
    "112", "911", "999", "110", "113", "114", "115", "116", "117", "118", "119", "000", "111", "100", "101", "102",
    "103", "122", "144", "155", "158", "190", "192", "193",
];

/// Satellite systems and international networks (ITU-T E.164 assigned codes: Inmarsat +870, GMSS +881, networks +882
/// and +883).
const SATELLITE: &[&str] = &["+870", "+871", "+872", "+873", "+874", "+881", "+882", "+883"];

/// Premium-rate ranges of the numbering plans most often abused, and the international one (ITU-T E.169.2: +979).
const PREMIUM: &[&str] = &[
    "+979", "+1900", "+1976", // international, North America
    "+4419", "+449", // United Kingdom
    "+49900", "+491900", "+49137", // Germany
    "+43900", "+43901", "+43930", "+43931", "+43939", // Austria
    "+41900", "+41901", "+41906", // Switzerland
    "+3389", "+34803", "+34806", "+34807", "+34905", // France, Spain
    "+39144", "+39166", "+39892", "+39899", // Italy
    "+31900", "+31906", "+31909", "+3290", // Netherlands, Belgium
    "+45900", "+46900", "+46939", "+46944", "+4782", "+358600", "+358700", // Nordic countries
    "+48700", "+48701", "+48708", "+420900", "+420906", "+420909", "+421900", "+3690", "+40900", // Central Europe
    "+61190", "+64900", // Australia, New Zealand
];

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text, None).expect("a number")
    }

    #[test]
    fn dear_numbers_are_refused_unless_allowed() {
        let guard = Guard::default();
        assert_eq!(guard.refusal(&number("+499001234567")), Some(Kind::Premium));
        assert_eq!(guard.refusal(&number("+8816123456789")), Some(Kind::Satellite));
        assert_eq!(guard.refusal(&number("112")), Some(Kind::Emergency));
        assert_eq!(guard.refusal(&number("+491711234567")), None);
        let open = Guard::new(GuardConfig {
            allow_premium: true,
            ..Default::default()
        });
        assert_eq!(open.refusal(&number("+499001234567")), None);
        assert_eq!(open.refusal(&number("112")), Some(Kind::Emergency));
    }

    #[test]
    fn an_allowed_prefix_beats_a_refused_one() {
        let config = GuardConfig {
            refuse: vec!["+7".into()],
            allow: vec!["+7912".into()],
            ..Default::default()
        };
        let guard = Guard::new(config);
        assert_eq!(guard.refusal(&number("+79031234567")), Some(Kind::Refused));
        assert_eq!(guard.refusal(&number("+79121234567")), None);
    }
}

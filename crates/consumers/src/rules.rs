//! Which consumer gets a received message.
//!
//! The rules are gone through in the order of the configuration. A rule that fits gives the message to its consumer; if
//! it says *take*, nobody behind it gets it. A consumer that no rule names stands behind all rules and copies
//! whatever was not taken; one that is named gets only what a rule gives it.

use std::fmt;

use message::{Inbound, RouteId};
use regex::Regex;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One rule (`[[rules]]`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The consumer's name.
    pub consumer: String,
    /// Whether those behind it see the message too.
    #[serde(default)]
    pub then: Then,
    /// Only what came to this SIM.
    #[serde(default)]
    pub sim: Option<RouteId>,
    /// Only senders that this pattern is found in.
    #[serde(default)]
    pub from: Option<Pattern>,
    /// Only texts that this pattern is found in.
    #[serde(default)]
    pub text: Option<Pattern>,
}

/// What becomes of a message for those behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    /// They see it too.
    #[default]
    Copy,
    /// They do not.
    Take,
}

/// A regular expression; matching takes time in proportion to the text, whatever the pattern.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

/// All rules, in the order of the configuration.
#[derive(Debug, Clone, Default)]
pub struct Rules(Vec<Rule>);

impl Rule {
    /// Whether it fits the message.
    pub fn fits(&self, message: &Inbound) -> bool {
        self.sim.as_ref().is_none_or(|sim| *sim == message.sim)
            && self
                .from
                .as_ref()
                .is_none_or(|from| from.is_in(&message.from.to_string()))
            && self.text.as_ref().is_none_or(|text| text.is_in(&message.text))
    }
}

impl Rules {
    /// These rules, the first of them first.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// Whether the rules give the message to a consumer. A rule of a consumer that does not want the message, by
    /// `wants`, counts for nothing: it neither gives nor takes.
    pub fn give(&self, consumer: &str, message: &Inbound, wants: impl Fn(&str) -> bool) -> bool {
        let named = self.0.iter().any(|rule| rule.consumer == consumer);
        for rule in self.0.iter().filter(|rule| rule.fits(message) && wants(&rule.consumer)) {
            if rule.consumer == consumer {
                return true;
            }
            if rule.then == Then::Take {
                return false;
            }
        }
        !named
    }
}

impl Pattern {
    /// A pattern, or why it is none.
    ///
    /// # Errors
    /// It is no regular expression, or one that would take too much memory.
    pub fn new(pattern: &str) -> Result<Self, regex::Error> {
        Regex::new(pattern).map(Self)
    }

    /// Whether it is found anywhere in a text.
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(|_| de::Error::custom("no pattern; write a regular expression, as '^[+]49'"))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn message(sim: &str, from: &str, text: &str) -> Inbound {
        Inbound::of_text(sim, from, text, Timestamp::UNIX_EPOCH)
    }

    fn rule(consumer: &str, then: Then, text: &str) -> Rule {
        Rule {
            consumer: consumer.to_owned(),
            then,
            sim: None,
            from: None,
            text: Some(Pattern::new(text).unwrap()),
        }
    }

    fn who(rules: &[Rule], message: &Inbound, wants: impl Fn(&str) -> bool + Copy) -> Vec<&'static str> {
        let rules = Rules::new(rules.to_vec());
        let names = ["one", "two", "rest"].into_iter();
        names
            .filter(|name| wants(name) && rules.give(name, message, wants))
            .collect()
    }

    #[test]
    fn without_rules_everybody_copies() {
        assert_eq!(who(&[], &message("a", "+491", "x"), |_| true), ["one", "two", "rest"]);
    }

    #[test]
    fn what_is_taken_is_seen_by_nobody_behind() {
        let rules = [rule("one", Then::Copy, "x"), rule("two", Then::Take, "^x")];
        assert_eq!(who(&rules, &message("a", "+491", "x"), |_| true), ["one", "two"]);
        assert_eq!(who(&rules, &message("a", "+491", "yx"), |_| true), ["one", "rest"]);
        assert_eq!(who(&rules, &message("a", "+491", "y"), |_| true), ["rest"]);
        let rules = [rule("two", Then::Take, "x"), rule("one", Then::Copy, "x")];
        assert_eq!(who(&rules, &message("a", "+491", "x"), |_| true), ["two"]);
    }

    #[test]
    fn nobody_takes_what_they_do_not_want() {
        let rules = [rule("one", Then::Take, "x")];
        assert_eq!(
            who(&rules, &message("a", "+491", "x"), |name| name != "one"),
            ["two", "rest"]
        );
    }

    #[test]
    fn sim_sender_and_text_must_all_fit() {
        let rule = Rule {
            sim: Some(RouteId::new("a")),
            from: Some(Pattern::new(r"^\+49").unwrap()),
            ..rule("one", Then::Take, "(?i)^stop$")
        };
        assert!(rule.fits(&message("a", "+491", "Stop")));
        assert!(!rule.fits(&message("b", "+491", "Stop")));
        assert!(!rule.fits(&message("a", "+431", "Stop")));
        assert!(!rule.fits(&message("a", "+491", "Stop it")));
    }
}

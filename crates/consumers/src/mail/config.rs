//! What an operator says about mail.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use lettre::Address;
use message::RouteId;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::{Pattern, Problem};

use super::template::Template;

/// The settings of mail (`[mail]`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether received messages are mailed at all. They are only where somebody is named to get them.
    pub enabled: bool,
    /// The mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is secured.
    pub security: Security,
    /// A PEM file with certificates of authorities that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Who logs in. Absent: nobody.
    pub user: Option<String>,
    /// The password for it.
    pub password: Option<Password>,
    /// A file that holds the password alone; the program that reads the settings reads it, too.
    pub password_file: Option<PathBuf>,
    /// The sender's address. Absent: `user` where that is an address, else `simrelay@` and the machine's name.
    pub from: Option<String>,
    /// Who gets the mail where neither a rule nor the SIM says otherwise.
    pub to: Vec<String>,
    /// Who gets the mail of a SIM instead.
    pub sims: BTreeMap<RouteId, Vec<String>>,
    /// Who gets the mail of some messages instead; the first rule that fits decides.
    pub rules: Vec<Rule>,
    /// The shipped template.
    pub template: Shipped,
    /// The template of the subject, instead of the shipped one.
    pub subject: Option<String>,
    /// The template of the body, instead of the shipped one.
    pub body: Option<String>,
    /// How long the mail server may take for each step, in seconds.
    pub timeout_s: u32,
    /// How long a mail is tried before it is given up, in days; 0: for as long as the message is kept.
    pub keep_trying_days: u32,
}

/// How a connection is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// TLS from the first octet (usually port 465).
    Tls,
    /// STARTTLS (usually port 587); without it nothing is sent.
    Starttls,
    /// STARTTLS where the server offers it; else no encryption, and then no login either.
    Opportunistic,
    /// No encryption.
    Plain,
}

/// A template that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shipped {
    /// The text first, and below it what is known about the message.
    Simrelay,
    /// Subject and body as SMSgate writes them.
    Smsgate,
}

/// Who gets the mail of some messages.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// A regular expression that the sender must match, as `^\+49`. Absent: any sender.
    pub from: Option<Pattern>,
    /// A regular expression that the text must match. Absent: any text.
    pub text: Option<Pattern>,
    /// The SIMs it holds for. Absent: all.
    pub sims: Option<Vec<RouteId>>,
    /// Who gets the mail; nobody where this is empty.
    pub to: Vec<String>,
    /// Whether those further down get it as well.
    pub also: bool,
}

/// A password, which never shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            host: "localhost".into(),
            port: 1025,
            security: Security::Plain,
            ca_file: None,
            user: None,
            password: None,
            password_file: None,
            from: None,
            to: Vec::new(),
            sims: BTreeMap::new(),
            rules: Vec::new(),
            template: Shipped::Simrelay,
            subject: None,
            body: None,
            timeout_s: 60,
            keep_trying_days: 7,
        }
    }
}

impl Config {
    /// Whether anybody gets mail: it is switched on and somebody is named.
    pub fn is_on(&self) -> bool {
        let rules = self.rules.iter().flat_map(|rule| &rule.to);
        let mut all = self.to.iter().chain(self.sims.values().flatten()).chain(rules);
        self.enabled && all.next().is_some()
    }

    /// Everything in it that cannot be used.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.server_problems(&mut problems);
        addresses("to", &self.to, &mut problems);
        for (sim, to) in &self.sims {
            addresses(&format!("sims.{sim}"), to, &mut problems);
        }
        for (index, rule) in self.rules.iter().enumerate() {
            addresses(&format!("rules[{index}].to"), &rule.to, &mut problems);
        }
        for (key, source) in [("subject", &self.subject), ("body", &self.body)] {
            if let Some(Err(error)) = source.as_deref().map(Template::parse) {
                problems.push(Problem::new(key, error.problem, error.right));
            }
        }
        problems
    }

    fn server_problems(&self, problems: &mut Vec<Problem>) {
        if self.host.is_empty() || self.host.contains(|c: char| c.is_control() || c.is_whitespace()) {
            problems.push(Problem::new("host", "no name of a host", "a name or an address"));
        }
        if self.port == 0 {
            problems.push(Problem::new(
                "port",
                "no port",
                "465, 587, 25 or what the server listens on",
            ));
        }
        if self.timeout_s == 0 {
            problems.push(Problem::new("timeout_s", "no time at all", "at least 1"));
        }
        if let Some(from) = self.from.as_deref().filter(|from| address(from).is_none()) {
            problems.push(Problem::new("from", format!("'{from}' is no address"), ADDRESS));
        }
        if self.user.is_none() && (self.password.is_some() || self.password_file.is_some()) {
            problems.push(Problem::new("user", "missing", "who logs in with the password"));
        }
        if self.password.is_some() && self.password_file.is_some() {
            let problem = "there is a password as well";
            problems.push(Problem::new("password_file", problem, "one of the two alone"));
        }
        if self.user.is_some() && self.security == Security::Opportunistic {
            let problem = "a login needs encryption that nobody can take away";
            let right = "\"starttls\" or \"tls\"; \"plain\" where the way to the server is trusted";
            problems.push(Problem::new("security", problem, right));
        }
    }
}

impl Password {
    /// This password.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// Its letters, for the one command that needs them.
    pub(super) fn letters(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

/// An address as an operator writes it. Blanks and control characters, which only quoted local parts may have, are
/// refused: they have no business in a header or a command.
pub(crate) fn address(text: &str) -> Option<Address> {
    let plain = !text.contains(|c: char| c.is_control() || c.is_whitespace() || "<>\"".contains(c));
    plain.then(|| text.parse().ok()).flatten()
}

/// Whether this can stand behind an `@`.
pub(crate) fn is_domain(text: &str) -> bool {
    !text.contains('@') && address(&format!("x@{text}")).is_some()
}

fn addresses(key: &str, texts: &[String], problems: &mut Vec<Problem>) {
    for (index, text) in texts.iter().enumerate().filter(|(_, text)| address(text).is_none()) {
        let problem = format!("'{text}' is no address");
        problems.push(Problem::new(format!("{key}[{index}]"), problem, ADDRESS));
    }
}

const ADDRESS: &str = "an address without a name, as ops@example.org";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_mailed_until_somebody_is_named() {
        let mut config = Config::default();
        assert!(!config.is_on());
        config.sims.insert(RouteId::new("sim1"), vec!["a@example.org".into()]);
        assert!(config.is_on());
        config.enabled = false;
        assert!(!config.is_on());
    }

    #[test]
    fn the_defaults_are_right() {
        assert_eq!(Config::default().problems(), []);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let config = Config {
            host: "a b".into(),
            port: 0,
            timeout_s: 0,
            from: Some("nobody".into()),
            password: Some(Password::new("x")),
            to: vec!["a@example.org".into(), "a@example.org\r\nBcc: x".into()],
            rules: vec![Rule {
                to: vec!["\"a b\"@example.org".into()],
                ..Rule::default()
            }],
            subject: Some("{whom}".into()),
            ..Config::default()
        };
        let keys: Vec<String> = config.problems().into_iter().map(|problem| problem.key).collect();
        let expected = [
            "host",
            "port",
            "timeout_s",
            "from",
            "user",
            "to[1]",
            "rules[0].to[0]",
            "subject",
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_login_never_goes_where_encryption_may_be_taken_away() {
        let config = Config {
            user: Some("gw".into()),
            security: Security::Opportunistic,
            ..Config::default()
        };
        assert_eq!(config.problems()[0].key, "security");
    }

    #[test]
    fn a_password_never_shows() {
        let config = Config {
            password: Some(Password::new("hunter2")),
            ..Config::default()
        };
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}

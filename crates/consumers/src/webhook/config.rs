//! One hook's settings.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use message::RouteId;
use reqwest::Url;
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use super::address::is_public;
use super::body::Kind;
use crate::{Pattern, Problem};

/// One hook (`[[webhooks]]`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What it is called: 1 to 32 letters, digits, '-' and '_'. It must stay the same: its rows hang on it.
    pub name: String,
    /// Where events are posted to; `https` only.
    pub url: String,
    /// What the posts are signed with, at least 16 octets.
    #[serde(default, skip_serializing)]
    pub secret: Option<Secret>,
    /// A file that holds the secret alone; whoever reads the configuration puts its content into `secret`.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// Which events. Default: all.
    #[serde(default = "Kind::all")]
    pub events: Vec<Kind>,
    /// Only messages and calls of these SIMs; what was never sent is of none.
    #[serde(default)]
    pub sims: Option<Vec<RouteId>>,
    /// Only received messages and calls whose sender this is found in.
    #[serde(default)]
    pub from: Option<Pattern>,
    /// Only received messages whose text this is found in.
    #[serde(default)]
    pub text: Option<Pattern>,
    /// The only authorities trusted for this hook, in PEM form, instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether it may go to private, loopback and link-local addresses.
    #[serde(default)]
    pub allow_private: bool,
    /// How long a post and its answer may take, in seconds. Default 10.
    #[serde(default = "timeout_s")]
    pub timeout_s: u32,
    /// How old an event may be, in hours, before a failure is its last. Default 72.
    #[serde(default = "max_age_h")]
    pub max_age_h: u32,
    /// How many posts may be under way at once. Default 4.
    #[serde(default = "at_once")]
    pub at_once: u8,
}

impl Config {
    /// The name of the consumer, and so of its rows and of its lines in health: `webhook.NAME`.
    pub fn consumer(&self) -> String {
        format!("webhook.{}", self.name)
    }

    /// [`Config::timeout_s`].
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s.into())
    }

    /// What is wrong with it, by its keys. That the secret is there is for whoever reads its file to see.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |key: &str, problem: &str, right: &str| problems.push(Problem::new(key, problem, right));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !(1..=32).contains(&self.name.len()) || !self.name.bytes().all(plain) {
            let right = "1 to 32 letters, digits, '-' and '_'";
            wrong("name", "a name that cannot be used", right);
        }
        if let Err((problem, right)) = self.check_url() {
            wrong("url", problem, right);
        }
        match (&self.secret, &self.secret_file) {
            (Some(_), Some(_)) => wrong("secret_file", "there is a secret as well", "only one of them"),
            (None, None) => wrong(
                "secret",
                "is missing",
                "a secret, or secret_file: posts are always signed",
            ),
            (Some(secret), None) if !secret.is_long_enough() => {
                wrong(
                    "secret",
                    "can be guessed",
                    "16 characters or more, as `openssl rand -hex 32` makes them",
                );
            }
            _ => {}
        }
        if self.events.is_empty() {
            wrong(
                "events",
                "nothing would be posted",
                "at least one of them, or leave it out for all",
            );
        }
        for (key, value, most) in [
            ("timeout_s", self.timeout_s, 120),
            ("max_age_h", self.max_age_h, 24 * 365),
            ("at_once", self.at_once.into(), 64),
        ] {
            if !(1..=most).contains(&value) {
                wrong(key, "outside of what is allowed", &format!("1 to {most}"));
            }
        }
        problems
    }

    fn check_url(&self) -> Result<(), (&'static str, &'static str)> {
        const RIGHT: &str = "an address as https://example.org/hook";
        let url = Url::parse(&self.url).map_err(|_| ("no URL", RIGHT))?;
        if url.scheme() != "https" {
            return Err(("not https", RIGHT));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err((
                "a name or password in it would end in logs",
                "it without: the signature proves who posts",
            ));
        }
        let private = literal(&url).is_some_and(|address| !is_public(address));
        match private && !self.allow_private {
            true => Err((
                "a private address",
                "a public one, or allow_private = true if it is meant",
            )),
            false => Ok(()),
        }
    }

    pub(super) fn wants_sim(&self, sim: &RouteId) -> bool {
        self.sims.as_ref().is_none_or(|sims| sims.contains(sim))
    }

    pub(super) fn wants_sender(&self, from: &str) -> bool {
        self.from.as_ref().is_none_or(|pattern| pattern.is_in(from))
    }
}

/// The address in a URL that names no host but an address.
pub(super) fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// A secret that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// A secret as somebody wrote it.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// Whether it cannot be guessed.
    pub fn is_long_enough(&self) -> bool {
        self.0.len() >= SHORTEST_SECRET
    }

    pub(super) fn octets(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

fn timeout_s() -> u32 {
    10
}

fn max_age_h() -> u32 {
    72
}

fn at_once() -> u8 {
    4
}

/// In octets.
const SHORTEST_SECRET: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Config {
        let toml = serde_json::json!({ "name": "shop", "url": url, "secret": "0123456789abcdef" });
        serde_json::from_value(toml).unwrap()
    }

    fn keys(config: &Config) -> Vec<String> {
        config.problems().into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn a_hook_needs_a_name_a_url_and_a_secret_and_no_more() {
        let config = config("https://example.org/hook?x=1");
        assert_eq!(config.problems(), []);
        assert_eq!((config.events.len(), config.consumer().as_str()), (7, "webhook.shop"));
    }

    #[test]
    fn what_cannot_be_used_is_told_by_its_key() {
        for url in [
            "http://example.org",
            "example.org",
            "https://u:p@example.org",
            "https://127.0.0.1/",
            "https://[::1]:8443/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://[::ffff:10.0.0.1]/",
        ] {
            assert_eq!(keys(&config(url)), ["url"], "{url}");
        }
        let wrong = Config {
            name: "a b".into(),
            secret: Some(Secret::new("short")),
            events: Vec::new(),
            timeout_s: 0,
            max_age_h: 0,
            at_once: 65,
            ..config("https://127.0.0.1/")
        };
        let wrong = Config {
            allow_private: true,
            ..wrong
        };
        assert_eq!(
            keys(&wrong),
            ["name", "secret", "events", "timeout_s", "max_age_h", "at_once"]
        );
        let none = Config {
            secret: None,
            ..config("https://example.org")
        };
        assert_eq!(keys(&none), ["secret"]);
    }

    #[test]
    fn a_secret_is_never_shown() {
        let config = config("https://example.org");
        assert!(!format!("{config:?}").contains("0123456789"));
        assert!(!serde_json::to_string(&config).unwrap().contains("0123456789"));
    }
}

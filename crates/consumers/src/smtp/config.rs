//! What an operator says about mail coming in.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use super::senders::Listed;
use crate::Problem;

/// The settings of the SMTP server (`[smtp]`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where it listens, with STARTTLS offered. Empty here and below: nowhere.
    pub listen: Vec<SocketAddr>,
    /// Where it listens with TLS from the first octet.
    pub listen_tls: Vec<SocketAddr>,
    /// How it calls itself. Absent: by this machine's name.
    pub name: Option<String>,
    /// Whether a login is taken without encryption, as old devices want it.
    pub login_without_tls: bool,
    /// Whether a line feed alone ends a line of a mail, so that `LF.LF` ends the mail.
    pub bare_lf: bool,
    /// The largest mail, in octets.
    pub mail_bytes: u32,
    /// The most recipients of one mail.
    pub recipients: u32,
    /// Open connections of everybody.
    pub connections: u32,
    /// Open connections of one address.
    pub connections_per_address: u32,
    /// How long a client may say nothing, in seconds.
    pub idle_s: u32,
    /// How long a connection may last, in seconds.
    pub total_s: u32,
    /// Who needs no login.
    pub senders: Vec<Listed>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            listen_tls: Vec::new(),
            name: None,
            login_without_tls: false,
            bare_lf: false,
            mail_bytes: 8 * 1024 * 1024,
            recipients: 100,
            connections: 64,
            connections_per_address: 16,
            idle_s: 60,
            total_s: 900,
            senders: Vec::new(),
        }
    }
}

impl Config {
    /// Whether it listens anywhere.
    pub fn is_on(&self) -> bool {
        !(self.listen.is_empty() && self.listen_tls.is_empty())
    }

    /// Everything in it that cannot be used.
    pub fn problems(&self) -> Vec<Problem> {
        let positive = [
            ("mail_bytes", self.mail_bytes),
            ("recipients", self.recipients),
            ("connections", self.connections),
            ("connections_per_address", self.connections_per_address),
            ("idle_s", self.idle_s),
            ("total_s", self.total_s),
        ];
        let mut problems = Problem::zeros(&positive, "nothing could come in");
        if self.mail_bytes > MAIL_MOST {
            problems.push(Problem::new(
                "mail_bytes",
                "more than memory is kept for",
                "at most 67108864 (64 MiB)",
            ));
        }
        let is_name = |name: &str| !name.is_empty() && name.len() <= 255 && name.chars().all(|c| c.is_ascii_graphic());
        if self.name.as_deref().is_some_and(|name| !is_name(name)) {
            problems.push(Problem::new("name", "no name of a host", "as sms.example.org"));
        }
        for (index, listed) in self.senders.iter().enumerate() {
            if listed.from.is_empty() && listed.networks.is_empty() {
                let right = "from or networks; 0.0.0.0/0 and ::/0 are everybody";
                problems.push(Problem::new(
                    format!("senders[{index}]"),
                    "would let everybody in",
                    right,
                ));
            }
            if listed.token.is_some() && listed.networks.is_empty() && !listed.from.is_empty() {
                problems.push(Problem::new(
                    format!("senders[{index}].networks"),
                    "anybody can claim an address in from, and would send with the rights of the token",
                    "where these senders come from, as [\"192.168.7.0/24\"]; or leave token out and let them log in",
                ));
            }
            let wrong = |from: &&String| !from.contains('@') || from.contains(|c: char| c.is_control() || c == ' ');
            for from in listed.from.iter().filter(wrong) {
                let problem = format!("'{from}' is no address");
                problems.push(Problem::new(
                    format!("senders[{index}].from"),
                    problem,
                    "as cam1@example.org or @example.org",
                ));
            }
        }
        problems
    }

    pub(super) fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_s.into())
    }

    pub(super) fn total(&self) -> Duration {
        Duration::from_secs(self.total_s.into())
    }
}

/// What a mail may be configured to have at most.
const MAIL_MOST: u32 = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_off_until_it_has_an_address() {
        assert!(!Config::default().is_on());
        assert_eq!(Config::default().problems(), []);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let config = Config {
            name: Some("a b".into()),
            mail_bytes: u32::MAX,
            idle_s: 0,
            senders: vec![
                Listed::default(),
                Listed {
                    from: vec!["nobody".into()],
                    ..Listed::default()
                },
            ],
            ..Config::default()
        };
        let keys: Vec<String> = config.problems().into_iter().map(|problem| problem.key).collect();
        assert_eq!(keys, ["idle_s", "mail_bytes", "name", "senders[0]", "senders[1].from"]);
    }

    #[test]
    fn a_token_is_not_lent_to_an_address_that_anybody_can_claim() {
        let told = |networks: &[&str], token: Option<&str>| {
            let listed = Listed {
                from: vec!["cam1@example.org".into()],
                networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
                token: token.map(str::to_owned),
                ..Listed::default()
            };
            let config = Config {
                senders: vec![listed],
                ..Config::default()
            };
            let problems = config.problems().into_iter();
            problems.map(|problem| problem.key).collect::<Vec<_>>()
        };
        assert_eq!(told(&[], Some("cameras")), ["senders[0].networks"]);
        assert_eq!(told(&["192.168.7.0/24"], Some("cameras")), [""; 0]);
        assert_eq!(told(&[], None), [""; 0]);
    }
}

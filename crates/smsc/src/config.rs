//! What an operator says about SMPP.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use consumers::Problem;

use message::{Network, RouteId, TokenId};
use serde::Deserialize;
use smpp::DefaultAlphabet;

use crate::fingerprint::Fingerprint;
use smpp::session::{Timer, TimerTable};

/// The message centre (`[smpp]`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where it listens. Empty here and below: nowhere.
    pub listen: Vec<SocketAddr>,
    /// Where it listens with TLS from the first octet.
    pub listen_tls: Vec<SocketAddr>,
    /// What it calls itself, at most 15 octets.
    pub system_id: String,
    /// Open connections of everybody.
    pub connections: u32,
    /// Open connections of one address.
    pub connections_per_address: u32,
    /// How long a connection may stay without a bind, in seconds.
    pub bind_s: u32,
    /// After how many seconds of silence an application is asked whether it is there.
    pub enquire_link_s: u32,
    /// After how many seconds without a message an application is unbound; 0: never.
    pub inactivity_s: u32,
    /// How long an application may take to answer, in seconds.
    pub response_s: u32,
    /// Who may bind.
    pub accounts: Vec<Account>,
    /// A folder for traces of sessions; none can be made without one.
    #[serde(skip)]
    pub trace_place: Option<PathBuf>,
}

/// Who may bind, and with which rights (`[[smpp.accounts]]`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Account {
    /// Its name, at most 15 letters, digits, `-` and `_`.
    pub system_id: String,
    /// The bcrypt hash of its password, which has at most 8 octets. Empty: it is known by a certificate alone.
    pub hash: String,
    /// The certificates of which it must show one, on a port with TLS; empty: none.
    pub certificates: Vec<Fingerprint>,
    /// Where it may come from; empty: from anywhere.
    pub networks: Vec<Network>,
    /// How many sessions it may have.
    pub binds: u32,
    /// How many of its requests may wait for an answer, and how many of ours, a session. Absent: [`Account::window`].
    pub window: Option<u16>,
    /// How many messages it may submit in a second; 0: any number.
    pub rate: u32,
    /// The only SIMs that it sends over and receives from. Absent: all.
    pub sims: Option<Vec<RouteId>>,
    /// The only prefixes it may send to; empty: all.
    pub prefixes: Vec<String>,
    /// What its messages may cost a day, in millionths of the currency.
    pub daily_spend_micros: Option<i64>,
    /// What its source addresses mean.
    pub source: Source,
    /// What data_coding 0 is.
    pub charset: Charset,
    /// How it gets long messages.
    pub long: Long,
    /// Whether it may use USSD.
    pub ussd: bool,
    /// Whether it gets received messages.
    pub receive: bool,
    /// The only own numbers of SIMs whose received messages it gets, as `+49…`; empty: all.
    pub numbers: Vec<String>,
    /// The only first words of the received messages that it gets, whatever their case; empty: all messages.
    pub keywords: Vec<String>,
    /// Whether receipts that it asks for are kept from it.
    pub swallow_receipts: bool,
    /// How often something is delivered that it never answers, before it is given up; 0: for seven days.
    pub unanswered_most: u32,
    /// Whether it may bind again on a connection that is bound.
    pub rebind: bool,
    /// Where it is called, host and port, when something waits for it and no session of it takes that. Absent: nowhere.
    pub outbind: Option<String>,
    /// Whether TLS begins there with the first octet.
    pub outbind_tls: bool,
    /// A PEM file with the authorities that are trusted there; absent: the system's.
    pub outbind_ca_file: Option<PathBuf>,
    /// A file that holds the password that we tell there alone, at most 8 octets; absent: none.
    pub outbind_password_file: Option<PathBuf>,
    /// The password, out of its file.
    #[serde(skip)]
    pub outbind_password: esme::Password,
}

/// What the source address of a message means. SIMs have their own numbers, and nothing else can stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A SIM's number or slot chooses that SIM; anything else is passed over.
    #[default]
    Prefer,
    /// A SIM's number or slot chooses that SIM; anything else is refused, but nothing at all is not.
    Strict,
    /// Nothing.
    Ignore,
}

/// What data_coding 0 is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Charset {
    /// GSM 7 bit, a septet an octet.
    #[default]
    Gsm7,
    /// ISO 8859-1.
    Latin1,
    /// UTF-8.
    Utf8,
    /// ASCII.
    Ascii,
}

/// How an application gets long messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Long {
    /// In parts with a user data header.
    #[default]
    Udhi,
    /// In parts with sar_ parameters.
    Sar,
    /// In one piece, in message_payload.
    Payload,
    /// In one piece, in short_message where it has at most 254 octets, else in message_payload.
    Reassembled,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            listen_tls: Vec::new(),
            system_id: "simrelay".into(),
            connections: 1100,
            connections_per_address: 256,
            bind_s: 10,
            enquire_link_s: 30,
            inactivity_s: 0,
            response_s: 60,
            accounts: Vec::new(),
            trace_place: None,
        }
    }
}

impl Default for Account {
    fn default() -> Self {
        Self {
            system_id: String::new(),
            hash: String::new(),
            certificates: Vec::new(),
            networks: Vec::new(),
            binds: 10,
            window: None,
            rate: 0,
            sims: None,
            prefixes: Vec::new(),
            daily_spend_micros: None,
            source: Source::default(),
            charset: Charset::default(),
            long: Long::default(),
            ussd: false,
            receive: true,
            numbers: Vec::new(),
            keywords: Vec::new(),
            swallow_receipts: false,
            unanswered_most: 0,
            rebind: false,
            outbind: None,
            outbind_tls: false,
            outbind_ca_file: None,
            outbind_password_file: None,
            outbind_password: esme::Password::default(),
        }
    }
}

impl Config {
    /// Whether it listens anywhere.
    pub fn is_on(&self) -> bool {
        !(self.listen.is_empty() && self.listen_tls.is_empty())
    }

    /// Whether an account is known by a certificate, which clients are to be asked for then.
    pub fn asks_for_certificates(&self) -> bool {
        self.accounts.iter().any(|account| !account.certificates.is_empty())
    }

    /// Everything in it that cannot be used.
    pub fn problems(&self) -> Vec<Problem> {
        let least = [
            ("connections", self.connections),
            ("connections_per_address", self.connections_per_address),
            ("bind_s", self.bind_s),
            ("enquire_link_s", self.enquire_link_s),
            ("response_s", self.response_s),
        ];
        let mut problems = Problem::zeros(&least, "nobody could stay bound");
        if !is_system_id(&self.system_id) {
            problems.push(Problem::new("system_id", "cannot be told in a bind", NAME));
        }
        let mut seen = BTreeSet::new();
        for (index, account) in self.accounts.iter().enumerate() {
            let key = |name: &str| format!("accounts[{index}].{name}");
            problems.extend(account.problems().into_iter().map(|problem| Problem {
                key: key(&problem.key),
                ..problem
            }));
            if !account.certificates.is_empty() && self.listen_tls.is_empty() {
                problems.push(Problem::new(
                    key("certificates"),
                    "nobody can show one without TLS",
                    "an address in smpp.listen_tls",
                ));
            }
            if !seen.insert(&account.system_id) {
                problems.push(Problem::new(key("system_id"), "is there twice", "another name"));
            }
        }
        if self.is_on() && self.accounts.is_empty() {
            problems.push(Problem::new("accounts", "nobody could bind", "an [[smpp.accounts]]"));
        }
        problems
    }

    /// How long everything takes.
    pub(crate) fn timers(&self) -> TimerTable {
        let mut timers = TimerTable::default();
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        timers.set(Timer::SessionInit, seconds(self.bind_s));
        timers.set(Timer::EnquireLink, seconds(self.enquire_link_s));
        timers.set(Timer::Inactivity, seconds(self.inactivity_s));
        timers.set(Timer::Response, seconds(self.response_s));
        timers
    }
}

impl Account {
    /// Whose its messages are.
    pub(crate) fn token(&self) -> TokenId {
        // Tokens of the API have no dot in their names, so nobody shares one with an account.
        TokenId::new(&format!("smpp.{}", self.system_id))
    }

    /// How many requests may wait for an answer, either way. Who binds anew in the middle of a session takes for the answer
    /// what was written to it before, so it is given one thing at a time, where nothing else is said.
    pub(crate) fn window(&self) -> u16 {
        self.window.unwrap_or(if self.rebind { 1 } else { WINDOW })
    }

    /// How long its answers are waited for, where those of others are for this long. One that binds anew does so after a
    /// while, and what is written to it before is lost.
    pub(crate) fn patience(&self, others: Duration) -> Duration {
        if self.rebind {
            others.max(BEFORE_A_REBIND)
        } else {
            others
        }
    }

    /// How it is called.
    pub(crate) fn calls(&self) -> impl PartialEq + '_ {
        let files = (&self.outbind_ca_file, &self.outbind_password);
        (&self.outbind, self.outbind_tls, files)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !is_system_id(&self.system_id) {
            problems.push(Problem::new("system_id", "cannot be told in a bind", NAME));
        }
        let cost = self.hash.parse::<bcrypt::HashParts>().map(|parts| parts.get_cost());
        let by_certificate = self.hash.is_empty() && !self.certificates.is_empty();
        if !by_certificate && !cost.is_ok_and(|cost| (4..=14).contains(&cost)) {
            let right = "a bcrypt hash of cost 4 to 14, as `htpasswd -nbB -C 10 x PASSWORD | cut -d: -f2` prints it";
            problems.push(Problem::new("hash", "no password fits it", right));
        }
        let least = [("binds", self.binds), ("window", self.window().into())];
        problems.extend(Problem::zeros(&least, "nothing could be submitted"));
        if self
            .outbind
            .as_deref()
            .is_some_and(|address| esme::host_and_port(address).is_none())
        {
            let right = "host and port, as \"192.0.2.9:2775\"";
            problems.push(Problem::new("outbind", "nobody can be called there", right));
        }
        if self.outbind.is_some() && !self.certificates.is_empty() {
            let what = "whoever is called shows no certificate, and could not bind";
            problems.push(Problem::new("outbind", what, "a hash instead of certificates"));
        }
        for (index, number) in self.numbers.iter().enumerate() {
            if !message::is_prefix(number) {
                let key = format!("numbers[{index}]");
                problems.push(Problem::new(
                    key,
                    "no SIM has it",
                    "a plus and digits, as +4915100000001",
                ));
            }
        }
        for (index, prefix) in self.prefixes.iter().enumerate() {
            if !message::is_prefix(prefix) {
                let key = format!("prefixes[{index}]");
                problems.push(Problem::new(key, "no prefix", "a plus and digits, as +49"));
            }
        }
        problems
    }
}

impl From<Charset> for DefaultAlphabet {
    fn from(charset: Charset) -> Self {
        match charset {
            Charset::Gsm7 => Self::Gsm7,
            Charset::Latin1 => Self::Latin1,
            Charset::Utf8 => Self::Utf8,
            Charset::Ascii => Self::Ascii,
        }
    }
}

/// Whether an account can be called so.
pub fn is_system_id(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=15).contains(&name.len()) && name.chars().all(plain)
}

/// The window of those of whom nothing else is said.
const WINDOW: u16 = 100;
/// How long an application that binds anew may take until it does: the first attendance server waits 5 s.
const BEFORE_A_REBIND: Duration = Duration::from_secs(10);
const NAME: &str = "1 to 15 letters, digits, '-' and '_'";

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
        let bad = Account {
            system_id: "a b".into(),
            hash: "secret".into(),
            window: Some(0),
            prefixes: vec!["+49".into(), "x".into()],
            outbind: Some("nowhere".into()),
            ..Account::default()
        };
        let config = Config {
            system_id: "sixteen-letters-".into(),
            bind_s: 0,
            accounts: vec![bad.clone(), bad],
            ..Config::default()
        };
        let keys: Vec<String> = config.problems().into_iter().map(|problem| problem.key).collect();
        assert_eq!(keys[..2], ["bind_s", "system_id"]);
        let first = ["system_id", "hash", "window", "outbind", "prefixes[1]"];
        assert_eq!(keys[2..7], first.map(|key| format!("accounts[0].{key}")));
        assert_eq!(keys[12], "accounts[1].system_id", "it is there twice");
    }
}

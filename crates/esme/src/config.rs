//! What an operator says about an upstream.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use message::Number;
use serde::{Deserialize, Serialize};
use smpp::session::{BindMode, Timer, TimerTable};
use smpp::{DefaultAlphabet, IdForm, LongForm, Octets};
use zeroize::Zeroizing;

use crate::dial::{self, Trust};

/// An upstream (`[upstreams.NAME]`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether it is used.
    pub enabled: bool,
    /// Where it is: host and port.
    pub address: String,
    /// Whether TLS is spoken from the first octet on.
    pub tls: bool,
    /// A PEM file with the authorities that are trusted; absent: the system's.
    pub ca_file: Option<PathBuf>,
    /// The name in its certificate, where that is not the host of `address`.
    pub tls_name: Option<String>,
    /// Our name there, at most 15 octets.
    pub system_id: String,
    /// The password, out of its file.
    #[serde(skip)]
    pub password: Password,
    /// A file that holds the password alone, at most 8 octets.
    pub password_file: Option<PathBuf>,
    /// What the upstream calls our kind of system; most leave it empty.
    pub system_type: String,
    /// The addresses we want messages of, where the upstream goes by that.
    pub address_range: String,
    /// How it is bound to.
    pub bind: Bind,
    /// How many connections there are; with `bind = "separate"` so many of each kind.
    pub connections: u16,
    /// How many parts may wait for their answers on a connection, and how many of its messages for ours.
    pub window: u16,
    /// How many parts go out in a second at most, over all connections; 0: any number.
    pub rate: u32,
    /// How long a connection may take to be made and bound, in seconds.
    pub connect_s: u32,
    /// How long it may take to answer, in seconds.
    pub response_s: u32,
    /// After how many seconds of silence it is asked whether it is there.
    pub enquire_link_s: u32,
    /// After how many seconds a connection that ended is made again; doubled each time it fails.
    pub reconnect_s: u32,
    /// The longest such pause, in seconds; also that after a refused password.
    pub reconnect_most_s: u32,
    /// How long keeping a received message may take before the upstream is told to repeat it, in seconds.
    pub keep_s: u32,
    /// Our own number there, with its country code: what messages come to, and what they leave from.
    pub number: Option<String>,
    /// What stands as sender instead of the number: a name, a short code, or nothing (`""`).
    pub source: Option<String>,
    /// The type of number of the sender; absent: what the sender looks like.
    pub source_ton: Option<u8>,
    /// The numbering plan of the sender; absent: what the sender looks like.
    pub source_npi: Option<u8>,
    /// The service; most leave it empty.
    pub service_type: String,
    /// What data_coding 0 is.
    pub charset: Charset,
    /// How the parts of long messages are told.
    pub long: Long,
    /// Whether it is told how long a message is worth delivering.
    pub validity: bool,
    /// Whether it is asked for receipts.
    pub receipts: bool,
    /// Whether a message that reads like a receipt is one although nothing marks it. Anybody can write such a message.
    pub unmarked_receipts: bool,
    /// Whether numbers of eight digits and more that no type stands beside have their country code.
    pub international: bool,
    /// In which form ids are written in its answers.
    pub response_id: Form,
    /// The same in the text of its receipts.
    pub receipt_id: Form,
    /// The same in the parameter receipted_message_id; absent: as in its answers.
    pub parameter_id: Option<Form>,
    /// Further command_status values after which a part is tried again here.
    pub retry: Vec<u32>,
}

/// A password, which is never shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Password(Zeroizing<String>);

/// How an upstream is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bind {
    /// One connection both ways.
    #[default]
    Transceiver,
    /// A connection for sending and one for receiving.
    Separate,
    /// Sending alone; then receipts do not come.
    Transmitter,
    /// Receiving alone.
    Receiver,
}

/// What data_coding 0 is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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

/// How the parts of a long message are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Long {
    /// With a user data header.
    #[default]
    Udhi,
    /// With sar_ parameters.
    Sar,
}

/// In which form an upstream writes its ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// As text: case and leading zeros do not count.
    #[default]
    Text,
    /// As text, octet by octet.
    Exact,
    /// As a decimal number.
    Decimal,
    /// As a hexadecimal number.
    Hex,
}

/// A setting that cannot be used, for whoever shows it beside the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key.
    pub key: &'static str,
    /// What is wrong.
    pub problem: &'static str,
    /// What would be right, to follow "write".
    pub right: &'static str,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            address: String::new(),
            tls: false,
            ca_file: None,
            tls_name: None,
            system_id: String::new(),
            password: Password::default(),
            password_file: None,
            system_type: String::new(),
            address_range: String::new(),
            bind: Bind::default(),
            connections: 1,
            window: 10,
            rate: 0,
            connect_s: 20,
            response_s: 60,
            enquire_link_s: 30,
            reconnect_s: 1,
            reconnect_most_s: 60,
            keep_s: 10,
            number: None,
            source: None,
            source_ton: None,
            source_npi: None,
            service_type: String::new(),
            charset: Charset::default(),
            long: Long::default(),
            validity: true,
            receipts: true,
            unmarked_receipts: false,
            international: true,
            response_id: Form::default(),
            receipt_id: Form::default(),
            parameter_id: None,
            retry: Vec::new(),
        }
    }
}

impl Config {
    /// Everything in it that cannot be used.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.figures();
        problems.extend(self.texts());
        if self.host_and_port().is_none() {
            let right = "host and port, as \"smpp.example.org:2775\"";
            problems.push(problem("address", "no address", right));
        }
        let number = self.number.as_deref().map(|number| Number::parse(number, None));
        if number.is_some_and(|number| !number.is_ok_and(|number| number.is_international())) {
            let right = "a number with its country code (E.164), as \"+491711234567\"";
            problems.push(problem("number", "cannot be used", right));
        }
        problems
    }

    fn figures(&self) -> Vec<Problem> {
        let at_least_one = [
            ("connections", u32::from(self.connections)),
            ("window", u32::from(self.window)),
            ("connect_s", self.connect_s),
            ("response_s", self.response_s),
            ("reconnect_s", self.reconnect_s),
            ("keep_s", self.keep_s),
        ];
        let zero = at_least_one.iter().filter(|(_, value)| *value == 0);
        let mut problems: Vec<Problem> = zero
            .map(|(key, _)| problem(key, "nothing could go that way", "at least 1"))
            .collect();
        if self.connections > MOST_CONNECTIONS {
            problems.push(problem("connections", "are more than any gateway lets in", "1 to 64"));
        }
        if self.window > MOST_WINDOW {
            problems.push(problem("window", "is more than is kept in mind", "1 to 1000"));
        }
        if self.reconnect_most_s < self.reconnect_s {
            let what = "is shorter than the first pause";
            problems.push(problem("reconnect_most_s", what, "at least reconnect_s"));
        }
        problems
    }

    /// Texts that no PDU can tell.
    fn texts(&self) -> impl Iterator<Item = Problem> {
        let source = self.source.as_deref().unwrap_or_default();
        let texts = [
            (
                !self.system_id.is_empty() && fits(&self.system_id, 15),
                "system_id",
                "1 to 15 plain letters and digits",
            ),
            (fits(&self.system_type, 12), "system_type", "at most 12 plain letters"),
            (
                fits(&self.address_range, 40),
                "address_range",
                "at most 40 plain letters",
            ),
            (fits(&self.service_type, 5), "service_type", "at most 5 plain letters"),
            (fits(source, 20), "source", "at most 20 plain letters and digits"),
        ];
        let wrong = texts.into_iter().filter(|(fits, ..)| !fits);
        wrong.map(|(_, key, right)| problem(key, "cannot be told by SMPP", right))
    }

    /// Host and port of its address.
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        dial::host_and_port(&self.address)
    }

    /// Whom TLS trusts, where it is spoken.
    pub(crate) fn trust(&self) -> Option<Trust<'_>> {
        self.tls.then_some(Trust {
            ca_file: self.ca_file.as_deref(),
            name: self.tls_name.as_deref(),
        })
    }

    /// Our own number there.
    pub(crate) fn own_number(&self) -> Option<Number> {
        Number::parse(self.number.as_deref()?, None).ok()
    }

    /// What each connection is bound for.
    pub(crate) fn modes(&self) -> Vec<BindMode> {
        let kinds: &[BindMode] = match self.bind {
            Bind::Transceiver => &[BindMode::Transceiver],
            Bind::Separate => &[BindMode::Transmitter, BindMode::Receiver],
            Bind::Transmitter => &[BindMode::Transmitter],
            Bind::Receiver => &[BindMode::Receiver],
        };
        let count = usize::from(self.connections);
        kinds
            .iter()
            .flat_map(|kind| std::iter::repeat_n(*kind, count))
            .collect()
    }

    /// Type, plan and octets of our address as sender.
    pub(crate) fn source_address(&self) -> (u8, u8, Octets) {
        let text = self.source.as_deref().or(self.number.as_deref()).unwrap_or_default();
        let digits = text.strip_prefix('+').unwrap_or(text);
        let is_number = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
        let (ton, npi, value) = match (text.is_empty(), is_number) {
            (true, _) => (UNKNOWN, UNKNOWN, ""),
            (_, true) if digits.len() < text.len() => (INTERNATIONAL, ISDN, digits),
            (_, true) => (UNKNOWN, ISDN, digits),
            _ => (ALPHANUMERIC, UNKNOWN, text),
        };
        let (ton, npi) = (self.source_ton.unwrap_or(ton), self.source_npi.unwrap_or(npi));
        (ton, npi, value.into())
    }

    /// How long everything takes.
    pub(crate) fn timers(&self) -> TimerTable {
        let mut timers = TimerTable::default();
        timers.set(Timer::SessionInit, seconds(self.connect_s));
        timers.set(Timer::EnquireLink, seconds(self.enquire_link_s));
        timers.set(Timer::Inactivity, Duration::ZERO);
        timers.set(Timer::Response, seconds(self.response_s));
        timers.set(Timer::Drain, DRAIN);
        timers
    }
}

impl Password {
    /// Keeps a password.
    pub fn new(password: &str) -> Self {
        Self(Zeroizing::new(password.to_owned()))
    }

    /// Whether a bind can tell it: 1 to 8 plain letters and digits.
    pub fn fits(&self) -> bool {
        !self.0.is_empty() && fits(&self.0, 8)
    }

    /// The password, for the bind alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
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

impl From<Long> for LongForm {
    fn from(long: Long) -> Self {
        match long {
            Long::Udhi => Self::Header,
            Long::Sar => Self::Sar,
        }
    }
}

impl From<Form> for IdForm {
    fn from(form: Form) -> Self {
        match form {
            Form::Text => Self::Text,
            Form::Exact => Self::Exact,
            Form::Decimal => Self::Decimal,
            Form::Hex => Self::Hexadecimal,
        }
    }
}

pub(crate) fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

/// Whether a field of so many octets can tell a text.
fn fits(text: &str, most: usize) -> bool {
    text.len() <= most && text.bytes().all(|octet| (32..127).contains(&octet))
}

fn problem(key: &'static str, problem: &'static str, right: &'static str) -> Problem {
    Problem { key, problem, right }
}

/// Types of number (clause 5.2.5) and the numbering plan E.164 (clause 5.2.6).
const UNKNOWN: u8 = 0;
const INTERNATIONAL: u8 = 1;
const ALPHANUMERIC: u8 = 5;
const ISDN: u8 = 1;

const MOST_CONNECTIONS: u16 = 64;
const MOST_WINDOW: u16 = 1000;
/// How long the last answers are waited for before an unbind.
const DRAIN: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn right() -> Config {
        Config {
            address: "[::1]:2775".into(),
            system_id: "relay".into(),
            ..Config::default()
        }
    }

    #[test]
    fn the_sender_is_a_number_a_code_a_name_or_nothing() {
        let told = |source: Option<&str>, number: Option<&str>| {
            let config = Config {
                source: source.map(str::to_owned),
                number: number.map(str::to_owned),
                ..Config::default()
            };
            let (ton, npi, octets) = config.source_address();
            (ton, npi, octets.text())
        };
        assert_eq!(told(None, Some("+49171")), (1, 1, "49171".into()));
        assert_eq!(told(Some("12345"), Some("+49171")), (0, 1, "12345".into()));
        assert_eq!(told(Some("Shop 24"), None), (5, 0, "Shop 24".into()));
        assert_eq!(told(Some(""), Some("+49171")), (0, 0, String::new()));
        assert_eq!(told(None, None), (0, 0, String::new()));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        assert_eq!(right().problems(), []);
        assert_eq!(right().host_and_port(), Some(("::1", 2775)));
        let wrong = Config {
            address: "smpp.example.org".into(),
            window: 0,
            number: Some("0171".into()),
            reconnect_most_s: 0,
            ..Config::default()
        };
        let keys: Vec<&str> = wrong.problems().iter().map(|problem| problem.key).collect();
        assert_eq!(keys, ["window", "reconnect_most_s", "system_id", "address", "number"]);
    }

    #[test]
    fn a_password_is_not_shown() {
        let config = Config {
            password: Password::new("secret"),
            ..right()
        };
        assert!(!format!("{config:?}").contains("secret"));
        assert!(config.password.fits() && !Password::new("far too long").fits() && !Password::default().fits());
    }

    #[test]
    fn each_kind_of_bind_has_its_connections() {
        let modes = |bind| {
            Config {
                bind,
                connections: 2,
                ..right()
            }
            .modes()
        };
        use BindMode::*;
        assert_eq!(modes(Bind::Transceiver), [Transceiver, Transceiver]);
        assert_eq!(modes(Bind::Separate), [Transmitter, Transmitter, Receiver, Receiver]);
    }
}

//! The settings of the API (`[api]`).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use message::{RouteId, TokenId};
use serde::{Deserialize, Serialize};

use crate::metrics::MetricsConfig;
use crate::token::{Scope, TokenConfig};

/// Where the API listens, whom it lets in and how much it takes. `[api]` in the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address and port. Default `127.0.0.1:7000`.
    pub listen: SocketAddr,
    /// The certificate with its chain, in PEM form. A changed file is taken up without a restart.
    pub certificate: PathBuf,
    /// The private key of the certificate, in PEM form.
    pub key: PathBuf,
    /// How often the two files are looked at for changes, in seconds; 0: only on reload. Default 30.
    pub certificate_check_s: u32,
    /// How many wrong tokens an address may show within a minute before it is locked out for a minute. Default 10.
    pub failures_per_minute: u32,
    /// Who may call.
    pub tokens: Vec<TokenConfig>,
    /// Who else may call over XML-RPC: tokens without a public half, as SMSgate had them, by their hashes as they were. The
    /// ids are names for the log and for who sent what. At most 16 different hashes, since each is tried in turn.
    pub legacy_tokens: Vec<TokenConfig>,
    /// XML-RPC for the clients of Pentagrid's SMSgate.
    pub xml_rpc: XmlRpc,
    /// How much is taken from whom.
    pub limits: Limits,
    /// Who may read `/metrics`; set in `[metrics]`.
    #[serde(skip)]
    pub metrics: MetricsConfig,
}

/// XML-RPC as SMSgate had it, on the same port. `[api.xml_rpc]` in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct XmlRpc {
    /// Whether it is answered. Default: yes.
    pub enabled: bool,
    /// Whether `send_sms` is. Default: yes.
    pub send_sms: bool,
    /// Whether `send_ussd` is. Default: yes.
    pub send_ussd: bool,
    /// How long a received message is in the answers of `get_sms`, in seconds. Default 60, as SMSgate had it.
    pub get_sms_s: u32,
}

/// What one client, and all together, may take. `[api.limits]` in the configuration. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The longest request body or WebSocket message, in bytes. Default 1 MiB.
    pub body_bytes: u32,
    /// The longest answer, in bytes. Default 16 MiB.
    pub response_bytes: u32,
    /// The longest request head, in bytes (at least 8192). Default 16384.
    pub header_bytes: u32,
    /// The most calls in one batch. Default 100.
    pub batch: u32,
    /// Open connections of everybody. Default 1024.
    pub connections: u32,
    /// Open connections of one address (an IPv6 network of 64 bits counts as one). Default 256.
    pub connections_per_address: u32,
    /// Requests at once on one HTTP/2 connection, and calls at once on one WebSocket. Default 64.
    pub streams: u32,
    /// Calls being worked at once; more wait for a place. Default 256.
    pub calls: u32,
    /// Calls that wait for a message (`sms.fetch` with `wait_s`) at once; they take no place of others. Default 1024.
    pub waits: u32,
    /// The same for one token. Default 64.
    pub waits_per_token: u32,
    /// Subscriptions on one WebSocket. Default 16.
    pub subscriptions: u32,
    /// Time for the TLS handshake. Default 10.
    pub handshake_s: u32,
    /// Time for a request's head, and for the first request after the handshake. Default 10.
    pub header_s: u32,
    /// Time for a request's body. Default 30.
    pub body_s: u32,
    /// How long a connection may stay without a request. A WebSocket is asked for a sign of life as often. Default 120.
    pub idle_s: u32,
    /// How long a client may not read what it is sent. Default 30.
    pub stall_s: u32,
    /// How long calls may take to finish when the gateway stops. Default 10.
    pub stop_s: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
            certificate: "/etc/simrelay/certificate.pem".into(),
            key: "/etc/simrelay/key.pem".into(),
            certificate_check_s: 30,
            failures_per_minute: 10,
            tokens: Vec::new(),
            legacy_tokens: Vec::new(),
            xml_rpc: XmlRpc::default(),
            limits: Limits::default(),
            metrics: MetricsConfig::default(),
        }
    }
}

impl Default for XmlRpc {
    fn default() -> Self {
        Self {
            enabled: true,
            send_sms: true,
            send_ussd: true,
            get_sms_s: 60,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            response_bytes: 16 << 20,
            header_bytes: 16_384,
            batch: 100,
            connections: 1024,
            connections_per_address: 256,
            streams: 64,
            calls: 256,
            waits: 1024,
            waits_per_token: 64,
            subscriptions: 16,
            handshake_s: 10,
            header_s: 10,
            body_s: 30,
            idle_s: 120,
            stall_s: 30,
            stop_s: 10,
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key within `[api]`, as `limits.batch` or `tokens[2].hash`.
    pub key: String,
    /// The value; a secret one is not shown.
    pub value: String,
    /// What would be right.
    pub right: String,
}

impl Config {
    /// Everything that is wrong, by key. Whether the certificate can be read is not looked at here.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.limits.problems();
        if self.failures_per_minute == 0 {
            problems.push(Problem::new("failures_per_minute", 0, "at least 1"));
        }
        for (index, token) in self.tokens.iter().enumerate() {
            problems.extend(token.problems(&format!("tokens[{index}]")));
            if self.tokens[..index].iter().any(|other| other.id == token.id) {
                let key = format!("tokens[{index}].id");
                problems.push(Problem::new(key, &token.id, "an id that no other token has"));
            }
        }
        problems.extend(self.legacy_problems());
        if self.xml_rpc.get_sms_s == 0 {
            problems.push(Problem::new("xml_rpc.get_sms_s", 0, "at least 1"));
        }
        problems
    }

    fn legacy_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (index, token) in self.legacy_tokens.iter().enumerate() {
            problems.extend(token.problems(&format!("legacy_tokens[{index}]")));
            let mut others = self.tokens.iter().chain(&self.legacy_tokens[..index]);
            if others.any(|other| other.id == token.id) {
                let key = format!("legacy_tokens[{index}].id");
                problems.push(Problem::new(key, &token.id, "an id that no other token has"));
            }
        }
        let hashes: BTreeSet<_> = self.legacy_tokens.iter().map(|token| token.hash.as_str()).collect();
        if hashes.len() > MOST_LEGACY_HASHES {
            let right = format!("at most {MOST_LEGACY_HASHES} different hashes: make new tokens for the rest");
            problems.push(Problem::new("legacy_tokens", hashes.len(), right));
        }
        problems
    }

    /// The only SIMs that each restricted token may use, as the gateway wants to know them when it starts.
    pub fn token_sims(&self) -> BTreeMap<TokenId, Vec<RouteId>> {
        let all = self.tokens.iter().chain(&self.legacy_tokens);
        let restricted = all.filter(|token| !token.may(Scope::Admin));
        let sims = restricted.filter_map(|token| Some((TokenId::new(&token.id), token.sims.clone()?)));
        sims.collect()
    }
}

impl Limits {
    fn problems(&self) -> Vec<Problem> {
        let values = [
            self.body_bytes,
            self.response_bytes,
            self.header_bytes,
            self.batch,
            self.connections,
            self.connections_per_address,
            self.streams,
            self.calls,
            self.waits,
            self.waits_per_token,
            self.subscriptions,
            self.handshake_s,
            self.header_s,
            self.body_s,
            self.idle_s,
            self.stall_s,
            self.stop_s,
        ];
        let wrong = LEAST_LIMITS
            .iter()
            .zip(values)
            .filter(|((_, least), value)| value < least);
        wrong
            .map(|((key, least), value)| Problem::new(format!("limits.{key}"), value, format!("at least {least}")))
            .collect()
    }
}

impl Problem {
    pub(crate) fn new(key: impl Into<String>, value: impl ToString, right: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: value.to_string(),
            right: right.into(),
        }
    }
}

/// The least that each of the [`Limits`] may be.
pub const LEAST_LIMITS: [(&str, u32); 17] = [
    ("body_bytes", 1024),
    ("response_bytes", 65_536),
    ("header_bytes", 8192),
    ("batch", 1),
    ("connections", 1),
    ("connections_per_address", 1),
    ("streams", 1),
    ("calls", 1),
    ("waits", 1),
    ("waits_per_token", 1),
    ("subscriptions", 1),
    ("handshake_s", 1),
    ("header_s", 1),
    ("body_s", 1),
    ("idle_s", 1),
    ("stall_s", 1),
    ("stop_s", 1),
];

/// A limit in seconds as a time.
pub(crate) fn seconds(limit: u32) -> Duration {
    Duration::from_secs(limit.into())
}

/// Each of them is tried for a token that is shown: 60 ms a piece.
pub const MOST_LEGACY_HASHES: usize = 16;

/// The port of the API where nothing else is said.
const PORT: u16 = 7000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_without_fault() {
        assert_eq!(Config::default().problems(), []);
    }

    #[test]
    fn an_impossible_limit_is_named_with_what_would_be_right() {
        let config = Config {
            limits: Limits {
                batch: 0,
                ..Limits::default()
            },
            ..Config::default()
        };
        let expected = Problem::new("limits.batch", 0, "at least 1");
        assert_eq!(config.problems(), [expected]);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let read = serde_json::from_str::<Config>(r#"{"listn": "127.0.0.1:1"}"#);
        assert!(read.is_err_and(|error| error.to_string().contains("listn")));
    }
}

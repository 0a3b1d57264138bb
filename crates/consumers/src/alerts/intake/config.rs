//! What an operator says about alerts coming in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::letter::Profile;
use super::token::Token;
use crate::Problem;

/// The settings of the listener for lines of JSON (`[alerts.listener]`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListenerConfig {
    /// Where it listens; the first alert server had port 5000. Empty: nowhere.
    pub listen: Vec<SocketAddr>,
    /// Whether its connections are TLS, with the certificate of the API.
    pub tls: bool,
    /// A PEM file with certificates of authorities: only clients whose certificate one of them signed are let in. Needs
    /// `tls`.
    pub client_ca: Option<PathBuf>,
    /// The token that the field `token` of each line must show. Absent: everybody is heard.
    pub secret: Option<Token>,
    /// A file that holds it alone; whoever reads the settings reads it, too.
    pub secret_file: Option<PathBuf>,
    /// Whether each line is answered, once it is kept or refused. The first clients expect silence.
    pub ack: bool,
    /// The longest line, in octets.
    pub line_bytes: u32,
    /// How many lines an address may send in a second; who is faster is read more slowly. 0: any number.
    pub lines_per_second: u32,
    /// Open connections of everybody; more have to wait.
    pub connections: u32,
    /// Open connections of one address; more are closed.
    pub connections_per_address: u32,
    /// How long a client may say nothing between two lines, in seconds.
    pub idle_s: u32,
    /// How long a line may take from its first octet to its last, in seconds.
    pub line_s: u32,
}

/// The settings of the HTTP server for alerts (`[alerts.http]`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Where it listens. Empty: nowhere.
    pub listen: Vec<SocketAddr>,
    /// Whether its connections are TLS, with the certificate of the API.
    pub tls: bool,
    /// A PEM file with certificates of authorities: only clients whose certificate one of them signed are let in. Needs
    /// `tls`.
    pub client_ca: Option<PathBuf>,
    /// What senders must show: as a bearer token, or as the password of a basic login of any name. Absent: everybody is
    /// heard.
    pub secret: Option<Token>,
    /// A file that holds it alone; whoever reads the settings reads it, too.
    pub secret_file: Option<PathBuf>,
    /// The paths that need none, for devices that can give none.
    pub open: Vec<String>,
    /// The largest body, in octets.
    pub body_bytes: u32,
    /// Open connections of everybody; more have to wait.
    pub connections: u32,
    /// Open connections of one address; more are closed.
    pub connections_per_address: u32,
    /// How long a client may take for a request's head, and say nothing between two requests, in seconds.
    pub idle_s: u32,
    /// How long a request may take, in seconds.
    pub request_s: u32,
    /// What Hikvision's devices report and do not repeat for so long is over, in seconds.
    pub quiet_s: u32,
}

/// The settings of alarm mails (`[alerts.mail]`); they come in over `[smtp]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LetterConfig {
    /// The addresses, or local parts of any domain, whose mails are alerts; a plus and anything may stand behind the
    /// local part. Empty: none.
    pub to: Vec<String>,
    /// How mails of some senders are read.
    pub profiles: Vec<Profile>,
}

impl Default for ListenerConfig {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            tls: false,
            client_ca: None,
            secret: None,
            secret_file: None,
            ack: false,
            line_bytes: 8 * 1024 * 1024,
            lines_per_second: 0,
            connections: 256,
            connections_per_address: 128,
            idle_s: 300,
            line_s: 120,
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            tls: false,
            client_ca: None,
            secret: None,
            secret_file: None,
            open: Vec::new(),
            body_bytes: 8 * 1024 * 1024,
            connections: 128,
            connections_per_address: 64,
            idle_s: 60,
            request_s: 60,
            quiet_s: 60,
        }
    }
}

impl Default for LetterConfig {
    fn default() -> Self {
        Self {
            to: vec!["alerts".into()],
            profiles: Vec::new(),
        }
    }
}

impl ListenerConfig {
    /// Whether it listens anywhere.
    pub fn is_on(&self) -> bool {
        !self.listen.is_empty()
    }

    /// Everything in it that cannot be used.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Problem::zeros(
            &[
                ("line_bytes", self.line_bytes),
                ("connections", self.connections),
                ("connections_per_address", self.connections_per_address),
                ("idle_s", self.idle_s),
                ("line_s", self.line_s),
            ],
            "nothing could come in",
        );
        too_large("line_bytes", self.line_bytes, &mut problems);
        secrecy(
            self.tls,
            self.client_ca.is_some(),
            self.secret.as_ref(),
            self.secret_file.is_some(),
            &mut problems,
        );
        problems
    }

    pub(super) fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_s.into())
    }

    pub(super) fn line(&self) -> Duration {
        Duration::from_secs(self.line_s.into())
    }
}

impl HttpConfig {
    /// Whether it listens anywhere.
    pub fn is_on(&self) -> bool {
        !self.listen.is_empty()
    }

    /// Everything in it that cannot be used.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Problem::zeros(
            &[
                ("body_bytes", self.body_bytes),
                ("connections", self.connections),
                ("connections_per_address", self.connections_per_address),
                ("idle_s", self.idle_s),
                ("request_s", self.request_s),
                ("quiet_s", self.quiet_s),
            ],
            "nothing could come in",
        );
        too_large("body_bytes", self.body_bytes, &mut problems);
        secrecy(
            self.tls,
            self.client_ca.is_some(),
            self.secret.as_ref(),
            self.secret_file.is_some(),
            &mut problems,
        );
        for (index, path) in self.open.iter().enumerate() {
            if !PATHS.contains(&path.as_str()) {
                let problem = format!("'{path}' is no path of it");
                problems.push(Problem::new(
                    format!("open[{index}]"),
                    problem,
                    format!("one of {}", PATHS.join(", ")),
                ));
            }
        }
        problems
    }

    pub(super) fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_s.into())
    }

    pub(super) fn request(&self) -> Duration {
        Duration::from_secs(self.request_s.into())
    }
}

impl LetterConfig {
    /// Everything in it that cannot be used.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (index, to) in self.to.iter().enumerate() {
            let local = to.split('@').next().unwrap_or_default();
            let odd = |c: char| c.is_control() || c.is_whitespace() || c == '+';
            if local.is_empty() || to.ends_with('@') || to.contains(odd) {
                let right = "as alerts@sms.example.org, or alerts for any domain";
                problems.push(Problem::new(
                    format!("to[{index}]"),
                    format!("'{to}' is no address"),
                    right,
                ));
            }
        }
        for (index, profile) in self.profiles.iter().enumerate() {
            for problem in profile.problems() {
                let key = format!("profiles[{index}].{}", problem.key);
                let key = key.trim_end_matches('.');
                problems.push(Problem::new(key, problem.problem, problem.right));
            }
        }
        problems
    }
}

fn too_large(key: &str, octets: u32, problems: &mut Vec<Problem>) {
    if octets > OCTETS_MOST {
        problems.push(Problem::new(
            key,
            "more than memory is kept for",
            "at most 16777216 (16 MiB)",
        ));
    }
}

fn secrecy(tls: bool, client_ca: bool, token: Option<&Token>, token_file: bool, problems: &mut Vec<Problem>) {
    if client_ca && !tls {
        problems.push(Problem::new(
            "client_ca",
            "certificates come with TLS alone",
            "tls = true as well",
        ));
    }
    if token.is_some() && token_file {
        problems.push(Problem::new(
            "secret_file",
            "there is a secret as well",
            "one of the two alone",
        ));
    }
    if token.is_some_and(|token| !token.is_long_enough()) {
        problems.push(Problem::new(
            "secret",
            "can be guessed",
            "8 characters or more; 16 are better",
        ));
    }
}

/// The paths of the HTTP server.
pub(super) const PATHS: [&str; 5] = ["/alert", "/alertmanager", "/grafana", "/hikvision", "/icinga"];

/// What a line or a body may be configured to have at most.
const OCTETS_MOST: u32 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_listens_until_it_has_an_address_and_the_defaults_are_right() {
        let (listener, http) = (ListenerConfig::default(), HttpConfig::default());
        assert!(!listener.is_on() && !http.is_on());
        assert_eq!(
            [listener.problems(), http.problems(), LetterConfig::default().problems()],
            [vec![], vec![], vec![]]
        );
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let listener = ListenerConfig {
            line_bytes: u32::MAX,
            idle_s: 0,
            client_ca: Some("ca.pem".into()),
            secret: Some(Token::new("short")),
            secret_file: Some("token".into()),
            ..ListenerConfig::default()
        };
        let keys = |problems: Vec<Problem>| problems.into_iter().map(|problem| problem.key).collect::<Vec<_>>();
        assert_eq!(
            keys(listener.problems()),
            ["idle_s", "line_bytes", "client_ca", "secret_file", "secret"]
        );
        assert!(!format!("{listener:?}").contains("short"));
        let http = HttpConfig {
            open: vec!["/hikvision".into(), "hikvision".into()],
            ..HttpConfig::default()
        };
        assert_eq!(keys(http.problems()), ["open[1]"]);
        let letters = LetterConfig {
            to: ["alerts@example.org", "alerts", "", "a@", "@b", "a+b"]
                .map(String::from)
                .into(),
            profiles: vec![Profile::default()],
        };
        assert_eq!(
            keys(letters.problems()),
            ["to[2]", "to[3]", "to[4]", "to[5]", "profiles[0]"]
        );
    }
}

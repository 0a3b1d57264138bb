//! What can be set about attendance.

use std::path::PathBuf;

use message::{Inbound, InboundKind, Number, RouteId};
use serde::Deserialize;

use super::hours::{Day, Person, TimeOfDay, WORKING_WEEK};
use super::protocol::{Content, Frame};

/// How attendance requests are taken.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The key file; without one there is no attendance.
    pub key_file: Option<PathBuf>,
    /// Where the states are shown as the first version's table, for its query program; none: nowhere. A path that is
    /// not absolute begins at the data folder.
    pub projection: Option<PathBuf>,
    /// SIMs that serve attendance alone: everything that comes to them is taken. To any other SIM only what looks like
    /// a request is.
    pub sims: Vec<RouteId>,
    /// Prefixes of the senders that are listened to; empty: all.
    pub senders: Vec<String>,
    /// Whether the first version's requests must state a word and a time of day and nothing else.
    pub strict: bool,
    /// How far a device's clock may be wrong before it is told so, in seconds.
    pub skew_s: u32,
    /// How far back a sender's requests count, in seconds.
    pub window_s: u32,
    /// Bad requests of one sender in that time after which it is not listened to.
    pub bad_limit: u32,
    /// Requests of one sender in that time after which it is not listened to.
    pub request_limit: u32,
    /// Where people work, as the IANA database calls it; none: where the machine stands.
    pub time_zone: Option<String>,
    /// When the day starts; none: nobody is late or absent.
    pub day_starts: Option<TimeOfDay>,
    /// How many minutes later is not late.
    pub grace_min: u32,
    /// The days that are worked.
    pub days: Vec<Day>,
    /// How many hours somebody who does not say *Exit* counts as in.
    pub longest_stay_h: u32,
    /// Who is expected.
    pub people: Vec<Person>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            key_file: None,
            projection: None,
            sims: Vec::new(),
            senders: Vec::new(),
            strict: false,
            skew_s: 900,
            window_s: 3_600,
            bad_limit: 5,
            request_limit: 30,
            time_zone: None,
            day_starts: None,
            grace_min: 10,
            days: WORKING_WEEK.to_vec(),
            longest_stay_h: 16,
            people: Vec::new(),
        }
    }
}

impl Config {
    /// Whether a received message is an attendance request, good or bad.
    pub fn concerns(&self, message: &Inbound) -> bool {
        if message.kind != InboundKind::Text {
            return false;
        }
        self.sims.contains(&message.sim) || Frame::find(&message.text).is_some_and(|frame| looks_sealed(&frame))
    }

    /// Whether a sender is listened to.
    pub(super) fn allows(&self, sender: &Number) -> bool {
        let number = sender.to_string();
        self.senders.is_empty() || self.senders.iter().any(|prefix| number.starts_with(prefix.as_str()))
    }
}

/// Whether a frame can be meant for attendance: somebody else may write two dollars, too.
fn looks_sealed(frame: &Frame<'_>) -> bool {
    let (Content::V1(body) | Content::V2(body)) = frame.content();
    let is_base64 = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'+' | b'/' | b'=');
    body.len() >= SHORTEST && body.bytes().all(is_base64)
}

/// Letters of base64 that the shortest cipher block takes, without its padding.
const SHORTEST: usize = 22;

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn message(sim: &str, text: &str) -> Inbound {
        Inbound::of_text(sim, "+989126211770", text, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn other_peoples_dollars_are_left_to_others() {
        let config = Config::default();
        for text in [
            "$$kpG1avIYqIaaK49i5YE/KQ==$$",
            "$$kpG1avIYqIaaK49i5YE/KQ$$",
            "\u{2}\u{2}kpG1avIYqIaaK49i5YE/KQ==",
        ] {
            assert!(config.concerns(&message("sim1", text)), "{text}");
        }
        for text in [
            "hello",
            "I won $$$ and more $$$",
            "$$short$$",
            "$$we sell many more things than these$$",
        ] {
            assert!(!config.concerns(&message("sim1", text)), "{text}");
        }
    }

    #[test]
    fn a_sim_of_its_own_takes_everything() {
        let config = Config {
            sims: vec![RouteId::new("sim1")],
            ..Config::default()
        };
        assert!(config.concerns(&message("sim1", "hello")));
        assert!(!config.concerns(&message("sim2", "hello")));
    }

    #[test]
    fn senders_are_allowed_by_prefix() {
        let config = Config {
            senders: vec!["+98912".to_owned()],
            ..Config::default()
        };
        assert!(config.allows(&Number::received("+989126211770")));
        assert!(!config.allows(&Number::received("+989356211770")));
        assert!(Config::default().allows(&Number::received("Bank")));
    }
}

//! How a check ends: one line on standard output, and the exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use message::Level;

use crate::failure::Failure;
use crate::screen::{beginning, harmless};

/// The states of the plugin interface; what is worse comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Ok,
    Unknown,
    Warning,
    Critical,
}

/// The end of a check.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) state: State,
    /// For people.
    pub(crate) text: String,
    /// Perfdata, one each.
    pub(crate) measured: Vec<String>,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Unknown => "UNKNOWN",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }
}

impl From<Level> for State {
    fn from(level: Level) -> Self {
        match level {
            Level::Ok => Self::Ok,
            Level::Warning => Self::Warning,
            Level::Critical => Self::Critical,
        }
    }
}

impl Verdict {
    /// A check that could not be made, for a reason that lies in how it was called.
    pub(crate) fn unknown(text: impl Into<String>) -> Self {
        Self {
            state: State::Unknown,
            text: text.into(),
            measured: Vec::new(),
        }
    }

    /// The same with a remark at the end of its text.
    pub(crate) fn noting(mut self, remark: Option<String>) -> Self {
        self.text.extend(remark.map(|remark| format!("; {remark}")));
        self
    }

    /// A gateway that does not answer is what an operator wants to be woken for; a wrong call of the check is not.
    pub(crate) fn of_failure(failure: &Failure) -> Self {
        let is_down = match failure {
            Failure::Unreachable(_) | Failure::Untrusted(_) => true,
            // Something else answers in its place, such as a proxy in front of a gateway that is gone.
            Failure::Refused(refusal) => refusal.code.is_none(),
            _ => false,
        };
        Self {
            state: if is_down { State::Critical } else { State::Unknown },
            ..Self::unknown(failure.sentence().unwrap_or("no answer"))
        }
    }

    /// The line. Everything is on it: what follows a first line lands in notifications.
    pub(crate) fn line(&self) -> String {
        let text = harmless(&self.text).replace('|', "/").replace('↵', " ");
        let text = beginning(&text, LONGEST_TEXT);
        let line = format!("SIMRELAY {} - {text}", self.state.word());
        match self.measured.is_empty() {
            true => line,
            false => format!("{line} | {}", self.measured.join(" ")),
        }
    }

    /// Prints the line; the exit code that goes with it.
    pub(crate) fn tell(&self) -> ExitCode {
        // The code is left even where nobody reads.
        let _ = writeln!(io::stdout(), "{}", self.line());
        ExitCode::from(self.state.code())
    }
}

/// What monitoring keeps of a line is limited, and perfdata is to fit as well.
const LONGEST_TEXT: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_with_one_bar() {
        let verdict = Verdict {
            state: State::Warning,
            text: "a | b\nc\r\u{1b}[2J".into(),
            measured: vec!["up=1".into(), "queue=0".into()],
        };
        let line = verdict.line();
        assert_eq!(line.matches('|').count(), 1, "{line}");
        assert!(
            line.starts_with("SIMRELAY WARNING - a / b c") && line.ends_with(" | up=1 queue=0"),
            "{line}"
        );
        assert!(!line.contains(['\n', '\r', '\u{1b}']), "{line}");
        let long = Verdict::unknown("x".repeat(5000));
        assert!(long.line().len() < 1100);
    }

    #[test]
    fn who_does_not_answer_is_critical_and_who_asks_wrongly_unknown() {
        let state = |failure: Failure| Verdict::of_failure(&failure).state;
        assert_eq!(state(Failure::Unreachable("x".into())), State::Critical);
        assert_eq!(state(Failure::refused("HTTP 502")), State::Critical);
        assert_eq!(state(Failure::Usage("x".into())), State::Unknown);
        assert_eq!(state(Failure::Unauthorised("x".into())), State::Unknown);
        assert!(State::Critical > State::Unknown && State::Unknown > State::Ok);
    }
}

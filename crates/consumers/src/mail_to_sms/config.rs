//! What an operator says about mail that becomes messages.

use serde::Deserialize;

use crate::Problem;
use crate::mail::is_domain;

/// The settings of e-mail to SMS (`[mail_to_sms]`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The domain whose addresses are numbers. Absent: there is no e-mail to SMS.
    pub domain: Option<String>,
    /// The most parts a mail may become.
    pub parts: u8,
    /// Whether a longer text is cut; else its mail is refused.
    pub truncate: bool,
    /// What becomes of the subject.
    pub subject: Subject,
    /// Whether who logged in gets a mail when a message failed, over the server of `[mail]`.
    pub bounces: bool,
    /// Whether characters outside the GSM alphabet become their nearest letters.
    pub transliterate: bool,
}

/// What becomes of a mail's subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// It is left out, unless there is nothing else.
    LeaveOut,
    /// It stands before the text, on a line of its own.
    PutFirst,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            domain: None,
            parts: 3,
            truncate: true,
            subject: Subject::LeaveOut,
            bounces: false,
            transliterate: false,
        }
    }
}

impl Config {
    /// Whether mail becomes messages at all.
    pub fn is_on(&self) -> bool {
        self.domain.is_some()
    }

    /// Everything in it that cannot be used.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(domain) = self.domain.as_deref().filter(|domain| !is_domain(domain)) {
            let problem = format!("'{domain}' is no domain");
            problems.push(Problem::new(
                "domain",
                problem,
                "what stands behind the @, as sms.example.org",
            ));
        }
        if self.parts == 0 {
            problems.push(Problem::new("parts", "nothing could be sent", "at least 1"));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_is_named() {
        assert_eq!(Config::default().problems(), []);
        let config = Config {
            domain: Some("a@b".into()),
            parts: 0,
            ..Config::default()
        };
        let keys: Vec<String> = config.problems().into_iter().map(|problem| problem.key).collect();
        assert_eq!(keys, ["domain", "parts"]);
    }
}

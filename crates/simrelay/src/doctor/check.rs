//! One thing the doctor looked at.

use message::{Complaint, Level};
use serde::Serialize;

/// How one thing stands, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// How bad it is.
    pub(crate) level: Level,
    /// What was looked at.
    pub(crate) subject: String,
    /// What is the case.
    pub(crate) sentence: String,
    /// What to do; empty where all is well.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) fix: String,
}

impl Check {
    /// As it should be.
    pub(crate) fn ok(subject: &str, sentence: impl Into<String>) -> Self {
        Self::new(Level::Ok, subject, sentence, "")
    }

    /// Somebody should look.
    pub(crate) fn warning(subject: &str, sentence: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Level::Warning, subject, sentence, fix)
    }

    /// It does not work.
    pub(crate) fn critical(subject: &str, sentence: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Level::Critical, subject, sentence, fix)
    }

    /// As everybody says it who looks at this.
    pub(crate) fn of(subject: &str, told: Complaint) -> Self {
        Self::new(told.level, subject, told.sentence, told.hint)
    }

    /// Whether another says of the same thing that the same is to be done: figures may differ by when they were read.
    pub(crate) fn repeats(&self, other: &Self) -> bool {
        let about = |check: &Self| (check.level, check.subject.clone(), check.fix.clone());
        about(self) == about(other) && (!self.fix.is_empty() || self == other)
    }

    fn new(level: Level, subject: &str, sentence: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            level,
            subject: subject.to_owned(),
            sentence: sentence.into(),
            fix: fix.into(),
        }
    }
}

//! What is wrong with the API itself: settings and a certificate that were to be taken up and could not be.
//!
//! The gateway below knows nothing of them, so `health` adds them to its findings.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use message::{Finding, Level};

/// The troubles there are, each until it is over.
#[derive(Debug, Default)]
pub(crate) struct Troubles(Mutex<BTreeMap<Subject, Finding>>);

/// What may be in trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// The certificate or its key.
    Certificate,
    /// The configuration.
    Configuration,
}

impl Troubles {
    /// Something could not be taken up. Told again, it counts from the first time.
    pub(crate) fn note(&self, subject: Subject, why: &str, now: Timestamp) {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = troubles.get(&subject).map_or(now, |finding| finding.since);
        let (sentence, hint) = subject.words(why);
        let finding = Finding {
            level: Level::Warning,
            subject: subject.name().to_owned(),
            sentence,
            hint: hint.to_owned(),
            since,
        };
        troubles.insert(subject, finding);
    }

    /// It was taken up.
    pub(crate) fn over(&self, subject: Subject) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&subject);
    }

    pub(crate) fn findings(&self) -> Vec<Finding> {
        let troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.values().cloned().collect()
    }
}

impl Subject {
    fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Configuration => "configuration",
        }
    }

    fn words(self, why: &str) -> (String, &'static str) {
        match self {
            Self::Certificate => (
                format!("the changed certificate cannot be used, the old one stays: {why}"),
                "put right the files of [api] certificate and key; they are looked at again by themselves and on reload",
            ),
            Self::Configuration => (
                format!("the last reload changed nothing: {why}"),
                "`simrelay config check FILE` tells everything that is wrong; then reload again",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_since_its_first_time_until_it_is_over() {
        let (troubles, at) = (Troubles::default(), |second| {
            Timestamp::from_second(second).expect("a time")
        });
        troubles.note(Subject::Certificate, "no key", at(1));
        troubles.note(Subject::Certificate, "no certificate", at(2));
        troubles.note(Subject::Configuration, "x", at(3));
        let found = troubles.findings();
        assert_eq!(
            (found.len(), found[0].subject.as_str(), found[0].since),
            (2, "certificate", at(1))
        );
        assert!(found[0].sentence.ends_with("the old one stays: no certificate"));
        troubles.over(Subject::Certificate);
        assert_eq!(troubles.findings().len(), 1);
    }
}

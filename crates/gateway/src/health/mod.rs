//! What is wrong, told so that somebody can do something about it: a value of facts in, findings out.
//!
//! Each finding has a subject, a sentence, a hint and the time since when it is the case. Where the facts do not tell
//! that, it is the time at which it was found first, which [`Known`] keeps while it lasts.

mod clock;
mod known;
mod restless;
mod room;
mod slot;
mod upstream;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use message::{Finding, Level, QueueFacts, Snapshot};
use store::Backlog;

pub(crate) use clock::{ClockWatch, Jump};
pub(crate) use known::Known;
pub(crate) use restless::Restless;
pub(crate) use room::{of_certificate, of_room};
use slot::{failures, used_up};
pub(crate) use slot::{of_slot, passes};
pub(crate) use upstream::{Strays, of_upstream};

/// What is wrong with the queue.
pub(crate) fn of_queue(queue: &QueueFacts, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let overdue = queue.oldest.filter(|oldest| now.duration_since(*oldest) > QUEUE_AGE);
    if let Some(oldest) = overdue {
        let sentence = format!("{} parts wait, the oldest since {oldest:.0}", queue.queued);
        let hint = "`simrelay route NUMBER` tells why a message waits";
        findings.push(finding(Level::Warning, "queue", sentence, hint, oldest));
    }
    if queue.queued > QUEUE_DEPTH {
        let sentence = format!("{} parts wait", queue.queued);
        let hint = "more comes in than goes out: add SIMs, or see `simrelay modems` for those that do not send";
        findings.push(finding(Level::Warning, "queue", sentence, hint, now));
    }
    if queue.uncertain > 0 {
        let sentence = match queue.uncertain {
            1 => "of 1 part nobody knows whether it went out".to_owned(),
            many => format!("of {many} parts nobody knows whether they went out"),
        };
        let hint = "they settle by themselves unless they are held: `simrelay outbox`, then `simrelay resolve`";
        findings.push(finding(Level::Warning, "queue", sentence, hint, now));
    }
    findings
}

/// What is wrong with a consumer: it is behind, or it gave something up lately.
pub(crate) fn of_consumer(backlog: &Backlog, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let told = |why: &Option<String>| why.clone().unwrap_or_else(|| "nobody could say why".into());
    let age = |since: Timestamp| now.duration_since(since);
    if let Some(oldest) = backlog.oldest.filter(|oldest| age(*oldest) > BEHIND) {
        let level = match age(oldest) > FAR_BEHIND {
            true => Level::Critical,
            false => Level::Warning,
        };
        let waiting = match backlog.waiting {
            1 => "1 event waits".to_owned(),
            many => format!("{many} events wait"),
        };
        let sentence = format!("{waiting}, the oldest since {oldest:.0}: {}", told(&backlog.error));
        let hint = "it goes on by itself when the other side takes them again";
        findings.push(finding(level, &backlog.consumer, sentence, hint, oldest));
    }
    if let Some(at) = backlog.gave_up_at.filter(|at| age(*at) <= REMEMBERED) {
        let gave_up = match backlog.gave_up {
            1 => "1 event was".to_owned(),
            many => format!("{many} events were"),
        };
        let sentence = format!(
            "{gave_up} given up, the last at {at:.0}: {}",
            told(&backlog.gave_up_why)
        );
        let hint = "the log names them; received messages can still be fetched; this is shown for a day";
        findings.push(finding(Level::Warning, &backlog.consumer, sentence, hint, at));
    }
    findings
}

/// What the store says of itself.
pub(crate) fn of_store(health: &store::Health) -> Option<Finding> {
    match health {
        store::Health::Well => None,
        store::Health::Ill { since, error, hint } => Some(finding(
            Level::Critical,
            "store",
            format!("nothing can be kept: {error}"),
            hint,
            *since,
        )),
    }
}

/// An audit log that is not as the gateway wrote it. The gateway can send all the same, and cannot mend it.
pub(crate) fn of_audit(fault: &str, now: Timestamp) -> Finding {
    let hint =
        "somebody wrote to the database by hand: `simrelay audit verify` names every place; compare with a backup";
    finding(Level::Warning, "audit log", fault.to_owned(), hint, now)
}

/// A clock nobody can believe.
pub(crate) fn of_clock(now: Timestamp) -> Finding {
    let sentence = format!(
        "it shows {now:.0}: what is to happen at a time, as messages for later and tests, waits until it is set"
    );
    finding(
        Level::Critical,
        "clock",
        sentence,
        "check the time service (timedatectl)",
        now,
    )
}

/// Facts that the store does not tell now.
pub(crate) fn of_silent_store(error: &store::Error, now: Timestamp) -> Finding {
    let sentence = format!("it does not tell its figures, those shown are old: {error}");
    finding(
        Level::Critical,
        "store",
        sentence,
        "`simrelay doctor` looks at disk and database",
        now,
    )
}

/// A snapshot that nobody made anew for `age`.
pub(crate) fn of_old(snapshot: &Snapshot, age: Duration) -> Finding {
    let sentence = format!("all of this is {} s old: whoever keeps it fresh hangs", age.as_secs());
    let hint = "the disk may hang (`dmesg`); restart the gateway where that does not end: `systemctl restart simrelay`";
    finding(Level::Critical, "health", sentence, hint, snapshot.at)
}

/// A finding.
fn finding(level: Level, subject: &str, sentence: String, hint: &str, since: Timestamp) -> Finding {
    Finding {
        level,
        subject: subject.to_owned(),
        sentence,
        hint: hint.to_owned(),
        since,
    }
}

/// How old the oldest event of a consumer may be before it counts as behind, and as far behind.
const BEHIND: SignedDuration = SignedDuration::from_secs(300);
const FAR_BEHIND: SignedDuration = SignedDuration::from_secs(3600);

/// How long it is shown that something was given up.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// How old the oldest waiting part may be.
const QUEUE_AGE: SignedDuration = SignedDuration::from_secs(900);

/// How many parts may wait.
const QUEUE_DEPTH: u64 = 10_000;

/// How often the snapshot is made anew.
pub(crate) const FRESH: Duration = Duration::from_secs(1);

/// How old a snapshot may be before that is itself what is wrong.
pub(crate) const OLDEST: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn backlog() -> Backlog {
        Backlog {
            consumer: "mail".into(),
            waiting: 3,
            oldest: Some(at(0)),
            gave_up: 0,
            gave_up_at: None,
            gave_up_why: None,
            error: Some("connection refused".into()),
        }
    }

    #[test]
    fn a_consumer_that_is_behind_says_since_when_how_many_and_why() {
        let levels = [299, 301, 3601].map(|now| of_consumer(&backlog(), at(now)).first().map(|found| found.level));
        assert_eq!(levels, [None, Some(Level::Warning), Some(Level::Critical)]);
        let found = of_consumer(&backlog(), at(301)).remove(0);
        assert_eq!((found.subject.as_str(), found.since), ("mail", at(0)));
        assert_eq!(
            found.sentence,
            "3 events wait, the oldest since 2027-01-15T08:00:00Z: connection refused"
        );
    }

    #[test]
    fn what_was_given_up_is_shown_for_a_day() {
        let backlog = Backlog {
            oldest: None,
            gave_up: 1,
            gave_up_at: Some(at(0)),
            gave_up_why: Some("no such user".into()),
            ..backlog()
        };
        let found = of_consumer(&backlog, at(86_400));
        assert_eq!(found.len(), 1);
        assert!(found[0].sentence.ends_with("no such user"), "{found:?}");
        assert_eq!(of_consumer(&backlog, at(86_401)).len(), 0);
    }
}

//! When a mail is one that came before.
//!
//! Whoever did not hear that a mail is kept brings it again, as does a server that was told to come later for some of
//! the recipients. Who had a message of it then must not have a second one. A mail is known by all that it says: there
//! are devices that always write the same Message-ID, and an alarm too few is worse than a message too many.
//!
//! With a date a mail is the same for ever, restarts included: each time it has the same key in the store. Without one,
//! or with that of a clock that nobody set, the same words are another alarm some minutes later. Those mails have a
//! time of their own: when the first of them came, kept in memory and forgotten soon. After a restart such a mail is new.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::smtp::{Letter, Recipient};

/// Knows the mails that come again.
#[derive(Debug, Default)]
pub(super) struct Repetitions {
    /// Those without a date, the oldest first.
    undated: Mutex<VecDeque<Undated>>,
}

/// What a mail is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    mark: Mark,
    /// When it first came, if its words do not say when it was written.
    first: Option<Timestamp>,
}

/// A mail whose words do not say when it was written.
#[derive(Debug)]
struct Undated {
    mark: Mark,
    first: Timestamp,
    /// Until then the same words are the same mail. It never moves away, so that a device which says the same again and again
    /// is heard.
    until: Instant,
}

/// A hash over what a mail says.
type Mark = [u8; 32];

impl Repetitions {
    /// What a mail that comes now is known by; it is expected again until [`Self::answered`].
    pub(super) fn identity(&self, letter: &Letter, now: Instant) -> Identity {
        let is_dated = is_dated(letter);
        let mark = mark(letter, is_dated);
        if is_dated {
            return Identity { mark, first: None };
        }
        let mut undated = self.undated();
        undated.retain(|known| known.until > now);
        let known = undated.iter().find(|known| known.mark == mark);
        let first = known.map_or(letter.received_at, |known| known.first);
        if known.is_none() {
            if undated.len() >= MOST_UNDATED {
                undated.pop_front();
            }
            let until = now + TOLD_LATER;
            undated.push_back(Undated { mark, first, until });
        }
        let first = Some(first);
        Identity { mark, first }
    }

    /// The client was told that the mail is kept, or never will be: it comes again only if it did not hear that.
    pub(super) fn answered(&self, identity: &Identity, now: Instant) {
        let mut undated = self.undated();
        if let Some(known) = undated.iter_mut().find(|known| known.mark == identity.mark) {
            known.until = known.until.min(now + UNHEARD);
        }
    }

    fn undated(&self) -> MutexGuard<'_, VecDeque<Undated>> {
        self.undated.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Identity {
    /// The key of the message with this text to one of the mail's recipients. The text is in it because other settings
    /// make another text of the same mail, and under a key that was used the store takes no other text.
    pub(super) fn key(&self, to: &Recipient, text: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(self.mark);
        let first = self.first.map(|first| first.to_string());
        for said in [first.as_deref(), Some(&to.to_string()), Some(text)] {
            add(&mut hash, said);
        }
        format!("mail-{}", hex::encode(&hash.finalize()[..20]))
    }
}

/// Whether a mail says when it was written. A clock that is wrong by more than any server keeps trying may stand still,
/// or start from the same time whenever the power comes back.
fn is_dated(letter: &Letter) -> bool {
    let age = |date: Timestamp| letter.received_at.duration_since(date).abs();
    letter.date.is_some_and(|date| age(date) <= LONGEST_WAY)
}

fn mark(letter: &Letter, is_dated: bool) -> Mark {
    let mut hash = Sha256::new();
    // Two devices of a kind may say the same. A mail with an id and a date may come again from another address of the
    // server that passes it on.
    let is_known = is_dated && letter.message_id.is_some();
    let peer = (!is_known).then(|| letter.sender.peer.to_string());
    let date = letter.date.map(|date| date.to_string());
    let said = [
        letter.message_id.as_deref(),
        date.as_deref(),
        letter.from.as_deref(),
        peer.as_deref(),
        Some(&letter.subject),
        Some(&letter.text),
    ];
    said.into_iter().for_each(|said| add(&mut hash, said));
    letter.images.iter().for_each(|image| hash.update(&image.octets));
    hash.finalize().into()
}

/// Adds a text to a hash so that no two rows of texts are the same octets.
fn add(hash: &mut Sha256, said: Option<&str>) {
    hash.update([u8::from(said.is_some())]);
    let said = said.unwrap_or_default();
    hash.update((said.len() as u64).to_be_bytes());
    hash.update(said);
}

/// How far a date may be away that is believed. Mail servers keep trying for four or five days (RFC 5321 4.5.4.1).
const LONGEST_WAY: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long an undated mail is the same that was told to come later. Servers wait half an hour (RFC 5321 4.5.4.1).
const TOLD_LATER: Duration = Duration::from_secs(3600);
/// How long an undated mail is the same that was answered. Who did not hear that tries again at once.
const UNHEARD: Duration = Duration::from_secs(300);
/// The most undated mails that are known. Then the oldest is forgotten, and would be sent twice.
const MOST_UNDATED: usize = 1024;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::smtp::{Sender, Trust};

    const NOON: &str = "2026-04-03T12:00:00Z";
    const DATED: &str = "Message-ID: <1@x>\nDate: Fri, 03 Apr 2026 11:59:00 +0000\n";

    /// A mail with these headers and the text `Power lost`, so many seconds after noon.
    fn letter(headers: &str, seconds: u64) -> Letter {
        let sender = Sender {
            address: None,
            peer: Ipv4Addr::LOCALHOST.into(),
            account: None,
            trust: Trust::Listed,
        };
        let noon: Timestamp = NOON.parse().unwrap();
        let mail = format!("From: ups@x\n{headers}\nPower lost\n");
        Letter::read(mail.as_bytes(), sender, noon + Duration::from_secs(seconds))
    }

    fn to(number: &str) -> Recipient {
        Recipient::parse(&format!("{number}@sms")).unwrap()
    }

    /// Brings mails at their seconds after noon, each answered as said; the key of each.
    fn keys(mails: &[(&str, u64, bool)]) -> Vec<String> {
        let repetitions = Repetitions::default();
        let start = Instant::now();
        let bring = |(headers, seconds, is_answered): &(&str, u64, bool)| {
            let now = start + Duration::from_secs(*seconds);
            let identity = repetitions.identity(&letter(headers, *seconds), now);
            if *is_answered {
                repetitions.answered(&identity, now);
            }
            identity.key(&to("+49171"), "Power lost")
        };
        mails.iter().map(bring).collect()
    }

    #[test]
    fn a_dated_mail_is_the_same_for_days_and_restarts() {
        let keys = keys(&[(DATED, 0, true), (DATED, 5 * 86_400, true)]);
        assert_eq!(keys[0], keys[1]);
        let restarted = Repetitions::default().identity(&letter(DATED, 9), Instant::now());
        assert_eq!(keys[0], restarted.key(&to("+49171"), "Power lost"));
        assert!(keys[0].len() < 128);
    }

    #[test]
    fn whatever_differs_makes_another_mail() {
        let repetitions = Repetitions::default();
        let key = |letter: &Letter, number: &str, text: &str| {
            let identity = repetitions.identity(letter, Instant::now());
            identity.key(&to(number), text)
        };
        let first = letter(DATED, 0);
        let known = key(&first, "+49171", "Power lost");
        assert_eq!(known, key(&first, "+49171", "Power lost"));
        assert_ne!(known, key(&first, "+49172", "Power lost"));
        assert_ne!(known, key(&first, "+49171", "Power..."));
        let changes: [fn(&mut Letter); 5] = [
            |letter| letter.message_id = Some("2@x".into()),
            |letter| letter.date = letter.date.map(|date| date + Duration::from_secs(1)),
            |letter| letter.from = None,
            |letter| letter.text.push('!'),
            |letter| letter.subject = "UPS 2".into(),
        ];
        for change in changes {
            let mut other = first.clone();
            change(&mut other);
            assert_ne!(known, key(&other, "+49171", "Power lost"));
        }
    }

    #[test]
    fn an_undated_mail_is_the_same_for_an_hour_until_it_is_answered_for_good() {
        for headers in ["", "Message-ID: <1@x>\n", "Date: Sat, 01 Jan 2000 00:00:00 +0000\n"] {
            let refused = keys(&[(headers, 0, false), (headers, 3599, false), (headers, 3601, false)]);
            assert_eq!(refused[0], refused[1], "{headers}");
            assert_ne!(refused[0], refused[2], "{headers}");
            let answered = keys(&[(headers, 0, true), (headers, 299, true), (headers, 301, true)]);
            assert_eq!(answered[0], answered[1], "{headers}");
            assert_ne!(answered[0], answered[2], "{headers}: repeating must not make it last");
        }
    }

    #[test]
    fn two_devices_that_say_the_same_without_a_date_are_two() {
        let repetitions = Repetitions::default();
        let one = letter("", 0);
        let mut other = one.clone();
        other.sender.peer = Ipv4Addr::new(192, 0, 2, 7).into();
        let now = Instant::now();
        assert_ne!(repetitions.identity(&one, now), repetitions.identity(&other, now));
    }

    #[test]
    fn only_so_many_are_known() {
        let repetitions = Repetitions::default();
        for number in 0..=MOST_UNDATED {
            repetitions.identity(&letter(&format!("Message-ID: <{number}@x>\n"), 0), Instant::now());
        }
        assert_eq!(repetitions.undated().len(), MOST_UNDATED);
    }
}

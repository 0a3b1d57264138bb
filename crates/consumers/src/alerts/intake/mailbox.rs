//! The mailbox of alarm mails.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};

use super::budget::{Budget, Grant};
use super::config::LetterConfig;
use super::letter::Reader;
use super::raiser::Raiser;
use crate::smtp::{Answer, Letter, Mailbox, Recipient, Reply, Sender};

/// Takes mails for the addresses of alerts, and raises each as one.
#[derive(Debug)]
pub struct AlertMailbox {
    to: Vec<String>,
    reader: Reader,
    raiser: Raiser,
    budget: Budget,
    /// What was kept last: a device that did not hear so repeats its mail.
    kept: Mutex<VecDeque<(Mark, Instant)>>,
}

/// What makes a mail the same as another.
type Mark = [u8; 32];

impl AlertMailbox {
    /// A mailbox with these settings.
    pub fn new(config: &LetterConfig, raiser: Raiser) -> Self {
        Self {
            to: config.to.clone(),
            reader: Reader::new(&config.profiles),
            raiser,
            budget: Budget::new(ROOM_FOR_ALL),
            kept: Mutex::default(),
        }
    }

    /// Whether mail for an address is an alert.
    fn is_own(&self, to: &Recipient) -> bool {
        let local = to.local().split('+').next().unwrap_or_default();
        self.to.iter().any(|own| match own.rsplit_once('@') {
            Some((own, domain)) => own.eq_ignore_ascii_case(local) && domain.eq_ignore_ascii_case(to.domain()),
            None => own.eq_ignore_ascii_case(local),
        })
    }

    async fn keep(&self, letter: &Letter, to: &[Recipient]) -> Result<(), Reply> {
        let Some(to) = to.first() else { return Ok(()) };
        let mark = mark(letter, to);
        let again = |(kept, at): &(Mark, Instant)| mark == Some(*kept) && at.elapsed() < REMEMBERED;
        if self.kept().iter().any(again) {
            return Ok(());
        }
        let mut room = Grant::default();
        let pictures = letter.images.iter().map(|image| image.octets.len()).sum();
        self.budget.grow(&mut room, pictures).await;
        let alert = self.reader.read(letter, to.local());
        let raised = self.raiser.raise(alert, Arc::new(room)).await;
        raised.map_err(|error| Reply::later(format!("the alert is not kept: {error}")))?;
        let mut kept = self.kept();
        if kept.len() >= MOST_KEPT {
            kept.pop_front();
        }
        kept.extend(mark.map(|mark| (mark, Instant::now())));
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(Mark, Instant)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox for AlertMailbox {
    fn name(&self) -> &str {
        "alerts"
    }

    fn answer<'a>(&'a self, to: &'a Recipient, _: &'a Sender) -> BoxFuture<'a, Answer> {
        let answer = match self.is_own(to) {
            true => Answer::Mine,
            false => Answer::NotMine,
        };
        Box::pin(std::future::ready(answer))
    }

    fn take<'a>(&'a self, letter: &'a Letter, to: &'a [Recipient]) -> BoxFuture<'a, Result<(), Reply>> {
        Box::pin(self.keep(letter, to))
    }
}

/// A mail's mark; nothing where it has neither Message-ID nor date, since two of those may say the same and mean two
/// things. The Message-ID alone would not do: there are devices that always write the same. Nor would the mail: two
/// devices of a kind write the same, and only who brings it and the address tell them apart.
fn mark(letter: &Letter, to: &Recipient) -> Option<Mark> {
    if letter.message_id.is_none() && letter.date.is_none() {
        return None;
    }
    let mut digest = Sha256::new();
    let date = letter.date.map(|date| date.to_string());
    let peer = letter.sender.peer.to_string();
    let texts = [
        Some(to.local()),
        Some(to.domain()),
        Some(&peer),
        letter.sender.address.as_deref(),
        letter.message_id.as_deref(),
        date.as_deref(),
        letter.from.as_deref(),
        Some(&letter.subject),
        Some(&letter.text),
    ];
    for text in texts {
        let text = text.unwrap_or_default();
        digest.update(text.len().to_be_bytes());
        digest.update(text);
    }
    letter.images.iter().for_each(|image| digest.update(&image.octets));
    Some(digest.finalize().into())
}

/// What the pictures of all mails that are not kept yet may take in memory, in octets, besides the one mail that may
/// always go on. Where that is used up a mail waits, and is put off in the end.
const ROOM_FOR_ALL: usize = 4 * 1024 * 1024;
/// More than come in while a device waits for an answer.
const MOST_KEPT: usize = 64;
/// How long a mail that comes again is known for the same.
const REMEMBERED: Duration = Duration::from_secs(600);

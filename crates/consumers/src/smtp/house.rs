//! What all connections share: the settings, the mailboxes, and the room for mails.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::session::{Envelope, Rules};
use super::{Answer, Letter, Mailbox, Recipient, Reply, Sender};
use crate::clock;

/// What all connections share.
pub(super) struct House {
    pub(super) rules: Rules,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) mailboxes: Vec<Arc<dyn Mailbox>>,
    /// Room in memory for mails that are coming, in pieces of [`PIECE`].
    room: Semaphore,
}

/// Room that a mail takes while it comes and is worked.
pub(super) struct Room<'a> {
    house: &'a House,
    taken: Vec<SemaphorePermit<'a>>,
    octets: usize,
}

impl House {
    pub(super) fn new(rules: Rules, tls: Option<TlsAcceptor>, mailboxes: Vec<Arc<dyn Mailbox>>) -> Self {
        let octets = (rules.config.mail_bytes as usize).saturating_mul(2).max(ROOM_LEAST);
        Self {
            rules,
            tls,
            mailboxes,
            room: Semaphore::new(octets / PIECE + 2),
        }
    }

    /// Whose an address is, and what they say to it.
    pub(super) async fn ask(&self, to: &Recipient, sender: &Sender) -> (usize, Answer) {
        for (place, mailbox) in self.mailboxes.iter().enumerate() {
            match timeout(ANSWER_LIMIT, mailbox.answer(to, sender)).await {
                Ok(Answer::NotMine) => {}
                Ok(answer) => return (place, answer),
                Err(_) => return (place, Answer::Refused(Reply::later("this takes too long"))),
            }
        }
        (0, Answer::NotMine)
    }

    /// No room yet.
    pub(super) fn room(&self) -> Room<'_> {
        Room {
            house: self,
            taken: Vec::new(),
            octets: 0,
        }
    }

    /// Hands a mail to the mailboxes; what the client is told.
    pub(super) async fn deliver(&self, envelope: Envelope, mail: Vec<u8>) -> Reply {
        let Envelope { sender, recipients } = envelope;
        let now = clock::now();
        // A large mail takes its time to be read.
        let reading = tokio::task::spawn_blocking(move || Letter::read(&mail, sender, now));
        let Ok(letter) = reading.await else {
            return Reply::later("the mail cannot be read now");
        };
        let mut worst: Option<Reply> = None;
        for (place, mailbox) in self.mailboxes.iter().enumerate() {
            let own = recipients.iter().filter(|(owner, _)| *owner == place);
            let own: Vec<Recipient> = own.map(|(_, recipient)| recipient.clone()).collect();
            if own.is_empty() {
                continue;
            }
            let Err(refusal) = take(mailbox.as_ref(), &letter, &own).await else {
                continue;
            };
            tracing::info!(mailbox = mailbox.name(), peer = %letter.sender.peer, "a mail is refused: {refusal}");
            // A mail that may be taken later must come again, whatever the others say.
            if worst
                .as_ref()
                .is_none_or(|worst| refusal.is_temporary() && !worst.is_temporary())
            {
                worst = Some(refusal);
            }
        }
        worst.unwrap_or_else(|| Reply::new(250, [2, 0, 0], "kept"))
    }
}

async fn take(mailbox: &dyn Mailbox, letter: &Letter, to: &[Recipient]) -> Result<(), Reply> {
    if let Some(why) = letter.loop_reason().filter(|_| mailbox.minds_loops()) {
        return Err(Reply::new(
            554,
            [5, 4, 6],
            format!("it could go round in circles: {why}"),
        ));
    }
    match timeout(TAKE_LIMIT, mailbox.take(letter, to)).await {
        Ok(taken) => taken,
        Err(_) => Err(Reply::later("this takes too long")),
    }
}

impl Room<'_> {
    /// Makes room for a mail of so many octets so far; `false` where others hold it all, and go on to.
    pub(super) async fn make(&mut self, octets: usize) -> bool {
        while self.octets < octets {
            match timeout(ROOM_LIMIT, self.house.room.acquire()).await {
                Ok(Ok(permit)) => self.taken.push(permit),
                Ok(Err(_)) | Err(_) => return false,
            }
            self.octets += PIECE;
        }
        true
    }
}

impl fmt::Debug for House {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("House")
            .field("mailboxes", &self.mailboxes)
            .finish_non_exhaustive()
    }
}

/// A mail's room grows by this many octets.
const PIECE: usize = 64 * 1024;
/// The room for all mails, in octets, where it is not two of the largest.
const ROOM_LEAST: usize = 16 * 1024 * 1024;
/// How long a mail waits for room before it is put off, which also parts two that wait for each other.
const ROOM_LIMIT: Duration = Duration::from_secs(10);
/// How long a mailbox may think about an address, and how long it may take to keep a mail.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
const TAKE_LIMIT: Duration = Duration::from_secs(120);

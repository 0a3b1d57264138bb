//! E-mail to SMS: a mail to `+491711234567@sms.example.org` goes out as a message.
//!
//! It is a [`Mailbox`] of the SMTP server. Whose rights and limits count is said by the sender's token: scope, SIMs,
//! prefixes, messages a minute and spend a day hold as they do for `sms.send`, and the messages are that token's own.
//! What can be said against a recipient is said at `RCPT`; the mail is answered when its messages are kept. A mail
//! that comes again is one message to each number: `repetition` knows it by all that it says.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::{BoxFuture, FutureExt};
use gateway::{Error, ErrorKind, Gateway, Origin};
use message::SendRequest;

use crate::smtp::{Answer, Doorman, Letter, Mailbox, Recipient, Reply, Sender, Trust};

mod config;
mod note;
mod repetition;
mod text;

pub use config::{Config, Subject};
pub(crate) use note::Note;
use repetition::{Identity, Repetitions};

/// The name of the consumer that mails failures back.
pub const NAME: &str = "mail_to_sms";

/// Turns mails into messages.
#[derive(Debug)]
pub struct MailToSms {
    config: Config,
    domain: String,
    gateway: Gateway,
    doorman: Arc<dyn Doorman>,
    repetitions: Repetitions,
}

/// Whom an address means.
#[derive(Debug, PartialEq, Eq)]
struct Whom<'a> {
    number: &'a str,
    /// The slot to send from if that goes.
    slot: Option<&'a str>,
}

impl MailToSms {
    /// For the addresses of the configured domain; `None` where there is none.
    pub fn new(config: Config, gateway: Gateway, doorman: Arc<dyn Doorman>) -> Option<Self> {
        let domain = config.domain.as_ref()?.to_ascii_lowercase();
        Some(Self {
            config,
            domain,
            gateway,
            doorman,
            repetitions: Repetitions::default(),
        })
    }

    async fn refusal(&self, to: &Recipient, sender: &Sender) -> Option<Reply> {
        let Some(account) = sender.account.as_ref().filter(|account| account.may_send) else {
            return Some(Reply::refused("this sender may not send messages"));
        };
        let rehearsed = self.gateway.rehearse(&account.origin, Whom::of(to).request("x")).await;
        if let Err(error) = rehearsed {
            return Some(reply(&error));
        }
        let token = account.origin.token.as_ref();
        if !token.is_none_or(|token| self.doorman.count(token)) {
            return Some(Reply::full(
                "the token sent as many messages as it may in a minute: later again",
            ));
        }
        None
    }

    async fn send(&self, letter: &Letter, to: &[Recipient]) -> Result<(), Reply> {
        let Some(account) = &letter.sender.account else {
            return Err(Reply::refused("this sender may not send messages"));
        };
        let identity = self.repetitions.identity(letter, Instant::now());
        let told = self.send_to_all(&account.origin, letter, &identity, to).await;
        if !told.as_ref().is_err_and(Reply::is_temporary) {
            self.repetitions.answered(&identity, Instant::now());
        }
        told
    }

    async fn send_to_all(
        &self,
        origin: &Origin,
        letter: &Letter,
        identity: &Identity,
        to: &[Recipient],
    ) -> Result<(), Reply> {
        let mut worst: Option<Reply> = None;
        for recipient in to {
            let text = self.text(letter, Whom::of(recipient).slot.is_some())?;
            let key = identity.key(recipient, &text);
            let request = SendRequest {
                idempotency_key: Some(key),
                transliterate: self.config.transliterate,
                ..Whom::of(recipient).request(&text)
            };
            let Err(error) = self.send_one(origin, letter, request).await else {
                continue;
            };
            let refusal = reply(&error);
            let refusal = Reply::new(refusal.code, refusal.enhanced, format!("{recipient}: {}", refusal.text));
            if worst
                .as_ref()
                .is_none_or(|worst| refusal.is_temporary() && !worst.is_temporary())
            {
                worst = Some(refusal);
            }
        }
        worst.map_or(Ok(()), Err)
    }

    async fn send_one(&self, origin: &Origin, letter: &Letter, request: SendRequest) -> Result<(), Error> {
        let accepted = match self.note(letter) {
            Some(note) => self.gateway.send_noted(origin, request, note.text()).await?,
            None => self.gateway.send(origin, request).await?,
        };
        tracing::info!(id = %accepted.id, repeated = accepted.repeated, "a mail became a message");
        Ok(())
    }

    /// Whom a failure is mailed back to: a sender who logged in. Anybody else's address may be another's.
    fn note(&self, letter: &Letter) -> Option<Note> {
        let sender = &letter.sender;
        let wanted = self.config.bounces && sender.trust == Trust::Login;
        let address = sender.address.as_deref().filter(|_| wanted)?;
        Some(Note::of(address, letter.message_id.as_deref()))
    }

    fn text(&self, letter: &Letter, is_answer: bool) -> Result<String, Reply> {
        let text = text::of(letter, self.config.subject, is_answer);
        if text.is_empty() {
            return Err(Reply::new(554, [5, 6, 0], "there is no text in it"));
        }
        let count = |text: &str| {
            let preview = self.gateway.preview(text, self.config.transliterate);
            preview.ok().map(|preview| preview.parts)
        };
        let parts = self.config.parts;
        match text::fitting(&text, parts, count) {
            Some(fitting) if fitting == text || self.config.truncate => Ok(fitting),
            _ => Err(Reply::new(
                552,
                [5, 2, 3],
                format!("the text is longer than {parts} parts of a message"),
            )),
        }
    }
}

impl Mailbox for MailToSms {
    fn name(&self) -> &str {
        NAME
    }

    fn answer<'a>(&'a self, to: &'a Recipient, sender: &'a Sender) -> BoxFuture<'a, Answer> {
        async move {
            if to.domain() != self.domain {
                return Answer::NotMine;
            }
            self.refusal(to, sender).await.map_or(Answer::Mine, Answer::Refused)
        }
        .boxed()
    }

    fn take<'a>(&'a self, letter: &'a Letter, to: &'a [Recipient]) -> BoxFuture<'a, Result<(), Reply>> {
        self.send(letter, to).boxed()
    }
}

impl<'a> Whom<'a> {
    /// `NUMBER` or `NUMBER+SLOT`; the number may begin with a plus itself.
    fn of(to: &'a Recipient) -> Self {
        let local = to.local();
        let sign = usize::from(local.starts_with('+'));
        match local[sign..].find('+') {
            Some(plus) => Self {
                number: &local[..sign + plus],
                slot: Some(&local[sign + plus + 1..]),
            },
            None => Self {
                number: local,
                slot: None,
            },
        }
    }

    fn request(&self, text: &str) -> SendRequest {
        SendRequest {
            to: self.number.to_owned(),
            text: text.to_owned(),
            from: self.slot.map(str::to_owned),
            strict: self.slot.map(|_| false),
            ..SendRequest::default()
        }
    }
}

/// The address that a reply to somebody's message goes to, so that it leaves from the SIM they wrote to.
pub fn reply_address(number: &str, slot: &str, domain: &str) -> String {
    format!("{number}+{slot}@{domain}")
}

/// What the client is told of a refusal of the gateway's.
fn reply(error: &Error) -> Reply {
    match error.kind {
        ErrorKind::Invalid if error.field == Some("to") => Reply::new(550, [5, 1, 3], &error.reason),
        ErrorKind::Invalid if error.field == Some("from") => Reply::new(550, [5, 1, 1], &error.reason),
        ErrorKind::Invalid => Reply::new(554, [5, 6, 0], &error.reason),
        ErrorKind::NoRoute => Reply::new(550, [5, 4, 4], &error.reason),
        ErrorKind::QueueFull | ErrorKind::LimitReached => Reply::full(&error.reason),
        kind if kind.retryable() => Reply::later(&error.reason),
        _ => Reply::refused(&error.reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_number_and_perhaps_a_slot() {
        let whom = |local: &str| {
            let to = Recipient::parse(&format!("{local}@sms")).unwrap();
            let whom = Whom::of(&to);
            (whom.number.to_owned(), whom.slot.map(str::to_owned))
        };
        assert_eq!(whom("+49171"), ("+49171".into(), None));
        assert_eq!(whom("+49171+sim1"), ("+49171".into(), Some("sim1".into())));
        assert_eq!(whom("49171+sim1"), ("49171".into(), Some("sim1".into())));
        assert_eq!(whom("0171"), ("0171".into(), None));
        assert_eq!(whom("+"), ("+".into(), None));
        assert_eq!(whom("++"), ("+".into(), Some(String::new())));
    }
}

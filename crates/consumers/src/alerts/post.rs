//! Mails about alerts, with their pictures.

use std::time::SystemTime;

use futures_util::future::BoxFuture;
use gateway::Tally;
use jiff::Timestamp;
use lettre::Address;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, Message, MultiPart, SinglePart};
use message::{AlertLetter, Event, EventId, ImageNote};
use store::{Delivery, Store};
use tracing::warn;

use crate::mail::{self, Consequence, Postman, Refusal, address, missing, one_line, refused, sender, text_part};
use crate::{Consumer, Patience, Verdict, Wish};

/// Mails what people are told about alerts. A connection and a queue of its own: received messages that wait for the
/// mail server hold up no alert.
#[derive(Debug)]
pub struct AlertMail {
    from: Address,
    postman: Postman,
    store: Store,
}

/// A picture that goes with a mail.
#[derive(Debug)]
struct Picture {
    note: ImageNote,
    octets: Vec<u8>,
}

/// The pictures of a mail.
#[derive(Debug, Default)]
struct Album {
    pictures: Vec<Picture>,
    /// How many have no room in it.
    left_out: usize,
}

impl AlertMail {
    /// The consumer of these settings of mail, which have no problems. The pictures are read from the store.
    pub fn new(config: &mail::Config, store: Store) -> Self {
        Self {
            from: sender(config, &mail::host_name()),
            postman: Postman::new(config),
            store,
        }
    }

    /// The same, and what becomes of its mails is counted.
    #[must_use]
    pub fn counted(mut self, tally: &Tally) -> Self {
        self.postman = self.postman.counted(tally.clone(), MAIL_NAME);
        self
    }

    async fn mail(&self, delivery: &Delivery, letter: &AlertLetter) -> Verdict {
        let to: Vec<Address> = letter.to.iter().filter_map(|to| address(to)).collect();
        if missing(delivery, &to).is_empty() {
            return Verdict::Done;
        }
        let album = match self.album(&letter.pictures).await {
            Ok(album) => album,
            Err(error) => return Verdict::later(format!("the pictures cannot be read: {error}")),
        };
        let bare = album.pictures.is_empty();
        let whole = noting(letter, album.left_out);
        match self.offer(delivery, &whole, &to, album.pictures).await {
            Err(refusal) if !bare && refusal.consequence == Consequence::Never => {
                warn!("alert {}: mailed without its pictures: {}", letter.number, refusal.why);
                let body = format!(
                    "{}\n\n(The mail server did not take the pictures: {})",
                    letter.body, refusal.why
                );
                let without = AlertLetter { body, ..letter.clone() };
                let offered = self.offer(delivery, &without, &to, Vec::new()).await;
                offered.unwrap_or_else(refused)
            }
            offered => offered.unwrap_or_else(refused),
        }
    }

    /// One form of a mail. The error: the server takes it for nobody.
    async fn offer(
        &self,
        delivery: &Delivery,
        letter: &AlertLetter,
        to: &[Address],
        pictures: Vec<Picture>,
    ) -> Result<Verdict, Refusal> {
        match compose(delivery.event_id, letter, &self.from, to, pictures, Timestamp::now()) {
            Ok(mail) => self.postman.offer(delivery, Some(&self.from), to, &mail).await,
            Err(error) => Ok(Verdict::give_up(format!("no mail can be made of it: {error}"))),
        }
    }

    /// The pictures of alerts, as many as go into one mail, the newest alert's first; those that are gone are left out.
    async fn album(&self, alerts: &[i64]) -> Result<Album, store::Error> {
        let mut album = Album::default();
        let mut room = PICTURES_MOST;
        for number in alerts.iter().rev() {
            let Some(found) = self.store.alerts_after(number - 1, 1).await?.pop() else {
                continue;
            };
            if found.number != *number {
                continue;
            }
            let octets = self.store.alert_images(*number).await?;
            for (note, octets) in found.alert.images.into_iter().zip(octets) {
                let Some(rest) = room.checked_sub(octets.len()) else {
                    album.left_out += 1;
                    continue;
                };
                room = rest;
                album.pictures.push(Picture { note, octets });
            }
        }
        Ok(album)
    }
}

impl Consumer for AlertMail {
    fn name(&self) -> &str {
        MAIL_NAME
    }

    fn wish(&self, event: &Event) -> Wish {
        match event {
            Event::Letter { .. } => Wish::Copy,
            _ => Wish::Pass,
        }
    }

    fn work<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Verdict> {
        Box::pin(async move {
            match &delivery.event {
                Event::Letter { letter } => self.mail(delivery, letter).await,
                _ => Verdict::Done,
            }
        })
    }

    fn patience(&self) -> Patience {
        self.postman.patience()
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.postman.stop())
    }
}

/// The letter with a word on the pictures that have no room in the mail.
fn noting(letter: &AlertLetter, left_out: usize) -> AlertLetter {
    let which = match left_out {
        0 => return letter.clone(),
        1 => "1 picture is".to_owned(),
        many => format!("{many} pictures are"),
    };
    let most = PICTURES_MOST >> 20;
    let body = format!(
        "{}\n\n({which} not in this mail: it takes {most} MiB of them at most.)",
        letter.body
    );
    AlertLetter { body, ..letter.clone() }
}

/// The octets of a mail. Its Message-ID comes from the event, so that one that had to be sent twice is recognised; mails
/// about one incident are one thread.
fn compose(
    event: EventId,
    letter: &AlertLetter,
    from: &Address,
    to: &[Address],
    pictures: Vec<Picture>,
    now: Timestamp,
) -> Result<Vec<u8>, lettre::error::Error> {
    let host = from.domain();
    let thread = format!("<alert-{}@{host}>", letter.thread);
    let mut mail = Message::builder()
        .from(Mailbox::new(None, from.clone()))
        .date(SystemTime::from(now))
        .message_id(Some(format!("<alert-{event}@{host}>")))
        .in_reply_to(thread.clone())
        .references(thread)
        .subject(one_line(&letter.subject, SUBJECT_MOST));
    for address in to {
        mail = mail.to(Mailbox::new(None, address.clone()));
    }
    let mail = mail::with(
        mail,
        [
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("X-Auto-Response-Suppress", "All".to_owned()),
            ("X-Simrelay-Id", event.to_string()),
            ("X-Simrelay-Alert", letter.number.to_string()),
        ],
    );
    let text = text_part(&letter.body);
    let mail = match pictures.is_empty() {
        true => mail.singlepart(text),
        false => {
            let mixed = MultiPart::mixed().singlepart(text);
            mail.multipart(pictures.into_iter().map(attachment).fold(mixed, MultiPart::singlepart))
        }
    };
    mail.map(|mail| mail.formatted())
}

fn attachment(picture: Picture) -> SinglePart {
    let octets =
        ContentType::parse(&picture.note.media_type).or_else(|_| ContentType::parse("application/octet-stream"));
    Attachment::new(picture.note.name).body(picture.octets, octets.unwrap_or(ContentType::TEXT_PLAIN))
}

/// The name of the consumer.
pub const MAIL_NAME: &str = "alert_mail";

/// How many octets of pictures go into one mail: servers often take ten million, and base64 adds a third.
const PICTURES_MOST: usize = 7 << 20;
/// The longest subject, in characters.
const SUBJECT_MOST: usize = 250;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_has_its_pictures_and_says_that_nobody_should_answer() {
        let letter = AlertLetter {
            number: 17,
            to: Vec::new(),
            subject: "DVR ALERT: X\r\nBcc: evil@example.org - cam1".into(),
            body: "Event: X".into(),
            pictures: vec![17],
            thread: "t".into(),
        };
        let raw = message::RawAlert {
            images: vec![message::RawImage {
                name: "../a.jpg".into(),
                octets: vec![0xff, 0xd8, 0xff, 0],
            }],
            ..message::RawAlert::default()
        };
        let new = message::NewAlert::clean(raw, Timestamp::UNIX_EPOCH);
        let picture = Picture {
            note: new.alert.images[0].clone(),
            octets: new.images[0].clone(),
        };
        let address: Address = "ops@example.org".parse().unwrap();
        let to = std::slice::from_ref(&address);
        let event = EventId::from_bytes([7; 16]);
        let mail = compose(event, &letter, &address, to, vec![picture], Timestamp::UNIX_EPOCH).unwrap();
        let mail = String::from_utf8(mail).unwrap();
        for line in [
            "Subject: DVR ALERT: X Bcc: evil@example.org - cam1\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "X-Simrelay-Alert: 17\r\n",
            "Message-ID: <alert-07070707-0707-0707-0707-070707070707@example.org>\r\n",
            "Content-Type: image/jpeg\r\n",
            "filename=\"a.jpg\"",
            "/9j/AA==",
        ] {
            assert!(mail.contains(line), "{line}: {mail}");
        }
        assert!(!mail.contains("\r\nBcc"));
    }
}

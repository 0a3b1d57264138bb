//! A mail back to who wrote one that became a message which failed (RFC 3464).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use gateway::Tally;
use jiff::Timestamp;
use lettre::Address;
use message::{Event, EventId, MessageState, ReportNotice};
use store::Delivery;

use super::config::Config;
use super::host_name;
use super::letter::sender;
use super::postman::Postman;
use crate::mail_to_sms::Note;
use crate::{Consumer, Patience, Verdict, Wish, clock};

/// Mails back what became of messages that failed for good. It has a connection of its own, so that a server that
/// dislikes one kind of mail does not hold up the other.
#[derive(Debug)]
pub struct Bounces {
    from: Address,
    host: String,
    postman: Postman,
}

impl Bounces {
    /// Over the mail server of these settings, which have no [`Config::problems`].
    pub fn new(config: &Config) -> Self {
        let host = host_name();
        Self {
            from: sender(config, &host),
            host,
            postman: Postman::new(config),
        }
    }

    /// The same, and what becomes of its mails is counted.
    #[must_use]
    pub fn counted(mut self, tally: &Tally) -> Self {
        self.postman = self.postman.counted(tally.clone(), crate::mail_to_sms::NAME);
        self
    }

    async fn bounce(&self, delivery: &Delivery, notice: &ReportNotice, note: &Note) -> Verdict {
        let Ok(to) = note.bounce_to.parse::<Address>() else {
            return Verdict::give_up("its writer's address cannot be written to");
        };
        let mail = self.compose(delivery.event_id, notice, note, clock::now());
        self.postman.deliver(delivery, None, &[to], mail.as_bytes()).await
    }

    /// The mail, in ASCII alone. The writer's address was read as one, so it has no line end in it.
    fn compose(&self, event: EventId, notice: &ReportNotice, note: &Note, now: Timestamp) -> String {
        let reason = notice.reason.as_deref().unwrap_or("it was not sent in time");
        let (word, status) = match notice.state {
            MessageState::Expired => ("ran out of time", "4.4.7"),
            MessageState::Refused => ("was refused", "5.7.1"),
            _ => ("failed", "5.0.0"),
        };
        let text = format!(
            "Your message to {} {word}: {reason}.\r\n\r\nIt was message {}.\r\n",
            notice.to, notice.id
        );
        let (domain, boundary) = (self.from.domain(), format!("bounce-{event}"));
        let reply = note
            .mail
            .as_deref()
            .map(|id| format!("In-Reply-To: <{0}>\r\nReferences: <{0}>\r\n", ascii(id)));
        format!(
            "From: {}\r\nTo: {}\r\nDate: {}\r\nMessage-ID: <bounce-{event}@{domain}>\r\n{}\
             Subject: Not delivered: your message to {}\r\nAuto-Submitted: auto-replied\r\nX-Simrelay-Id: {}\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"{boundary}\"\r\n\r\n\
             --{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n\
             {}--{boundary}\r\nContent-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; {}\r\n\r\nFinal-Recipient: x-sms; {}\r\nAction: failed\r\nStatus: {status}\r\n\
             Diagnostic-Code: x-simrelay; {}\r\n\r\n--{boundary}--\r\n",
            self.from,
            note.bounce_to,
            now.strftime("%a, %d %b %Y %H:%M:%S +0000"),
            reply.unwrap_or_default(),
            notice.to,
            notice.id,
            folded(&STANDARD.encode(text)),
            self.host,
            notice.to,
            ascii(reason),
        )
    }
}

impl Consumer for Bounces {
    fn name(&self) -> &str {
        crate::mail_to_sms::NAME
    }

    fn wish(&self, event: &Event) -> Wish {
        match event {
            Event::Report(notice) if failed(notice).is_some() => Wish::Copy,
            _ => Wish::Pass,
        }
    }

    fn work<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Verdict> {
        Box::pin(async move {
            let Event::Report(notice) = &delivery.event else {
                return Verdict::Done;
            };
            match failed(notice) {
                Some(note) => self.bounce(delivery, notice, &note).await,
                None => Verdict::Done,
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

/// Who is to be told of the end of a message, where it is a bad one.
fn failed(notice: &ReportNotice) -> Option<Note> {
    let bad = matches!(
        notice.state,
        MessageState::Failed | MessageState::Expired | MessageState::Refused
    );
    Note::read(notice.note.as_deref().filter(|_| bad)?)
}

/// A text for a header: what is not ASCII, or ends a line, becomes a question mark.
fn ascii(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    text.chars().take(HEADER_MOST).map(plain).collect()
}

/// Base64 on lines as long as a mail's may be.
fn folded(text: &str) -> String {
    let lines = text
        .as_bytes()
        .chunks(LINE)
        .map(|line| String::from_utf8_lossy(line) + "\r\n");
    lines.collect()
}

const HEADER_MOST: usize = 200;
const LINE: usize = 76;

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use mail_parser::{MessageParser, PartType};
    use message::{MessageId, Number};

    use super::*;

    fn notice(state: MessageState, note: Option<&str>) -> ReportNotice {
        ReportNotice {
            id: MessageId::fresh(),
            to: Number::received("+491711234567"),
            state,
            at: Timestamp::UNIX_EPOCH,
            sim: None,
            token: None,
            reason: Some("the number is not in use\r\nBcc: x@y ü".into()),
            note: note.map(str::to_owned),
        }
    }

    #[test]
    fn only_the_bad_end_of_a_mail_is_told() {
        let note = Note::of("me@example.org", Some("1@x")).text();
        let bounces = Bounces::new(&Config::default());
        let wish = |state, note: Option<&str>| bounces.wish(&Event::Report(notice(state, note)));
        assert_eq!(wish(MessageState::Failed, Some(&note)), Wish::Copy);
        assert_eq!(wish(MessageState::Expired, Some(&note)), Wish::Copy);
        assert_eq!(wish(MessageState::Sent, Some(&note)), Wish::Pass);
        assert_eq!(
            wish(MessageState::Cancelled, Some(&note)),
            Wish::Pass,
            "whoever took it back knows"
        );
        assert_eq!(wish(MessageState::Delivered, Some(&note)), Wish::Pass);
        assert_eq!(wish(MessageState::Failed, None), Wish::Pass);
        assert_eq!(wish(MessageState::Failed, Some("somebody else's")), Wish::Pass);
    }

    #[test]
    fn it_says_what_happened_to_people_and_to_programs() {
        let bounces = Bounces::new(&Config {
            from: Some("gw@example.org".into()),
            ..Config::default()
        });
        let notice = notice(MessageState::Failed, None);
        let note = Note::of("me@example.org", Some("1@x"));
        let mail = bounces.compose(EventId::fresh(), &notice, &note, Timestamp::UNIX_EPOCH);
        assert!(mail.is_ascii() && !mail.contains("\r\nBcc"), "{mail}");
        assert!(mail.contains("Auto-Submitted: auto-replied") && mail.contains("Date: Thu, 01 Jan 1970"));
        let read = MessageParser::default().parse(&mail).unwrap();
        assert_eq!(read.in_reply_to().as_text(), Some("1@x"));
        assert!(read.body_text(0).unwrap().contains("failed: the number is not in use"));
        let report = read.parts.iter().find_map(|part| match &part.body {
            PartType::Text(text) if text.contains("Final-Recipient") => Some(text.to_string()),
            PartType::Binary(octets) => Some(String::from_utf8_lossy(octets).into_owned()),
            _ => None,
        });
        let report = report.unwrap();
        assert!(report.contains("Final-Recipient: x-sms; +491711234567\r\nAction: failed\r\nStatus: 5.0.0"));
    }
}

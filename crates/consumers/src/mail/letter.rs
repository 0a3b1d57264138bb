//! A received message as a mail: pure, so the same message makes the same mail after a restart.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use lettre::Address;
use lettre::message::header::{self, ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, Mailboxes, Message, MessageBuilder, MultiPart, SinglePart};
use message::{EventId, Inbound, InboundKind, Number};
use sha2::{Digest, Sha256};

use super::config::{Config, Shipped};
use super::template::Template;
use crate::mail_to_sms::reply_address;

/// How mails look.
#[derive(Debug)]
pub(super) struct Letterhead {
    from: Address,
    subject: Template,
    body: Template,
    zone: TimeZone,
    /// The domain whose addresses are numbers.
    replies: Option<String>,
}

impl Letterhead {
    /// How mails look in a configuration without problems; `host` is this machine's name, `zone` its time zone.
    pub(super) fn new(config: &Config, host: &str, zone: TimeZone) -> Self {
        let (subject, body) = match config.template {
            Shipped::Simrelay => (SUBJECT, BODY),
            Shipped::Smsgate => (SMSGATE_SUBJECT, SMSGATE_BODY),
        };
        let template = |own: &Option<String>, shipped: &str| {
            let own = own.as_deref().and_then(|own| Template::parse(own).ok());
            own.unwrap_or_else(|| Template::parse(shipped).expect("a test reads every shipped template"))
        };
        Self {
            from: sender(config, host),
            subject: template(&config.subject, subject),
            body: template(&config.body, body),
            zone,
            replies: None,
        }
    }

    /// Answers go to the number's address in this domain, so that they become messages.
    pub(super) fn reply_to(&mut self, domain: &str) {
        self.replies = Some(domain.to_owned());
    }

    /// The sender's address: the envelope's, and that beside the name of who wrote.
    pub(super) fn from(&self) -> &Address {
        &self.from
    }

    /// The octets of the mail about a message. Its Message-ID comes from the event, so that a mail server or a reader
    /// recognises one that had to be sent twice.
    ///
    /// An error only where a mail cannot be built from what there is, which no message has been found to cause.
    pub(super) fn compose(
        &self,
        event: EventId,
        sms: &Inbound,
        to: &[Address],
        now: Timestamp,
    ) -> Result<Vec<u8>, lettre::error::Error> {
        let subject = one_line(&self.subject.fill(sms, &self.zone), SUBJECT_MOST);
        let name = one_line(&sms.from.to_string(), NAME_MOST);
        let host = self.from.domain();
        let thread = format!("<thread-{}@{host}>", thread(sms));
        let mut mail = Message::builder()
            .from(Mailbox::new(None, self.from.clone()))
            .date(SystemTime::from(now))
            .message_id(Some(format!("<sms-{event}@{host}>")))
            .in_reply_to(thread.clone())
            .references(thread)
            .subject(subject);
        if let Some(address) = self.reply_address(sms) {
            mail = mail.reply_to(Mailbox::new(None, address));
        }
        for address in to {
            mail = mail.to(Mailbox::new(None, address.clone()));
        }
        let mail = facts(mail, event, sms);
        let text = text_part(&self.body.fill(sms, &self.zone));
        let mail = match attachment(sms) {
            Some(attached) => mail.multipart(MultiPart::mixed().singlepart(text).singlepart(attached)),
            None => mail.singlepart(text),
        };
        mail.map(|mut mail| {
            mail.headers_mut().insert_raw(author(&name, &self.from));
            mail.formatted()
        })
    }
}

impl Letterhead {
    /// Where an answer goes: to the number, from the SIM that the message came to. A name cannot be answered.
    fn reply_address(&self, sms: &Inbound) -> Option<Address> {
        let domain = self.replies.as_deref()?;
        let number = match &sms.from {
            Number::Name(_) => return None,
            number => number.to_string(),
        };
        reply_address(&number, sms.sim.as_str(), domain).parse().ok()
    }
}

/// Who wrote, as `"+98…" <gw@example.org>`. Numbers stand there as they are (`lettre` would encode their plus, which
/// is right and unreadable in filters); other names are encoded where they need it.
fn author(name: &str, address: &Address) -> HeaderValue {
    let from = HeaderName::new_from_ascii_str("From");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '*' | '#' | ' ' | '-' | '.');
    let mailbox = Mailbox::new(Some(name.to_owned()).filter(|name| !name.is_empty()), address.clone());
    match !name.is_empty() && name.chars().all(plain) && AsRef::<str>::as_ref(address).is_ascii() {
        true => HeaderValue::dangerous_new_pre_encoded(from, mailbox.to_string(), format!("\"{name}\" <{address}>")),
        false => header::From::from(Mailboxes::from(mailbox)).display(),
    }
}

/// The headers that say what this is: to other programs, so that none answers it (RFC 3834), and to filters.
fn facts(mail: MessageBuilder, event: EventId, sms: &Inbound) -> MessageBuilder {
    let facts = [
        ("Auto-Submitted", Some("auto-generated".to_owned())),
        ("X-Auto-Response-Suppress", Some("All".to_owned())),
        ("X-Simrelay-Id", Some(sms.id.to_string())),
        ("X-Simrelay-Event", Some(event.to_string())),
        ("X-Simrelay-Modem", Some(sms.sim.to_string())),
        ("X-Simrelay-From", Some(sms.from.to_string())),
        ("X-Simrelay-To", sms.to.as_ref().map(ToString::to_string)),
        ("X-Simrelay-Kind", Some(kind(sms.kind).to_owned())),
        ("X-Simrelay-Parts", Some(sms.parts.to_string())),
        ("X-Simrelay-Missing", (sms.missing > 0).then(|| sms.missing.to_string())),
        (
            "X-Simrelay-Encoding",
            sms.alphabet.map(|alphabet| alphabet.name().to_owned()),
        ),
        ("X-Simrelay-Network", sms.network.clone()),
        ("X-Simrelay-Class", sms.class.map(|class| class.to_string())),
        ("X-SMS-SCTS", sms.service_centre_time.map(|time| time.to_string())),
    ];
    let facts = facts.into_iter();
    with(mail, facts.filter_map(|(name, value)| Some((name, value?))))
}

/// Adds headers whose values may hold anything.
pub(crate) fn with(mail: MessageBuilder, headers: impl IntoIterator<Item = (&'static str, String)>) -> MessageBuilder {
    headers.into_iter().fold(mail, |mail, (name, value)| {
        let name = HeaderName::new_from_ascii_str(name);
        mail.raw_header(HeaderValue::new(name, one_line(&value, NAME_MOST)))
    })
}

/// The text as a part that no server has to change: quoted-printable where it is mostly ASCII, else base64. Both carry
/// NUL and long lines.
pub(crate) fn text_part(text: &str) -> SinglePart {
    let others = text.bytes().filter(|byte| !byte.is_ascii()).count();
    let encoding = match others * QUOTED_COST > text.len() {
        true => ContentTransferEncoding::Base64,
        false => ContentTransferEncoding::QuotedPrintable,
    };
    let plain = ContentType::parse("text/plain; charset=utf-8; format=fixed").unwrap_or(ContentType::TEXT_PLAIN);
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    SinglePart::builder().header(plain).header(encoding).body(lines)
}

/// The octets of what is no text.
fn attachment(sms: &Inbound) -> Option<SinglePart> {
    let octets = hex::decode(sms.data_hex.as_deref()?).ok()?;
    let name = match sms.kind {
        InboundKind::Undecodable => "message.pdu",
        _ => "message.bin",
    };
    let octet_stream = ContentType::parse("application/octet-stream").ok()?;
    Some(Attachment::new(name.to_owned()).body(octets, octet_stream))
}

/// What mails of one sender to one SIM share, so that readers show them together.
fn thread(sms: &Inbound) -> String {
    let mut hash = Sha256::new();
    hash.update(sms.sim.as_str());
    hash.update([0]);
    hash.update(sms.from.to_string());
    hex::encode(&hash.finalize()[..8])
}

/// A text as one line of a header: no control characters, and none that turn the direction of what follows, so that
/// nobody can write headers or make a name read as another.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '\u{2028}' | '\u{2029}');
    let plain: String = text.chars().filter(|c| !turns(*c)).collect();
    let words: Vec<&str> = plain.split(breaks).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(most).collect()
}

/// The sender's address: the configured one, or the user where that is an address, or one of this machine.
pub(crate) fn sender(config: &Config, host: &str) -> Address {
    let configured = config.from.as_deref().and_then(super::config::address);
    let user = || config.user.as_deref().and_then(super::config::address);
    let here = || Address::new("simrelay", host).ok();
    let found = configured.or_else(user).or_else(here);
    found.unwrap_or_else(|| Address::new("simrelay", "localhost").expect("it is an address"))
}

fn kind(kind: InboundKind) -> &'static str {
    match kind {
        InboundKind::Text => "text",
        InboundKind::Data => "data",
        InboundKind::WapPush => "wap_push",
        InboundKind::Waiting => "waiting",
        InboundKind::Undecodable => "undecodable",
        InboundKind::Probe => "probe",
        InboundKind::Silent => "silent",
        InboundKind::SimData => "sim_data",
        InboundKind::Device => "device",
    }
}

const SUBJECT: &str = "SMS from {from} to {to}: {start}";
const BODY: &str = "{text}

-- 
From {from} to {to} ({sim}).
Sent {sent}, received {received}.{note}";

const SMSGATE_SUBJECT: &str = "SMS from {from} to {to} via modem [{sim}]";
const SMSGATE_BODY: &str = "SMS ID            : {id}
Sender            : {from}
Recipient         : {to}
Message timestamp : {sent:%Y-%m-%d %H:%M:%S  %z}
Created timestamp : {received:%Y-%m-%d %H:%M:%S  }
Flash message     : {flash}
Receiving modem   : {sim}
Receiving network : {network}
Text              :

---------------------------------------------------------
{text}
---------------------------------------------------------";

/// The longest subject and the longest name, in characters.
const SUBJECT_MOST: usize = 250;
const NAME_MOST: usize = 100;

/// Quoted-printable writes three octets for one that is not ASCII, base64 four for three.
const QUOTED_COST: usize = 6;

#[cfg(test)]
mod tests {
    use message::Number;

    use super::super::samples;
    use super::*;

    fn letterhead(shipped: Shipped) -> Letterhead {
        let config = Config {
            from: Some("gw@example.org".into()),
            template: shipped,
            ..Config::default()
        };
        Letterhead::new(&config, "box", TimeZone::get("Europe/Berlin").unwrap())
    }

    fn composed(sms: &Inbound) -> String {
        let to = ["ops@example.org", "night@example.org"].map(|to| to.parse().unwrap());
        let event = EventId::from_bytes([7; 16]);
        let octets = letterhead(Shipped::Simrelay)
            .compose(event, sms, &to, Timestamp::UNIX_EPOCH)
            .unwrap();
        String::from_utf8(octets).expect("mails are ASCII")
    }

    fn header<'a>(mail: &'a str, name: &str) -> Vec<&'a str> {
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        let values = head.split("\r\n").filter_map(|line| line.split_once(": "));
        values
            .filter(|(found, _)| *found == name)
            .map(|(_, value)| value)
            .collect()
    }

    #[test]
    fn an_answer_goes_to_the_number_where_mail_becomes_messages() {
        let config = Config {
            from: Some("gw@example.org".into()),
            ..Config::default()
        };
        let mut head = Letterhead::new(&config, "box", TimeZone::UTC);
        let mail = |head: &Letterhead, sms: &Inbound| {
            let mail = head
                .compose(EventId::fresh(), sms, &["a@b".parse().unwrap()], Timestamp::UNIX_EPOCH)
                .unwrap();
            String::from_utf8(mail).unwrap()
        };
        let sms = samples::sms("x");
        assert!(!mail(&head, &sms).contains("\r\nReply-To"));
        head.reply_to("sms.example.org");
        assert!(mail(&head, &sms).contains("\r\nReply-To: +989126211770+sim1@sms.example.org\r\n"));
        let named = Inbound {
            from: Number::received("Vodafone"),
            ..sms
        };
        assert!(
            !mail(&head, &named).contains("\r\nReply-To"),
            "a name cannot be answered"
        );
    }

    #[test]
    fn the_headers_say_who_wrote_to_whom_and_that_nobody_should_answer() {
        let mail = composed(&samples::sms("Hello"));
        assert_eq!(header(&mail, "From"), ["\"+989126211770\" <gw@example.org>"]);
        assert_eq!(header(&mail, "To"), ["ops@example.org, night@example.org"]);
        assert_eq!(
            header(&mail, "Subject"),
            ["SMS from +989126211770 to +491711234567: Hello"]
        );
        assert_eq!(
            header(&mail, "Message-ID"),
            ["<sms-07070707-0707-0707-0707-070707070707@example.org>"]
        );
        assert_eq!(header(&mail, "In-Reply-To"), header(&mail, "References"));
        assert_eq!(header(&mail, "Auto-Submitted"), ["auto-generated"]);
        assert_eq!(header(&mail, "X-SMS-SCTS"), ["2026-04-03T13:31:24Z"]);
        assert_eq!(header(&mail, "Date"), ["Thu, 01 Jan 1970 00:00:00 +0000"]);
    }

    #[test]
    fn mails_of_one_sender_are_one_thread() {
        let (one, two) = (composed(&samples::sms("a")), composed(&samples::sms("b")));
        assert_eq!(header(&one, "References"), header(&two, "References"));
        let other = Inbound {
            from: Number::received("80808"),
            ..samples::sms("a")
        };
        assert_ne!(header(&one, "References"), header(&composed(&other), "References"));
    }

    #[test]
    fn the_default_body_is_the_text_and_below_it_the_facts() {
        let mail = composed(&samples::sms("Hello\nworld"));
        let (_, body) = mail.split_once("\r\n\r\n").unwrap();
        let expected = "Hello\r\nworld\r\n\r\n--=20\r\nFrom +989126211770 to +491711234567 (sim1).\r\n\
                        Sent 2026-04-03 15:31:24 +02:00, received 2026-04-03 15:31:25 +02:00.\r\n";
        assert_eq!(body, expected);
    }

    #[test]
    fn smsgates_subject_and_body_are_byte_for_byte_its_own() {
        let letterhead = letterhead(Shipped::Smsgate);
        let sms = samples::sms("Hello");
        let subject = letterhead.subject.fill(&sms, &letterhead.zone);
        assert_eq!(subject, "SMS from +989126211770 to +491711234567 via modem [sim1]");
        let body = letterhead.body.fill(&sms, &letterhead.zone);
        let lines: Vec<&str> = body.lines().collect();
        assert_eq!(lines[0], format!("SMS ID            : {}", sms.id));
        assert_eq!(lines[3], "Message timestamp : 2026-04-03 15:31:24  +0200");
        assert_eq!(lines[4], "Created timestamp : 2026-04-03 15:31:25  ");
        assert_eq!(lines[5], "Flash message     : False");
        assert_eq!(lines[9..], ["", &"-".repeat(57), "Hello", &"-".repeat(57)]);
    }

    #[test]
    fn nobody_writes_headers_through_a_text_or_a_name() {
        let evil = "x\r\nBcc: victim@example.org\r\n\r\nbody\u{85}\u{2028}Cc: v@example.org\0\u{202e}";
        let sms = Inbound {
            from: Number::received(evil),
            ..samples::sms(evil)
        };
        let mail = composed(&sms);
        for name in ["Bcc", "Cc"] {
            assert!(header(&mail, name).is_empty(), "{mail}");
        }
        assert_eq!(header(&mail, "To").len(), 1);
    }

    #[test]
    fn data_is_attached() {
        let sms = Inbound {
            kind: InboundKind::Data,
            data_hex: Some("00ff0d0a".into()),
            ..samples::sms("")
        };
        let mail = composed(&sms);
        assert!(
            mail.contains("filename=\"message.bin\"") && mail.contains("AP8NCg=="),
            "{mail}"
        );
    }

    #[test]
    fn a_sender_is_found_whatever_is_configured() {
        let config = |from: Option<&str>, user: Option<&str>| Config {
            from: from.map(str::to_owned),
            user: user.map(str::to_owned),
            ..Config::default()
        };
        let told = |config: &Config, host| sender(config, host).to_string();
        assert_eq!(told(&config(Some("a@b.c"), Some("u@b.c")), "box"), "a@b.c");
        assert_eq!(told(&config(None, Some("u@b.c")), "box"), "u@b.c");
        assert_eq!(told(&config(None, Some("u")), "box.lan"), "simrelay@box.lan");
        assert_eq!(told(&config(None, None), "no host"), "simrelay@localhost");
    }

    proptest::proptest! {
        #[test]
        fn any_text_makes_a_mail_of_short_ascii_lines(text in "\\PC{0,400}|[\\s\\S]{0,400}", from in "[\\s\\S]{0,12}") {
            let sms = Inbound { from: Number::received(&from), ..samples::sms(&text) };
            let mail = composed(&sms);
            proptest::prop_assert!(mail.is_ascii() && !mail.contains('\0'));
            for line in mail.split("\r\n") {
                proptest::prop_assert!(line.len() <= 998 && !line.contains(['\r', '\n']), "{}", line);
            }
        }
    }
}

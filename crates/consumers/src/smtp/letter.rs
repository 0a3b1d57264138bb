//! A mail, read: what mailboxes want to know of it.

use std::borrow::Cow;

use jiff::Timestamp;
use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders, PartType};

use super::{Sender, Trust};

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Who brought it.
    pub sender: Sender,
    /// The address in `From`, which anybody can write there.
    pub from: Option<String>,
    /// The subject, decoded, on one line; empty where there is none.
    pub subject: String,
    /// The text, decoded; where there is only HTML, what can be read of it. Its line ends are `\n`.
    pub text: String,
    /// The Message-ID without its angle brackets.
    pub message_id: Option<String>,
    /// When it says that it was written.
    pub date: Option<Timestamp>,
    /// The pictures in it, in their order.
    pub images: Vec<Image>,
    /// When it came.
    pub received_at: Timestamp,
    /// What programs wrote on it.
    pub(super) marks: Marks,
}

/// A picture in a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The name it came with. Anybody can write anything there: never a path.
    pub name: Option<String>,
    /// The type it came with, as `image/jpeg`; nobody has looked whether that is so.
    pub mime: String,
    /// The picture.
    pub octets: Vec<u8>,
}

/// The headers that programs tell each other apart by (RFC 3834, RFC 2919, RFC 2369).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Marks {
    /// `Auto-Submitted`, without its parameters, in small letters.
    pub(super) auto_submitted: Option<String>,
    /// `Precedence` in small letters.
    pub(super) precedence: Option<String>,
    /// There is a `Return-Path` with nothing in it.
    pub(super) empty_return_path: bool,
    /// There is a header of mailing lists.
    pub(super) list: bool,
    /// A gateway of this kind wrote it.
    pub(super) our_own: bool,
}

impl Letter {
    /// Reads a mail. What has no headers is a mail with nothing but a text. It takes time and memory in proportion to
    /// the mail.
    pub fn read(mail: &[u8], sender: Sender, received_at: Timestamp) -> Self {
        let mut letter = Self {
            sender,
            from: None,
            subject: String::new(),
            text: String::new(),
            message_id: None,
            date: None,
            images: Vec::new(),
            received_at,
            marks: Marks::default(),
        };
        let Some(parsed) = MessageParser::default().parse(mail) else {
            letter.text = lines(&String::from_utf8_lossy(mail));
            return letter;
        };
        letter.from = parsed.from().and_then(address);
        letter.subject = one_line(parsed.subject().unwrap_or_default());
        letter.text = text(&parsed);
        letter.message_id = parsed.message_id().map(str::to_owned).filter(|id| !id.is_empty());
        letter.date = parsed
            .date()
            .and_then(|date| Timestamp::from_second(date.to_timestamp()).ok());
        letter.images = parsed.parts.iter().filter_map(image).collect();
        letter.marks = Marks::read(&parsed);
        letter
    }

    /// Why answering it, or doing anything with it, could go round in circles.
    ///
    /// Alarm mails of cameras and monitoring are marked as automatic and as bulk all the time. So of senders that are
    /// known only what answers a mail, or comes from a gateway like this, is a loop; what strangers wrote must be free
    /// of all marks of programs (RFC 3834 2).
    pub fn loop_reason(&self) -> Option<&'static str> {
        let marks = &self.marks;
        let auto_submitted = marks.auto_submitted.as_deref().unwrap_or("no");
        if marks.our_own {
            return Some("it was written by a gateway like this");
        }
        if auto_submitted == "auto-replied" {
            return Some("it is an automatic answer");
        }
        if self.sender.trust != Trust::Relayed {
            return None;
        }
        if auto_submitted != "no" {
            return Some("it was written by a program");
        }
        if self.sender.address.is_none() || marks.empty_return_path {
            return Some("it is a report about another mail");
        }
        let bulk = marks.precedence.as_deref().is_some_and(|word| BULK.contains(&word));
        (bulk || marks.list).then_some("it was sent to many")
    }
}

impl Marks {
    fn read(mail: &Message<'_>) -> Self {
        let mut marks = Self::default();
        for (name, value) in mail.headers_raw() {
            let word = || {
                value
                    .split([';', '('])
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_ascii_lowercase()
            };
            match name.to_ascii_lowercase().as_str() {
                "auto-submitted" => marks.auto_submitted = Some(word()),
                "precedence" => marks.precedence = Some(word()),
                "return-path" => marks.empty_return_path = value.trim() == "<>",
                "x-simrelay-id" => marks.our_own = true,
                name if name.starts_with("list-") => marks.list = true,
                _ => {}
            }
        }
        marks
    }
}

fn address(from: &Address<'_>) -> Option<String> {
    Some(from.first()?.address.as_deref()?.to_owned())
}

/// Everything in it that is there to be read, in its order.
fn text(mail: &Message<'_>) -> String {
    let mut whole = String::new();
    for part in mail.text_bodies() {
        let read = match &part.body {
            PartType::Text(text) => lines(&unfolded(part, text)),
            PartType::Html(html) => lines(&mail_parser::decoders::html::html_to_text(html)),
            _ => continue,
        };
        if !whole.is_empty() && !whole.ends_with('\n') {
            whole.push('\n');
        }
        whole.push_str(&read);
    }
    whole
}

/// A text whose paragraphs were folded for old terminals (RFC 3676), with each paragraph on one line again.
fn unfolded<'a>(part: &MessagePart<'_>, text: &'a str) -> Cow<'a, str> {
    let attribute = |name: &str| part.content_type().and_then(|kind| kind.attribute(name));
    if !attribute("format").is_some_and(|format| format.eq_ignore_ascii_case("flowed")) {
        return Cow::Borrowed(text);
    }
    let delsp = attribute("delsp").is_some_and(|delsp| delsp.eq_ignore_ascii_case("yes"));
    let mut whole = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\r', '\n']);
        let bare = bare.strip_prefix(' ').unwrap_or(bare);
        // The separator of a signature ends in a blank and folds nothing (RFC 3676 4.3).
        if bare == SIGNATURE || !bare.ends_with(' ') {
            whole.push_str(bare);
            whole.push('\n');
            continue;
        }
        whole.push_str(if delsp { &bare[..bare.len() - 1] } else { bare });
    }
    Cow::Owned(whole)
}

/// A text with the line ends of this house, and without the characters that mean nothing in a text.
fn lines(text: &str) -> String {
    let kept = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .chars()
        .filter(kept)
        .collect()
}

fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let plain: String = text.chars().map(plain).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A part that is a picture by what it says of itself, or by its name where it says nothing (as some cameras do).
fn image(part: &MessagePart<'_>) -> Option<Image> {
    let (PartType::Binary(octets) | PartType::InlineBinary(octets)) = &part.body else {
        return None;
    };
    let name = part.attachment_name().map(str::to_owned);
    let kind = part.content_type();
    let mime = match kind.map(|kind| (kind.ctype(), kind.subtype().unwrap_or_default())) {
        Some((main, sub)) if main.eq_ignore_ascii_case("image") => format!("image/{}", sub.to_ascii_lowercase()),
        _ => by_name(name.as_deref()?)?.to_owned(),
    };
    Some(Image {
        name,
        mime,
        octets: octets.to_vec(),
    })
}

fn by_name(name: &str) -> Option<&'static str> {
    let (_, end) = name.rsplit_once('.')?;
    let known = IMAGES.iter().find(|(known, _)| end.eq_ignore_ascii_case(known));
    known.map(|(_, mime)| *mime)
}

const IMAGES: [(&str, &str); 6] = [
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
    ("gif", "image/gif"),
    ("bmp", "image/bmp"),
    ("webp", "image/webp"),
];

/// The words of `Precedence` that a loop is made of.
const BULK: [&str; 3] = ["bulk", "junk", "list"];

/// What stands before a signature.
const SIGNATURE: &str = "-- ";

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn read(mail: &[u8]) -> Letter {
        brought(mail, Trust::Listed, Some("a@example.org"))
    }

    fn brought(mail: &[u8], trust: Trust, from: Option<&str>) -> Letter {
        let sender = Sender {
            address: from.map(str::to_owned),
            peer: Ipv4Addr::LOCALHOST.into(),
            account: None,
            trust,
        };
        Letter::read(mail, sender, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn any_charset_becomes_text() {
        let mail = b"From: \"Gr\xc3\xbc\xc3\x9fe\" <a@example.org>\r\nSubject: =?iso-8859-1?q?T=FCr?=\r\n =?utf-8?b?IPCfkYs=?=\r\n\
            Message-ID: <1@x>\r\nDate: Fri, 03 Apr 2026 13:31:24 +0200\r\n\
            Content-Type: text/plain; charset=windows-1251\r\n\r\n\xcf\xf0\xe8\xe2\xe5\xf2\r\n";
        let letter = read(mail);
        assert_eq!(letter.from.as_deref(), Some("a@example.org"));
        assert_eq!(letter.subject, "Tür 👋");
        assert_eq!(letter.text, "Привет\n");
        assert_eq!(letter.message_id.as_deref(), Some("1@x"));
        assert_eq!(letter.date.unwrap().to_string(), "2026-04-03T11:31:24Z");
    }

    #[test]
    fn of_html_the_text_is_read() {
        let letter = read(b"Content-Type: text/html\r\n\r\n<p>Motion <b>detected</b></p><script>x()</script>");
        assert_eq!(letter.text.trim(), "Motion detected");
    }

    #[test]
    fn pictures_come_with_the_name_and_type_they_say() {
        let mail = b"Subject: alarm\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
            --b\r\nContent-Type: text/plain\r\n\r\nEVENT TYPE: Motion\r\n\
            --b\r\nContent-Type: image/jpeg; name=\"../../x.jpg\"\r\nContent-Transfer-Encoding: base64\r\n\r\n/9j/\r\n\
            --b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=ch1.PNG\r\n\
            Content-Transfer-Encoding: base64\r\n\r\niVBO\r\n\
            --b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\niVBO\r\n--b--\r\n";
        let letter = read(mail);
        assert_eq!(letter.text.trim(), "EVENT TYPE: Motion");
        let seen = |image: &'_ Image| (image.name.clone(), image.mime.clone(), image.octets.clone());
        let images: Vec<_> = letter.images.iter().map(seen).collect();
        let expected = [
            (Some("../../x.jpg".into()), "image/jpeg".into(), vec![0xff, 0xd8, 0xff]),
            (Some("ch1.PNG".into()), "image/png".into(), vec![0x89, 0x50, 0x4e]),
        ];
        assert_eq!(images, expected);
    }

    #[test]
    fn folded_paragraphs_are_one_line_again() {
        let letter =
            read(b"Content-Type: text/plain; format=flowed\r\n\r\nA long \r\nline\r\n  indented\r\n-- \r\nMe\r\n");
        assert_eq!(letter.text, "A long line\n indented\n-- \nMe\n");
    }

    #[test]
    fn alarms_of_known_senders_pass_and_answers_never_do() {
        let verdict = |trust, header: &str| {
            let mail = format!("{header}\r\nSubject: x\r\n\r\nx");
            brought(mail.as_bytes(), trust, Some("a@example.org"))
                .loop_reason()
                .is_none()
        };
        let passes = |header| [Trust::Login, Trust::Listed, Trust::Relayed].map(|trust| verdict(trust, header));
        assert_eq!(passes("From: a@b"), [true, true, true]);
        assert_eq!(passes("Auto-Submitted: no"), [true, true, true]);
        assert_eq!(passes("auto-submitted: Auto-Generated; x=y"), [true, true, false]);
        assert_eq!(passes("Auto-Submitted: auto-replied (vacation)"), [false; 3]);
        assert_eq!(passes("X-SIMRELAY-ID: 1"), [false; 3]);
        for stranger in [
            "Precedence: bulk",
            "Precedence: Junk",
            "List-Unsubscribe: <x>",
            "Return-Path: <>",
        ] {
            assert_eq!(passes(stranger), [true, true, false], "{stranger}");
        }
        assert!(brought(b"A: b\r\n\r\nx", Trust::Relayed, None).loop_reason().is_some());
        assert!(brought(b"A: b\r\n\r\nx", Trust::Login, None).loop_reason().is_none());
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_reading_panic(mail in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            read(&mail);
        }

        #[test]
        fn nothing_like_a_mail_makes_reading_panic(mail in "(Content-Type: (text|multipart|image|message)/[a-z]{0,9}; (boundary|charset|name)=[a-z]\r\n|--a(--)?\r\n|\r\n|[^\r]{0,9}){0,9}") {
            read(mail.as_bytes());
        }
    }
}

//! WAP push and the MMS notification in it: WAP-230 (WSP) clause 8 and
//! WAP-209 (MMS encapsulation) clause 6.
//!
//! Such messages come as 8 bit data to port 2948. Only what a reader wants to
//! know is read: that a picture message waits, from whom, how big, where.

use std::fmt;

use crate::{Content, DecodeError, Ports, reader::Reader};

/// A WAP push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The media type, such as `application/vnd.wap.mms-message`; a number in
    /// decimal where it is not one of the few known here.
    pub media_type: String,
    /// The notification, where it is one that could be read.
    pub notification: Option<MmsNotification>,
    /// What follows the headers.
    pub body: Vec<u8>,
}

/// "A picture message waits": M-Notification.ind. Every field may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MmsNotification {
    /// The transaction by which the retrieval is acknowledged.
    pub transaction: Option<String>,
    /// The sender, as the MMS centre writes it, without `/TYPE=…`.
    pub from: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// Size in octets.
    pub size: Option<u64>,
    /// Where to fetch it.
    pub url: Option<String>,
    /// Until when it can be fetched.
    pub expiry: Option<Expiry>,
}

/// Until when a message can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Seconds from now.
    After(u64),
    /// Seconds since 1970-01-01T00:00Z.
    At(u64),
}

impl Push {
    /// The port that WAP push comes to.
    pub const PORT: u16 = 2948;

    /// Reads a push from whole, joined user data, if its port says so and it
    /// can be read.
    pub fn recognise(ports: Option<Ports>, content: &Content) -> Option<Self> {
        let is_push = ports.is_some_and(|ports| ports.destination == Self::PORT);
        content
            .data()
            .filter(|_| is_push)
            .and_then(|octets| Self::decode(octets).ok())
    }

    /// Reads the octets of a push.
    ///
    /// # Errors
    /// See [`DecodeError`]: another kind of WSP unit, or headers that end too early.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(octets);
        reader.octet("WSP transaction")?;
        let kind = reader.octet("WSP type")?;
        if kind != PUSH {
            return Err(DecodeError::unexpected("WSP type", 1, kind, "0x06, a push"));
        }
        let length = variable(&mut reader, "WSP headers length")?;
        let mut headers = Reader::new(reader.take(length, "WSP headers")?);
        let media_type = media_type(&Value::read(&mut headers, "WSP content type")?);
        let body = reader.rest().to_vec();
        let is_mms = media_type == MMS;
        let notification = is_mms.then(|| MmsNotification::decode(&body).ok()).flatten();
        Ok(Self {
            media_type,
            notification,
            body,
        })
    }
}

impl MmsNotification {
    /// Reads an M-Notification.ind. What comes after a field that cannot be
    /// read is left out: first parts of a push are read as far as they go.
    ///
    /// # Errors
    /// See [`DecodeError`]: another kind of message.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(octets);
        let (field, kind) = (reader.octet("X-Mms-Message-Type")?, reader.octet("X-Mms-Message-Type")?);
        if (field, kind) != (0x8C, 0x82) {
            return Err(DecodeError::unexpected(
                "X-Mms-Message-Type",
                1,
                kind,
                "0x8C82, a notification",
            ));
        }
        let mut notification = Self::default();
        while let Ok(field) = reader.octet("MMS field") {
            let Ok(value) = Value::read(&mut reader, "MMS field value") else {
                break;
            };
            notification.take(field, &value);
        }
        Ok(notification)
    }

    fn take(&mut self, field: u8, value: &Value<'_>) {
        match field {
            0x83 => self.url = value.text(),
            0x88 => self.expiry = value.octets().and_then(expiry),
            0x89 => self.from = value.octets().and_then(sender),
            0x8E => self.size = value.octets().and_then(number),
            0x96 => self.subject = value.encoded(),
            0x98 => self.transaction = value.text(),
            _ => {}
        }
    }
}

impl fmt::Display for MmsNotification {
    /// A line for a reader who gets texts only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MMS")?;
        let mut part = |name: &str, value: Option<&str>| match value {
            Some(value) => write!(f, " {name} {value}"),
            None => Ok(()),
        };
        part("from", self.from.as_deref())?;
        part("about", self.subject.as_deref())?;
        part("of octets", self.size.map(|size| size.to_string()).as_deref())?;
        part("at", self.url.as_deref())
    }
}

/// A field value in one of the forms of WSP clause 8.4.1.2.
enum Value<'a> {
    Octets(&'a [u8]),
    Text(&'a [u8]),
    Short(u8),
}

impl<'a> Value<'a> {
    fn read(reader: &mut Reader<'a>, field: &'static str) -> Result<Self, DecodeError> {
        let first = reader.octet(field)?;
        Ok(match first {
            0..=30 => Self::Octets(reader.take(first.into(), field)?),
            31 => {
                let length = variable(reader, field)?;
                Self::Octets(reader.take(length, field)?)
            }
            32..=127 => Self::read_text(reader, first, field)?,
            128..=255 => Self::Short(first & 0x7F),
        })
    }

    /// Text up to its zero; a leading 0x7F or quote only marks it as text.
    fn read_text(reader: &mut Reader<'a>, first: u8, field: &'static str) -> Result<Self, DecodeError> {
        let from_first = reader.back_one();
        let length = from_first.iter().position(|&octet| octet == 0);
        let length = length.ok_or_else(|| reader.short(from_first.len(), field))?;
        reader.take(length, field)?;
        let skipped = usize::from(first == 0x7F || first == 0x22);
        Ok(Self::Text(&from_first[skipped..length]))
    }

    fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            _ => None,
        }
    }

    fn octets(&self) -> Option<&'a [u8]> {
        match self {
            Self::Octets(octets) => Some(octets),
            _ => None,
        }
    }

    /// Text with or without a character set before it; UTF-8 is assumed,
    /// since nothing else is met in the field.
    fn encoded(&self) -> Option<String> {
        match self {
            Self::Octets(octets) => Some(without_charset(octets)),
            _ => self.text(),
        }
    }
}

fn media_type(value: &Value<'_>) -> String {
    let known = |number: u8| match number {
        0x2D => "text/vnd.wap.si".to_owned(),
        0x2E => "application/vnd.wap.sic".to_owned(),
        0x2F => "text/vnd.wap.sl".to_owned(),
        0x30 => "application/vnd.wap.slc".to_owned(),
        0x36 => "application/vnd.wap.connectivity-wbxml".to_owned(),
        0x3E => MMS.to_owned(),
        other => other.to_string(),
    };
    match value {
        Value::Short(number) => known(*number),
        Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
        Value::Octets(octets) => match octets.first() {
            Some(number) if number & 0x80 != 0 => known(number & 0x7F),
            _ => String::from_utf8_lossy(until_zero(octets)).into_owned(),
        },
    }
}

/// Value of `From`: a token that an address follows, and the address.
fn sender(octets: &[u8]) -> Option<String> {
    let (&0x80, rest) = octets.split_first()? else {
        return None;
    };
    let mut reader = Reader::new(rest);
    let address = Value::read(&mut reader, "From").ok()?.encoded()?;
    Some(address.split("/TYPE=").next().unwrap_or_default().to_owned())
}

/// Value of `X-Mms-Expiry`: a token and a number with its length before it.
fn expiry(octets: &[u8]) -> Option<Expiry> {
    let (&token, rest) = octets.split_first()?;
    let (&length, digits) = rest.split_first()?;
    let seconds = number(digits.get(..length.into())?)?;
    match token {
        0x80 => Some(Expiry::At(seconds)),
        0x81 => Some(Expiry::After(seconds)),
        _ => None,
    }
}

/// A number of up to eight octets, the high one first.
fn number(octets: &[u8]) -> Option<u64> {
    let fits = !octets.is_empty() && octets.len() <= 8;
    fits.then(|| octets.iter().fold(0, |number, &octet| number << 8 | u64::from(octet)))
}

/// Text behind a character set, which is one octet or a counted number.
fn without_charset(octets: &[u8]) -> String {
    let text = match octets {
        [set, text @ ..] if set & 0x80 != 0 => text,
        [length, rest @ ..] if *length <= 30 => rest.get(usize::from(*length)..).unwrap_or_default(),
        text => text,
    };
    let text = text.strip_prefix(&[0x7F]).unwrap_or(text);
    String::from_utf8_lossy(until_zero(text)).into_owned()
}

fn until_zero(octets: &[u8]) -> &[u8] {
    octets.split(|&octet| octet == 0).next().unwrap_or_default()
}

/// A length of seven bits an octet, WSP clause 8.1.2.
fn variable(reader: &mut Reader<'_>, field: &'static str) -> Result<usize, DecodeError> {
    let mut value: usize = 0;
    for _ in 0..5 {
        let at = reader.at();
        let octet = reader.octet(field)?;
        value = value << 7 | usize::from(octet & 0x7F);
        if octet & 0x80 == 0 {
            return Ok(value);
        }
        if value > 0xFFFF {
            return Err(DecodeError::unexpected(field, at, octet, "a length below 65536"));
        }
    }
    Err(reader.short(1, field))
}

const PUSH: u8 = 0x06;
const MMS: &str = "application/vnd.wap.mms-message";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::from_hex;

    /// A notification as an MMS centre sends it, made for this test.
    const NOTIFICATION: &str = "01060403BEAF848C82984132008D908912802B34393137302F545950453D50\
        4C4D4E0096056A4D4D53008A808E0204008805810303F4808368747470\
        3A2F2F6D2F3100";

    #[test]
    fn a_notification_tells_sender_size_place_and_end() {
        let octets = from_hex(NOTIFICATION).unwrap();
        let push = Push::decode(&octets).unwrap();
        assert_eq!(push.media_type, MMS);
        let notification = push.notification.unwrap();
        assert_eq!(notification.from.as_deref(), Some("+49170"));
        assert_eq!(notification.size, Some(1024));
        assert_eq!(notification.url.as_deref(), Some("http://m/1"));
        assert_eq!(notification.expiry, Some(Expiry::After(259_200)));
        assert_eq!(notification.transaction.as_deref(), Some("A2"));
    }

    #[test]
    fn what_is_cut_or_something_else_never_panics() {
        let octets = from_hex(NOTIFICATION).unwrap();
        for end in 0..octets.len() {
            let _ = Push::decode(&octets[..end]);
        }
        assert_eq!(Push::decode(&[1, 7, 0]).unwrap_err().field, "WSP type");
        assert!(Push::decode(&[1, 6, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]).is_err());
    }
}

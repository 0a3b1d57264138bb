//! What Hikvision's cameras and recorders post to an "alarm server": an `EventNotificationAlert` in XML or JSON, alone or
//! as a part beside its pictures.
//!
//! Elements are matched by their local names, since the namespace changed with the firmware. The fields are those of the
//! ISAPI guide, "EventNotificationAlert".

use message::{RawAlert, Severity};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;
use thiserror::Error;

use super::multipart;
use super::picture;
use super::said;

/// A notification with its pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The same for all that the device says about this: its address, the channel and the kind of event.
    pub key: String,
    /// Whether it goes on; otherwise it is over.
    pub active: bool,
    /// The alert; whether it is the end is for whoever knows what came before.
    pub alert: RawAlert,
}

/// Why a body is no notification.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoticeError {
    /// There is neither XML nor JSON in it that is a notification.
    #[error("no EventNotificationAlert in it")]
    NoNotice,
    /// Its XML is broken.
    #[error("broken XML: {0}")]
    Xml(String),
    /// Its JSON is broken.
    #[error("broken JSON: {0}")]
    Json(String),
}

/// The fields of a notification that are of use.
#[derive(Debug, Default)]
struct Fields {
    address: String,
    mac: String,
    channel: String,
    channel_name: String,
    at: String,
    event: String,
    state: String,
    description: String,
    count: String,
}

impl Notice {
    /// Reads the body of a post.
    ///
    /// # Errors
    /// It is no notification.
    pub fn read(content_type: &str, body: &[u8]) -> Result<Self, NoticeError> {
        if !content_type.trim_start().to_ascii_lowercase().starts_with("multipart/") {
            return Fields::read(body).map(Fields::notice);
        }
        let (mut fields, mut pictures) = (Err(NoticeError::NoNotice), Vec::new());
        for part in multipart::parts(content_type, body) {
            if part.media_type().starts_with("image/") || picture::look(part.body).is_ok() {
                pictures.push(part);
            } else if fields.is_err() {
                fields = Fields::read(part.body).or(fields);
            }
        }
        let mut notice = fields?.notice();
        for part in pictures {
            picture::add(&mut notice.alert, &part.file_name(), part.body.to_vec());
        }
        Ok(notice)
    }
}

impl Fields {
    fn read(body: &[u8]) -> Result<Self, NoticeError> {
        let text = String::from_utf8_lossy(body);
        // Some firmware writes a byte order mark first.
        let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let fields = match text.as_bytes().first() {
            Some(b'<') => Self::read_xml(text)?,
            Some(b'{') => Self::read_json(text)?,
            _ => return Err(NoticeError::NoNotice),
        };
        match fields.event.is_empty() {
            true => Err(NoticeError::NoNotice),
            false => Ok(fields),
        }
    }

    fn read_xml(body: &str) -> Result<Self, NoticeError> {
        let mut reader = Reader::from_str(body);
        reader.config_mut().check_end_names = false;
        let (mut fields, mut path, mut text) = (Self::default(), Vec::new(), String::new());
        loop {
            match reader
                .read_event()
                .map_err(|error| NoticeError::Xml(error.to_string()))?
            {
                Event::Start(tag) => {
                    path.push(tag.local_name().into_inner().to_owned());
                    text.clear();
                    if path[0] != ROOT || path.len() > DEEPEST {
                        return Err(NoticeError::NoNotice);
                    }
                }
                Event::Text(piece) => take(&mut text, &piece),
                Event::CData(piece) => take(&mut text, &piece),
                Event::GeneralRef(name) => text.push(entity(&name)),
                Event::End(_) => {
                    // Only what stands right below the root: regions and targets have fields of the same names.
                    if let [_, name] = path.as_slice() {
                        fields.set(name, text.trim());
                    }
                    path.pop();
                    text.clear();
                }
                Event::Eof => return Ok(fields),
                _ => {}
            }
        }
    }

    fn read_json(body: &str) -> Result<Self, NoticeError> {
        said::fields(body.as_bytes()).map_err(|error| NoticeError::Json(error.to_string()))
    }

    fn set(&mut self, name: &str, value: &str) {
        let field = match name {
            "ipAddress" if !value.is_empty() => &mut self.address,
            // Devices without one say so with an empty element.
            "ipv6Address" if self.address.is_empty() => &mut self.address,
            "macAddress" => &mut self.mac,
            "channelID" => &mut self.channel,
            "dynChannelID" if self.channel.is_empty() => &mut self.channel,
            "channelName" => &mut self.channel_name,
            "dateTime" => &mut self.at,
            "eventType" => &mut self.event,
            "eventState" => &mut self.state,
            "eventDescription" => &mut self.description,
            "activePostCount" => &mut self.count,
            _ => return,
        };
        value.clone_into(field);
    }

    fn notice(self) -> Notice {
        let device = if self.mac.is_empty() { &self.address } else { &self.mac };
        let device = device.to_ascii_lowercase();
        let camera = match (self.channel_name.as_str(), self.channel.as_str()) {
            ("", "") => self.address.clone(),
            ("", channel) => format!("{} channel {channel}", self.address),
            (name, _) => name.to_owned(),
        };
        let key = format!(
            "hikvision/{device}/{}/{}",
            self.channel,
            self.event.to_ascii_lowercase()
        );
        let is_told = !self.description.is_empty() && !self.description.eq_ignore_ascii_case(&self.event);
        let meta = [
            ("address", &self.address),
            ("mac", &self.mac),
            ("channel", &self.channel),
            ("posts", &self.count),
        ];
        let meta = meta.into_iter().filter(|(_, value)| !value.is_empty());
        Notice {
            active: !self.state.eq_ignore_ascii_case("inactive"),
            alert: RawAlert {
                source: "hikvision".into(),
                severity: severity(&self.event),
                camera: camera.trim().to_owned(),
                text: if is_told { self.description } else { String::new() },
                claimed_at: self.at,
                meta: meta
                    .map(|(name, value)| (name.to_owned(), Value::from(value.as_str())))
                    .collect(),
                key: key.clone(),
                event: self.event,
                ..RawAlert::default()
            },
            key,
        }
    }
}

impl said::Fields for Fields {
    const WRAPPED: Option<&str> = Some(ROOT);

    fn take(&mut self, name: &str, value: &str) {
        self.set(name, value.trim());
    }
}

/// How bad a kind of event is: what blinds a camera or a recorder is worse than what it sees.
fn severity(event: &str) -> Severity {
    let event = event.to_ascii_lowercase();
    match CRITICAL.contains(&event.as_str()) {
        true => Severity::Critical,
        false => Severity::Warning,
    }
}

fn take(text: &mut String, piece: &str) {
    let room = LONGEST_FIELD.saturating_sub(text.len());
    text.push_str(&piece[..piece.floor_char_boundary(room)]);
}

/// A character reference or one of the five entities of XML; there are no others here.
fn entity(name: &str) -> char {
    let numbered = |name: &str| {
        let number = name.strip_prefix('#')?;
        let code = match number.strip_prefix('x') {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        char::from_u32(code.ok()?)
    };
    match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        other => numbered(other).unwrap_or('\u{fffd}'),
    }
}

const ROOT: &str = "EventNotificationAlert";
/// A notification is four deep.
const DEEPEST: usize = 32;
/// In octets.
const LONGEST_FIELD: usize = 4096;
const CRITICAL: &[&str] = &[
    "videoloss",
    "shelteralarm",
    "tamperdetection",
    "diskerror",
    "diskfull",
    "nicbroken",
    "illaccess",
];

#[cfg(test)]
mod tests {
    use super::super::picture::tests::jpeg;
    use super::*;

    const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<EventNotificationAlert version=\"2.0\" xmlns=\"http://www.isapi.org/ver20/XMLSchema\">
<ipAddress>192.0.2.64</ipAddress><ipv6Address></ipv6Address><portNo>80</portNo><protocol>HTTP</protocol>
<macAddress>44:19:B6:00:00:01</macAddress><channelID>1</channelID>
<dateTime>2026-01-31T08:00:00+01:00</dateTime><activePostCount>1</activePostCount>
<eventType>linedetection</eventType><eventState>active</eventState>
<eventDescription>line &amp; crossing &#228;</eventDescription><channelName>Gate</channelName>
<DetectionRegionList><DetectionRegionEntry><regionID>1</regionID><eventType>x</eventType></DetectionRegionEntry></DetectionRegionList>
</EventNotificationAlert>";

    fn read(body: &str) -> Notice {
        Notice::read("application/xml", body.as_bytes()).expect("a notice")
    }

    #[test]
    fn xml_of_either_namespace_is_read() {
        let prefixed = XML
            .replace(
                "http://www.isapi.org/ver20/XMLSchema",
                "http://www.hikvision.com/ver20/XMLSchema",
            )
            .replace("<EventNotificationAlert", "<h:EventNotificationAlert")
            .replace("</EventNotificationAlert", "</h:EventNotificationAlert");
        for body in [XML.to_owned(), prefixed, format!("\u{feff}\r\n{XML}")] {
            let notice = read(&body);
            assert_eq!(notice.key, "hikvision/44:19:b6:00:00:01/1/linedetection");
            assert!(notice.active);
            let alert = notice.alert;
            assert_eq!((alert.event.as_str(), alert.camera.as_str()), ("linedetection", "Gate"));
            assert_eq!(alert.text, "line & crossing ä");
            assert_eq!(alert.claimed_at, "2026-01-31T08:00:00+01:00");
            assert_eq!(alert.meta["channel"], "1");
        }
    }

    #[test]
    fn json_is_read_whether_wrapped_or_not() {
        let inner = r#"{"ipAddress":"192.0.2.9","macAddress":"aa","channelID":2,"eventType":"videoloss","eventState":"inactive"}"#;
        for body in [inner.to_owned(), format!("{{\"EventNotificationAlert\":{inner}}}")] {
            let notice = read(&body);
            assert!(!notice.active);
            assert_eq!(notice.key, "hikvision/aa/2/videoloss");
            assert_eq!(notice.alert.camera, "192.0.2.9 channel 2");
            assert_eq!(notice.alert.severity, Severity::Critical);
        }
    }

    #[test]
    fn pictures_come_in_parts() {
        let mut body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"x\"; filename=\"x.xml\"\r\nContent-Type: application/xml\r\n\r\n\
             {XML}\r\n--b\r\nContent-Disposition: form-data; filename=\"../x.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n"
        )
        .into_bytes();
        body.extend(jpeg(640, 480));
        body.extend(b"\r\n--b\r\nContent-Type: image/jpeg\r\n\r\nno picture\r\n--b--\r\n");
        let notice = Notice::read("multipart/form-data; boundary=b", &body).expect("a notice");
        assert_eq!(notice.alert.images.len(), 1);
        assert_eq!(
            (notice.alert.images[0].name.as_str(), &notice.alert.images[0].octets),
            ("../x.jpg", &jpeg(640, 480))
        );
        assert_eq!(notice.alert.left_out, ["picture: it is no JPEG, PNG, GIF, WebP or BMP"]);
    }

    #[test]
    fn other_bodies_are_refused() {
        let told = |body: &str| Notice::read("", body.as_bytes()).expect_err("refused").to_string();
        for body in ["", "x", "<a/>", "<a><b/></a>", "{}", "[]", "<EventNotificationAlert/>"] {
            assert_eq!(told(body), "no EventNotificationAlert in it", "{body}");
        }
        assert!(told("{").starts_with("broken JSON: "));
        assert!(told("<EventNotificationAlert><a b").starts_with("broken XML: "));
        let bomb = "<!DOCTYPE x [<!ENTITY a 'aaaa'>]><EventNotificationAlert><eventType>&a;&a;</eventType></EventNotificationAlert>";
        assert_eq!(read(bomb).alert.event, "\u{fffd}\u{fffd}");
        assert!(Notice::read("", "<EventNotificationAlert>".repeat(1000).as_bytes()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_body_panics(body in "(<EventNotificationAlert>|<eventType>|</|>|<|&|#x;|;|[a-z\"=!\\[\\]-]|\u{feff}){0,40}") {
            let _ = Notice::read("", body.as_bytes());
        }
    }
}

//! Alerts: what cameras, recorders and monitoring systems report.
//!
//! Whoever brings one fills in a [`RawAlert`] with what came from outside, as it came. [`NewAlert::clean`] is the one way
//! from there to an [`Alert`]: it takes out what could be misread or misused further on (line ends in a field, folders in
//! a file name, endless texts), so that nobody behind it has to.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::AlertId;

/// An alert as it came from outside. Nothing in it is trusted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RawAlert {
    /// Which way it came, as `dvr`, `hikvision`, `alertmanager`.
    pub source: String,
    /// What happened, as `MOTION_DETECTED`. Empty: `UNKNOWN`.
    pub event: String,
    /// The camera, host or door it is about. Empty: `camera`.
    pub camera: String,
    /// How bad it is.
    pub severity: Severity,
    /// A sentence for people; may be empty.
    pub text: String,
    /// When it happened, as the sender writes it; may be empty.
    pub claimed_at: String,
    /// Whatever else the sender says; [`Value::Null`]: nothing.
    pub meta: Value,
    /// What is the same for all repetitions of this alert, and for the word that it is over. Empty: source, camera and
    /// event together.
    pub key: String,
    /// Whether this is the word that it is over.
    pub ended: bool,
    /// Pictures.
    pub images: Vec<RawImage>,
    /// What was left out before, and why, for people.
    pub left_out: Vec<String>,
}

/// A picture as it came from outside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawImage {
    /// The file name that the sender gives it; may be empty.
    pub name: String,
    /// Its octets.
    pub octets: Vec<u8>,
}

/// How bad an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look.
    #[default]
    Warning,
    /// Somebody must look now.
    Critical,
}

/// An alert: clean, and small, since its pictures lie elsewhere. Every text but `text` is one line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// When the gateway had it.
    pub received_at: Timestamp,
    /// Which way it came.
    pub source: String,
    /// What happened; never empty.
    pub event: String,
    /// What it is about; never empty.
    pub camera: String,
    /// How bad it is.
    pub severity: Severity,
    /// A sentence for people; may be empty and may have several lines.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// When it happened, as the sender wrote it; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub claimed_at: String,
    /// Whatever else the sender said.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub meta: Value,
    /// What repetitions and the end of this alert share; never empty.
    pub key: String,
    /// Whether this is the word that it is over.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ended: bool,
    /// Its pictures, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageNote>,
    /// What was left out at the door, and why; mostly empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// What is known of a picture without its octets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImageNote {
    /// A file name without folders: letters, digits, `.`, `-` and `_`.
    pub name: String,
    /// Its media type by its first octets; `application/octet-stream` where they tell nothing.
    pub media_type: String,
    /// Its size in octets.
    pub size: u64,
}

/// An alert on its way in, with its pictures.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NewAlert {
    /// The alert.
    pub alert: Alert,
    /// The octets of its pictures, in the order of [`Alert::images`].
    pub images: Vec<Vec<u8>>,
}

/// An alert that is kept, with the number people call it by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RaisedAlert {
    /// Its number, as in `ACK 17`.
    pub number: i64,
    /// The alert.
    #[serde(flatten)]
    pub alert: Alert,
}

/// The word that an alert is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertReceipt {
    /// Its id.
    pub id: AlertId,
    /// Its number, as in `ACK 17`.
    pub number: i64,
}

/// A mail about alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertLetter {
    /// The number people call it by.
    pub number: i64,
    /// Who gets it.
    pub to: Vec<String>,
    /// Its subject.
    pub subject: String,
    /// Its body.
    pub body: String,
    /// The alerts whose pictures go with it.
    pub pictures: Vec<i64>,
    /// What all mails about the same thing share.
    pub thread: String,
}

impl NewAlert {
    /// The clean alert of what came from outside at this time.
    pub fn clean(raw: RawAlert, received_at: Timestamp) -> Self {
        let source = or(line(&raw.source, WORD_MOST), "unknown");
        let event = or(line(&raw.event, LINE_MOST), "UNKNOWN");
        let camera = or(line(&raw.camera, LINE_MOST), "camera");
        let claimed_at = line(&raw.claimed_at, WORD_MOST);
        let key = or(line(&raw.key, KEY_MOST), &format!("{source}/{camera}/{event}"));
        let before = raw.left_out.iter().take(NOTES_MOST);
        let mut left_out: Vec<String> = before.map(|note| line(note, NOTE_MOST)).collect();
        let meta = match unfit(&raw.meta) {
            Some(why) => {
                left_out.push(format!("what else it said: {why}"));
                Value::Null
            }
            None => raw.meta,
        };
        let stem = format!("{camera}_{}", or(claimed_at.clone(), &received_at.to_string()));
        let (notes, images) = pictures(raw.images, &stem, &mut left_out);
        let alert = Alert {
            id: AlertId::fresh(),
            received_at,
            source,
            event,
            camera,
            severity: raw.severity,
            text: lines(&raw.text, TEXT_MOST),
            claimed_at,
            meta,
            key,
            ended: raw.ended,
            images: notes,
            left_out,
        };
        Self { alert, images }
    }

    /// What it takes in memory, roughly, in octets.
    pub fn size(&self) -> usize {
        let meta = match self.alert.meta {
            Value::Null => 0,
            _ => META_MOST,
        };
        ALERT_SIZE + self.alert.text.len() + meta + self.images.iter().map(Vec::len).sum::<usize>()
    }
}

impl Severity {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

fn pictures(raw: Vec<RawImage>, stem: &str, left_out: &mut Vec<String>) -> (Vec<ImageNote>, Vec<Vec<u8>>) {
    let (mut notes, mut kept) = (Vec::new(), Vec::new());
    let mut room = IMAGES_SIZE_MOST;
    for (place, image) in raw.into_iter().enumerate() {
        let size = image.octets.len();
        if notes.len() >= IMAGES_MOST || size > room || size == 0 {
            let why = match (size, notes.len()) {
                (0, _) => "it is empty".to_owned(),
                (_, IMAGES_MOST..) => format!("more than {IMAGES_MOST} pictures"),
                _ => format!("all together are larger than {IMAGES_SIZE_MOST} octets"),
            };
            if left_out.len() < NOTES_MOST {
                left_out.push(format!("picture {}: {why}", place + 1));
            }
            continue;
        }
        room -= size;
        let (media_type, ending) = media(&image.octets);
        notes.push(ImageNote {
            name: file_name(&image.name, stem, ending, &notes),
            media_type: media_type.to_owned(),
            size: size as u64,
        });
        kept.push(image.octets);
    }
    (notes, kept)
}

/// What a picture is, by its first octets, and how its name should end.
fn media(octets: &[u8]) -> (&'static str, &'static str) {
    let riff = octets.starts_with(b"RIFF") && octets.get(8..12) == Some(b"WEBP");
    match octets {
        [0xff, 0xd8, 0xff, ..] => ("image/jpeg", "jpg"),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => ("image/png", "png"),
        [b'G', b'I', b'F', b'8', ..] => ("image/gif", "gif"),
        [b'B', b'M', ..] => ("image/bmp", "bmp"),
        _ if riff => ("image/webp", "webp"),
        _ => ("application/octet-stream", "bin"),
    }
}

/// The last element of a sender's path with nothing in it but letters, digits, `.`, `-` and `_`, and no dot at its start.
/// A name that another picture of the alert has gets its place in front.
fn file_name(name: &str, stem: &str, ending: &str, others: &[ImageNote]) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut plain = plain(last);
    if plain.is_empty() {
        plain = format!("{}.{ending}", or(self::plain(stem), "picture"));
    }
    match others.iter().any(|other| other.name == plain) {
        true => format!("{}-{plain}", others.len() + 1),
        false => plain,
    }
}

fn plain(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let dull: String = name.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    let dull = dull.trim_matches(['.', '_']);
    // The end of a name tells what it is.
    let start = dull.len().saturating_sub(NAME_MOST);
    dull[start..].trim_start_matches(['.', '_']).to_owned()
}

/// A text as one line: control characters and line ends are blanks, and nothing turns the direction of what follows.
fn line(text: &str, most: usize) -> String {
    let blank = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '\u{2028}' | '\u{2029}');
    let bounded: String = text.chars().filter(|c| !turns(*c)).take(most * 4).collect();
    let words: Vec<&str> = bounded.split(blank).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(most).collect()
}

/// A text with its lines, and nothing else that is no letter.
fn lines(text: &str, most: usize) -> String {
    let kept = |c: &char| !turns(*c) && (!c.is_control() || *c == '\n');
    let plain: String = text.chars().filter(kept).take(most).collect();
    plain.trim().to_owned()
}

/// Whether a character changes the direction of what follows, and so can make a text read as another.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn or(text: String, otherwise: &str) -> String {
    match text.is_empty() {
        true => otherwise.to_owned(),
        false => text,
    }
}

/// Why what else was said is not kept.
fn unfit(meta: &Value) -> Option<String> {
    if is_deeper(meta, META_DEPTH) {
        return Some(format!("nested more than {META_DEPTH} deep"));
    }
    let long = meta.to_string().len() > META_MOST;
    long.then(|| format!("longer than {META_MOST} octets"))
}

/// Readers of JSON stop at a depth, and what holds an alert adds to its own.
fn is_deeper(value: &Value, most: usize) -> bool {
    let inner = |value: &Value| most == 0 || is_deeper(value, most - 1);
    match value {
        Value::Array(items) => items.iter().any(inner),
        Value::Object(fields) => fields.values().any(inner),
        _ => false,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The longest source and claimed time, event and camera, key and text, in characters.
const WORD_MOST: usize = 64;
const LINE_MOST: usize = 100;
const KEY_MOST: usize = 300;
const TEXT_MOST: usize = 2000;
/// The longest JSON of what else was said, in octets.
const META_MOST: usize = 16 << 10;
/// How deep that may be nested.
const META_DEPTH: usize = 16;
/// The longest file name.
const NAME_MOST: usize = 100;
/// The most pictures of an alert, and their octets all together.
const IMAGES_MOST: usize = 16;
const IMAGES_SIZE_MOST: usize = 8 << 20;
/// The most notes of what was left out.
const NOTES_MOST: usize = 4;
/// The longest of them, in characters.
const NOTE_MOST: usize = 200;
/// What an alert without text and pictures takes in memory, in octets.
const ALERT_SIZE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const JPEG: &[u8] = &[0xff, 0xd8, 0xff, 0xe0, 1, 2, 3];

    fn clean(raw: RawAlert) -> NewAlert {
        NewAlert::clean(raw, Timestamp::UNIX_EPOCH)
    }

    fn image(name: &str, octets: &[u8]) -> RawImage {
        RawImage {
            name: name.into(),
            octets: octets.to_vec(),
        }
    }

    #[test]
    fn what_is_missing_gets_the_names_that_recorders_use() {
        let alert = clean(RawAlert::default()).alert;
        let fields = [&alert.source, &alert.event, &alert.camera, &alert.key];
        assert_eq!(fields, ["unknown", "UNKNOWN", "camera", "unknown/camera/UNKNOWN"]);
        assert_eq!(alert.severity, Severity::Warning);
    }

    #[test]
    fn a_field_is_one_line_without_control_characters() {
        let alert = clean(RawAlert {
            event: "MOTION\r\nBcc: x@example.org\0\u{202e}".into(),
            camera: " cam\u{85}1 ".into(),
            text: "two\r\nlines\u{7}".into(),
            ..RawAlert::default()
        })
        .alert;
        assert_eq!(alert.event, "MOTION Bcc: x@example.org");
        assert_eq!(alert.camera, "cam 1");
        assert_eq!(alert.text, "two\nlines");
    }

    #[test]
    fn a_file_name_leads_nowhere() {
        for (name, expected) in [
            ("../../etc/passwd", "passwd"),
            ("..\\..\\x.jpg", "x.jpg"),
            ("/abs/y.png", "y.png"),
            ("..", "cam1_now.jpg"),
            (".bashrc", "bashrc"),
            ("a b\r\nc;$(id).jpg", "a_b__c___id_.jpg"),
            ("", "cam1_now.jpg"),
        ] {
            let alert = clean(RawAlert {
                camera: "cam1".into(),
                claimed_at: "now".into(),
                images: vec![image(name, JPEG)],
                ..RawAlert::default()
            });
            assert_eq!(alert.alert.images[0].name, expected, "{name}");
            assert_eq!(alert.alert.images[0].media_type, "image/jpeg");
        }
    }

    #[test]
    fn pictures_are_told_by_what_they_are_and_bounded() {
        let mut images = vec![
            image("a.jpg", b"MZ not a picture"),
            image("a.jpg", JPEG),
            image("e", b""),
        ];
        images.push(image("big", &vec![0; IMAGES_SIZE_MOST]));
        let alert = clean(RawAlert {
            images,
            ..RawAlert::default()
        });
        let told: Vec<_> = alert
            .alert
            .images
            .iter()
            .map(|note| (note.name.as_str(), note.media_type.as_str()))
            .collect();
        assert_eq!(told, [("a.jpg", "application/octet-stream"), ("2-a.jpg", "image/jpeg")]);
        assert_eq!(alert.images.len(), 2);
        assert_eq!(alert.alert.left_out.len(), 2, "{:?}", alert.alert.left_out);
    }

    #[test]
    fn what_was_left_out_before_is_told_on_one_line() {
        let alert = clean(RawAlert {
            left_out: vec!["picture a\r\nb: it is empty".into(); 9],
            ..RawAlert::default()
        });
        assert_eq!(alert.alert.left_out, vec!["picture a b: it is empty"; NOTES_MOST]);
    }

    #[test]
    fn what_is_endless_is_cut() {
        let long = "é".repeat(100_000);
        let alert = clean(RawAlert {
            event: long.clone(),
            text: long.clone(),
            key: long.clone(),
            meta: Value::String(long),
            ..RawAlert::default()
        });
        assert_eq!(alert.alert.event.chars().count(), LINE_MOST);
        assert_eq!(alert.alert.meta, Value::Null);
        assert!(alert.size() < 16 << 10);
    }

    proptest::proptest! {
        #[test]
        fn nothing_from_outside_panics_or_breaks_a_line(text in "[\\s\\S]{0,300}", name in "[\\s\\S]{0,40}") {
            let alert = clean(RawAlert {
                event: text.clone(), camera: text.clone(), key: text.clone(), text,
                images: vec![image(&name, JPEG)], ..RawAlert::default()
            }).alert;
            for field in [&alert.event, &alert.camera, &alert.key, &alert.images[0].name] {
                proptest::prop_assert!(!field.is_empty() && !field.contains(char::is_control));
            }
            proptest::prop_assert!(!alert.images[0].name.contains(['/', '\\', ' ']));
            proptest::prop_assert!(!alert.images[0].name.starts_with('.'));
        }
    }

    #[test]
    fn what_else_was_said_is_kept_only_so_deep() {
        let nested = |depth: usize| {
            let open = "[".repeat(depth);
            serde_json::from_str::<Value>(&format!("{open}1{}", "]".repeat(depth))).unwrap()
        };
        for (depth, kept) in [(1, true), (16, true), (17, false), (126, false)] {
            let raw = RawAlert {
                meta: nested(depth),
                ..RawAlert::default()
            };
            let alert = NewAlert::clean(raw, Timestamp::UNIX_EPOCH).alert;
            assert_eq!(!alert.meta.is_null(), kept, "{depth}");
            assert_eq!(alert.left_out.is_empty(), kept, "{:?}", alert.left_out);
        }
    }
}

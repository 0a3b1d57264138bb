//! Alarm mails of cameras and recorders: what happened, where and when, found by what makers write.

use message::{RawAlert, Severity};
use regex::Regex;
use serde::Deserialize;

use super::found::Found;
use super::picture;
use crate::Problem;
use crate::smtp::Letter;

/// How the mails of some senders are read (`[[alerts.mail.profiles]]`). The groups `event`, `camera`, `time` and `text`
/// of its patterns say what is what; what a profile does not find is looked for as without one.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// A regular expression that the sender must match: the address in `From`, or else the envelope's. Absent: any.
    pub from: Option<String>,
    /// A regular expression that the subject must match.
    pub subject: Option<String>,
    /// A regular expression that is looked for in the text; it need not be there.
    pub body: Option<String>,
    /// What happened, where nothing else says it.
    pub event: Option<String>,
    /// Which camera it was, where nothing else says it.
    pub camera: Option<String>,
    /// How bad it is.
    pub severity: Option<Severity>,
}

/// Reads alarm mails.
#[derive(Debug, Default)]
pub struct Reader {
    profiles: Vec<Ready>,
}

/// A profile with its patterns made.
#[derive(Debug)]
struct Ready {
    from: Option<Regex>,
    subject: Option<Regex>,
    body: Option<Regex>,
    profile: Profile,
}

impl Profile {
    /// What is wrong with it.
    pub fn problems(&self) -> Vec<Problem> {
        let all = [("from", &self.from), ("subject", &self.subject), ("body", &self.body)];
        let wrong = all.iter().filter_map(|(key, pattern)| {
            let error = pattern.as_deref().map(Regex::new)?.err()?;
            let words = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
            Some(Problem::new(
                *key,
                words,
                "a regular expression, as '^Alarm: (?P<event>.*)'",
            ))
        });
        let mut problems: Vec<Problem> = wrong.collect();
        if self.from.is_none() && self.subject.is_none() {
            let right = "from, subject or both: the first profile that fits a mail is used";
            problems.push(Problem::new("", "fits every mail", right));
        }
        problems
    }
}

impl Reader {
    /// A reader with these profiles. One whose patterns are wrong is never used; [`Profile::problems`] tells them.
    pub fn new(profiles: &[Profile]) -> Self {
        let profiles = profiles.iter().filter_map(Ready::make).collect();
        Self { profiles }
    }

    /// The alert in a mail to `to`, the local part of the address. What stands behind a plus in it is the camera where
    /// the mail names none, since many devices can be told only an address.
    pub fn read(&self, letter: &Letter, to: &str) -> RawAlert {
        let from = letter
            .from
            .clone()
            .or(letter.sender.address.clone())
            .unwrap_or_default();
        let fitting = self
            .profiles
            .iter()
            .find(|profile| profile.fits(&from, &letter.subject));
        let mut found = Found::default();
        let profile = fitting.map(|ready| {
            found.look(ready.subject.as_ref(), &letter.subject);
            found.look(ready.body.as_ref(), &letter.text);
            &ready.profile
        });
        found.read_lines(&letter.text);
        let (_, detail) = to.split_once('+').unwrap_or_default();
        let said = |name: fn(&Profile) -> &Option<String>| profile.and_then(|profile| name(profile).clone());
        let or = |found: String, next: Option<String>, last: &str| match (found.is_empty(), next) {
            (false, _) => found,
            (true, Some(next)) => next,
            (true, None) => last.to_owned(),
        };
        let camera = if detail.is_empty() {
            from.split('@').next().unwrap_or_default()
        } else {
            detail
        };
        let mut alert = RawAlert {
            source: SOURCE.into(),
            event: or(found.event, said(|profile| &profile.event), &letter.subject),
            camera: or(found.camera, said(|profile| &profile.camera), camera),
            severity: profile.and_then(|profile| profile.severity).unwrap_or_default(),
            text: or(found.text, None, &letter.subject),
            claimed_at: found.time,
            meta: serde_json::json!({ "from": from, "subject": letter.subject }),
            ..RawAlert::default()
        };
        for image in &letter.images {
            picture::add(
                &mut alert,
                image.name.as_deref().unwrap_or_default(),
                image.octets.clone(),
            );
        }
        alert
    }
}

impl Ready {
    fn make(profile: &Profile) -> Option<Self> {
        let make = |pattern: &Option<String>| pattern.as_deref().map(Regex::new).transpose().ok();
        Some(Self {
            from: make(&profile.from)?,
            subject: make(&profile.subject)?,
            body: make(&profile.body)?,
            profile: profile.clone(),
        })
    }

    fn fits(&self, from: &str, subject: &str) -> bool {
        let fits = |pattern: &Option<Regex>, text: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
        fits(&self.from, from) && fits(&self.subject, subject)
    }
}

/// The name of this source.
const SOURCE: &str = "mail";

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use jiff::Timestamp;

    use super::super::picture::tests::jpeg;
    use super::*;
    use crate::smtp::{Sender, Trust};

    fn letter(subject: &str, text: &str) -> Letter {
        let sender = Sender {
            address: Some("nvr@example.org".into()),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            account: None,
            trust: Trust::Listed,
        };
        let head = format!("From: NVR <nvr@example.org>\r\nSubject: {subject}\r\n\r\n{text}");
        Letter::read(head.as_bytes(), sender, Timestamp::UNIX_EPOCH)
    }

    fn read(subject: &str, text: &str, to: &str) -> [String; 3] {
        let alert = Reader::default().read(&letter(subject, text), to);
        [alert.event, alert.camera, alert.claimed_at]
    }

    #[test]
    fn mails_of_several_makers_are_read() {
        let hikvision = "This is an automatically generated e-mail from your DVR.\r\n\r\nEVENT TYPE:   Motion Detected\r\n\
            EVENT TIME:   2026-01-31,08:00:00\r\nDVR NAME:  Embedded Net DVR\r\nDVR S/N:  X\r\n\
            CAMERA NAME(NUM):   Gate(A1)\r\n";
        assert_eq!(
            read("Embedded Net DVR: Motion Detected On Channel A1", hikvision, "alerts"),
            ["Motion Detected", "Gate(A1)", "2026-01-31,08:00:00"]
        );
        let dahua = "Alarm Event: Motion Detection\r\nAlarm Input Channel: 3\r\nAlarm Start Time(D/M/Y H:M:S): 31/01/2026 08:00:00\r\n";
        assert_eq!(
            read("x", dahua, "alerts"),
            ["Motion Detection", "3", "31/01/2026 08:00:00"]
        );
        let reolink = "Alarm Camera: Door\r\nAlarm Event: Person Detection\r\nAlarm Time: 01/31/2026 08:00:00\r\n";
        assert_eq!(
            read("x", reolink, "alerts"),
            ["Person Detection", "Door", "01/31/2026 08:00:00"]
        );
    }

    #[test]
    fn a_mail_without_lines_is_its_subject_and_its_address() {
        assert_eq!(
            read("Motion at the gate", "hello", "alerts+gate"),
            ["Motion at the gate", "gate", ""]
        );
        assert_eq!(read("Motion", "", "alerts"), ["Motion", "nvr", ""]);
    }

    #[test]
    fn a_profile_says_where_things_stand() {
        let profile = Profile {
            from: Some("^nvr@".into()),
            subject: Some(r"^\[(?P<camera>[^\]]*)\] (?P<event>\w+)".into()),
            body: Some(r"at (?P<time>\d+:\d+)".into()),
            severity: Some(Severity::Critical),
            ..Profile::default()
        };
        assert_eq!(profile.problems(), []);
        let reader = Reader::new(&[
            Profile {
                from: Some("^other".into()),
                ..Profile::default()
            },
            profile,
        ]);
        let alert = reader.read(&letter("[gate] tamper", "at 08:00\r\nEVENT TYPE: other"), "alerts");
        assert_eq!(
            [alert.event, alert.camera, alert.claimed_at],
            ["tamper", "gate", "08:00"]
        );
        assert_eq!(alert.severity, Severity::Critical);
        let other = reader.read(&letter("no brackets", "at 08:00"), "alerts");
        assert_eq!(
            (other.event.as_str(), other.severity),
            ("no brackets", Severity::Warning)
        );
    }

    #[test]
    fn what_is_wrong_with_a_profile_is_told() {
        let profile = Profile {
            body: Some("(".into()),
            ..Profile::default()
        };
        let keys: Vec<String> = profile.problems().into_iter().map(|problem| problem.key).collect();
        assert_eq!(keys, ["body", ""]);
    }

    #[test]
    fn pictures_go_along_and_other_files_do_not() {
        let mut letter = letter("Motion", "");
        let image = |name: &str, octets: Vec<u8>| crate::smtp::Image {
            name: Some(name.into()),
            mime: "image/jpeg".into(),
            octets,
        };
        letter.images = vec![image("a.jpg", jpeg(640, 480)), image("b.jpg", b"MZ".to_vec())];
        let alert = Reader::default().read(&letter, "alerts");
        assert_eq!((alert.images.len(), alert.left_out.len()), (1, 1));
    }
}

//! Templates of subject and body: text with `{field}` in it.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use message::{Inbound, InboundKind};
use unicode_segmentation::UnicodeSegmentation;

use crate::template::{TemplateError, named};

/// A template of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(crate::template::Template<Shown>);

/// A field, or a time in a form of its own (`{sent:%H:%M}`).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shown {
    Field(Field),
    Time(Field, String),
}

/// What a template can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Id,
    From,
    To,
    Sim,
    Text,
    Start,
    Sent,
    Received,
    Flash,
    Network,
    Parts,
    Note,
}

impl Template {
    /// Reads a template.
    pub(super) fn parse(source: &str) -> Result<Self, TemplateError> {
        crate::template::Template::parse(source, Shown::parse).map(Self)
    }

    /// Fills it in; times are in `zone`.
    pub(super) fn fill(&self, sms: &Inbound, zone: &TimeZone) -> String {
        self.0.fill(|shown, out| match shown {
            Shown::Field(field) => field.write(sms, zone, out),
            Shown::Time(field, form) => out.push_str(&written(field.time(sms), zone, form)),
        })
    }
}

impl Shown {
    fn parse(source: &str) -> Result<Self, TemplateError> {
        let (name, form) = match source.split_once(':') {
            Some((name, form)) => (name, Some(form)),
            None => (source, None),
        };
        let field = named(&FIELDS, name)?;
        let Some(form) = form else {
            return Ok(Self::Field(field));
        };
        let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        let is_time = matches!(field, Field::Sent | Field::Received);
        match strtime::format(form, &sample) {
            Ok(_) if is_time => Ok(Self::Time(field, form.to_owned())),
            Ok(_) => Err(TemplateError {
                problem: format!("{{{source}}}: only times have a form"),
                right: format!("{{{name}}}"),
            }),
            Err(error) => Err(TemplateError {
                problem: format!("{{{source}}}: {error}"),
                right: "a form as %Y-%m-%d %H:%M:%S %z".into(),
            }),
        }
    }
}

impl Field {
    fn write(self, sms: &Inbound, zone: &TimeZone, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Id => write!(out, "{}", sms.id),
            Self::From => write!(out, "{}", sms.from),
            Self::To => match &sms.to {
                Some(number) => write!(out, "{number}"),
                None => write!(out, "{}", sms.sim),
            },
            Self::Sim => write!(out, "{}", sms.sim),
            Self::Text => write!(out, "{}", sms.text),
            Self::Start => write!(out, "{}", start(sms)),
            Self::Sent | Self::Received => write!(out, "{}", written(self.time(sms), zone, USUAL_FORM)),
            Self::Flash => write!(out, "{}", if sms.class == Some(0) { "True" } else { "False" }),
            Self::Network => write!(out, "{}", sms.network.as_deref().unwrap_or_default()),
            Self::Parts => write!(out, "{}", sms.parts),
            Self::Note => write!(out, "{}", note(sms)),
        };
    }

    fn time(self, sms: &Inbound) -> Option<Timestamp> {
        match self {
            Self::Sent => sms.service_centre_time,
            _ => Some(sms.received_at),
        }
    }
}

/// A time in a form that was tried when the template was read.
fn written(time: Option<Timestamp>, zone: &TimeZone, form: &str) -> String {
    let Some(time) = time else {
        return "unknown".into();
    };
    strtime::format(form, &time.to_zoned(zone.clone())).unwrap_or_else(|_| time.to_string())
}

/// The first letters of a text, on one line.
fn start(sms: &Inbound) -> String {
    let line = sms.text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return nothing_to_read(sms.kind).into();
    }
    match line.grapheme_indices(true).nth(START) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn nothing_to_read(kind: InboundKind) -> &'static str {
    match kind {
        InboundKind::Text => "(no text)",
        InboundKind::Data => "(data)",
        InboundKind::WapPush => "(WAP push)",
        InboundKind::Waiting => "(waiting indication)",
        InboundKind::Undecodable => "(cannot be read)",
        InboundKind::Probe => "(test)",
        InboundKind::Silent => "(silent message)",
        InboundKind::SimData => "(data for the SIM)",
        InboundKind::Device => "(for the modem)",
    }
}

/// What is out of the ordinary, as sentences with a blank before each; usually nothing.
fn note(sms: &Inbound) -> String {
    let mut note = String::new();
    if sms.missing > 0 {
        let _ = write!(note, " {} of its {} parts did not arrive.", sms.missing, sms.parts);
    }
    note.push_str(match sms.kind {
        InboundKind::Text | InboundKind::Waiting | InboundKind::Probe | InboundKind::Silent => "",
        InboundKind::Data | InboundKind::SimData | InboundKind::Device => " It holds data, which is attached.",
        InboundKind::WapPush => " It is a WAP push, most often the notice of an MMS.",
        InboundKind::Undecodable => " It cannot be read and is attached as it came.",
    });
    note
}

const FIELDS: [(&str, Field); 12] = [
    ("id", Field::Id),
    ("from", Field::From),
    ("to", Field::To),
    ("sim", Field::Sim),
    ("text", Field::Text),
    ("start", Field::Start),
    ("sent", Field::Sent),
    ("received", Field::Received),
    ("flash", Field::Flash),
    ("network", Field::Network),
    ("parts", Field::Parts),
    ("note", Field::Note),
];

/// How many letters of the text stand in a subject.
const START: usize = 40;

const USUAL_FORM: &str = "%Y-%m-%d %H:%M:%S %:z";

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn filled(source: &str, sms: &Inbound) -> String {
        Template::parse(source).unwrap().fill(sms, &TimeZone::UTC)
    }

    #[test]
    fn fields_are_filled_in() {
        let sms = samples::sms("Hello {from}");
        let told = filled("{{{from}}} → {to}/{sim}: {text} ({parts}) {flash}", &sms);
        assert_eq!(told, "{+989126211770} → +491711234567/sim1: Hello {from} (1) False");
    }

    #[test]
    fn times_have_the_form_that_is_asked_for() {
        let sms = samples::sms("x");
        assert_eq!(
            filled("{sent:%Y-%m-%d %H:%M:%S  %z}", &sms),
            "2026-04-03 13:31:24  +0000"
        );
        assert_eq!(filled("{received}", &sms), "2026-04-03 13:31:25 +00:00");
        let sms = Inbound {
            service_centre_time: None,
            ..sms
        };
        assert_eq!(filled("{sent}", &sms), "unknown");
    }

    #[test]
    fn the_start_of_a_text_cuts_no_letter() {
        let family = "👨‍👩‍👧";
        let sms = samples::sms(&family.repeat(41));
        assert_eq!(filled("{start}", &sms), format!("{}…", family.repeat(40)));
        assert_eq!(filled("{start}", &samples::sms("a\r\nb\n\n c")), "a b c");
        assert_eq!(filled("{start}", &samples::sms("")), "(no text)");
    }

    #[test]
    fn what_is_missing_is_said() {
        let sms = Inbound {
            parts: 3,
            missing: 1,
            ..samples::sms("x")
        };
        assert_eq!(filled("{note}", &sms), " 1 of its 3 parts did not arrive.");
    }

    #[test]
    fn what_is_no_template_says_why() {
        for wrong in ["{", "}", "{from", "a}b", "{whom}", "{text:%Y}", "{sent:%!}"] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_template_panics(source in "[{}a-z:%]{0,12}|\\{sent:.{0,8}\\}") {
            if let Ok(template) = Template::parse(&source) {
                template.fill(&samples::sms("x"), &TimeZone::UTC);
            }
        }
    }
}

//! What an alarm mail says, looked for in its texts: by an operator's patterns, and by the names that makers write.

use regex::Regex;

/// What was found in a mail so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) event: String,
    pub(super) camera: String,
    pub(super) time: String,
    pub(super) text: String,
}

impl Found {
    /// Takes what a pattern's groups find.
    pub(super) fn look(&mut self, pattern: Option<&Regex>, text: &str) {
        let Some(captures) = pattern.and_then(|pattern| pattern.captures(text)) else {
            return;
        };
        let fields = [
            ("event", &mut self.event),
            ("camera", &mut self.camera),
            ("time", &mut self.time),
            ("text", &mut self.text),
        ];
        for (name, field) in fields {
            if let (Some(found), true) = (captures.name(name), field.is_empty()) {
                found.as_str().trim().clone_into(field);
            }
        }
    }

    /// Takes what lines of the form `EVENT TYPE: …` say.
    pub(super) fn read_lines(&mut self, text: &str) {
        for line in text.lines().take(MOST_LINES) {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let name = name.trim().to_ascii_uppercase();
            // As CAMERA NAME(NUM) and Alarm Start Time(D/M/Y H:M:S), whose value begins behind the bracket.
            let (name, value) = match name.split_once('(') {
                Some((name, _)) => (name.trim_end(), line.split_once("):").map_or(value, |(_, value)| value)),
                None => (name.as_str(), value),
            };
            let table = NAMES.iter().find(|(names, _)| names.contains(&name));
            let field = match table.map(|(_, what)| what) {
                Some(What::Event) => &mut self.event,
                Some(What::Camera) => &mut self.camera,
                Some(What::Time) => &mut self.time,
                None => continue,
            };
            if field.is_empty() {
                value.trim().clone_into(field);
            }
        }
    }
}

/// What a line says.
#[derive(Debug, Clone, Copy)]
enum What {
    Event,
    Camera,
    Time,
}

/// The names in makers' mails: Hikvision, Dahua and Amcrest, Reolink, Uniview.
const NAMES: &[(&[&str], What)] = &[
    (
        &["EVENT TYPE", "ALARM EVENT", "ALARM TYPE", "EVENT", "ALARM NAME"],
        What::Event,
    ),
    (
        &[
            "CAMERA NAME",
            "CHANNEL NAME",
            "ALARM CAMERA",
            "ALARM CAMERA NAME",
            "CAMERA",
            "ALARM INPUT CHANNEL",
            "CHANNEL",
        ],
        What::Camera,
    ),
    (
        &["EVENT TIME", "ALARM TIME", "ALARM START TIME", "TIME", "DATE"],
        What::Time,
    ),
];

/// Alarm mails are short; further down may stand anything.
const MOST_LINES: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_its_name_says() {
        let mut found = Found::default();
        found.read_lines("NVR NAME: x\n event type :  Motion \nEVENT TYPE: other\nCAMERA NAME(NUM): Gate(A1)\nTIME(D/M): 1/2 08:00\n(:x");
        assert_eq!(
            [found.event, found.camera, found.time, found.text],
            ["Motion", "Gate(A1)", "1/2 08:00", ""]
        );
    }
}

//! Files as Python's `configparser` reads them, with its defaults: what SMSgate's users wrote is read as SMSgate read it.
//!
//! That is: `=` or `:` after a key, keys in any case, whole lines of comment with `#` or `;`, values that go on in
//! indented lines, `[DEFAULT]` for all sections, `%(key)s` and `%%` in values, and nothing twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::{self, Fault};
use crate::screen::beginning;

/// A file, read.
#[derive(Debug)]
pub(super) struct Ini {
    /// Where it lies.
    pub(super) file: PathBuf,
    /// Its sections in their order, but for `[DEFAULT]`.
    pub(super) sections: Vec<Section>,
    defaults: BTreeMap<String, Entry>,
}

/// A section.
#[derive(Debug)]
pub(super) struct Section {
    /// What stands between the brackets.
    pub(super) name: String,
    /// The line of its header, from 1.
    pub(super) line: usize,
    entries: BTreeMap<String, Entry>,
}

/// A value as it is written.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The line of its key, from 1.
    pub(super) line: usize,
    text: String,
}

/// A value as it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    /// The line of its key, from 1.
    pub(super) line: usize,
    /// What it says.
    pub(super) text: String,
    /// Whether a `%` in it means nothing that SMSgate could read; it is taken as it stands.
    pub(super) odd_percent: bool,
}

impl Ini {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or SMSgate could not have.
    pub(super) fn read(file: &Path) -> Result<Self, Vec<Fault>> {
        let told = |error: std::io::Error| {
            let (problem, right) = match error.kind() {
                std::io::ErrorKind::InvalidData => {
                    ("it is no text in UTF-8".to_owned(), "convert it, or name another file")
                }
                _ => (
                    format!("cannot be read: {error}"),
                    "name a file that this user can read",
                ),
            };
            vec![Fault::of_file(file, problem, right)]
        };
        let text = config::read_text(file).map_err(told)?;
        Self::parse(file, &text)
    }

    /// Reads the text of a file; all that is wrong is told together.
    pub(super) fn parse(file: &Path, text: &str) -> Result<Self, Vec<Fault>> {
        let mut parsing = Parsing::new(file);
        for (index, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
            parsing.line(index + 1, line);
            if parsing.faults.len() >= MOST_FAULTS {
                break;
            }
        }
        match parsing.faults.is_empty() {
            true => Ok(parsing.ini),
            false => Err(parsing.faults),
        }
    }

    /// The section of this name.
    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The keys that a section has, its own and those of `[DEFAULT]`.
    pub(super) fn keys<'a>(&'a self, section: &'a Section) -> impl Iterator<Item = &'a str> {
        let inherited = self.defaults.keys().filter(|key| !section.entries.contains_key(*key));
        section.entries.keys().chain(inherited).map(String::as_str)
    }

    /// The value of a key.
    pub(super) fn value(&self, section: &Section, key: &str) -> Option<Value> {
        let entry = self.entry(section, key)?;
        let mut left = MOST_REFERENCES;
        let meant = self.interpolated(section, &entry.text, &mut left, DEEPEST);
        Some(Value {
            line: entry.line,
            odd_percent: meant.is_none(),
            text: meant.unwrap_or_else(|| entry.text.clone()),
        })
    }

    fn entry<'a>(&'a self, section: &'a Section, key: &str) -> Option<&'a Entry> {
        section.entries.get(key).or_else(|| self.defaults.get(key))
    }

    /// The text with its references resolved; nothing where one of them cannot be.
    fn interpolated(&self, section: &Section, text: &str, left: &mut usize, depth: usize) -> Option<String> {
        let depth = depth.checked_sub(1)?;
        let mut meant = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            meant.push_str(before);
            if let Some(after) = after.strip_prefix('%') {
                meant.push('%');
                rest = after;
                continue;
            }
            let (name, after) = after.strip_prefix('(')?.split_once(")s")?;
            let entry = self.entry(section, &name.to_lowercase())?;
            *left = left.checked_sub(1)?;
            meant.push_str(&self.interpolated(section, &entry.text, left, depth)?);
            if meant.len() > LONGEST {
                return None;
            }
            rest = after;
        }
        meant.push_str(rest);
        Some(meant)
    }
}

/// A file being read, line by line.
struct Parsing {
    ini: Ini,
    faults: Vec<Fault>,
    /// Where the current key's value is kept: in a section, or among the defaults.
    at: Option<Place>,
    key: Option<String>,
    /// How far the current key is indented.
    indent: usize,
}

#[derive(Clone, Copy)]
enum Place {
    Defaults,
    Section(usize),
}

impl Parsing {
    fn new(file: &Path) -> Self {
        Self {
            ini: Ini {
                file: file.to_owned(),
                sections: Vec::new(),
                defaults: BTreeMap::new(),
            },
            faults: Vec::new(),
            at: None,
            key: None,
            indent: 0,
        }
    }

    fn line(&mut self, number: usize, line: &str) {
        let text = line.trim();
        if text.starts_with(['#', ';']) {
            return;
        }
        if text.is_empty() {
            self.go_on("");
            return;
        }
        if text.contains(|c: char| c.is_control() && c != '\t') {
            return self.wrong(number, "holds control characters", "remove them, or name another file");
        }
        let indent = line.len() - line.trim_start().len();
        if self.key.is_some() && indent > self.indent {
            return self.go_on(text);
        }
        self.indent = indent;
        match text.strip_prefix('[').and_then(|rest| rest.rsplit_once(']')) {
            Some((name, _)) if !name.is_empty() => self.open(number, name),
            _ => self.entry(number, text),
        }
    }

    /// The current value has another line.
    fn go_on(&mut self, text: &str) {
        let Some(key) = self.key.clone() else { return };
        if let Some(entry) = self.entries().and_then(|entries| entries.get_mut(&key)) {
            entry.text.push('\n');
            entry.text.push_str(text);
        }
    }

    fn open(&mut self, number: usize, name: &str) {
        self.close();
        self.at = Some(Place::Section(self.ini.sections.len()));
        if name == "DEFAULT" {
            self.at = Some(Place::Defaults);
            return;
        }
        if let Some(first) = self.ini.section(name).map(|section| section.line) {
            let problem = format!("the section [{}] is there twice, first in line {first}", shown(name));
            self.wrong(number, &problem, "make one of the two");
        }
        self.ini.sections.push(Section {
            name: name.to_owned(),
            line: number,
            entries: BTreeMap::new(),
        });
    }

    fn entry(&mut self, number: usize, text: &str) {
        self.close();
        let Some((key, value)) = text.split_once(['=', ':']) else {
            return self.wrong(
                number,
                "neither a [section] nor a key with = and its value",
                "write `key = value`",
            );
        };
        let key = key.trim().to_lowercase();
        if key.is_empty() {
            return self.wrong(number, "a value without a key", "write `key = value`");
        }
        let Some(entries) = self.entries() else {
            return self.wrong(
                number,
                "a key before any [section]",
                "write the section's header before it",
            );
        };
        if let Some(first) = entries.get(&key).map(|entry| entry.line) {
            let problem = format!("the key {} is there twice, first in line {first}", shown(&key));
            return self.wrong(number, &problem, "leave one of them out");
        }
        let text = value.trim().to_owned();
        entries.insert(key.clone(), Entry { line: number, text });
        self.key = Some(key);
    }

    /// The current value has come to its end: empty lines behind it are none of it.
    fn close(&mut self) {
        let Some(key) = self.key.take() else { return };
        if let Some(entry) = self.entries().and_then(|entries| entries.get_mut(&key)) {
            entry.text.truncate(entry.text.trim_end().len());
        }
    }

    fn entries(&mut self) -> Option<&mut BTreeMap<String, Entry>> {
        match self.at? {
            Place::Defaults => Some(&mut self.ini.defaults),
            Place::Section(index) => self.ini.sections.get_mut(index).map(|section| &mut section.entries),
        }
    }

    fn wrong(&mut self, line: usize, problem: &str, right: &str) {
        let fault = Fault::of_file(&self.ini.file, problem, right);
        self.faults.push(Fault {
            line: Some(line),
            ..fault
        });
    }
}

/// A name, short and clean enough to be shown.
pub(super) fn shown(text: &str) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).take(SHOWN + 1).collect();
    beginning(&clean, SHOWN)
}

/// After so many a file is none that anybody wrote.
const MOST_FAULTS: usize = 20;

/// How deep references may lie in each other, as in Python; how many there may be, and how long a value may get by them.
const DEEPEST: usize = 11;
const MOST_REFERENCES: usize = 1000;
const LONGEST: usize = 64 * 1024;

/// How much of a text of the file is shown, in characters.
const SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Ini, Vec<String>> {
        let told = |faults: Vec<Fault>| faults.iter().map(ToString::to_string).collect();
        Ini::parse(Path::new("x.conf"), text).map_err(told)
    }

    fn value(text: &str, key: &str) -> Option<(String, bool)> {
        let ini = parse(text).expect("a file");
        let section = ini.sections.first().expect("a section");
        ini.value(section, key).map(|value| (value.text, value.odd_percent))
    }

    #[test]
    fn values_are_what_configparser_makes_of_them() {
        let file = "# comment\n[a]\nPlain = x y \ncolon: 1:2\nempty =\n ; comment\nlong = one\n  two\n\n  three\n\nlast=1 # no comment\n";
        for (key, text) in [
            ("plain", "x y"),
            ("colon", "1:2"),
            ("empty", ""),
            ("long", "one\ntwo\n\nthree"),
            ("last", "1 # no comment"),
        ] {
            assert_eq!(value(file, key), Some((text.to_owned(), false)), "{key}");
        }
        assert_eq!(value(file, "nothing"), None);
    }

    #[test]
    fn percent_signs_are_references_or_taken_as_they_stand() {
        let file = "[DEFAULT]\nhost = h\n[a]\nuser = u@%(HOST)s\nrate = 5%%\nlone = a%b\nlost = %(nobody)s\nround = %(round)s\n";
        assert_eq!(value(file, "user"), Some(("u@h".into(), false)));
        assert_eq!(value(file, "rate"), Some(("5%".into(), false)));
        assert_eq!(value(file, "host"), Some(("h".into(), false)));
        for (key, text) in [("lone", "a%b"), ("lost", "%(nobody)s"), ("round", "%(round)s")] {
            assert_eq!(value(file, key), Some((text.into(), true)), "{key}");
        }
        let bomb: String = (1..10)
            .map(|n| format!("k{n} = {}\n", format!("%(k{})s", n - 1).repeat(10)))
            .collect();
        let file = format!("[a]\nk0 = {}\n{bomb}", "x".repeat(10));
        assert_eq!(
            value(&file, "k9").map(|(_, odd)| odd),
            Some(true),
            "it does not grow without end"
        );
        let empty = file.replace("xxxxxxxxxx", "");
        assert_eq!(
            value(&empty, "k9").map(|(_, odd)| odd),
            Some(true),
            "nor work without end"
        );
    }

    #[test]
    fn what_smsgate_could_not_read_is_told_with_its_line() {
        for (text, told) in [
            ("key = 1\n", "x.conf:1: a key before any [section]"),
            ("[a]\nnonsense\n", "x.conf:2: neither a [section] nor a key"),
            ("[a]\n= 1\n", "x.conf:2: a value without a key"),
            (
                "[a]\nk = 1\nK = 2\n",
                "x.conf:3: the key k is there twice, first in line 2",
            ),
            (
                "[a]\n[b]\n[a]\n",
                "x.conf:3: the section [a] is there twice, first in line 1",
            ),
            ("[a]\nk = \u{0}\n", "x.conf:2: holds control characters"),
        ] {
            let faults = parse(text).expect_err(text);
            assert!(faults[0].starts_with(told), "{faults:?}");
        }
        let all = parse(&"rubbish\n".repeat(5000)).expect_err("rubbish");
        assert_eq!(all.len(), MOST_FAULTS);
    }

    #[test]
    fn what_is_no_file_of_settings_is_told_as_such() {
        let told = |path: &Path| Ini::read(path).expect_err("refused")[0].to_string();
        assert!(told(Path::new("/dev/zero")).contains("no regular file"));
        assert!(told(Path::new("/nonexistent")).contains("No such file"));
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), b"[a]\nk = \xff\xfe\n").expect("written");
        assert!(told(file.path()).contains("no text in UTF-8"));
        file.as_file().set_len(5 << 20).expect("grown");
        assert!(!told(file.path()).is_empty());
    }

    #[test]
    fn no_file_makes_it_panic() {
        let whole = b"[00]\nport = /dev/ttyUSB1\n  more\npin=%(x)s\n[DEFAULT]\nx: 1\n".to_vec();
        for place in 0..whole.len() {
            for octet in [b'[', b']', b'=', b'%', b'\n', b' ', 0] {
                let mut changed = whole.clone();
                changed[place] = octet;
                if let Ok(ini) = Ini::parse(Path::new("x"), &String::from_utf8_lossy(&changed)) {
                    for section in &ini.sections {
                        ini.keys(section).for_each(|key| drop(ini.value(section, key)));
                    }
                }
            }
        }
    }
}

//! Reads a file into settings and gathers everything that is wrong with it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};

use serde::de::DeserializeOwned;

use super::document::{Document, Path, Step};
use super::fault::Fault;
use super::ranges;
use super::secrets;
use super::slots;
use super::words::reworded;

/// A file being read, with its faults so far.
pub(super) struct Reader<'a> {
    file: PathBuf,
    document: Document<'a>,
    /// Whether the file is no TOML.
    is_broken: bool,
    faults: Vec<Found>,
    /// This is not the gateway, so that the service's credentials cannot be looked at.
    outside: bool,
    /// Those that were passed over, as the file names them.
    unseen: BTreeSet<PathBuf>,
}

/// A fault and where it is.
struct Found {
    path: Path,
    fault: Fault,
    /// Whether the value was taken out, so that what is left there is a default or a shorter list.
    taken_out: bool,
}

impl<'a> Reader<'a> {
    /// Reads the file's syntax; every error of it is a fault.
    pub(super) fn new(file: &FilePath, source: &'a str) -> Self {
        let (document, errors) = Document::parse(source);
        let mut reader = Self {
            file: file.to_owned(),
            document,
            is_broken: !errors.is_empty(),
            faults: Vec::new(),
            outside: false,
            unseen: BTreeSet::new(),
        };
        for error in errors {
            let line = error.span().map(|span| reader.document.line_at(span.start));
            let problem = format!("not TOML: {}", one_line(error.message()));
            let fault = Fault::of_file(file, problem, "see https://toml.io for how it is written");
            reader.push(Path::new(), Fault { line, ..fault }, false);
        }
        reader
    }

    /// Reads the settings: as long as something is wrong, it is noted, taken out, and the rest read again.
    ///
    /// Nothing only where a fault could not be taken out, or where the syntax is broken: a line that opens a table and is
    /// not understood puts the settings after it into another one, and what would be said of them were untrue.
    pub(super) fn read<T: DeserializeOwned>(&mut self) -> Option<T> {
        if self.is_broken {
            return None;
        }
        loop {
            let error = match self.document.read() {
                Ok(settings) => return Some(settings),
                Err(error) => error,
            };
            let span = error.span().unwrap_or_default();
            self.note(&span, error.message());
            if !self.document.take_out(&span) {
                return None;
            }
            if self.faults.len() >= MOST_FAULTS {
                let fault = Fault::of_file(&self.file, "there are more faults", "put these right first");
                self.push(Path::new(), fault, false);
                return None;
            }
        }
    }

    /// Notes that a value is wrong, by its key as its part calls it. A second fault of the same
    /// value is not noted, nor one that follows from what was taken out.
    pub(super) fn wrong(&mut self, key: &str, problem: impl Into<String>, right: impl Into<String>) {
        self.wrong_here(&slots::in_file(key), problem, right);
    }

    /// The same for a key as the file has it.
    pub(super) fn wrong_here(&mut self, key: &str, problem: impl Into<String>, right: impl Into<String>) {
        let path = parse_key(key);
        if self.faults.iter().any(|found| self.explains(found, &path)) {
            return;
        }
        let fault = Fault {
            file: Some(self.file.clone()),
            line: self.line_near(&path),
            key: Some(self.document.words(&path)),
            value: self.shown(&path),
            problem: problem.into(),
            right: right.into(),
        };
        self.push(path, fault, false);
    }

    /// From now on what may be a credential of the service is passed over.
    pub(super) fn stand_outside(&mut self) {
        self.outside = true;
    }

    /// Where a file with a secret lies; nothing where it is passed over.
    pub(super) fn secret_file(&mut self, named: &FilePath) -> Option<PathBuf> {
        if self.outside && secrets::may_be_credential(named, &self.file) {
            self.unseen.insert(named.to_owned());
            return None;
        }
        Some(secrets::find(named, &self.file))
    }

    /// What was passed over.
    pub(super) fn unseen(&self) -> BTreeSet<PathBuf> {
        self.unseen.clone()
    }

    /// The file that is read.
    pub(super) fn file(&self) -> &FilePath {
        &self.file
    }

    /// Whether the file itself says something about a key.
    pub(super) fn says(&self, key: &str) -> bool {
        self.document.value(&parse_key(key)).is_some()
    }

    /// Whether a secret stands in the file.
    pub(super) fn holds_secret(&self) -> bool {
        self.document.any_text(|key| SECRETS.contains(&key))
    }

    /// The faults in the order of the file.
    pub(super) fn faults(mut self) -> Vec<Fault> {
        self.faults.sort_by_key(|found| found.fault.line);
        self.faults.into_iter().map(|found| found.fault).collect()
    }

    fn note(&mut self, span: &Range<usize>, message: &str) {
        let mut path = self.document.find(span).unwrap_or_default();
        let table = path.split_last().map_or(&[][..], |(_, table)| table);
        let words = reworded(message, &slots::keys_of(table));
        let value = self.shown(&path);
        let line = Some(self.document.line_at(span.start));
        let (missing, value) = match words.missing {
            Some(key) => (Some(Step::Key(key)), None),
            None => (None, value),
        };
        path.extend(missing);
        let key = (!path.is_empty()).then(|| self.document.words(&path));
        let range = key.as_deref().and_then(ranges::of);
        let right = match range.filter(|_| words.right.starts_with("write ")) {
            Some(range) => format!("write {range}"),
            None => words.right,
        };
        let fault = Fault {
            file: Some(self.file.clone()),
            line,
            key,
            value,
            problem: words.problem,
            right,
        };
        self.push(path, fault, true);
    }

    fn push(&mut self, path: Path, fault: Fault, taken_out: bool) {
        self.faults.push(Found { path, fault, taken_out });
    }

    /// Whether a fault found before is why there is another at `path`.
    fn explains(&self, found: &Found, path: &Path) -> bool {
        let around = !found.path.is_empty() && path.starts_with(&found.path);
        let inside = || found.path.starts_with(path) && self.document.is_list(path);
        found.path == *path || (found.taken_out && (around || inside()))
    }

    /// The value as text, unless it is a secret.
    fn shown(&self, path: &Path) -> Option<String> {
        let secret = path
            .iter()
            .any(|step| matches!(step, Step::Key(key) if SECRETS.contains(&key.as_str())));
        match secret {
            true => self.document.value(path).map(|_| "(not shown)".to_owned()),
            false => self.document.text_of(path),
        }
    }

    /// The line of a key, or of the nearest table around it where the file does not name it.
    fn line_near(&self, path: &Path) -> Option<usize> {
        (1..=path.len())
            .rev()
            .find_map(|length| self.document.line_of(&path[..length]))
    }
}

/// The way that a key in words means: `api.tokens[2].hash`.
fn parse_key(key: &str) -> Path {
    let mut path = Path::new();
    for word in key.split('.') {
        let (name, indexes) = word.split_once('[').unwrap_or((word, ""));
        path.push(Step::Key(name.to_owned()));
        let indexes = indexes
            .split('[')
            .filter_map(|index| index.trim_end_matches(']').parse().ok());
        path.extend(indexes.map(Step::Index));
    }
    path
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Nobody reads more, and a file of nothing else would take long.
const MOST_FAULTS: usize = 200;

/// Keys whose values are never shown, and make a file one that others must not read.
pub(super) const SECRETS: [&str; 5] = ["pin", "puk", "password", "secret", "hash"];

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Settings {
        name: String,
        port: u16,
        on_uncertain: Option<Rule>,
        places: Vec<Place>,
        inner: Inner,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Rule {
        Resend,
        Hold,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Place {
        name: String,
        #[serde(default)]
        pin: Option<String>,
        #[serde(default)]
        cost: u32,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Inner {
        deep: bool,
    }

    fn faults(source: &str) -> Vec<String> {
        let mut reader = Reader::new(FilePath::new("x.toml"), source);
        let _: Option<Settings> = reader.read();
        reader.faults().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_right_file_has_no_faults() {
        let source = "name = 'a'\nport = 7000\non_uncertain = 'hold'\n[[places]]\nname = 's1'\npin = '0000'\ncost = 1";
        let mut reader = Reader::new(FilePath::new("x.toml"), source);
        let settings: Settings = reader.read().unwrap();
        assert_eq!((settings.name.as_str(), settings.port), ("a", 7000));
        assert!(matches!(settings.on_uncertain, Some(Rule::Hold)));
        assert_eq!((settings.places[0].name.as_str(), settings.places[0].cost), ("s1", 1));
        assert!(settings.places[0].pin.is_some() && !settings.inner.deep);
        assert_eq!(reader.faults(), []);
        assert!(!matches!(settings.on_uncertain, Some(Rule::Resend)));
    }

    #[test]
    fn every_fault_is_told_at_once_with_its_line() {
        let source = "nmae = 'a'\nport = 70000\non_uncertain = 'resent'\n\n[[places]]\nname = 's1'\ncsot = 1\n\n[[places]]\nname = 's2'\ncost = 'x'\n[inner]\ndeep = 1\nshallow = 2";
        assert_eq!(
            faults(source),
            [
                "x.toml:1: nmae = 'a': unknown key; did you mean 'name'?",
                "x.toml:2: port = 70000: outside of what is allowed; write a whole number from 0 to 65535",
                "x.toml:3: on_uncertain = 'resent': unknown word; did you mean \"resend\"? (allowed: resend, hold)",
                "x.toml:7: places.s1.csot = 1: unknown key; did you mean 'cost'?",
                "x.toml:11: places.s2.cost = 'x': wrong kind of value; write a whole number from 0 to 4294967295",
                "x.toml:13: inner.deep = 1: wrong kind of value; write true or false",
                "x.toml:14: inner.shallow = 2: unknown key; known here: deep",
            ]
        );
    }

    #[test]
    fn a_missing_key_is_named_with_its_table() {
        assert_eq!(
            faults("[[places]]\ncost = 1\n[[places]]\nname = 's2'\nprot = 1"),
            [
                "x.toml:1: places.#1.name: is missing; it has no default and must be given",
                "x.toml:5: places.s2.prot = 1: unknown key; known here: name, pin, cost",
            ]
        );
    }

    #[test]
    fn a_secret_is_never_repeated() {
        let told = faults("[[places]]\nname = 's1'\npin = 1234");
        assert_eq!(
            told,
            ["x.toml:3: places.s1.pin = (not shown): wrong kind of value; write a text in quotes"]
        );
    }

    #[test]
    fn broken_syntax_is_told_with_its_line() {
        let told = faults("name = 'a'\nport = \n[inner]\ndeep = true");
        assert!(told[0].starts_with("x.toml:2: not TOML: "), "{told:?}");
        let told = faults("name = 'a'\n[inner\ndeep = true");
        assert!(told.iter().all(|fault| fault.contains("not TOML")), "{told:?}");
        assert!(!faults("name = 'a'\nname = 'b'").is_empty());
        assert!(!faults("[[[").is_empty());
        assert!(!faults("\u{0}").is_empty());
    }

    #[test]
    fn a_fault_found_later_stands_where_its_key_stands() {
        let source = "port = 1\n[[places]]\nname = 's1'\n[[places]]\nname = 's1'";
        let mut reader = Reader::new(FilePath::new("x.toml"), source);
        let _: Option<Settings> = reader.read();
        reader.wrong("places[1].name", "is taken", "choose another name");
        reader.wrong("places[1].name", "is told twice", "no");
        reader.wrong("places[0].cost", "is not given", "give it");
        let told: Vec<String> = reader.faults().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "x.toml:2: places.s1.cost: is not given; give it",
                "x.toml:5: places.s1.name = 's1': is taken; choose another name",
            ]
        );
    }

    #[test]
    fn a_file_with_a_pin_is_known_for_one() {
        let holds = |source| Reader::new(FilePath::new("x.toml"), source).holds_secret();
        assert!(holds("[[places]]\npin = '0000'"));
        assert!(holds("[api]\ntokens = [{ hash = 'x' }]"));
        assert!(!holds("[[places]]\npin_file = 'sim1.pin'"));
        assert!(!holds("pin = ''"));
    }
}

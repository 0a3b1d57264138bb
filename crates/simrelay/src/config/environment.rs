//! Settings from the environment, laid over the file: `SIMRELAY__LOG__LEVEL=debug` is `log.level`.

use std::collections::BTreeMap;
use std::path::Path;

use config::{Config, ConfigError, Environment, File, FileFormat, Value};
use serde::Deserialize;

use super::document::Step;
use super::fault::Fault;
use super::mail;
use super::ranges;
use super::reader::{Reader, SECRETS};
use super::rules;
use super::settings::Settings;
use super::slots;
use super::words::reworded;

/// Reads a file that was found right, with the environment laid over it; what is wrong now came from the environment.
/// Credentials of the service are passed over where this is `outside` of it.
pub(super) fn lay_over(file: &Path, source: &str, outside: bool) -> Result<Settings, Vec<Fault>> {
    let variables = Variables::of_this_process();
    let seeds = mail::seeds(|name| std::env::var(name).ok());
    checked(file, source, &variables, seeds, outside)
}

/// `seeds` are what the file may leave out.
fn checked(
    file: &Path,
    source: &str,
    variables: &Variables,
    seeds: Vec<(&str, Value)>,
    outside: bool,
) -> Result<Settings, Vec<Fault>> {
    let mut settings = read(source, variables, seeds).map_err(|error| vec![variables.fault(&error)])?;
    let said = variables.as_toml();
    let mut reader = Reader::new(file, &said);
    if outside {
        reader.stand_outside();
    }
    rules::check(&settings, &mut reader);
    settings.unseen = reader.unseen();
    let faults: Vec<Fault> = reader.faults().into_iter().map(of_environment).collect();
    match faults.is_empty() {
        true => Ok(settings),
        false => Err(faults),
    }
}

fn read(source: &str, variables: &Variables, seeds: Vec<(&str, Value)>) -> Result<Settings, ConfigError> {
    // Two underscores everywhere: one would make SIMRELAY_URL and SIMRELAY_TOKEN settings of the daemon.
    // Values stay texts: guessing would turn the PIN 0012 into the number 12.
    let environment = Environment::with_prefix("SIMRELAY")
        .prefix_separator("__")
        .separator("__")
        .source(Some(variables.0.clone().into_iter().collect()));
    let mut builder = Config::builder();
    for (key, value) in seeds {
        builder = builder.set_default(key, value)?;
    }
    let file = File::from_str(source, FileFormat::Toml);
    let merged = builder.add_source(file).add_source(environment).build()?;
    let mut root = merged.cache;
    slots::part(&mut root);
    Settings::deserialize(root)
}

/// The variables that are settings, by name.
struct Variables(BTreeMap<String, String>);

impl Variables {
    fn of_this_process() -> Self {
        let texts = std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value)));
        let ours = texts.filter(|(key, _)| key.starts_with(PREFIX));
        Self(
            ours.map(|(key, value)| (key, value.to_string_lossy().into_owned()))
                .collect(),
        )
    }

    /// Each variable's way in the file, and what it says.
    fn settings(&self) -> impl Iterator<Item = (Vec<String>, &str)> {
        let words = |name: &str| name.split("__").map(str::to_lowercase).collect();
        let named = self
            .0
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value)));
        named.map(move |(name, value)| (words(name), value.as_str()))
    }

    /// What they say as a file would, so that the checks of a file can tell it.
    fn as_toml(&self) -> String {
        let line = |(path, value): (Vec<String>, &str)| {
            let keys: Vec<String> = path.iter().map(|key| quoted(key)).collect();
            format!("{} = {}\n", keys.join("."), quoted(value))
        };
        self.settings().map(line).collect()
    }

    fn fault(&self, error: &ConfigError) -> Fault {
        let (key, message) = match error {
            ConfigError::At { error, key, .. } => (key.clone(), error.to_string()),
            ConfigError::Type { key, .. } => (key.clone(), error.to_string()),
            other => (None, other.to_string()),
        };
        let message = message.split(" for key `").next().unwrap_or(&message);
        let unknown = message
            .strip_prefix("unknown field `")
            .and_then(|rest| rest.split_once('`'));
        let path = unknown.and_then(|(name, _)| self.path_to(name)).unwrap_or_default();
        let table = path.split_last().map_or(&[][..], |(_, table)| table);
        let words = reworded(message, &slots::keys_of(table));
        let key = match path.is_empty() {
            true => key.map(|key| slots::in_file(&key)),
            false => Some(path.iter().filter_map(Step::key).collect::<Vec<_>>().join(".")),
        };
        let range = key.as_deref().and_then(ranges::of);
        let right = range
            .filter(|_| words.right.starts_with("write "))
            .map(|range| format!("write {range}"));
        Fault {
            file: None,
            line: None,
            value: key.as_deref().and_then(|key| self.value(key)),
            key,
            problem: words.problem,
            right: right.unwrap_or(words.right),
        }
    }

    /// The way to the key of this name, where a variable has one.
    fn path_to(&self, name: &str) -> Option<Vec<Step>> {
        self.settings().find_map(|(path, _)| {
            let place = path.iter().position(|key| key == name)?;
            Some(path.into_iter().take(place + 1).map(Step::Key).collect())
        })
    }

    /// What a variable says of a key, unless that is a secret.
    fn value(&self, key: &str) -> Option<String> {
        let (path, value) = self.settings().find(|(path, _)| path.join(".") == key)?;
        match path.iter().any(|key| SECRETS.contains(&key.as_str())) {
            true => Some("(not shown)".to_owned()),
            false => Some(quoted(value)),
        }
    }
}

/// A fault that the file alone does not have.
fn of_environment(fault: Fault) -> Fault {
    Fault {
        file: None,
        line: None,
        ..fault
    }
}

/// As TOML writes a text.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

const PREFIX: &str = "SIMRELAY__";

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let variables = variables
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let variables = Variables(variables.collect());
        let settings = checked(
            Path::new("x.toml"),
            "data = '/from/file'\n",
            &variables,
            Vec::new(),
            false,
        );
        settings.map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn the_file_goes_before_what_it_may_leave_out() {
        let seeds = mail::seeds(|name| match name {
            "SMTP_HOST" => Some("mail.example.org".into()),
            "SMTP_PORT" => Some("587".into()),
            "ALERT_RECIPIENT" => Some("ops@example.org".into()),
            _ => None,
        });
        let settings = read("[mail]\nport = 2525\n", &Variables(BTreeMap::new()), seeds).unwrap();
        assert_eq!(
            (settings.mail.host.as_str(), settings.mail.port),
            ("mail.example.org", 2525)
        );
        assert_eq!(settings.mail.security, consumers::mail::Security::Starttls);
        assert_eq!(settings.mail.to, ["ops@example.org"]);
        assert_eq!(settings.consumers(), ["mail"]);
    }

    #[test]
    fn a_variable_goes_before_the_file() {
        let settings = with(&[("SIMRELAY__LOG__LEVEL", "debug"), ("SIMRELAY__LOG__TIMES", "true")]).unwrap();
        assert_eq!(settings.log.level, "debug");
        assert_eq!(settings.log.times, Some(true));
        assert_eq!(settings.data, Path::new("/from/file"));
        let settings = with(&[("SIMRELAY__DATA", "/elsewhere")]).unwrap();
        assert_eq!(settings.data, Path::new("/elsewhere"));
    }

    #[test]
    fn the_variables_of_the_client_are_no_settings() {
        let settings = with(&[("SIMRELAY_URL", "https://h"), ("SIMRELAY_TOKEN", "x")]);
        assert!(settings.is_ok(), "{settings:?}");
    }

    #[test]
    fn an_unknown_variable_is_refused() {
        let told = with(&[("SIMRELAY__LOG__LEVLE", "debug")]).unwrap_err();
        assert!(told.contains("unknown key; did you mean 'level'?"), "{told}");
    }

    #[test]
    fn an_unknown_variable_is_named_with_the_keys_of_the_file() {
        let told = with(&[("SIMRELAY__BOGUS", "1")]).unwrap_err();
        assert!(
            told.starts_with("environment: bogus = \"1\": unknown key; known here: data, log,"),
            "{told}"
        );
        assert!(
            told.contains("slots") && !told.contains("routes") && !told.contains("pin_files"),
            "{told}"
        );
        let told = with(&[("SIMRELAY__SLOTS__SIM1__PROT", "/dev/x")]).unwrap_err();
        assert!(
            told.contains("slots.sim1.prot = \"/dev/x\": unknown key; did you mean 'port'?"),
            "{told}"
        );
    }

    #[test]
    fn what_a_variable_says_is_checked_like_the_file() {
        let told = with(&[
            ("SIMRELAY__LOG__LEVEL", "loud"),
            ("SIMRELAY__API__CERTIFICATE", "/nope"),
        ])
        .unwrap_err();
        assert!(
            told.contains("environment: log.level = \"loud\": not a level; write error,"),
            "{told}"
        );
        assert!(
            told.contains("environment: api.certificate = \"/nope\": cannot be read"),
            "{told}"
        );
        let told = with(&[("SIMRELAY__API__LIMITS__BODY_BYTES", "-1")]).unwrap_err();
        assert!(told.contains("1024 to 4294967295"), "{told}");
    }

    #[test]
    fn a_variable_of_the_wrong_kind_is_refused() {
        let told = with(&[("SIMRELAY__LOG__TIMES", "perhaps")]).unwrap_err();
        assert!(told.starts_with("environment: log.times"), "{told}");
        assert!(told.contains("true or false"), "{told}");
    }
}

//! Settings from the environment, laid over the file: `SIMRELAY__LOG__LEVEL=debug` is `log.level`.

use std::path::Path;

use config::{Config, ConfigError, Environment, File, FileFormat, Value};
use serde::Deserialize;

use super::fault::Fault;
use super::mail;
use super::settings::Settings;
use super::slots;
use super::words::{Keys, reworded};

/// Reads a file that was found right, with the environment laid over it.
pub(super) fn lay_over(file: &Path) -> Result<Settings, Vec<Fault>> {
    // Two underscores everywhere: one would make SIMRELAY_URL and SIMRELAY_TOKEN settings of the daemon.
    // Values stay texts: guessing would turn the PIN 0012 into the number 12.
    let environment = Environment::with_prefix("SIMRELAY")
        .prefix_separator("__")
        .separator("__");
    let seeds = mail::seeds(|name| std::env::var(name).ok());
    read(file, environment, seeds).map_err(|error| vec![fault(&error)])
}

/// `seeds` are what the file may leave out.
fn read(file: &Path, environment: Environment, seeds: Vec<(&str, Value)>) -> Result<Settings, ConfigError> {
    let file = File::from(file).format(FileFormat::Toml);
    let mut builder = Config::builder();
    for (key, value) in seeds {
        builder = builder.set_default(key, value)?;
    }
    let merged = builder.add_source(file).add_source(environment).build()?;
    let mut root = merged.cache;
    slots::part(&mut root);
    Settings::deserialize(root)
}

fn fault(error: &ConfigError) -> Fault {
    let (key, message) = match error {
        ConfigError::At { error, key, .. } => (key.clone(), error.to_string()),
        ConfigError::Type { key, .. } => (key.clone(), error.to_string()),
        other => (None, other.to_string()),
    };
    let message = message.split(" for key `").next().unwrap_or(&message);
    let words = reworded(message, &Keys::default());
    Fault {
        file: None,
        line: None,
        key,
        value: None,
        problem: words.problem,
        right: words.right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        std::fs::write(file.path(), "data = '/from/file'\n").unwrap();
        let variables = variables
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let environment = Environment::with_prefix("SIMRELAY")
            .prefix_separator("__")
            .separator("__")
            .source(Some(variables.collect()));
        read(file.path(), environment, Vec::new()).map_err(|error| fault(&error).to_string())
    }

    #[test]
    fn the_file_goes_before_what_it_may_leave_out() {
        let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        std::fs::write(file.path(), "[mail]\nport = 2525\n").unwrap();
        let seeds = mail::seeds(|name| match name {
            "SMTP_HOST" => Some("mail.example.org".into()),
            "SMTP_PORT" => Some("587".into()),
            "ALERT_RECIPIENT" => Some("ops@example.org".into()),
            _ => None,
        });
        let settings = read(file.path(), Environment::with_prefix("NOBODY"), seeds).unwrap();
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
    fn a_variable_of_the_wrong_kind_is_refused() {
        let told = with(&[("SIMRELAY__LOG__TIMES", "perhaps")]).unwrap_err();
        assert!(told.starts_with("environment: log.times"), "{told}");
        assert!(told.contains("true or false"), "{told}");
    }
}

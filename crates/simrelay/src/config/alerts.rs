//! Alerts: what no type can say of them, and the secrets of their listeners in files of their own.

use std::io;
use std::path::{Path, PathBuf};

use consumers::alerts::intake::Token;
use zeroize::Zeroizing;

use super::fault::Fault;
use super::reader::Reader;
use super::secrets;
use super::settings::Settings;
use super::source;

/// Checks `[alerts]`.
pub(super) fn check(settings: &Settings, reader: &mut Reader<'_>) {
    for problem in settings.alerts.problems() {
        let key = format!("alerts.{}", problem.key);
        reader.wrong(&key, problem.problem, format!("write {}", problem.right));
    }
    let (listener, http) = (&settings.alerts.listener, &settings.alerts.http);
    for (key, authorities) in [("listener", &listener.client_ca), ("http", &http.client_ca)] {
        if let Some(error) = authorities.as_ref().and_then(|file| source::open(file).err()) {
            let right = "name a PEM file that the gateway may read";
            reader.wrong(
                &format!("alerts.{key}.client_ca"),
                format!("cannot be read: {error}"),
                right,
            );
        }
    }
    for (key, named) in [("listener", &listener.secret_file), ("http", &http.secret_file)] {
        let Some(named) = named else { continue };
        let Some(file) = reader.secret_file(named) else {
            continue;
        };
        if let Err((problem, right)) = check_file(&file) {
            let key = format!("alerts.{key}.secret_file");
            reader.wrong(&key, format!("{}: {problem}", file.display()), right);
        }
    }
}

/// Reads the secrets that lie in files of their own.
pub(super) fn read_secrets(file: &Path, settings: &mut Settings) -> Result<(), Vec<Fault>> {
    let unseen = &settings.unseen;
    let read = |named: &Option<PathBuf>| -> Result<Option<Token>, Vec<Fault>> {
        let Some(named) = named.as_ref().filter(|named| !unseen.contains(*named)) else {
            return Ok(None);
        };
        let lies = secrets::find(named, file);
        let told = |error: io::Error| vec![Fault::of_file(&lies, error.to_string(), FILE)];
        read_secret(&lies).map(Some).map_err(told)
    };
    let alerts = &mut settings.alerts;
    if let Some(secret) = read(&alerts.listener.secret_file)? {
        alerts.listener.secret = Some(secret);
    }
    if let Some(secret) = read(&alerts.http.secret_file)? {
        alerts.http.secret = Some(secret);
    }
    Ok(())
}

fn check_file(file: &Path) -> Result<(), (String, String)> {
    let told = |error: io::Error| (error.to_string(), FILE.to_owned());
    match secrets::open_to_others(file).map_err(told)? {
        Some(problem) => Err((problem, format!("chmod 600 {}", file.display()))),
        None => read_secret(file).map(drop).map_err(told),
    }
}

fn read_secret(file: &Path) -> io::Result<Token> {
    let text = Zeroizing::new(source::read(file)?);
    let secret = Token::new(text.trim());
    match secret.is_long_enough() {
        true => Ok(secret),
        false => Err(io::Error::other("it holds fewer than 8 characters")),
    }
}

const FILE: &str = "name a file that holds the secret alone, 8 characters or more";

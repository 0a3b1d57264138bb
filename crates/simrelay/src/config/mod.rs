//! The configuration: one file, checked as a whole before anything starts.
//!
//! A part's settings are a struct of that part; [`Settings`] only puts them together. [`load`] is the one way to them,
//! for the daemon and for `config check` alike: the file is read strictly with `toml`, which gives every fault its
//! line; [`rules`] checks what no type can say; then `config` lays the environment over the file.

mod document;
mod environment;
mod fault;
mod reader;
mod rules;
mod secrets;
mod settings;
#[cfg(test)]
mod shipped;
mod slots;
mod suggest;
mod words;

use std::fs;
use std::path::Path;

pub(crate) use fault::Fault;
pub(crate) use settings::{Log, Settings};

use serde::Deserialize;
use serde::de::value::{Error as ValueError, StrDeserializer};

use reader::Reader;

/// Reads and checks a configuration file, or tells everything that is wrong with it.
pub(crate) fn load(file: &Path) -> Result<Settings, Vec<Fault>> {
    let source = fs::read_to_string(file).map_err(|error| {
        let right = "name a file that this user can read";
        vec![Fault::of_file(file, format!("cannot be read: {error}"), right)]
    })?;
    let mut reader = Reader::new(file, &source);
    let settings: Option<Settings> = reader.read();
    if let Some(settings) = &settings {
        rules::check(settings, &mut reader);
    }
    let mut faults = Vec::from_iter(too_open(file, &reader));
    faults.extend(reader.faults());
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut settings = environment::lay_over(file)?;
    read_pins(file, &mut settings)?;
    Ok(settings)
}

/// Gives each slot the PIN that lies in a file of its own.
fn read_pins(file: &Path, settings: &mut Settings) -> Result<(), Vec<Fault>> {
    for (name, named) in &settings.pin_files {
        let Some(slot) = settings.pool.slots.get_mut(name) else {
            continue;
        };
        let pin_file = secrets::find(named, file);
        let told = |problem: String| {
            vec![Fault::of_file(
                &pin_file,
                problem,
                "name a file that holds the PIN alone",
            )]
        };
        let pin = secrets::read_pin(&pin_file).map_err(|error| told(error.to_string()))?;
        let pin = StrDeserializer::<ValueError>::new(&pin);
        slot.pin = Some(Deserialize::deserialize(pin).map_err(|error| told(error.to_string()))?);
    }
    Ok(())
}

/// Where the daemon's configuration usually lies.
pub(crate) const USUAL_FILE: &str = "/etc/simrelay/simrelay.toml";

/// The fault of a file that holds a secret and is not kept as one.
fn too_open(file: &Path, reader: &Reader<'_>) -> Option<Fault> {
    if !reader.holds_secret() {
        return None;
    }
    let problem = match secrets::open_to_others(file) {
        Ok(problem) => problem?,
        Err(error) => format!("its mode cannot be read: {error}"),
    };
    let right = format!("chmod 600 {}, since it holds a PIN, password or hash", file.display());
    Some(Fault::of_file(file, problem, right))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn told(source: &str, mode: u32) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), source).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        let name = format!("{}", file.path().display());
        let faults = load(file.path()).err().unwrap_or_default();
        faults
            .iter()
            .map(|fault| fault.to_string().replace(&name, "FILE"))
            .collect()
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        assert_eq!(told("", 0o644), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_is_not_there_is_told() {
        let faults = load(Path::new("/nonexistent/simrelay.toml")).unwrap_err();
        assert_eq!(
            faults[0].to_string(),
            "/nonexistent/simrelay.toml: cannot be read: No such file or directory (os error 2); name a file that this \
             user can read"
        );
    }

    #[test]
    fn faults_of_kind_and_of_meaning_are_told_together() {
        let source = "dta = 'x'\n[log]\nlevel = 'lots=of=it'\n[routing.guard]\nallow = ['+49', '0049x']";
        assert_eq!(
            told(source, 0o644),
            [
                "FILE:1: dta = 'x': unknown key; did you mean 'data'?",
                "FILE:3: log.level = 'lots=of=it': not a level; write error, warn, info, debug or trace, or a filter as \
                 info,pool=debug",
                "FILE:5: routing.guard.allow.#2 = '0049x': no prefix; write a plus and digits, as +49 or +4917, or the \
                 digits of a short code",
            ]
        );
    }
}

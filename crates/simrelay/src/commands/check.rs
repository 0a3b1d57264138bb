//! `simrelay config check`: everything that is wrong with a configuration.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::config;
use crate::failure::Failure;
use crate::screen::{Screen, note};

/// Look after the configuration
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Tell everything that is wrong with a configuration file, with line, key, value and what would be right
    #[command(after_help = "Examples:
  simrelay config check conf/simrelay.toml
  simrelay config check /etc/simrelay/simrelay.toml --json

The daemon makes the same checks and does not start where one fails. The exit code is 1 then, else 0.")]
    Check {
        /// The file
        file: PathBuf,
    },
}

/// Checks the file.
pub(crate) fn run(command: &ConfigCommand, screen: &Screen) -> Result<(), Failure> {
    let ConfigCommand::Check { file } = command;
    let (faults, unseen) = match config::look(file) {
        Ok(settings) => (Vec::new(), settings.unseen),
        Err(faults) => (faults, BTreeSet::new()),
    };
    let mut passed_over = unseen.iter().map(|named| not_looked_at(named, file));
    if screen.is_json() {
        // The object is the list of faults, and this is none.
        passed_over.for_each(|told| note(&told));
        screen.value(&faults)?;
    } else {
        passed_over.try_for_each(|told| screen.line(told))?;
        tell(file, &faults, screen)?;
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(Failure::Told(1)),
    }
}

/// What is said of a secret that only the service may see: where it was looked for, and what takes its place there.
pub(crate) fn not_looked_at(named: &Path, configuration: &Path) -> String {
    let beside = config::find(named, configuration);
    format!(
        "{}: looked for {}, which is not there; under systemd the credential {} would be used (LoadCredential= of the unit), \
         which only the service sees",
        named.display(),
        beside.display(),
        named.display()
    )
}

fn tell(file: &Path, faults: &[config::Fault], screen: &Screen) -> Result<(), Failure> {
    for fault in faults {
        screen.line(fault.to_string())?;
    }
    match faults.len() {
        0 => screen.line(format!("{} is right", file.display())),
        1 => screen.line("1 fault"),
        many => screen.line(format!("{many} faults")),
    }
}

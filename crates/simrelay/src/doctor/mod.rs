//! `simrelay doctor`: what may keep a gateway from working, looked at from outside and, where one runs, from inside.

mod certificate;
mod check;
mod composite;
mod data;
mod database;
mod gateway;
mod hardening;
mod machine;
mod ports;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use message::{Level, RouteId};

use crate::client::{Client, Connection};
use crate::commands::check::not_looked_at;
use crate::commands::modems::level_word;
use crate::config::{self, Settings};
use crate::failure::Failure;
use crate::screen::{Screen, Table};

use check::Check;

/// Look for what may keep a gateway from working
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay doctor
  sudo -u simrelay simrelay doctor --config /etc/simrelay/simrelay.toml --token-file FILE
  simrelay doctor --json | jq '.[] | select(.level != \"OK\")'

It looks at the configuration, the disk, the data folder, the database, the certificate, the clock, the serial ports and who holds
them, and asks a running gateway about its modems, which takes a token with the scope health. Where the gateway listens, and
its certificate, are those of the configuration unless SIMRELAY_URL or SIMRELAY_CA say otherwise. Run it as the user the
gateway runs as: permissions are that user's. The exit code is 1 where something is CRITICAL, else 0.")]
pub(crate) struct DoctorArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = config::USUAL_FILE)]
    config: PathBuf,
}

/// Looks at everything and tells it, worst first.
pub(crate) async fn run(args: &DoctorArgs, connection: &Connection, screen: &Screen) -> Result<(), Failure> {
    let client = client(&args.config, connection)?;
    let mut checks = here(&args.config).await;
    let (told, left) = gateway::look(&client, &named_ports(&args.config)).await;
    // What both see is told once.
    let is_new = |check: &Check| !checks.iter().any(|seen| seen.repeats(check));
    checks.extend(told.into_iter().filter(is_new).collect::<Vec<_>>());
    checks.sort_by_key(|check| std::cmp::Reverse(check.level));
    // What was not looked at stands on top: all else may look well without it.
    checks.splice(0..0, left);
    show(&checks, screen)?;
    match checks.iter().map(|check| check.level).max() {
        Some(Level::Critical) => Err(Failure::Told(1)),
        _ => Ok(()),
    }
}

/// Asks the gateway that the configuration describes, where nothing else is said.
fn client(file: &Path, connection: &Connection) -> Result<Client, Failure> {
    let Ok(settings) = config::look(file) else {
        return Client::new(connection);
    };
    let here = connection.or_here(settings.api.listen, &settings.api.certificate);
    // A file that holds no certificate is told as a finding of its own.
    Client::new(&here).or_else(|_| Client::new(connection))
}

/// The ports that the configuration names, by slot; none where it cannot be read, which is told elsewhere.
fn named_ports(file: &Path) -> BTreeMap<RouteId, PathBuf> {
    let settings = config::look(file).unwrap_or_default();
    let slots = settings.pool.slots.into_iter();
    slots.filter_map(|(name, slot)| Some((name, slot.port?))).collect()
}

/// What can be seen without a running gateway.
async fn here(file: &Path) -> Vec<Check> {
    let mut checks = vec![machine::clock(), machine::modem_manager(Path::new("/proc"))];
    match config::look(file) {
        Ok(settings) => {
            checks.push(Check::ok(CONFIGURATION, format!("{} is right", file.display())));
            checks.extend(
                settings
                    .unseen
                    .iter()
                    .map(|named| Check::ok(CONFIGURATION, not_looked_at(named, file))),
            );
            checks.extend(configured(&settings).await);
        }
        Err(_) if file == Path::new(config::USUAL_FILE) && !file.exists() => {
            let sentence = format!("there is no {}", file.display());
            checks.push(Check::warning(
                CONFIGURATION,
                sentence,
                "name the file with --config, where it lies elsewhere",
            ));
            checks.extend(ports::look(&[]));
        }
        Err(faults) => {
            let fix = format!("correct it, then: simrelay config check {}", file.display());
            checks.extend(
                faults
                    .iter()
                    .map(|fault| Check::critical(CONFIGURATION, fault.to_string(), &fix)),
            );
            checks.extend(ports::look(&[]));
        }
    }
    checks
}

async fn configured(settings: &Settings) -> Vec<Check> {
    let mut checks = vec![machine::disk(&settings.data), data::look(&settings.data)];
    checks.extend(database::look(settings));
    checks.push(hardening::look(settings.hardening.mode));
    let seen = |file: &&PathBuf| !settings.unseen.contains(*file);
    checks.extend(
        Some(&settings.api.certificate)
            .filter(seen)
            .map(|file| certificate::look(file)),
    );
    checks.extend(
        Some(&settings.api.key)
            .filter(seen)
            .map(|file| certificate::look_at_key(file)),
    );
    let slots = settings.pool.slots.values().filter(|slot| slot.enabled);
    let named: Vec<PathBuf> = slots.filter_map(|slot| slot.port.clone()).collect();
    checks.extend(ports::look(&named));
    checks
}

fn show(checks: &[Check], screen: &Screen) -> Result<(), Failure> {
    if screen.is_json() {
        return screen.value(&checks);
    }
    let mut table = Table::new(&["LEVEL", "ABOUT", "~WHAT", "~WHAT TO DO"]);
    for check in checks {
        table.row([
            level_word(check.level).to_owned(),
            check.subject.clone(),
            check.sentence.clone(),
            check.fix.clone(),
        ]);
    }
    screen.line(table.lines())
}

const CONFIGURATION: &str = "configuration";

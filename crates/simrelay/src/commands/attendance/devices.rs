//! `simrelay attendance device`: devices of the second version are registered, moved and revoked.
//!
//! The key file is changed here, by whoever may write it, and a running gateway is told to read it again. So keys never
//! travel over the network, and the gateway itself needs no right to change them.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use consumers::attendance::{KeyFile, KeyFileError, Mode, NewDevice, Person};
use message::{AttendanceDevice, Number};
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use serde_json::{Value, json};

use super::or_dash;
use crate::client::{Client, Connection, understood};
use crate::config;
use crate::failure::Failure;
use crate::screen::{Screen, Table};

/// Look after the devices that speak version 2
#[derive(Debug, Subcommand)]
pub(crate) enum DeviceCommand {
    /// Register a device; its key is shown once, as text and as a QR code
    #[command(after_help = "Examples:
  simrelay attendance device add +989126211770
  simrelay attendance device add 'Sara Ahmadi' --mode v1
  simrelay attendance device add +989126211770 --key-file /etc/simrelay/attendance.keys

The key is written to the key file, which is made where there is none, and the gateway is told to read it again: with
a token of the scope admin (SIMRELAY_TOKEN), else by you: systemctl reload simrelay. The QR code holds
ATT2:ID:KEY. Nothing shows the key a second time; a lost one is revoked, and the device registered again.")]
    Add(AddArgs),
    /// The registered devices
    #[command(after_help = "Example:
  simrelay attendance device list")]
    List,
    /// Take a device out of use; it is told so when it sends next
    #[command(after_help = "Example:
  simrelay attendance device revoke 481516")]
    Revoke(ChangeArgs),
    /// Say which versions are taken from a device's owner; a revoked one is in use again
    #[command(after_help = "Examples:
  simrelay attendance device set 481516 --mode both
  simrelay attendance device set 481516 --mode v2

v1: the first version alone. both: the second, too, and from the device's first message in it on that alone. v2: the
second alone.")]
    Set(SetArgs),
}

/// Which device is registered, and how.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Whose it is: a number, or a name of the configuration
    owner: String,

    /// Which versions are taken from the owner
    #[arg(long, value_enum, default_value_t = Versions::Both)]
    mode: Versions,

    /// Take its messages from any sender
    #[arg(long)]
    roaming: bool,

    #[command(flatten)]
    place: Place,
}

/// Which device is changed.
#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// Its id, as `device list` shows it
    id: u32,

    #[command(flatten)]
    place: Place,
}

/// Which device is changed, and how.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// Its id, as `device list` shows it
    id: u32,

    /// Which versions are taken from the owner
    #[arg(long, value_enum)]
    mode: Versions,

    #[command(flatten)]
    place: Place,
}

/// Where the keys are.
#[derive(Debug, Args)]
struct Place {
    /// The gateway's configuration file, which names the key file
    #[arg(long, value_name = "FILE", default_value = config::USUAL_FILE)]
    config: PathBuf,

    /// The key file itself; the configuration is not read then
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// Which versions of the protocol are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Versions {
    /// The first alone
    V1,
    /// Both, until the device's first message in the second
    Both,
    /// The second alone
    V2,
}

/// Where the keys are and who is known.
struct Found {
    key_file: PathBuf,
    people: Vec<Person>,
    country_code: Option<String>,
}

/// Shows the devices, as the gateway knows them.
pub(super) async fn list(_: &DeviceCommand, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let result: Value = client.call("attendance.devices", json!({})).await?;
    if screen.is_json() {
        return screen.value(&result);
    }
    let devices: Vec<AttendanceDevice> = understood("attendance.devices", result)?;
    let mut table = Table::new(&[">ID", "OWNER", "NAME", "MODE", "STATE", ">COUNTER"]);
    for device in devices {
        let state = match (device.revoked, device.roaming) {
            (true, _) => "revoked",
            (false, true) => "roaming",
            (false, false) => "in use",
        };
        let counter = device.counter.map(|counter| counter.to_string());
        table.row([
            device.id.to_string(),
            device.number.to_string(),
            or_dash(device.name.as_deref()),
            device.mode,
            state.to_owned(),
            or_dash(counter.as_deref()),
        ]);
    }
    screen.table(&table, "no device is registered")
}

/// Changes the key file, where the command does, and tells the gateway; whether it did.
pub(super) async fn change(command: &DeviceCommand, connection: &Connection, screen: &Screen) -> Result<bool, Failure> {
    match command {
        DeviceCommand::List => return Ok(false),
        DeviceCommand::Add(args) => add(args, connection, screen).await?,
        DeviceCommand::Revoke(args) => {
            edit(&args.place, |file| file.revoke(args.id))?;
            done(args.id, "is revoked", connection, screen).await?;
        }
        DeviceCommand::Set(args) => {
            let mode = args.mode.mode();
            edit(&args.place, |file| file.set(args.id, mode))?;
            done(args.id, &format!("has the mode {}", mode.word()), connection, screen).await?;
        }
    }
    Ok(true)
}

async fn add(args: &AddArgs, connection: &Connection, screen: &Screen) -> Result<(), Failure> {
    let found = args.place.find()?;
    let owner = found.owner(&args.owner)?;
    let device = edit_file(&found.key_file, |file| file.add(&owner, args.mode.mode(), args.roaming))?;
    let told = tell_gateway(connection).await;
    if screen.is_json() {
        return screen.value(&json!({
            "id": device.id, "number": owner, "key": device.key(),
            "provisioning": device.provisioning().as_str(), "gateway_told": told.is_ok(),
        }));
    }
    screen.line(format!("Device {} of {owner}. Its key, shown this once:\n", device.id))?;
    screen.line(format!("  {}\n", device.key()))?;
    screen.line(code(&device)?)?;
    screen.line(whether_told(&told))
}

/// The QR code, dark on light whatever the terminal's colours are.
fn code(device: &NewDevice) -> Result<String, Failure> {
    let made = QrCode::with_error_correction_level(device.provisioning().as_bytes(), EcLevel::M);
    let made = made.map_err(|error| Failure::refused(format!("the QR code cannot be made: {error}")))?;
    let lines = made
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Dark)
        .light_color(Dense1x2::Light)
        .build();
    Ok(match io::stdout().is_terminal() {
        true => lines
            .lines()
            .map(|line| format!("{DARK_ON_LIGHT}{line}{PLAIN}\n"))
            .collect(),
        false => lines,
    })
}

async fn done(id: u32, what: &str, connection: &Connection, screen: &Screen) -> Result<(), Failure> {
    let told = tell_gateway(connection).await;
    match screen.is_json() {
        true => screen.value(&json!({ "id": id, "gateway_told": told.is_ok() })),
        false => screen.line(format!("device {id} {what}; {}", whether_told(&told))),
    }
}

/// Asks the gateway to read the keys again; why it did not.
async fn tell_gateway(connection: &Connection) -> Result<(), String> {
    let said = |failure: Failure| failure.sentence().unwrap_or("it does not answer").to_owned();
    if connection.bearer().map_err(said)?.is_none() {
        return Err("no token was given".to_owned());
    }
    let client = Client::new(connection).map_err(said)?;
    let reloaded: Result<Value, Failure> = client.call("attendance.reload", json!({})).await;
    reloaded.map(drop).map_err(said)
}

fn whether_told(told: &Result<(), String>) -> String {
    match told {
        Ok(()) => "the gateway knows it".to_owned(),
        Err(why) => format!("a running gateway does not know it yet ({why}): systemctl reload simrelay"),
    }
}

fn edit(place: &Place, how: impl FnOnce(&mut KeyFile) -> Result<(), KeyFileError>) -> Result<(), Failure> {
    edit_file(&place.find()?.key_file, how)
}

fn edit_file<T>(path: &Path, how: impl FnOnce(&mut KeyFile) -> Result<T, KeyFileError>) -> Result<T, Failure> {
    let edited = || {
        let mut file = KeyFile::open(path)?;
        let made = how(&mut file)?;
        file.save()?;
        Ok(made)
    };
    edited().map_err(|error: KeyFileError| match error {
        KeyFileError::NoDevice(_) => Failure::refused(error.to_string()),
        other => Failure::refused(format!("{}: {other}", path.display())),
    })
}

impl Place {
    fn find(&self) -> Result<Found, Failure> {
        if let Some(key_file) = &self.key_file {
            return Ok(Found {
                key_file: key_file.clone(),
                people: Vec::new(),
                country_code: None,
            });
        }
        let settings = config::look(&self.config).map_err(|faults| {
            let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
            Failure::refused(told.join("\n"))
        })?;
        let none = || Failure::refused("attendance.key_file is not set; name the file with --key-file, and there");
        Ok(Found {
            key_file: settings.attendance.key_file.ok_or_else(none)?,
            people: settings.attendance.people,
            country_code: settings.gateway.country_code,
        })
    }
}

impl Found {
    fn owner(&self, who: &str) -> Result<Number, Failure> {
        let name = who.trim().to_lowercase();
        if let Some(person) = self.people.iter().find(|person| person.name.to_lowercase() == name) {
            return Ok(person.number.clone());
        }
        if name.chars().any(char::is_alphabetic) {
            let sentence = format!("nobody is called {who} in [[attendance.people]]; give the number");
            return Err(Failure::Usage(sentence));
        }
        Number::parse(who, self.country_code.as_deref()).map_err(|error| Failure::Usage(error.to_string()))
    }
}

impl Versions {
    fn mode(self) -> Mode {
        match self {
            Self::V1 => Mode::V1,
            Self::Both => Mode::Both,
            Self::V2 => Mode::V2,
        }
    }
}

/// Black print on white ground: a code the other way round is not read by every camera.
const DARK_ON_LIGHT: &str = "\x1b[30;107m";
const PLAIN: &str = "\x1b[0m";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_stands_in_a_quiet_zone_with_its_three_corners() {
        let folder = tempfile::tempdir().expect("a folder");
        let owner = Number::received("+989126211770");
        let add = |file: &mut KeyFile| file.add(&owner, Mode::Both, false);
        let device = edit_file(&folder.path().join("keys"), add).expect("added");
        let shown = code(&device).expect("made");
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[..2].iter().all(|line| line.trim().is_empty()), "{shown}");
        let corners = |line: &str| line.matches("█▀▀▀▀▀█").count();
        assert_eq!((corners(lines[2]), corners(lines[lines.len() - 6])), (2, 1), "{shown}");
        let width = lines[0].chars().count();
        assert!(
            lines.iter().all(|line| line.chars().count() == width) && width < 60,
            "{shown}"
        );
    }

    #[test]
    fn an_owner_is_a_number_or_a_known_name() {
        let people = serde_json::from_value(json!([{ "number": "+989126211770", "name": "Sara Ahmadi" }]));
        let found = Found {
            key_file: PathBuf::new(),
            people: people.expect("people"),
            country_code: Some("98".into()),
        };
        let owner = |who| found.owner(who).map(|number| number.to_string()).ok();
        assert_eq!(owner("sara ahmadi").as_deref(), Some("+989126211770"));
        assert_eq!(owner("0912 621 1771").as_deref(), Some("+989126211771"));
        assert_eq!(owner("Reza"), None);
    }
}

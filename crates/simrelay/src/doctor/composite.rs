//! A modem of several ports, of which the wrong one is named.
//!
//! The kernel tells in `/sys/class/tty/NAME/device` which interface of which USB device a port is. Most sticks have three
//! or four, and one or two of them take AT commands.

use std::fs;
use std::path::{Path, PathBuf};

use message::{SlotSnapshot, SlotState};

use super::check::Check;

/// One port of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sister {
    /// Its name in `/dev`.
    name: String,
    /// The number of its interface, two hex digits.
    interface: String,
}

/// Looks whether a slot that does not work has a port with sisters.
pub(super) fn look(slot: &SlotSnapshot, named: Option<&Path>, system: &Path) -> Option<Check> {
    let in_vain = matches!(
        slot.state,
        SlotState::Absent | SlotState::Starting | SlotState::Recovering | SlotState::Quarantined
    );
    let port = named
        .map(Path::to_owned)
        .or_else(|| slot.port.as_ref().map(PathBuf::from));
    let port = port.filter(|_| in_vain)?;
    let (own, sisters) = family(&port, system)?;
    if sisters.is_empty() {
        return None;
    }
    let listed: Vec<String> = sisters
        .iter()
        .map(|sister| format!("/dev/{} (interface {})", sister.name, sister.interface))
        .collect();
    let sentence = format!(
        "{} is interface {} of a modem with {} ports, and no modem answers there: {}",
        port.display(),
        own.interface,
        sisters.len() + 1,
        slot.reason
    );
    let fix = format!(
        "name another one of its ports: {}; or leave port out and set imei, and the gateway tries them all",
        listed.join(", ")
    );
    Some(Check::warning(slot.slot.as_str(), sentence, fix))
}

/// The port and the others of its device; nothing where it is no port of a USB device.
fn family(port: &Path, system: &Path) -> Option<(Sister, Vec<Sister>)> {
    let name = fs::canonicalize(port).unwrap_or_else(|_| port.to_owned());
    let name = name.file_name()?.to_str()?.to_owned();
    let device = device_of(&name, system)?;
    let mut all: Vec<Sister> = fs::read_dir(system.join("class/tty"))
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|other| device_of(other, system).as_ref() == Some(&device))
        .filter_map(|other| {
            let interface = interface_of(&other, system)?;
            Some(Sister { name: other, interface })
        })
        .collect();
    all.sort_by(|a, b| a.interface.cmp(&b.interface));
    let own = all.iter().position(|sister| sister.name == name)?;
    Some((all.remove(own), all))
}

/// The folder of the interface that a port belongs to. Some drivers put a folder of their own in between.
fn interface_folder(port: &str, system: &Path) -> Option<PathBuf> {
    let folder = fs::canonicalize(system.join("class/tty").join(port).join("device")).ok()?;
    let mut folders = folder.ancestors().take(3);
    folders
        .find(|folder| folder.join("bInterfaceNumber").exists())
        .map(Path::to_owned)
}

fn interface_of(port: &str, system: &Path) -> Option<String> {
    let number = fs::read_to_string(interface_folder(port, system)?.join("bInterfaceNumber")).ok()?;
    Some(number.trim().to_owned())
}

fn device_of(port: &str, system: &Path) -> Option<PathBuf> {
    interface_folder(port, system)?.parent().map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use message::{Level, RouteId};

    use super::*;

    /// A stick with two ports, one of them behind a folder of its driver, and another stick with one.
    fn system() -> tempfile::TempDir {
        let system = tempfile::tempdir().unwrap();
        let ports = [
            ("ttyUSB0", "1-1/1-1:1.0", true),
            ("ttyUSB2", "1-1/1-1:1.2", false),
            ("ttyUSB5", "1-2/1-2:1.0", true),
        ];
        for (name, place, between) in ports {
            let interface = system.path().join("devices").join(place);
            let folder = if between {
                interface.join(name)
            } else {
                interface.clone()
            };
            fs::create_dir_all(&folder).unwrap();
            let number = place.rsplit('.').next().unwrap();
            fs::write(interface.join("bInterfaceNumber"), format!("0{number}\n")).unwrap();
            let class = system.path().join("class/tty").join(name);
            fs::create_dir_all(&class).unwrap();
            symlink(folder, class.join("device")).unwrap();
        }
        fs::create_dir_all(system.path().join("class/tty/ttyS0")).unwrap();
        system
    }

    fn slot(state: SlotState) -> SlotSnapshot {
        SlotSnapshot {
            state,
            reason: "nothing intelligible within 20 s".into(),
            ..SlotSnapshot::blank(RouteId::new("sim1"), jiff::Timestamp::UNIX_EPOCH)
        }
    }

    #[test]
    fn the_other_ports_of_the_same_modem_are_named() {
        let system = system();
        let port = Path::new("/dev/ttyUSB0");
        let check = look(&slot(SlotState::Absent), Some(port), system.path()).expect("told");
        assert_eq!(check.level, Level::Warning);
        assert!(
            check
                .sentence
                .starts_with("/dev/ttyUSB0 is interface 00 of a modem with 2 ports"),
            "{}",
            check.sentence
        );
        assert!(
            check.fix.contains("/dev/ttyUSB2 (interface 02)") && !check.fix.contains("ttyUSB5"),
            "{}",
            check.fix
        );
    }

    #[test]
    fn a_slot_that_works_a_lone_port_and_what_is_no_usb_port_are_no_trouble() {
        let system = system();
        let quiet = |state, port: &str| look(&slot(state), Some(Path::new(port)), system.path());
        assert_eq!(quiet(SlotState::Ready, "/dev/ttyUSB0"), None);
        assert_eq!(quiet(SlotState::Absent, "/dev/ttyUSB5"), None);
        assert_eq!(quiet(SlotState::Absent, "/dev/ttyS0"), None);
        assert_eq!(quiet(SlotState::Absent, "/dev/nothing"), None);
        assert_eq!(look(&slot(SlotState::Absent), None, system.path()), None);
    }
}

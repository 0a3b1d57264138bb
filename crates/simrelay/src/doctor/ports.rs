//! The serial ports: there, permitted, and free.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};
use nix::unistd::{AccessFlags, Gid, Group, access};

use super::check::Check;
use super::machine::{process_ids, process_name};

/// Looks at every serial port of a USB modem, and at those the configuration names.
pub(super) fn look(configured: &[PathBuf]) -> Vec<Check> {
    let mut ports = found(Path::new("/dev"));
    ports.extend(
        configured
            .iter()
            .filter(|port| port.exists() && !ports.contains(port))
            .cloned()
            .collect::<Vec<_>>(),
    );
    let missing = configured.iter().filter(|port| !port.exists());
    let mut checks: Vec<Check> = missing.map(|port| absent(port)).collect();
    if ports.is_empty() && checks.is_empty() {
        checks.push(Check::warning(
            SUBJECT,
            "there is no USB modem (no /dev/ttyUSB* and no /dev/ttyACM*)",
            "plug one in; dmesg tells what the kernel saw. A stick that shows a CD-ROM first needs usb-modeswitch",
        ));
    }
    checks.extend(ports.iter().map(|port| look_at(port, Path::new("/proc"))));
    checks
}

fn absent(port: &Path) -> Check {
    Check::critical(
        SUBJECT,
        format!("{} is not there", port.display()),
        "plug the modem in, or name its port by /dev/serial/by-id or by its IMEI, which do not change",
    )
}

fn look_at(port: &Path, processes: &Path) -> Check {
    let name = port.display();
    if access(port, AccessFlags::R_OK | AccessFlags::W_OK).is_err() {
        let group = owner_group(port);
        return Check::critical(
            SUBJECT,
            format!("{name} may not be opened by this user; it belongs to the group {group}"),
            joining(&group),
        );
    }
    match holder(port, processes) {
        Some(holder) if holder.starts_with("simrelay") => Check::ok(SUBJECT, format!("{name} is held by the gateway")),
        Some(holder) if holder.starts_with("ModemManager") => Check::critical(
            SUBJECT,
            format!("{name} is held by {holder}, which takes it from the gateway again and again"),
            "systemctl disable --now ModemManager; or, where another modem needs it, let it ignore this one by the udev rule \
             in docs/operate.md (ID_MM_DEVICE_IGNORE), then: udevadm control --reload && udevadm trigger && systemctl \
             restart ModemManager",
        ),
        Some(holder) => Check::warning(
            SUBJECT,
            format!("{name} is held by {holder}"),
            "stop that program, or let it ignore the modem: see docs/operate.md",
        ),
        None => Check::ok(SUBJECT, format!("{name} can be opened")),
    }
}

/// The serial ports of USB devices, in order.
fn found(devices: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(devices).into_iter().flatten().flatten();
    let mut ports: Vec<PathBuf> = entries
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("ttyUSB") || name.starts_with("ttyACM")
        })
        .map(|entry| entry.path())
        .collect();
    ports.sort();
    ports
}

/// How a user comes into the group of a port.
fn joining(group: &str) -> String {
    match group {
        // Who is in that group may do much more than open a port.
        "root" | "0" => {
            "give the port to the group dialout, as udev does by itself; then usermod -aG dialout USER, and log \
                         in anew (or restart the service)"
                .to_owned()
        }
        group => format!("usermod -aG {group} USER, then log in anew (or restart the service)"),
    }
}

fn owner_group(port: &Path) -> String {
    let Ok(found) = fs::metadata(port) else {
        return "dialout".to_owned();
    };
    match Group::from_gid(Gid::from_raw(found.gid())) {
        Ok(Some(group)) => group.name,
        _ => found.gid().to_string(),
    }
}

/// The program that has the port open, as far as this user may see it.
fn holder(port: &Path, processes: &Path) -> Option<String> {
    let port = fs::canonicalize(port).ok()?;
    let ids = process_ids(processes).into_iter();
    let mut holders = ids.filter(|id| has_open(&processes.join(id.to_string()), &port));
    let id = holders.next().or_else(|| locker(&port, processes))?;
    let name = process_name(processes, id).unwrap_or_else(|| "a program".to_owned());
    Some(format!("{name} (process {id})"))
}

/// Who has locked the port, as everybody may see it: a gateway does, and lets nobody of its user look into it.
fn locker(port: &Path, processes: &Path) -> Option<u32> {
    let found = fs::metadata(port).ok()?;
    let device = format!("{:02x}:{:02x}:{}", major(found.dev()), minor(found.dev()), found.ino());
    let locks = fs::read_to_string(processes.join("locks")).ok()?;
    locks.lines().find_map(|line| {
        // "1: FLOCK  ADVISORY  WRITE 4711 00:06:1234 0 EOF" (proc_locks(5))
        let mut words = line.split_whitespace().skip(4);
        let id = words.next()?.parse().ok()?;
        (words.next()? == device).then_some(id)
    })
}

fn has_open(process: &Path, port: &Path) -> bool {
    let files = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    files
        .filter_map(|file| fs::read_link(file.path()).ok())
        .any(|target| target == port)
}

const SUBJECT: &str = "port";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use message::Level;

    use super::*;

    #[test]
    fn usb_ports_are_found_in_order() {
        let devices = tempfile::tempdir().unwrap();
        for name in ["ttyUSB1", "ttyUSB0", "ttyACM0", "ttyS0", "null"] {
            fs::write(devices.path().join(name), "").unwrap();
        }
        let names: Vec<_> = found(devices.path())
            .iter()
            .map(|port| port.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["ttyACM0", "ttyUSB0", "ttyUSB1"]);
    }

    #[test]
    fn whoever_locked_a_port_is_named_though_nobody_may_look_into_it() {
        let (processes, port) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        fs::create_dir(processes.path().join("4711")).unwrap();
        fs::write(processes.path().join("4711/comm"), "simrelay\n").unwrap();
        let found = fs::metadata(port.path()).unwrap();
        let place = format!("{:02x}:{:02x}:{}", major(found.dev()), minor(found.dev()), found.ino());
        let locks = format!("1: POSIX  ADVISORY  READ 9 00:01:7 0 EOF\n2: FLOCK  ADVISORY  WRITE 4711 {place} 0 EOF\n");
        fs::write(processes.path().join("locks"), locks).unwrap();
        assert_eq!(
            holder(port.path(), processes.path()).as_deref(),
            Some("simrelay (process 4711)")
        );
    }

    #[test]
    fn whoever_holds_a_port_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let port = folder.path().join("ttyUSB0");
        fs::write(&port, "").unwrap();
        let process = folder.path().join("proc/4711");
        fs::create_dir_all(process.join("fd")).unwrap();
        fs::write(process.join("comm"), "ModemManager\n").unwrap();
        let processes = folder.path().join("proc");
        assert_eq!(look_at(&port, &processes).level, Level::Ok);
        symlink(fs::canonicalize(&port).unwrap(), process.join("fd/7")).unwrap();
        let check = look_at(&port, &processes);
        assert_eq!(check.level, Level::Critical);
        assert!(
            check.sentence.contains("ModemManager (process 4711)") && check.fix.contains("ID_MM_DEVICE_IGNORE"),
            "{check:?}"
        );
        fs::write(process.join("comm"), "minicom\n").unwrap();
        assert_eq!(look_at(&port, &processes).level, Level::Warning);
        fs::write(process.join("comm"), "simrelay\n").unwrap();
        assert_eq!(look_at(&port, &processes).level, Level::Ok);
    }

    #[test]
    fn nobody_is_sent_into_the_group_root() {
        assert!(joining("dialout").starts_with("usermod -aG dialout USER"));
        for root in ["root", "0"] {
            assert!(!joining(root).contains("-aG root"), "{}", joining(root));
        }
    }

    #[test]
    fn a_configured_port_that_is_not_there_is_told() {
        let checks = look(&[PathBuf::from("/dev/serial/by-id/nothing")]);
        assert!(
            checks
                .iter()
                .any(|check| check.level == Level::Critical && check.sentence.contains("by-id/nothing"))
        );
    }
}

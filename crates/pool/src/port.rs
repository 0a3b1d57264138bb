//! A port: its names, the device behind them, and the hardware behind that.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_serial::{FlowControl, SerialPort as _, SerialStream};

use crate::{Config, glob};

/// A port that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    /// The device, without symbolic links: its identity while it is plugged in.
    pub(crate) device: PathBuf,
    /// The names it was found under, the most lasting first.
    pub(crate) names: Vec<PathBuf>,
    /// Changes when the device is made anew or its permissions change, so that what was known of it is stale.
    pub(crate) mark: (u64, i64, i64),
    /// The piece of hardware that it is an interface of: ports of one modem share it.
    pub(crate) hardware: Option<String>,
}

impl Port {
    /// The name to show and to note.
    pub(crate) fn name(&self) -> &Path {
        self.names.first().map_or(&self.device, PathBuf::as_path)
    }

    /// Whether it is known by this path.
    pub(crate) fn is_named(&self, path: &Path) -> bool {
        self.device == path || self.names.iter().any(|name| name == path)
    }

    /// Whether a pattern matches one of its names.
    pub(crate) fn fits(&self, pattern: &str) -> bool {
        glob::matches(pattern, &self.device) || self.names.iter().any(|name| glob::matches(pattern, name))
    }
}

/// All ports that the settings speak of and that are there, by device.
pub(crate) fn look_around(config: &Config) -> BTreeMap<PathBuf, Port> {
    let mut ports = BTreeMap::new();
    let slots = || config.slots.values().filter(|slot| slot.enabled);
    for directory in &config.directories {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.path()).collect();
        names.sort();
        names.into_iter().for_each(|name| note(&mut ports, name));
    }
    let patterns = config
        .globs
        .iter()
        .map(String::as_str)
        .chain(slots().filter_map(|slot| slot.glob.as_deref()));
    for pattern in patterns {
        glob::expand(pattern)
            .into_iter()
            .for_each(|name| note(&mut ports, name));
    }
    for name in slots().filter_map(|slot| slot.port.clone()) {
        note(&mut ports, name);
    }
    ports
}

/// Adds one name of a port, if there is a device behind it.
fn note(ports: &mut BTreeMap<PathBuf, Port>, name: PathBuf) {
    // A dangling link is a stick that has just been pulled.
    let Ok(device) = fs::canonicalize(&name) else { return };
    let Ok(data) = fs::metadata(&device) else { return };
    if data.is_dir() {
        return;
    }
    let port = ports.entry(device.clone()).or_insert_with(|| Port {
        hardware: hardware_of(&device),
        mark: (data.ino(), data.ctime(), data.ctime_nsec()),
        device: device.clone(),
        names: Vec::new(),
    });
    if port.hardware.is_none() {
        port.hardware = stem_of(&name);
    }
    if name != device && !port.names.contains(&name) {
        port.names.push(name);
    }
}

/// The USB device that a tty is an interface of, by sysfs.
fn hardware_of(device: &Path) -> Option<String> {
    let tty = Path::new("/sys/class/tty").join(device.file_name()?).join("device");
    let interface = fs::canonicalize(tty).ok()?;
    let usb = interface.ancestors().find(|folder| folder.join("idVendor").exists())?;
    Some(usb.display().to_string())
}

/// The part of udev's name that the interfaces of one modem share: `usb-X` of `usb-X-if02-port0`.
fn stem_of(name: &Path) -> Option<String> {
    let text = name.to_str()?;
    let (stem, interface) = text.rsplit_once("-if")?;
    interface
        .starts_with(|digit: char| digit.is_ascii_hexdigit())
        .then(|| stem.to_owned())
}

/// How a port is to be opened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Opening {
    pub(crate) path: PathBuf,
    pub(crate) baud: u32,
    pub(crate) flow_control: bool,
    pub(crate) exclusive: bool,
}

/// Opens a port. Drivers of sick sticks may block for seconds, so this is done on a thread that may wait.
pub(crate) async fn open(opening: Opening) -> Result<SerialStream, String> {
    let opened = on_a_thread(OPEN_PATIENCE, move || open_now(&opening)).await;
    // The thread goes on, and closes the port should it ever be opened.
    opened.unwrap_or_else(|| Err(String::from("its driver takes too long to open it")))
}

/// Does what may block. `None`: it takes longer than this, and goes on by itself.
///
/// A pool of modems is opened and closed at once, and each thread costs memory, so only a few such works have a place at
/// a time. Nearly all are done in a moment; one that is not gives up its place to the next.
async fn on_a_thread<T: Send + 'static>(patience: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let place = PLACES.acquire().await;
    let mut working = tokio::task::spawn_blocking(work);
    let done = match tokio::time::timeout(A_MOMENT, &mut working).await {
        Ok(done) => done,
        Err(_) => {
            drop(place);
            tokio::time::timeout(patience, working).await.ok()?
        }
    };
    // Only the runtime's end can cancel it.
    done.ok()
}

fn open_now(opening: &Opening) -> Result<SerialStream, String> {
    let flow = if opening.flow_control {
        FlowControl::Hardware
    } else {
        FlowControl::None
    };
    let builder = tokio_serial::new(opening.path.to_string_lossy(), opening.baud)
        .flow_control(flow)
        .exclusive(opening.exclusive);
    SerialStream::open(&builder).map_err(|error| explain(&error))
}

/// Closes a port, on a thread that may wait: a driver may want to send out first what nobody reads.
pub(crate) async fn close(stream: SerialStream) {
    let closing = move || {
        // Nothing to be done about a device that is gone already.
        let _gone = stream.clear(tokio_serial::ClearBuffer::All);
        drop(stream);
    };
    // Where it takes too long the kernel closes in the end.
    let _ended = on_a_thread(CLOSE_PATIENCE, closing).await;
}

fn explain(error: &tokio_serial::Error) -> String {
    use std::io::ErrorKind::{NotFound, PermissionDenied};
    let text = error.to_string();
    match error.kind() {
        _ if text.contains("exclusive lock") || text.contains("busy") => {
            String::from("another program holds it (ModemManager?)")
        }
        tokio_serial::ErrorKind::Io(PermissionDenied) => {
            String::from("no permission to open it (is the user in group dialout?)")
        }
        tokio_serial::ErrorKind::NoDevice | tokio_serial::ErrorKind::Io(NotFound) => {
            format!("no device there ({text})")
        }
        _ => text,
    }
}

/// An open that takes longer is given up.
const OPEN_PATIENCE: Duration = Duration::from_secs(15);

/// A close that takes longer goes on by itself.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// Ports that are opened or closed at a time.
static PLACES: Semaphore = Semaphore::const_new(8);

/// After this a driver counts as slow.
const A_MOMENT: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_device_are_one_port_and_interfaces_share_hardware() {
        let folder = tempfile::tempdir().unwrap();
        let by_id = folder.path().join("by-id");
        fs::create_dir(&by_id).unwrap();
        for (device, link) in [
            ("tty0", "usb-A_1-if00-port0"),
            ("tty1", "usb-A_1-if01-port0"),
            ("tty2", "usb-B-if00"),
        ] {
            fs::write(folder.path().join(device), "").unwrap();
            std::os::unix::fs::symlink(folder.path().join(device), by_id.join(link)).unwrap();
        }
        std::os::unix::fs::symlink(folder.path().join("gone"), by_id.join("dangling")).unwrap();
        let config = Config {
            directories: vec![by_id.clone()],
            globs: vec![format!("{}/tty*", folder.path().display())],
            ..Config::default()
        };
        let ports: Vec<_> = look_around(&config).into_values().collect();
        assert_eq!(ports.len(), 3);
        assert_eq!(ports[0].name(), by_id.join("usb-A_1-if00-port0"));
        assert_eq!(ports[0].hardware, ports[1].hardware);
        assert_ne!(ports[0].hardware, ports[2].hardware);
    }
}

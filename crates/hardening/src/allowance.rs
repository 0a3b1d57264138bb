//! What the process may do besides computing.

use std::path::{Path, PathBuf};

/// What stays possible. What does not exist when the process is confined stays out of reach, though it is made later: name
/// folders, whose contents may change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allowance {
    /// Files, and folders with all in them, to read.
    pub read: Vec<PathBuf>,
    /// Folders in which files are read, written, made and removed.
    pub write: Vec<PathBuf>,
    /// Folders of devices to open and to control.
    pub devices: Vec<PathBuf>,
    /// TCP ports to listen on; 0 is one that the system chooses.
    pub listen: Vec<u16>,
    /// TCP ports to connect to, of any machine; `None`: all.
    pub connect: Option<Vec<u16>>,
    /// Whether Unix sockets without a file may be connected to.
    pub abstract_sockets: bool,
}

impl Allowance {
    /// What `other` needs and this does not give, in words: a process confined by this one cannot do it.
    pub fn lacks(&self, other: &Self) -> Vec<String> {
        let unread = other.read.iter().filter(|path| !self.reads(path));
        let unwritten = other.write.iter().filter(|path| !covers(&self.write, path));
        let devices = other.devices.iter().filter(|path| !covers(&self.devices, path));
        let mut lacks: Vec<String> = unread
            .map(|path| format!("{} may not be read", path.display()))
            .chain(unwritten.map(|path| format!("{} may not be written", path.display())))
            .chain(devices.map(|path| format!("devices in {} may not be opened", path.display())))
            .collect();
        let ports = other.listen.iter().filter(|port| !self.listen.contains(port));
        lacks.extend(ports.map(|port| format!("port {port} may not be listened on")));
        lacks.extend(self.unreachable(other));
        lacks
    }

    fn unreachable(&self, other: &Self) -> Vec<String> {
        let Some(mine) = &self.connect else { return Vec::new() };
        match &other.connect {
            None => vec!["ports of other machines may not be connected to".to_owned()],
            Some(ports) => {
                let missing = ports.iter().filter(|port| !mine.contains(port));
                missing
                    .map(|port| format!("port {port} of other machines may not be connected to"))
                    .collect()
            }
        }
    }

    /// Whether a file may be read.
    pub(crate) fn reads(&self, path: &Path) -> bool {
        covers(&self.read, path) || covers(&self.write, path) || covers(&self.devices, path)
    }
}

fn covers(paths: &[PathBuf], path: &Path) -> bool {
    paths.iter().any(|allowed| path.starts_with(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_later_wish_adds_is_told_and_what_lies_inside_is_not() {
        let start = Allowance {
            read: vec!["/etc/simrelay".into()],
            write: vec!["/var/lib/simrelay".into()],
            devices: vec!["/dev".into()],
            listen: vec![7000],
            connect: Some(vec![25]),
            abstract_sockets: false,
        };
        assert_eq!(start.lacks(&start), Vec::<String>::new());
        let mut later = start.clone();
        later.read.push("/etc/simrelay/tls/key.pem".into());
        later.read.push("/var/lib/simrelay/hints".into());
        assert_eq!(start.lacks(&later), Vec::<String>::new());
        later.read.push("/srv/key.pem".into());
        later.write.push("/srv/trace".into());
        later.listen.push(7001);
        later.connect = Some(vec![25, 587]);
        assert_eq!(
            start.lacks(&later),
            [
                "/srv/key.pem may not be read",
                "/srv/trace may not be written",
                "port 7001 may not be listened on",
                "port 587 of other machines may not be connected to",
            ]
        );
        later.connect = None;
        assert!(
            start
                .lacks(&later)
                .contains(&"ports of other machines may not be connected to".to_owned())
        );
        let anywhere = Allowance { connect: None, ..start };
        assert_eq!(anywhere.lacks(&later).len(), 3, "it may connect anywhere");
    }
}

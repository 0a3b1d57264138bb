//! Which modem was found where: one `IMEI PORT` a line.
//!
//! The file is a hint and nothing more: a modem is looked for there first. It is written whole to a file beside it, which
//! then takes its name, so that a crash leaves the old one or the new one. It is not synced: after a power cut the worst is
//! a slower start.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What the file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    file: Option<PathBuf>,
    ports: BTreeMap<String, PathBuf>,
}

impl Hints {
    /// Reads the file. Lines that make no sense are left out; a file that is missing says nothing.
    pub(crate) fn read(file: Option<&Path>) -> Self {
        let text = file.and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let ports = text.lines().take(MOST_HINTS).filter_map(line).collect();
        Self {
            file: file.map(Path::to_path_buf),
            ports,
        }
    }

    /// Where a modem was last.
    pub(crate) fn port_of(&self, imei: &str) -> Option<&Path> {
        self.ports.get(imei).map(PathBuf::as_path)
    }

    /// Notes where a modem is, and writes the file when that is news.
    ///
    /// # Errors
    /// When the file cannot be written; what was noted holds all the same.
    pub(crate) fn note(&mut self, imei: &str, port: &Path) -> io::Result<()> {
        if self.port_of(imei) == Some(port) {
            return Ok(());
        }
        // Another modem is there now.
        self.ports.retain(|_, known| known != port);
        self.ports.insert(imei.to_owned(), port.to_path_buf());
        self.write()
    }

    fn write(&self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut text = String::new();
        for (imei, port) in &self.ports {
            // Writing to a String cannot fail.
            let _infallible = writeln!(text, "{imei} {}", port.display());
        }
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut fresh = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        fresh.write_all(text.as_bytes())?;
        fresh.persist(file).map_err(|error| error.error)?;
        Ok(())
    }
}

fn line(text: &str) -> Option<(String, PathBuf)> {
    let (imei, port) = text.trim().split_once(char::is_whitespace)?;
    let digits = (14..=16).contains(&imei.len()) && imei.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.trim();
    (digits && port.starts_with('/')).then(|| (imei.to_owned(), PathBuf::from(port)))
}

/// A file longer than this is none of ours.
const MOST_HINTS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_again_and_nonsense_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hints");
        std::fs::write(
            &file,
            "junk\n\n123 /dev/x\n351234567890123\n\u{fffd}351234567890123 /dev/y\n",
        )
        .unwrap();
        let mut hints = Hints::read(Some(&file));
        assert!(hints.ports.is_empty());
        hints.note("351234567890123", Path::new("/dev/ttyUSB0")).unwrap();
        hints.note("351234567890124", Path::new("/dev/ttyUSB1")).unwrap();
        hints.note("351234567890125", Path::new("/dev/ttyUSB0")).unwrap();
        let again = Hints::read(Some(&file));
        assert_eq!(again, hints);
        assert_eq!(again.port_of("351234567890123"), None);
        assert_eq!(again.port_of("351234567890125"), Some(Path::new("/dev/ttyUSB0")));
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_and_the_hint_holds() {
        let mut hints = Hints::read(Some(Path::new("/nonexistent/hints")));
        assert!(hints.note("351234567890123", Path::new("/dev/ttyUSB0")).is_err());
        assert!(hints.port_of("351234567890123").is_some());
    }
}

//! Reads small files of settings and secrets: whole, or not at all.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// The text of a file. What is no regular file is refused unread, since a pipe would be waited for and a device may have
/// no end; so is what is too large to be meant.
pub(crate) fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    open(file)?.take(MOST_OCTETS + 1).read_to_string(&mut text)?;
    match text.len() as u64 > MOST_OCTETS {
        true => Err(io::Error::other("it is larger than 4 MiB")),
        false => Ok(text),
    }
}

/// Opens a regular file.
pub(super) fn open(file: &Path) -> io::Result<File> {
    match fs::metadata(file)?.is_file() {
        true => File::open(file),
        false => Err(io::Error::other("it is no regular file")),
    }
}

/// Thousands of slots and tokens have room in it.
const MOST_OCTETS: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_a_sensible_size_are_read() {
        let told = |file: &Path| read(file).unwrap_err().to_string();
        for device in ["/dev/zero", "/dev/null", "/tmp"] {
            assert_eq!(told(Path::new(device)), "it is no regular file", "{device}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MOST_OCTETS + 1).unwrap();
        assert_eq!(told(file.path()), "it is larger than 4 MiB");
        fs::write(file.path(), "data = '/x'").unwrap();
        assert_eq!(read(file.path()).unwrap(), "data = '/x'");
    }

    #[test]
    fn a_pipe_is_refused_without_waiting_for_its_writer() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success() && read(&pipe).is_err() && open(&pipe).is_err());
    }
}

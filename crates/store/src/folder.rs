//! Who may write in the data folder.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A data folder as the system shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderFacts {
    /// Where it is.
    pub path: PathBuf,
    /// Its permission bits, as `chmod` counts them.
    pub mode: u32,
}

impl FolderFacts {
    /// Looks at a folder.
    ///
    /// # Errors
    /// It is not there, or nobody may look at it.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            mode: std::fs::metadata(path)?.mode() & 0o7777,
        })
    }

    /// What is wrong with it and what to do, where others than owner and group may write in it: they could put another
    /// database in the place of this one, or a log beside it that SQLite reads as its own. The sticky bit keeps them from the
    /// first only.
    pub fn complaint(&self) -> Option<(String, String)> {
        let Self { path, mode } = self;
        (mode & OTHERS_WRITE != 0).then(|| {
            let path = path.display();
            (
                format!("every user of this machine may write in {path} (mode {mode:o}), and so exchange the database"),
                format!("chmod o-w {path}; best is: chmod 700 {path}"),
            )
        })
    }
}

const OTHERS_WRITE: u32 = 0o002;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_that_everybody_may_write_in_is_complained_of_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let complains = |mode| {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).expect("set");
            let facts = FolderFacts::read(folder.path()).expect("read");
            assert_eq!(facts.mode, mode);
            facts.complaint().is_some()
        };
        let told = [0o777, 0o1777, 0o702, 0o775, 0o770, 0o755, 0o700].map(complains);
        assert_eq!(told, [true, true, true, false, false, false, false]);
    }
}
